// Small things that every part of the page needs.

export const $ = (id) => document.getElementById(id);

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// An element of a class, with its children: elements or text.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// One sentence on what is wrong and what to do; nothing takes it away.
export function notice(message) {
  $("notice").textContent = message || "";
  $("notice").hidden = !message;
}

// Covers the stage with a message, and a button where there is something to press.
export function veil(title, message, button = "", onClick = null, solid = true) {
  $("veil-title").textContent = title;
  $("veil-text").textContent = message;
  $("veil-button").textContent = button;
  $("veil-button").hidden = !button;
  $("veil-button").onclick = onClick;
  $("veil").toggleAttribute("data-solid", solid);
  $("veil").hidden = false;
  if (button) $("veil-button").focus();
}

export function unveil() {
  $("veil").hidden = true;
}
