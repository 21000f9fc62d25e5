// Rhubarb Lip Sync on one recording: node rhubarb.mjs PACKAGE_DIRECTORY SOUND, 16 kHz int16 in, JSON out:
//     {"mouthCues": [{"start": seconds, "end": seconds, "value": "A".."H" or "X"}, ...]}

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [directory, file] = process.argv.slice(2);
const { Rhubarb } = await import(pathToFileURL(resolve(directory, "dist", "index.js")).href);
const { mouthCues } = await Rhubarb.getLipSync(readFileSync(file));
process.stdout.write(JSON.stringify({ mouthCues }));
