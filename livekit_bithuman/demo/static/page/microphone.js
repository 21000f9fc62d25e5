// The microphone: on and off, how loud it is, and what to do where there is none.

import { $, notice, pause } from "./dom.js";
import { visit } from "./visit.js";

const MESSAGES = {
  NotAllowedError: "Your browser does not let this page use the microphone. Allow it in the address bar, then press the microphone again. Until then, type.",
  NotFoundError: "No microphone was found. Plug one in, then press the microphone again. Until then, type.",
  NotReadableError: "Another program has the microphone. Close that, then press the microphone again. Until then, type.",
};
const INSECURE = "Browsers give a microphone to localhost and https pages alone. Open this page by the address that the demo printed. Until then, type.";
const LOUD = 0.25; // RMS that fills the ring

let meter = null; // what measures the track that is on
let busy = false;

export function reasonOf(error) {
  const name = error?.name === "OverconstrainedError" ? "NotFoundError" : error?.name;
  return MESSAGES[name] || `The microphone cannot be used (${error?.message || error}). Until then, type.`;
}

const on = () => $("mic").getAttribute("aria-pressed") === "true";

function show(pressed) {
  $("mic").setAttribute("aria-pressed", String(pressed));
  $("mic").title = pressed ? "Mute the microphone" : "Speak with the avatar";
}

async function toggle() {
  if (busy || !visit.room) return;
  if (visit.invitation.deaf) return notice(visit.invitation.deaf);
  if (!navigator.mediaDevices?.getUserMedia) return notice(INSECURE);
  busy = true;
  $("mic").setAttribute("aria-busy", "true");
  try {
    await turn(!on());
    notice("");
  } catch (error) {
    console.warn("no microphone", error);
    off();
    notice(reasonOf(error));
  } finally {
    busy = false;
    $("mic").removeAttribute("aria-busy");
  }
}

async function turn(wanted) {
  if (!wanted) off();
  const publication = await visit.room.localParticipant.setMicrophoneEnabled(wanted);
  if (!wanted) return;
  show(true);
  measure(publication.track);
}

function off() {
  meter?.stop();
  meter = null;
  show(false);
}

// Draws the loudness of a track around the button, until stopped.
function measure(track) {
  meter?.stop();
  const { analyser, cleanup } = LivekitClient.createAudioAnalyser(track, { cloneTrack: true, fftSize: 512 });
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  let shown = 0;
  const draw = () => {
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    shown = Math.max(Math.min(1, Math.sqrt(level / LOUD)), shown * 0.9);
    $("mic").style.setProperty("--level", shown.toFixed(3));
    frame = requestAnimationFrame(draw);
  };
  draw();
  meter = {
    stop() {
      cancelAnimationFrame(frame);
      $("mic").style.setProperty("--level", "0");
      cleanup().catch(() => {});
    },
  };
}

export function wireMicrophone() {
  $("mic").addEventListener("click", toggle);
  visit.on("ready", () => { $("mic").disabled = false; });
  visit.on("joined", ({ deaf }) => {
    show(false);
    if (deaf) notice(deaf);
    const { RoomEvent, Track } = LivekitClient;
    const room = visit.room;
    room.on(RoomEvent.LocalTrackUnpublished, async ({ source }) => {
      if (source !== Track.Source.Microphone || !on()) return;
      off();
      await pause(100); // a visit that ends takes the track away too
      if (room === visit.room) notice(MESSAGES.NotFoundError);
    });
  });
  visit.on("left", () => { off(); $("mic").disabled = true; });
}
