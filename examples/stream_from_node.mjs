// Push and drain from JavaScript: PCM into `livekit-bithuman stream`, pictures out of it (docs/cli.md has the framing).
//
//     node examples/stream_from_node.mjs speech.wav
//     node examples/stream_from_node.mjs speech.wav | ffplay -f rawvideo -pixel_format bgr24 -video_size 512x512 -framerate 25 -
//
// Needs Node 18 or newer, nothing from npm, and `livekit-bithuman` on PATH (pip install livekit-bithuman). The sound is
// a 16-bit mono WAV file, pushed in real time as a voice service would send it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const WIDTH = 512, HEIGHT = 512, FRAME_BYTES = WIDTH * HEIGHT * 3, PUSH_MS = 20;

// The samples of a WAV file, and their rate.
function readWav(path) {
  const file = readFileSync(path);
  if (file.toString("latin1", 0, 4) !== "RIFF") throw new Error(`${path} is no WAV file.`);
  let format, at = 12;
  while (at + 8 <= file.length) {
    const kind = file.toString("latin1", at, at + 4), size = file.readUInt32LE(at + 4), body = at + 8;
    if (kind === "fmt ") format = { channels: file.readUInt16LE(body + 2), rate: file.readUInt32LE(body + 4), bits: file.readUInt16LE(body + 14) };
    if (kind === "data") {
      if (format?.channels !== 1 || format?.bits !== 16) throw new Error(`${path} is not 16-bit mono. Convert it first.`);
      return { pcm: file.subarray(body, Math.min(body + size, file.length)), rate: format.rate };
    }
    at = body + size + (size % 2);
  }
  throw new Error(`${path} has no samples.`);
}

async function push(input, pcm, rate) {
  const step = Math.round((rate * PUSH_MS) / 1000) * 2;
  for (let at = 0; at < pcm.length; at += step) {
    input.write(pcm.subarray(at, at + step));
    await sleep(PUSH_MS);
  }
  input.end(); // the turn ends, and with it the pictures
}

// Whole pictures from pieces of any size.
async function* frames(output) {
  let pieces = [], length = 0;
  for await (const piece of output) {
    pieces.push(piece);
    length += piece.length;
    if (length < FRAME_BYTES) continue;
    let held = Buffer.concat(pieces, length);
    for (; held.length >= FRAME_BYTES; held = held.subarray(FRAME_BYTES)) yield held.subarray(0, FRAME_BYTES);
    [pieces, length] = [[held], held.length];
  }
}

async function main(path) {
  const { pcm, rate } = readWav(path);
  const avatar = spawn("livekit-bithuman", ["stream", "--rate", rate, "--size", `${WIDTH}x${HEIGHT}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  avatar.stdin.on("error", () => {}); // it has ended; its exit code says why
  const ended = once(avatar, "close");
  let pushed = false, count = 0, early = 0;
  const pushing = push(avatar.stdin, pcm, rate).then(() => { pushed = true; });
  for await (const frame of frames(avatar.stdout)) {
    count += 1;
    if (!pushed) early += 1;
    if (!process.stdout.isTTY && !process.stdout.write(frame)) await once(process.stdout, "drain");
  }
  await pushing;
  const [code] = await ended;
  if (code !== 0) throw new Error(`livekit-bithuman ended with ${code}.`);
  console.error(`${count} pictures of ${WIDTH}x${HEIGHT}, ${early} of them before the voice had ended`);
}

try {
  await main(process.argv[2] ?? "speech.wav");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
