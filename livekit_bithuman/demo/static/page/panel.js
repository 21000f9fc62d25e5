// How long the visitor waited for each answer, and for what.

import { $, make } from "./dom.js";
import { markInterrupted, visitorSpeaks } from "./transcript.js";
import { visit } from "./visit.js";

const MOST = 4; // turns that are shown
const PARTS = [
  ["recognition", "recognising the words"],
  ["endpointing", "being sure you had finished"],
  ["reply", "the first word of a reply"],
  ["voice", "its first sound"],
  ["playout", "its way out"],
  ["other", "everything between"],
];

let turns = []; // the newest last
let count = 0;

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function addTurn(told) {
  const parts = PARTS.map(([name]) => ({ name, ms: told[`${name}_ms`] }));
  // Where text was typed, there is no end of speech to count from: the wait begins with the reply.
  const typed = told.total_ms === null;
  const total = typed ? parts.reduce((sum, part) => sum + part.ms, 0) : told.total_ms;
  if (!total) return;
  count += 1;
  turns = [...turns, { number: count, parts, total, typed }].slice(-MOST);
  draw();
}

function draw() {
  const newest = turns[turns.length - 1];
  const spoken = turns.filter((turn) => !turn.typed);
  $("wait").textContent = seconds(newest.total);
  $("wait-text").textContent = newest.typed
    ? "from your text to the first word of the answer"
    : "from your last word to the first of the answer"
      + (spoken.length > 1 ? `; median of ${spoken.length}: ${seconds(median(spoken.map((turn) => turn.total)))}` : "");
  const longest = Math.max(...turns.map((turn) => turn.total));
  $("bars").replaceChildren(...turns.map((turn) => bar(turn, longest)));
  $("legend").replaceChildren(...newest.parts.map(entry));
}

function bar({ number, parts, total, typed }, longest) {
  const line = make("span", "bar", ...parts.map(({ name, ms }) => {
    const piece = make("span", `part ${name}`);
    piece.style.flexGrow = ms;
    return piece;
  }));
  line.style.width = `${100 * total / longest}%`;
  line.setAttribute("role", "img");
  line.setAttribute("aria-label", parts.map(({ name, ms }) => `${name} ${ms} ms`).join(", "));
  return make("li", "", make("span", "number", typed ? `${number} typed` : `${number}`), make("span", "track", line),
    make("span", "total", seconds(total)));
}

function entry({ name, ms }) {
  const title = make("dt", "", make("span", `part ${name}`), name);
  const row = make("div", "", title, make("dd", "", `${ms} ms`));
  row.title = PARTS.find(([part]) => part === name)[1];
  return row;
}

function onWait({ total_ms: total }) {
  $("wait").textContent = seconds(total);
  $("wait-text").textContent = "from your last word to the first of the answer";
}

const REPORTS = {
  turn: addTurn,
  wait: onWait,
  interrupted: markInterrupted,
  user: ({ state }) => visitorSpeaks(state === "speaking"),
};

export function wirePanel() {
  visit.on("room", (room) => {
    room.registerTextStreamHandler("demo", async (reader) => {
      const report = JSON.parse(await reader.readAll());
      REPORTS[report.kind]?.(report);
    });
  });
}
