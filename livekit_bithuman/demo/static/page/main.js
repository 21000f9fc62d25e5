// The page: a visitor talks with the avatar. Each part is a file beside this one.

import { wireAvatars } from "./avatars.js";
import { wireComposer } from "./composer.js";
import { veil, unveil } from "./dom.js";
import { wireFigures } from "./figures.js";
import { wireMicrophone } from "./microphone.js";
import { wirePanel } from "./panel.js";
import { showState, wireStage } from "./stage.js";
import { wireTranscript } from "./transcript.js";
import { comeBack, leave, open, Refused, visit } from "./visit.js";

async function start() {
  showState("connecting");
  try {
    await open();
  } catch (error) {
    if (error instanceof Refused) {
      showState("lost");
      veil("No room for another page", error.message, "Try again", () => { unveil(); start(); });
      return;
    }
    console.warn("could not join", error);
    leave();
  }
}

visit.on("left", () => {
  veil("The demo is not answering", "Is it still running? This page comes back by itself as soon as it does.");
  comeBack();
});

for (const wire of [wireStage, wireTranscript, wireComposer, wireMicrophone, wireAvatars, wirePanel, wireFigures]) wire();

if (!window.LivekitClient) {
  showState("lost");
  veil("The page is incomplete", "livekit-client is missing. Start the demo again: it fetches the file.");
} else if (!LivekitClient.isBrowserSupported()) {
  showState("lost");
  veil("This browser has no WebRTC", "Open the page in a current Chrome, Edge, Firefox or Safari.");
} else {
  start();
}
