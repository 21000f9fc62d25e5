// What this browser receives, once a second, and what the agent says that it costs.

import { $ } from "./dom.js";
import { visit } from "./visit.js";

const EVERY_MS = 1000;
const SECONDS = 60; // of the line of frame rates

let video = null; // the track that is received, and its counters at the last look
let audio = null;
let rates = [];

function inbound(report) {
  for (const stat of report?.values() || []) if (stat.type === "inbound-rtp") return stat;
  return null;
}

async function look() {
  const seen = video;
  const heard = audio;
  if (!seen) return;
  const [picture, sound] = await Promise.all(
    [seen.track, heard?.track].map(async (track) => inbound(await track?.getRTCStatsReport())),
  );
  if (picture && seen === video) showVideo(seen, picture);
  if (sound && heard === audio) showBuffer(heard, sound);
}

function showVideo(seen, stat) {
  const now = { at: stat.timestamp, frames: stat.framesDecoded || 0, bytes: stat.bytesReceived || 0 };
  if (seen.at) {
    const seconds = (now.at - seen.at) / 1000;
    if (seconds < 0.5) return;
    const rate = (now.frames - seen.frames) / seconds;
    rates = [...rates, rate].slice(-SECONDS);
    $("stat-fps").textContent = rate.toFixed(1);
    $("stat-rate").textContent = `${((now.bytes - seen.bytes) * 8 / seconds / 1e6).toFixed(2)} Mbit/s`;
    drawRates();
  }
  const freezes = stat.freezeCount || 0;
  $("stat-freezes").textContent = freezes ? `${freezes} (${Math.round(stat.totalFreezesDuration * 1000)} ms)` : "none";
  if (stat.frameWidth) $("stat-size").textContent = `${stat.frameWidth}×${stat.frameHeight}`;
  Object.assign(seen, now);
}

function drawRates() {
  const points = rates.map((rate, i) => `${120 - (rates.length - 1 - i) * 120 / (SECONDS - 1)},${30 - Math.min(rate, 30)}`);
  $("fps-line").querySelector("polyline").setAttribute("points", points.join(" "));
}

// How long the voice waited here, so that its pieces follow each other: mean of the last second.
function showBuffer(heard, stat) {
  const now = { waited: stat.jitterBufferDelay || 0, samples: stat.jitterBufferEmittedCount || 0 };
  const samples = now.samples - (heard.samples || 0);
  if (samples > 0) $("stat-buffer").textContent = `${Math.round(1000 * (now.waited - (heard.waited || 0)) / samples)} ms`;
  Object.assign(heard, now);
}

function showCosts({ draw_ms: draw, cpu }) {
  $("stat-draw").textContent = draw === null ? "–" : `${draw.toFixed(1)} ms`;
  $("stat-cpu").textContent = `${Math.round(cpu)} %`;
}

export function wireFigures() {
  visit.on("video", (track) => { video = { track }; rates = []; });
  visit.on("audio", (track) => { audio = { track }; });
  visit.on("room", (room) => {
    room.on(LivekitClient.RoomEvent.DataReceived, (packet, _participant, _kind, topic) => {
      if (topic === "figures") showCosts(JSON.parse(new TextDecoder().decode(packet)));
    });
  });
  visit.on("left", () => { video = audio = null; });
  setInterval(() => look().catch(() => {}), EVERY_MS);
}
