"use strict";

// The page joins a room of its own, shows the agent's video, and calls the agent's three methods: hello, say, stop.

const RETRY_MS = 2000;
const STATS_MS = 1000;
const ANSWER_MS = 10000;

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const text = $("text");

let room = null;
let agent = "";
let greeted = false;
let receiving = null; // the video track's counters at the last look

const STATES = {
  connecting: "Connecting",
  initializing: "Waking up",
  idle: "Ready",
  listening: "Ready",
  thinking: "Thinking",
  speaking: "Speaking",
  lost: "Not connected",
};

function showState(state) {
  stage.dataset.state = state === "idle" ? "listening" : state;
  $("state").textContent = STATES[state] || state;
  $("stop").disabled = state !== "speaking" && state !== "thinking";
}

function setUsable(usable) {
  text.disabled = !usable;
  $("send").disabled = !usable;
  for (const button of $("samples").querySelectorAll("button")) button.disabled = !usable;
  if (!usable) $("stop").disabled = true;
}

function notice(message) {
  $("notice").textContent = message || "";
  $("notice").hidden = !message;
}

function veil(title, message, button, onClick, solid = true) {
  $("veil-title").textContent = title;
  $("veil-text").textContent = message;
  $("veil-button").textContent = button || "";
  $("veil-button").hidden = !button;
  $("veil-button").onclick = onClick;
  $("veil").toggleAttribute("data-solid", solid);
  $("veil").hidden = false;
  if (button) $("veil-button").focus();
}

const unveil = () => { $("veil").hidden = true; };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- joining ----

async function open() {
  showState("connecting");
  setUsable(false);
  notice("");
  greeted = false;
  const answer = await fetch("visits", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  if (!answer.ok) {
    const { message } = await answer.json().catch(() => ({ message: "The demo refused this page. Reload it." }));
    showState("lost");
    veil("No room for another page", message, "Try again", () => { unveil(); start(); });
    return;
  }
  const invitation = await answer.json();
  agent = invitation.agent;
  text.maxLength = invitation.maxText;
  room = new LivekitClient.Room({ adaptiveStream: false, dynacast: false });
  listen(room);
  await room.connect(invitation.url, invitation.token);
  // A change is announced at once, a silent arrival up to three seconds late.
  await room.localParticipant.setAttributes({ here: "yes" });
  const present = room.remoteParticipants.get(agent);
  showState((present && present.attributes["lk.agent.state"]) || "initializing");
  unveil();
  soundAllowed();
}

function listen(joined) {
  const { RoomEvent, Track } = LivekitClient;
  joined.on(RoomEvent.TrackSubscribed, (track) => {
    track.attach(track.kind === Track.Kind.Video ? $("video") : $("audio"));
    if (track.kind === Track.Kind.Video) receiving = { track, at: 0, frames: 0, bytes: 0 };
    soundAllowed();
  });
  joined.on(RoomEvent.TrackUnsubscribed, (track) => track.detach());
  joined.on(RoomEvent.AudioPlaybackStatusChanged, soundAllowed);
  joined.on(RoomEvent.ParticipantAttributesChanged, (changed, participant) => {
    const state = changed["lk.agent.state"];
    if (participant.identity === agent && state) showState(state);
  });
  joined.on(RoomEvent.ParticipantDisconnected, (participant) => {
    if (participant.identity === agent) joined.disconnect();
  });
  joined.on(RoomEvent.SignalReconnecting, () => leaveIfOver(joined));
  joined.on(RoomEvent.Reconnecting, () => { showState("connecting"); leaveIfOver(joined); });
  joined.on(RoomEvent.Reconnected, () => {
    const present = joined.remoteParticipants.get(agent);
    if (present) showState(present.attributes["lk.agent.state"] || "listening");
  });
  joined.on(RoomEvent.Disconnected, () => { if (joined === room) lost(); });
  joined.registerTextStreamHandler("lk.transcription", caption);
}

// Browsers play no sound before the visitor has touched the page. The greeting waits for that.
async function soundAllowed() {
  const joined = room;
  const publications = joined?.remoteParticipants.get(agent)?.getTrackPublications() || [];
  if (publications.length < 2 || publications.some((publication) => !publication.track)) return;
  // Asked of the element itself: the room hears of a refusal only some time after it said that all is well.
  const allowed = await $("audio").play().then(() => true, (error) => error.name !== "NotAllowedError");
  if (joined !== room) return;
  if (allowed) return greet();
  veil("Ready when you are", "Your browser waits for a click before it plays sound.", "Start talking", async () => {
    unveil();
    await joined.startAudio();
    greet();
  }, false);
}

function greet() {
  if (greeted) return;
  greeted = true;
  unveil();
  setUsable(true);
  text.focus();
  call("hello").catch(fail);
}

const running = () => fetch("health", { cache: "no-store" }).then((answer) => answer.ok, () => false);

// The client alone would try for most of a minute to reach a server that has ended with the demo.
async function leaveIfOver(joined) {
  if (!await running()) joined.disconnect();
}

async function lost() {
  room = null;
  receiving = null;
  showState("lost");
  setUsable(false);
  $("caption").hidden = true;
  veil("The demo is not answering", "Is it still running? This page comes back by itself as soon as it does.", "", null);
  for (;;) {
    await pause(RETRY_MS);
    // Another run has another LiveKit server, which only the page as that run serves it may connect to.
    if (await running()) return location.reload();
  }
}

async function start() {
  try {
    await open();
  } catch (error) {
    console.warn("could not join", error);
    const failed = room;
    room = null;
    if (failed) failed.disconnect();
    lost();
  }
}

// ---- talking ----

async function call(method, payload = {}) {
  const joined = room;
  for (const started = performance.now();;) {
    try {
      return await joined.localParticipant.performRpc({
        destinationIdentity: agent,
        method,
        payload: JSON.stringify(payload),
        responseTimeout: ANSWER_MS,
      });
    } catch (error) {
      // The agent's pictures may be here before it takes calls.
      const early = error instanceof LivekitClient.RpcError
        && error.code === LivekitClient.RpcError.ErrorCode.UNSUPPORTED_METHOD;
      if (!early || joined !== room || performance.now() - started > ANSWER_MS) throw error;
      await pause(100);
    }
  }
}

function fail(error) {
  console.warn("the avatar did not answer", error);
  notice("The avatar did not answer. Send it again.");
}

async function say(words) {
  notice("");
  try {
    const answer = JSON.parse(await call("say", { text: words }));
    notice(answer.refused);
  } catch (error) {
    fail(error);
  }
}

function send() {
  const words = text.value.trim();
  if (!words || text.disabled) return;
  text.value = "";
  fit();
  say(words);
}

async function stop() {
  if ($("stop").disabled) return;
  try {
    await call("stop");
  } catch (error) {
    fail(error);
  }
}

async function caption(reader) {
  const line = $("caption");
  const mine = {};
  caption.latest = mine;
  let words = "";
  for await (const piece of reader) {
    if (caption.latest !== mine) return;
    words += piece;
    line.textContent = words.slice(-220).trim();
    line.hidden = !line.textContent;
  }
  await pause(2500);
  if (caption.latest === mine) line.hidden = true;
}

function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

// ---- figures ----

async function measure() {
  const from = receiving;
  const report = from && await from.track.getRTCStatsReport();
  let inbound = null;
  if (report) for (const stat of report.values()) if (stat.type === "inbound-rtp") inbound = stat;
  if (!inbound || from !== receiving) return;
  const frames = inbound.framesDecoded || 0;
  const bytes = inbound.bytesReceived || 0;
  if (from.at) {
    const seconds = (inbound.timestamp - from.at) / 1000;
    if (seconds < 0.5) return;
    $("stat-fps").textContent = `${((frames - from.frames) / seconds).toFixed(1)} fps`;
    $("stat-rate").textContent = `${((bytes - from.bytes) * 8 / seconds / 1e6).toFixed(2)} Mbit/s`;
    $("stat-lost").textContent = String(inbound.framesDropped || 0);
    if (inbound.frameWidth) $("stat-size").textContent = `${inbound.frameWidth}×${inbound.frameHeight}`;
  }
  Object.assign(from, { at: inbound.timestamp, frames, bytes });
}

// ---- the page itself ----

$("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("stop").addEventListener("click", stop);
text.addEventListener("input", fit);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
for (const button of $("samples").querySelectorAll("button")) {
  button.addEventListener("click", () => say(button.textContent));
}
setInterval(() => measure().catch(() => {}), STATS_MS);

if (!window.LivekitClient) {
  showState("lost");
  veil("The page is incomplete", "livekit-client is missing. Start the demo again: it fetches the file.", "", null);
} else if (!LivekitClient.isBrowserSupported()) {
  showState("lost");
  veil("This browser has no WebRTC", "Open the page in a current Chrome, Edge, Firefox or Safari.", "", null);
} else {
  start();
}
