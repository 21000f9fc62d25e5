// Choosing a face: one that is installed, or a photo that is dropped on the page.

import { $, make, notice } from "./dom.js";
import { call, visit } from "./visit.js";

const MOST_BYTES = 20 * 2 ** 20;
const DROP_TEXT = $("photo-text").textContent;

let making = false;

function show(wearing) {
  for (const button of $("avatars").querySelectorAll("button")) {
    const worn = button.dataset.name === wearing;
    button.setAttribute("aria-pressed", String(worn));
    if (worn) visit.title = button.textContent;
  }
}

function addAvatar({ name, title, description, thumbnail }) {
  const button = make("button", "avatar");
  button.type = "button";
  button.dataset.name = name;
  button.title = description || title;
  if (thumbnail) {
    const picture = make("img", "");
    picture.src = thumbnail;
    picture.alt = "";
    button.append(picture);
  }
  button.append(make("span", "", title));
  button.addEventListener("click", () => wear(name));
  $("avatars").append(make("li", "", button));
}

async function wear(name) {
  notice("");
  try {
    const { refused } = await call("wear", { avatar: name });
    if (refused) return notice(refused);
    show(name);
  } catch (error) {
    console.warn("no other avatar", error);
    notice("The avatar could not be changed. Try again.");
  }
}

async function list(wearing) {
  const avatars = await fetch("avatars").then((answer) => answer.json());
  $("avatars").replaceChildren();
  avatars.forEach(addAvatar);
  show(wearing);
}

async function add(file) {
  if (making || !visit.room || $("file").disabled) return;
  if (file.size > MOST_BYTES) return notice("This picture has more than 20 MB. Choose a smaller one.");
  setMaking(true);
  notice("");
  try {
    const answer = await fetch(`visits/${visit.invitation.key}/photos?name=${encodeURIComponent(file.name)}`, {
      method: "POST",
      headers: { "Content-Type": file.type || "application/octet-stream" },
      body: file,
    });
    const told = await answer.json();
    if (!answer.ok) return notice(told.message);
    addAvatar(told);
    show(told.name);
  } catch (error) {
    console.warn("no avatar of the photo", error);
    notice("The photo did not arrive. Try again.");
  } finally {
    setMaking(false);
  }
}

function setMaking(now) {
  making = now;
  $("photo").toggleAttribute("data-busy", now);
  $("photo-text").textContent = now ? "Making it talk" : DROP_TEXT;
  $("file").disabled = now || !visit.room;
  $("file").value = "";
}

// The whole page takes a photo. `depth` counts the elements that the pointer is over.
function wireDrop() {
  let depth = 0;
  const over = (by) => {
    depth = Math.max(0, depth + by);
    $("drop").hidden = depth === 0 || $("file").disabled;
  };
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFile(event)) over(1); });
  addEventListener("dragleave", (event) => { if (carriesFile(event)) over(-1); });
  addEventListener("dragover", (event) => { if (carriesFile(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    over(-depth);
    if (event.dataTransfer.files[0]) add(event.dataTransfer.files[0]);
  });
}

export function wireAvatars() {
  $("file").addEventListener("change", () => { if ($("file").files[0]) add($("file").files[0]); });
  wireDrop();
  visit.on("joined", ({ wearing }) => list(wearing).catch((error) => console.warn("no list of avatars", error)));
  visit.on("ready", () => { $("file").disabled = false; });
  visit.on("left", () => { $("file").disabled = true; $("avatars").replaceChildren(); });
}
