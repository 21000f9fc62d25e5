// What both sides said, as it is said: the agent's words appear with its voice.

import { $, make } from "./dom.js";
import { showVisitor } from "./stage.js";
import { visit } from "./visit.js";

const MOST = 200; // lines that are kept
const WORDLESS_MS = 6000; // a cough has no words: its line goes after this

let hearing = null; // the line of what the visitor is saying
let answering = null; // the line of the reply that is being spoken, or was at last
let answered = true; // all its words are there
let lines = new Map(); // of what is being transcribed, by segment: the visitor's words come twice, the second time final

function add(mine, text = "") {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const line = make("div", mine ? "mine" : "theirs", make("span", "who", mine ? "You" : visit.title), make("p", "", text));
  line.classList.toggle("pending", !text);
  log.append(line);
  while (log.children.length > MOST) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  return line;
}

function write(line, text) {
  line.classList.remove("pending");
  line.querySelector("p").textContent = text;
  const log = $("log");
  if (line === log.lastElementChild) log.scrollTop = log.scrollHeight;
}

// What the visitor typed.
export function addTyped(text) {
  add(true, text);
}

// The reply that was being spoken was cut off.
export function markInterrupted() {
  answering?.append(make("span", "mark", "interrupted"));
  answering = null;
}

// The visitor began to speak, or no longer does.
export function visitorSpeaks(speaks) {
  showVisitor(speaks);
  if (speaks) hearing ||= add(true);
  const line = hearing;
  if (!speaks && line) {
    setTimeout(() => {
      if (hearing !== line) return;
      line.remove();
      hearing = null;
    }, WORDLESS_MS);
  }
}

function isMine(reader) {
  const microphone = visit.room?.localParticipant.getTrackPublication(LivekitClient.Track.Source.Microphone);
  return Boolean(microphone) && reader.info.attributes?.["lk.transcribed_track_id"] === microphone.trackSid;
}

async function transcribe(reader) {
  const segment = reader.info.attributes?.["lk.segment_id"] || reader.info.id;
  const mine = isMine(reader);
  let text = "";
  for await (const piece of reader) {
    text += piece;
    if (!text.trim()) continue;
    if (!lines.has(segment)) lines.set(segment, lineOf(mine));
    write(lines.get(segment), text.trim());
  }
  if (lines.get(segment) === answering) answered = true;
}

function lineOf(mine) {
  if (!mine) {
    answered = false;
    return answering = add(false);
  }
  const line = hearing || add(true);
  hearing = null;
  return line;
}

export function wireTranscript() {
  // What is spoken now has no words yet: should it be interrupted, then no line of an earlier reply is marked.
  visit.on("state", (state) => { if (state === "speaking" && answered) answering = null; });
  visit.on("room", (room) => {
    $("log").replaceChildren();
    hearing = answering = null;
    lines = new Map();
    room.registerTextStreamHandler("lk.transcription", transcribe);
  });
}
