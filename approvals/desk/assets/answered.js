// The page of those who answered: it changes by itself, and moves nothing under a finger.

import { show } from "./clock.js";
import { announce } from "./hold.js";
import { typing, wire } from "./forms.js";

const list = document.getElementById("answered");
const pill = document.getElementById("fresh");
let newest; // the list as it should be, behind the pill

const cardsOf = (root) => [...root.querySelectorAll(".card")];

async function refresh() {
  try {
    const response = await fetch("/answered?part=list", { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    merge(new DOMParser().parseFromString(await response.text(), "text/html").getElementById("answered"));
  } catch { list.dataset.seen = ""; } // the stream comes back by itself, and tells again
}

function merge(next) {
  if (!next) return;
  list.dataset.seen = next.dataset.seen;
  const here = new Map(cardsOf(list).map((c) => [c.id, c]));
  for (const card of cardsOf(next)) {
    const old = here.get(card.id);
    if (old && old.dataset.changes !== card.dataset.changes) renew(old, card);
  }
  const order = (cards) => cards.map((c) => c.id).join(" ");
  const moved = order(cardsOf(list)) !== order(cardsOf(next));
  newest = next;
  // An empty list has nothing that could move.
  if (here.size === 0 || !moved) { place(); return; }
  const fresh = cardsOf(next).filter((c) => !here.has(c.id)).length;
  pill.hidden = false;
  pill.textContent = fresh ? `${fresh} new` : "Order has changed";
  if (fresh) announce(`${fresh} new. Press n to show.`);
}

// renew brings a card up to date. What is being written stays, and so does a click that is
// held back.
function renew(old, card) {
  for (const name of ["changes", "state"]) old.dataset[name] = card.dataset[name];
  for (const part of [".answer-words", ".time"]) old.querySelector(part).replaceWith(card.querySelector(part).cloneNode(true));
  old.classList.toggle("waits", card.classList.contains("waits"));
  if (!old.dataset.pending && !typing(old)) {
    const form = old.querySelector(".answer-form, p.answer-send"), now = card.querySelector(".answer-form, p.answer-send").cloneNode(true);
    form.replaceWith(now);
    old.classList.remove("settled");
    delete old.dataset.settled;
    wire(old);
  }
  show(old);
}

// place puts the cards where they belong.
function place() {
  if (!newest) return;
  const here = new Map(cardsOf(list).map((c) => [c.id, c]));
  const kept = [...here.values()].filter((c) => !newest.querySelector(`#${CSS.escape(c.id)}`) && (c.dataset.pending || typing(c)));
  const focused = document.activeElement;
  const added = [];
  const order = [...newest.children].map((e) => here.get(e.id) || (added.push(e), document.adoptNode(e)));
  list.replaceChildren(...kept, ...order);
  for (const e of added) if (e.matches(".card")) wire(e);
  newest = null;
  pill.hidden = true;
  show(list);
  if (list.contains(focused)) focused.focus();
}

pill?.addEventListener("click", () => {
  place();
  const first = list.querySelector(".card");
  first?.focus();
  first?.scrollIntoView({ block: "nearest" });
});

// As in the queue: Ctrl+Enter sends, Escape leads back to the card.
list?.addEventListener("keydown", (e) => {
  if (!e.target.matches("textarea")) return;
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); e.target.form.requestSubmit(); }
  if (e.key === "Escape") e.target.closest(".card").focus();
});

if (list) document.addEventListener("desk:event", ({ detail }) => {
  if (detail.answered !== undefined && detail.answered !== list.dataset.seen) refresh();
});
