// The list of sessions: says how many have changed since it was loaded. Rows move when the reader asks for it.

import { say } from "./page.js";

const SECONDS = 4;
const IDLE_MINUTES = 30; // whoever has gone is not to stay signed in by it
const button = document.getElementById("news");
let touched = Date.now();

function stir() {
  touched = Date.now();
}

async function look() {
  if (document.hidden || Date.now() - touched > IDLE_MINUTES * 60_000) return;
  const answer = await fetch(button.dataset.news, { redirect: "error" }).catch(() => null);
  if (!answer?.ok) return;
  const { count, most } = await answer.json();
  if (!count) return;
  const text = `${count === most ? `${count} or more` : count} ${count === 1 ? "session" : "sessions"} changed: show`;
  if (text === button.textContent) return;
  if (button.hidden) say(text);
  button.textContent = text;
  button.hidden = false;
}

button.addEventListener("click", () => location.reload());
for (const kind of ["pointermove", "keydown", "scroll"]) addEventListener(kind, stir, { passive: true });
document.addEventListener("visibilitychange", look);
setInterval(look, SECONDS * 1000);
