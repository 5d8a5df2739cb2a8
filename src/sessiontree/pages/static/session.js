// The tree of a session: folding, moving by keyboard, loading what was not sent, order, filter, details.

import { reveal, say, typing } from "./page.js";

const grid = document.querySelector("[role=treegrid]");
const path = grid.dataset.path;
const pane = document.getElementById("details");
const filter = document.querySelector("input[name=filter]");
const found = document.getElementById("found");

const level = (row) => Number(row.ariaLevel);
const rows = () => [...grid.tBodies[0].rows];
const shown = () => rows().filter((row) => !row.hidden);
const selected = () => grid.querySelector("[aria-selected=true]");

// What was asked for does not come: another question took its place, or the reader has been told.
class Stop extends Error {}

addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Stop) event.preventDefault();
});

async function fetched(address, signal) {
  try {
    const answer = await fetch(address, { redirect: "manual", signal });
    if (answer.ok) {
      const text = await answer.text();
      tell();
      return text;
    }
    if (answer.type === "opaqueredirect") location.reload(); // not signed in any more: that leads to the sign-in
    else tell("This cannot be loaded now: try again");
  } catch (error) {
    if (error.name !== "AbortError") tell("The server does not answer: try again");
  }
  throw new Stop();
}

// Says something beside the filter, or again how much that has found.
function tell(text = grid.tBodies[0].dataset.found ?? "") {
  found.textContent = text;
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Hides what is below closed rows, and lets the keyboard in at one row.
function settle() {
  let closed = Infinity;
  for (const row of rows()) {
    if (level(row) <= closed) closed = Infinity;
    row.hidden = level(row) > closed;
    if (closed === Infinity && row.ariaExpanded === "false") closed = level(row);
    row.tabIndex = -1;
    for (const link of row.querySelectorAll("a")) link.tabIndex = -1;
  }
  const visible = shown();
  const at = visible.find((row) => row === document.activeElement) ?? visible.find((row) => row.ariaSelected === "true");
  (at ?? visible[0]).tabIndex = 0;
}

function move(row) {
  if (!row) return;
  for (const each of grid.querySelectorAll("tr[tabindex='0']")) each.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

async function load(row) {
  const address = row.dataset.load;
  delete row.dataset.load;
  row.ariaBusy = "true";
  const html = await fetched(address).catch((stop) => {
    row.dataset.load = address;
    throw stop;
  }).finally(() => (row.ariaBusy = null));
  const more = parsed(html).querySelector("tbody").rows;
  const first = more[0];
  row.after(...more);
  if (row.classList.contains("more")) row.remove();
  return first;
}

async function fold(row, open) {
  if (open && row.dataset.load) await load(row);
  row.ariaExpanded = String(open);
}

function parent(row) {
  let each = row;
  while (each && level(each) >= level(row)) each = each.previousElementSibling;
  return each;
}

async function open(row) {
  if (row.classList.contains("more")) {
    if (!row.dataset.load) return location.assign(row.querySelector("a").href);
    const first = await load(row);
    settle();
    return move(first);
  }
  if (!row.dataset.event) {
    await fold(row, row.ariaExpanded === "false");
    return settle();
  }
  return details(row);
}

let asking = new AbortController();

async function details(row) {
  asking.abort();
  asking = new AbortController();
  if (selected()) selected().ariaSelected = null;
  row.ariaSelected = "true";
  const address = new URL(row.querySelector("a").href);
  pane.innerHTML = await fetched(`${path}/details${address.search}`, asking.signal);
  reveal(pane);
  pane.scrollTop = 0;
  history.replaceState(null, "", address);
  say(`Details of ${row.querySelector("a").textContent}`);
  if (pane.getBoundingClientRect().top > innerHeight - 80) pane.scrollIntoView({ behavior: "smooth" });
}

// The rows of the whole tree, in the order and by the filter that the address has after these changes.
async function arrange(changes, expanded) {
  const address = new URL(location);
  for (const [name, value] of Object.entries(changes)) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  asking.abort();
  asking = new AbortController();
  history.replaceState(null, "", address);
  if (expanded) {
    address.searchParams.set("expanded", "true");
    tell("Opening all…");
  }
  const body = parsed(await fetched(`${path}/rows${address.search}`, asking.signal)).querySelector("tbody");
  grid.tBodies[0].replaceWith(body);
  tell();
  settle();
}

const moves = {
  ArrowDown: (row) => move(shown()[shown().indexOf(row) + 1]),
  ArrowUp: (row) => move(shown()[shown().indexOf(row) - 1]),
  Home: () => move(shown()[0]),
  End: () => move(shown().at(-1)),
  Enter: open,
  async ArrowRight(row) {
    if (row.ariaExpanded === "true") return move(shown()[shown().indexOf(row) + 1]);
    if (row.ariaExpanded === "false") await fold(row, true).then(settle);
  },
  async ArrowLeft(row) {
    if (row.ariaExpanded !== "true") return move(parent(row));
    await fold(row, false).then(settle);
  },
  async "*"(row) {
    const above = parent(row);
    for (const each of shown()) {
      if (level(each) === level(row) && parent(each) === above && each.ariaExpanded === "false") await fold(each, true);
    }
    settle();
  },
};

grid.addEventListener("keydown", (event) => {
  const row = event.target.closest("tbody tr");
  if (!row || !moves[event.key] || typing(event)) return;
  event.preventDefault();
  moves[event.key](row);
});

grid.addEventListener("click", async (event) => {
  const row = event.target.closest("tbody tr");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || getSelection().type === "Range") return;
  event.preventDefault();
  move(row);
  if (event.target.closest(".fold") && row.ariaExpanded) await fold(row, row.ariaExpanded === "false").then(settle);
  else await open(row);
});

for (const button of document.querySelectorAll("[data-fold]")) {
  button.addEventListener("click", () => {
    const all = button.dataset.fold === "all";
    if (all && grid.querySelectorAll("[data-event]").length < grid.dataset.events) return arrange({}, true);
    for (const row of rows().slice(all ? 0 : 1)) {
      if (row.ariaExpanded && !row.dataset.load) row.ariaExpanded = String(all);
    }
    settle();
  });
}

for (const link of document.querySelectorAll("[data-sort]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    for (const each of document.querySelectorAll("[data-sort]")) each.ariaCurrent = each === link ? "true" : null;
    arrange({ sort: link.dataset.sort });
  });
}

let waiting;
filter.form.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => arrange({ filter: filter.value.trim() }), 150);
});

document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  if (event.key === "?") document.getElementById("keys").showModal();
  if (event.key === "f") filter.focus();
  if (event.key === "f" || event.key === "?") event.preventDefault();
});

settle();
if (new URLSearchParams(location.search).has("event")) selected()?.scrollIntoView({ block: "nearest" });
