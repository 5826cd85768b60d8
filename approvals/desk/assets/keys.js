// The keyboard, and what the buttons of a card do.

import { undoLast } from "./hold.js";
import { approve, edit, reject, sendBack, take, whole } from "./forms.js";

const list = document.getElementById("list");
const help = document.getElementById("help");
const enabled = document.getElementById("keys-on");
if (enabled) {
  enabled.checked = localStorage.getItem("keys") !== "off";
  enabled.addEventListener("change", () => localStorage.setItem("keys", enabled.checked ? "on" : "off"));
}
for (const b of document.querySelectorAll("[data-do=help]")) {
  b.hidden = false;
  b.addEventListener("click", () => help.showModal());
}

const acts = { approve, edit, reject, whole, "send-back": sendBack, take, give: take };

list?.addEventListener("click", (e) => {
  const card = e.target.closest(".card"), act = acts[e.target.closest("[data-do]")?.dataset.do];
  if (!act || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  act(card);
});
list?.addEventListener("submit", (e) => {
  e.preventDefault();
  approve(e.target.closest(".card"));
});

// The filters apply at once; the button is for those without script.
for (const select of document.querySelectorAll("form.filters select")) select.addEventListener("change", () => select.form.requestSubmit());

// Selecting.
function boxes() { return [...document.querySelectorAll(".pick input:not(:disabled)")]; }
function selected() {
  const bar = document.getElementById("bulk");
  if (!bar) return;
  const n = boxes().filter((b) => b.checked).length;
  bar.classList.toggle("some", n > 0);
  bar.querySelector("[data-selected]").textContent = n ? `${n} selected` : "Select replies to decide them together.";
  bar.querySelector("[data-do=select-all]").hidden = false;
  bar.querySelector("[data-do=select-none]").hidden = n === 0;
  bar.querySelector("[data-do=review]").disabled = n === 0;
}
document.addEventListener("change", (e) => { if (e.target.closest(".pick")) selected(); });
document.addEventListener("click", (e) => {
  const what = e.target.closest("[data-do]")?.dataset.do;
  if (what !== "select-all" && what !== "select-none") return;
  for (const b of boxes()) b.checked = what === "select-all";
  selected();
});
document.addEventListener("desk:pages", selected);
document.addEventListener("desk:settled", selected);
addEventListener("pageshow", selected);

// Moving.
const cards = () => [...document.querySelectorAll(".card, .case")].filter((c) => !c.dataset.settled);
const current = () => document.activeElement.closest?.(".card, .case");
function move(by) {
  document.querySelector(by > 0 ? ".trail [rel=next]" : ".trail [rel=prev]")?.click();
  const all = [...document.querySelectorAll(".card, .case")], at = all.indexOf(current());
  const rest = by > 0 ? all.slice(at + 1) : all.slice(0, Math.max(at, 0)).reverse();
  const next = rest.find((c) => !c.dataset.settled) || (at < 0 ? cards()[0] : null);
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// After a decision in an editor the next card has the focus, or this one if it is the last.
document.addEventListener("desk:next", (e) => {
  e.detail.focus();
  move(1);
});

function onCard(act, thenNext) {
  return () => {
    const card = current();
    if (!card || !card.querySelector(".buttons")) return;
    act(card);
    if (thenNext && card.dataset.pending) move(1);
  };
}

const keys = {
  j: () => move(1), k: () => move(-1),
  a: onCard(approve, true), r: onCard(reject),
  e: () => {
    const box = current()?.querySelector(".answer-form textarea");
    if (box) box.focus(); else onCard(edit)();
  },
  t: onCard(take),
  v: () => { const go = document.querySelector("#bulk [data-do=review]"); if (go && !go.disabled) go.click(); },
  x: () => current()?.querySelector(".pick input")?.click(),
  o: () => { const url = current()?.dataset.url; if (url) location.href = url; },
  u: undoLast,
  n: () => document.querySelector(".pill:not([hidden])")?.click(),
  "/": () => {
    const box = document.querySelector(".filterbox"), search = document.querySelector("input[type=search]");
    if (box) box.open = true;
    search?.focus();
  },
  "?": () => help?.showModal(),
};

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented) return;
  if (e.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
  if (enabled && !enabled.checked && e.key !== "?") return;
  const act = keys[e.key];
  if (!act) return;
  e.preventDefault();
  act();
});
