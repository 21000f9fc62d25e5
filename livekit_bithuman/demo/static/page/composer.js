// Typing: a text is answered, or just said; Stop and Escape end what is being said.

import { $, make, notice } from "./dom.js";
import { addTyped } from "./transcript.js";
import { call, visit } from "./visit.js";

const SAMPLES = {
  ask: ["Tell me a joke", "Tell me a story", "How do you work?"],
  say: ["Peter Piper picked peppers.", "Whose blue shoes do you choose?", "Five foxes feed."],
};
const PLACEHOLDERS = { ask: "Ask me something", say: "Type what I shall say" };

const mode = () => document.querySelector("input[name=mode]:checked").value;

function setUsable(usable) {
  for (const control of [$("text"), $("send"), ...$("samples").querySelectorAll("button")]) control.disabled = !usable;
  if (!usable) $("stop").disabled = true;
}

function showMode() {
  const usable = !$("text").disabled;
  $("text").placeholder = PLACEHOLDERS[mode()];
  $("samples").replaceChildren(...SAMPLES[mode()].map((sample) => {
    const button = make("button", "", sample);
    button.type = "button";
    button.disabled = !usable;
    button.addEventListener("click", () => submit(sample));
    return make("li", "", button);
  }));
}

function failed(error) {
  console.warn("the avatar did not answer", error);
  notice("The avatar did not answer. Send it again.");
}

async function submit(text) {
  const method = mode();
  notice("");
  try {
    const { refused } = await call(method, { text });
    if (refused) return notice(refused);
    if (method === "ask") addTyped(text);
  } catch (error) {
    failed(error);
  }
}

function send() {
  const text = $("text").value.trim();
  if (!text || $("text").disabled) return;
  $("text").value = "";
  fit();
  submit(text);
}

function stop() {
  if (!$("stop").disabled) call("stop").catch(failed);
}

// Where the style sheet cannot let the box grow with its text.
function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
}

export function wireComposer() {
  $("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("stop").addEventListener("click", stop);
  $("text").addEventListener("input", fit);
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
  for (const radio of document.querySelectorAll("input[name=mode]")) radio.addEventListener("change", showMode);
  showMode();
  visit.on("joined", ({ maxText }) => { $("text").maxLength = maxText; });
  visit.on("ready", () => { setUsable(true); $("text").focus(); });
  visit.on("left", () => setUsable(false));
}
