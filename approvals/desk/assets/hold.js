// A click is held back for five seconds, so that it can be undone. Who leaves the
// page meanwhile has decided: then it is sent at once.

import { now } from "./clock.js";

// So near to a deadline, five seconds are too much.
const HURRY = 20000;

const held = new Set();

const doing = { approve: "Approving", reject: "Rejecting", resolve: "Noting it", "follow-up": "Sending", bulk: "Approving all", "bulk-reject": "Rejecting all",
  propose: "Saving the draft", note: "Noting it", assign: "Assigning it", "send-back": "Sending it back", reopen: "Taking the rejection back", hide: "Hiding the comment", show: "Showing it again" };

// What sends nothing and can be changed again is done at once.
const harmless = ["propose", "note", "assign", "send-back", "reopen", "hide", "show"];


export function announce(text) { document.getElementById("announce").textContent = text; }

// newClick names a click: a repeat after a lost answer gets the first one's answer.
export function newClick() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// order holds a click back and then posts it. host is the element that it is about;
// done is called with the answer.
export function order(host, verb, url, body, done) {
  if (harmless.includes(host.dataset.pending)) { // another form of the same section, a moment ago
    host.addEventListener("desk:held", () => order(host, verb, url, body, done), { once: true });
    return;
  }
  if (host.dataset.pending) return;
  const place = host.querySelector(".outcome");
  const entry = { host, url, body: JSON.stringify({ ...body, click: newClick() }), timer: 0, sent: false };
  host.dataset.pending = verb;
  // Nothing below may move under the next click. A card that was opened to write closes to
  // what it was, at the click itself.
  host.style.minHeight = `${host.dataset.height || host.offsetHeight}px`;
  host.classList.add("held");
  host.dispatchEvent(new Event("desk:held"));
  entry.drop = (text, bad) => {
    clearTimeout(entry.timer);
    held.delete(entry);
    delete host.dataset.pending;
    host.classList.remove("held", "busy");
    say(place, text, bad);
    host.dispatchEvent(new Event("desk:held"));
  };
  entry.go = async () => {
    clearTimeout(entry.timer);
    if (entry.sent) return;
    entry.sent = true;
    held.delete(entry);
    host.classList.add("busy");
    say(place, `${doing[verb]} …`);
    const answer = await post(entry.url, entry.body);
    entry.drop(answer.words, !answer.accepted);
    if (answer.retry) place.append(button("Try again", () => { entry.sent = false; host.dataset.pending = verb; entry.go(); }));
    if (answer.signin) place.append(link("Sign in", "/signin"));
    announce(answer.words);
    done(answer);
  };
  const deadline = Date.parse(host.dataset.deadline || "");
  // What goes out by itself must be stopped now, not in five seconds.
  const leaving = verb === "reject" && ["holding", "sending"].includes(host.dataset.state);
  if (harmless.includes(verb) || leaving || deadline - now() < HURRY) {
    entry.go();
    return;
  }
  entry.undo = () => {
    if (entry.sent) return;
    entry.drop("");
    announce("Undone.");
    host.focus?.();
  };
  held.add(entry);
  const hold = Number(document.body.dataset.hold);
  const fuse = Object.assign(document.createElement("span"), { className: "fuse" });
  fuse.style.animationDuration = `${hold}ms`;
  say(place, `${doing[verb]} …`);
  place.append(button("Undo", entry.undo, "u"), fuse);
  announce(`${doing[verb]}. Undo within five seconds.`);
  entry.timer = setTimeout(entry.go, hold);
}

// overtaken drops a held click about something that was decided meanwhile.
export function overtaken(host) {
  for (const entry of held) if (entry.host === host) { entry.drop(""); return true; }
  return false;
}

// undoLast takes the newest held click back.
export function undoLast() { [...held].pop()?.undo(); }

async function post(url, body) {
  try {
    const response = await fetch(url, {
      method: "POST", body, keepalive: body.length < 60000 /* the browsers' limit is 64 KiB */, headers: { "Content-Type": "application/json", Accept: "application/json" },
    });
    const answer = await response.json();
    if (response.status === 401) return { ...answer, accepted: false, signin: true, words: "You are not signed in any more. Nothing was decided." };
    return { ...answer, words: answer.words || "" };
  } catch {
    return { accepted: false, retry: true, words: "The desk cannot be reached, so that it is not known whether this was taken. Trying again is safe." };
  }
}

// say writes what has become of something, in place.
export function say(place, text, bad = false) {
  place.replaceChildren();
  place.hidden = !text;
  place.classList.toggle("bad", bad);
  if (!text) return;
  const p = document.createElement("p");
  if (bad) p.setAttribute("role", "alert");
  p.textContent = text;
  place.append(p);
}

export function button(text, click, key) {
  const b = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  if (key) b.setAttribute("aria-keyshortcuts", key);
  b.addEventListener("click", click);
  return b;
}

export function link(text, href) { return Object.assign(document.createElement("a"), { textContent: text, href }); }

addEventListener("pagehide", () => {
  for (const entry of held) {
    const body = new Blob([entry.body], { type: "application/json" });
    clearTimeout(entry.timer);
    if (!entry.sent && navigator.sendBeacon(entry.url, body)) entry.sent = true;
    else entry.go();
  }
});
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") for (const entry of [...held]) entry.go();
});
