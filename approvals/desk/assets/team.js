// Who else is at a reply: what this browser tells of itself, and what it shows of others.

import { announce, newClick } from "./hold.js";

const me = document.body.dataset.user;
const tab = newClick();
// The server forgets after 20 seconds who says nothing.
const EVERY = 8000, WRITES = 5000;
const said = new Map(); // by address: the state that was said last, and when
const typed = new Map(); // by address: when a key was pressed

document.addEventListener("input", (e) => {
  const about = e.target.closest("[data-reply]");
  if (!about || !e.target.matches("textarea, .editor input")) return;
  const first = !typed.has(about.dataset.url);
  typed.set(about.dataset.url, Date.now());
  if (first) tell();
});

// here has the replies that this browser shows to somebody, with what they do there.
function here() {
  const at = new Map();
  if (document.visibilityState !== "visible") return at;
  const open = [...document.querySelectorAll("#reply[data-reply], .card:has(.editor)")].slice(0, 10);
  for (const host of open) at.set(host.dataset.url, Date.now() - (typed.get(host.dataset.url) || 0) < WRITES ? "typing" : "open");
  return at;
}

function post(url, state, last) {
  const body = JSON.stringify({ state, tab });
  if (last) navigator.sendBeacon(`/api${url}/presence`, new Blob([body], { type: "application/json" }));
  else fetch(`/api${url}/presence`, { method: "POST", body, headers: { "Content-Type": "application/json" } }).catch(() => { /* it is said again */ });
}

// tell says what has changed, and again what has not before it is forgotten.
function tell(last = false) {
  const at = here(), now = Date.now();
  for (const [url, state] of at) {
    const before = said.get(url);
    if (before?.state === state && now - before.at < EVERY) continue;
    said.set(url, { state, at: now });
    post(url, state, last);
  }
  for (const url of [...said.keys()]) {
    if (at.has(url)) continue;
    said.delete(url);
    typed.delete(url);
    post(url, "gone", last);
  }
}

if (["queue", "reply"].includes(document.body.dataset.page)) {
  setInterval(tell, 2000);
  tell();
  addEventListener("visibilitychange", () => tell(document.visibilityState === "hidden"));
  addEventListener("pagehide", () => {
    for (const url of said.keys()) post(url, "gone", true);
    said.clear();
  });
}

let others = new Map(); // by element id
const announced = new Map(); // who was announced, and when

// present takes over who is at which reply.
export function present(list) {
  others = new Map(list.map((p) => [p.key, p]));
  showPresent();
}

function names(list) { return list.length > 2 ? `${list.slice(0, 2).join(", ")} and ${list.length - 2} more` : list.join(" and "); }

function words(p) {
  const open = p?.open || [], typing = p?.typing || [];
  return [
    typing.length && `${names(typing)} ${typing.length > 1 ? "are" : "is"} writing…`,
    open.length && `${names(open)} ${open.length > 1 ? "have" : "has"} it open`,
  ].filter(Boolean).join(" · ");
}

// showPresent shows under root who else is there.
export function showPresent(root = document) {
  for (const place of root.querySelectorAll("[data-present]")) {
    const host = place.closest(".card, #reply"), p = others.get(host?.dataset.key || host?.id), text = words(p);
    if (place.textContent !== text) place.textContent = text;
    place.hidden = !text;
    if (p && (host.id === "reply" || host.contains(document.activeElement))) hear(host.dataset.url, p.typing || []);
  }
}

// hear tells a screen reader who begins to write where its user is, once in a minute.
function hear(url, typing) {
  for (const name of typing) {
    const key = `${url} ${name}`;
    if (Date.now() - (announced.get(key) || 0) > 60000) announce(`${name} is writing here.`);
    announced.set(key, Date.now());
  }
}

export function isMe(name) { return name === me; }
