// The visit: joining a room of one's own, calling the agent, and noticing when either is gone.
//
// Other parts listen to `visit`: "room" (not connected yet), "joined" (with the invitation), "ready" (the visitor may speak), "state" (the agent's),
// "video" and "audio" (a track), "left".

import { pause } from "./dom.js";

const RETRY_MS = 2000;
const ANSWER_MS = 10000;

class Visit extends EventTarget {
  room = null;
  invitation = null;
  title = "Avatar"; // of the one that is seen

  tell(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }

  on(type, heard) {
    this.addEventListener(type, (event) => heard(event.detail));
  }

  get agent() {
    return this.room?.remoteParticipants.get(this.invitation.agent);
  }
}

export const visit = new Visit();

// What the server says against another page; the caller shows it.
export class Refused extends Error {}

export async function open() {
  const answer = await fetch("visits", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  if (!answer.ok) {
    const { message } = await answer.json().catch(() => ({ message: "The demo refused this page. Reload it." }));
    throw new Refused(message);
  }
  visit.invitation = await answer.json();
  // Muting gives the microphone back: the browser's sign of a recording goes out.
  const room = new LivekitClient.Room({
    adaptiveStream: false, dynacast: false, publishDefaults: { stopMicTrackOnMute: true },
  });
  visit.room = room;
  window.room = room; // for whoever opens the console
  listen(room);
  visit.tell("room", room);
  await room.connect(visit.invitation.url, visit.invitation.token);
  // A change is announced at once, a silent arrival up to three seconds late.
  await room.localParticipant.setAttributes({ here: "yes" });
  visit.tell("joined", visit.invitation);
  visit.tell("state", visit.agent?.attributes["lk.agent.state"] || "initializing");
}

function listen(room) {
  const { RoomEvent, Track } = LivekitClient;
  const isAgent = (participant) => participant.identity === visit.invitation.agent;
  room.on(RoomEvent.TrackSubscribed, (track) => visit.tell(track.kind === Track.Kind.Video ? "video" : "audio", track));
  room.on(RoomEvent.TrackUnsubscribed, (track) => track.detach());
  room.on(RoomEvent.AudioPlaybackStatusChanged, () => visit.tell("playback"));
  room.on(RoomEvent.ParticipantAttributesChanged, (changed, participant) => {
    const state = changed["lk.agent.state"];
    if (isAgent(participant) && state) visit.tell("state", state);
  });
  room.on(RoomEvent.ParticipantDisconnected, (participant) => { if (isAgent(participant)) room.disconnect(); });
  room.on(RoomEvent.SignalReconnecting, () => leaveIfOver(room));
  room.on(RoomEvent.Reconnecting, () => { visit.tell("state", "connecting"); leaveIfOver(room); });
  room.on(RoomEvent.Reconnected, () => visit.tell("state", visit.agent?.attributes["lk.agent.state"] || "listening"));
  room.on(RoomEvent.Disconnected, () => { if (room === visit.room) leave(); });
}

export function leave() {
  const room = visit.room;
  visit.room = null;
  if (room) room.disconnect();
  visit.tell("left");
}

const running = () => fetch("health", { cache: "no-store" }).then((answer) => answer.ok, () => false);

// The client alone would try for most of a minute to reach a server that has ended with the demo.
async function leaveIfOver(room) {
  if (!await running()) room.disconnect();
}

export async function comeBack() {
  for (;;) {
    await pause(RETRY_MS);
    // Another run has another LiveKit server, which only the page as that run serves it may connect to.
    if (await running()) return location.reload();
  }
}

// Calls one of the agent's methods; returns its answer, in which `refused` says why not.
export async function call(method, payload = {}) {
  const room = visit.room;
  for (const started = performance.now();;) {
    try {
      return JSON.parse(await room.localParticipant.performRpc({
        destinationIdentity: visit.invitation.agent,
        method,
        payload: JSON.stringify(payload),
        responseTimeout: ANSWER_MS,
      }));
    } catch (error) {
      // The agent's pictures may be here before it takes calls.
      const early = error instanceof LivekitClient.RpcError
        && error.code === LivekitClient.RpcError.ErrorCode.UNSUPPORTED_METHOD;
      if (!early || room !== visit.room || performance.now() - started > ANSWER_MS) throw error;
      await pause(100);
    }
  }
}
