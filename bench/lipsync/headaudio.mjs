// HeadAudio on one recording: node headaudio.mjs PACKAGE_DIRECTORY SOUND, 16 kHz int16 in, JSON out.
//
// The package's worklet and node run unchanged; what a browser would give them stands here, so that time is counted in
// samples. Settings are its README's. Every 10 ms its animation step is run, and its 15 values are written down:
//     {"values": [[...15], ...], "classes": [[seconds, viseme], ...]}, 200 ms of silence after the sound included.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const RATE = 16000;
const BLOCK = 128; // samples per call of a worklet
const ROW = RATE / 100;
const AFTER = RATE / 5;
const SETTINGS = { vadGateActiveDb: -40, vadGateInactiveDb: -60 };

const [directory, file] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(resolve(directory, "modules", name)).href);

class Port {
  onmessage = null;
  other = null;
  postMessage(data) {
    this.other.onmessage?.({ data });
  }
}

const ports = [new Port(), new Port()];
ports[0].other = ports[1];
ports[1].other = ports[0];
let Worklet;
globalThis.sampleRate = RATE;
globalThis.registerProcessor = (_name, kind) => (Worklet = kind);
globalThis.AudioWorkletProcessor = class {
  port = ports[0];
};
globalThis.AudioWorkletNode = class {
  port = ports[1];
};

await module("headworklet.mjs");
const { HeadAudio } = await module("headaudio.mjs");
const parameters = Object.fromEntries(
  Worklet.parameterDescriptors.map(({ name, defaultValue }) => [name, [SETTINGS[name] ?? defaultValue]]),
);
const worklet = new Worklet({ processorOptions: { visemeEventsEnabled: true }, parameterData: SETTINGS });
const head = new HeadAudio(null, { processorOptions: { visemeEventsEnabled: true }, parameterData: SETTINGS });
const model = readFileSync(resolve(directory, "dist", "model-en-mixed.bin"));
await head.loadModel(`data:application/octet-stream;base64,${model.toString("base64")}`);

const now = new Array(head.nVisemes).fill(0);
const values = [];
const classes = [];
head.onvalue = (name, value) => (now[head.visemeNames.indexOf(name)] = value);
head.onviseme = ({ viseme, t }) => {
  if (viseme !== null) classes.push([t, viseme]);
};

const bytes = readFileSync(file);
const count = bytes.length / 2;
const sound = new Float32Array(count + AFTER);
for (let k = 0; k < count; k++) sound[k] = bytes.readInt16LE(2 * k) / 32768;
let heard = 0;
for (let row = 1; row * ROW <= sound.length; row++) {
  for (; heard + BLOCK <= row * ROW; heard += BLOCK)
    worklet.process([[sound.subarray(heard, heard + BLOCK)]], [], parameters);
  head.update(10);
  values.push([...now]);
}
process.stdout.write(JSON.stringify({ values, classes }));
