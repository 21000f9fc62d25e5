// The stage: the face, its voice, the state they are in, and the click that some browsers want before they play sound.

import { $, unveil, veil } from "./dom.js";
import { call, visit } from "./visit.js";

const STATES = {
  connecting: "Connecting",
  initializing: "Waking up",
  idle: "Ready",
  listening: "Ready",
  hearing: "Listening to you",
  thinking: "Thinking",
  speaking: "Speaking",
  lost: "Not connected",
};

let agentState = "connecting";
let visitorSpeaks = false;
let greeted = false;

export function showState(state) {
  agentState = state === "idle" ? "listening" : state;
  show();
}

export function showVisitor(speaks) {
  visitorSpeaks = speaks;
  show();
}

function show() {
  const state = visitorSpeaks && agentState === "listening" ? "hearing" : agentState;
  $("stage").dataset.state = state;
  $("state").textContent = STATES[state] || state;
  $("stop").disabled = state !== "speaking" && state !== "thinking";
}

function onTrack(track) {
  track.attach(track.kind === "video" ? $("video") : $("audio"));
  soundAllowed();
}

// Browsers play no sound before the visitor has touched the page. The greeting waits for that.
async function soundAllowed() {
  const room = visit.room;
  const publications = visit.agent?.getTrackPublications() || [];
  if (publications.length < 2 || publications.some((publication) => !publication.track)) return;
  // Asked of the element itself: the room hears of a refusal only some time after it said that all is well.
  const allowed = await $("audio").play().then(() => true, (error) => error.name !== "NotAllowedError");
  if (room !== visit.room) return;
  if (allowed) return greet();
  veil("Ready when you are", "Your browser waits for a click before it plays sound.", "Start talking", async () => {
    unveil();
    await room.startAudio();
    greet();
  }, false);
}

function greet() {
  if (greeted) return;
  greeted = true;
  unveil();
  visit.tell("ready");
  call("hello").catch((error) => console.warn("the avatar did not greet", error));
}

export function wireStage() {
  visit.on("state", showState);
  visit.on("video", onTrack);
  visit.on("audio", onTrack);
  visit.on("playback", soundAllowed);
  visit.on("joined", () => { greeted = false; unveil(); soundAllowed(); });
  visit.on("left", () => { visitorSpeaks = false; showState("lost"); });
}
