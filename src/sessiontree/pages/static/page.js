// On every page: light or dark, the key that leads to the search, buttons that copy or open a dialog.

const root = document.documentElement;

export function say(text) {
  document.getElementById("say").textContent = text;
}

export function reveal(part) {
  for (const each of part.querySelectorAll("[data-copy], [data-copy-from], [data-theme-toggle], [data-fold], [data-dialog]")) {
    each.hidden = false;
  }
}

export function typing(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog");
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // where the page did not come by https
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function toggle() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("themeToggle" in button.dataset) toggle();
  if (button.dataset.dialog) document.getElementById(button.dataset.dialog).showModal();
  const from = button.dataset.copyFrom;
  const text = from ? document.getElementById(from).textContent : button.dataset.copy;
  if (text === undefined) return;
  const label = button.textContent;
  await copy(text);
  button.textContent = "Copied";
  say("Copied");
  setTimeout(() => (button.textContent = label), 1500);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || typing(event)) return;
  document.querySelector("[data-shortcut]")?.focus();
  event.preventDefault();
});

reveal(document);

// On a narrow screen the navigation is wider than its place. (scrollIntoView would move where the Tab key begins, too.)
const here = document.querySelector(".top nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 60;
