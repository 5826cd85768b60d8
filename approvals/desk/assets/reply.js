// A reply's page: the post, the conversation as it goes on, and the way to the next reply.

import { show } from "./clock.js";
import { announce } from "./hold.js";
import { typing, wire } from "./forms.js";

const reply = document.getElementById("reply");

// part asks for one part of this page; null if there is nothing new or no answer.
async function part(name, query = {}) {
  try {
    const response = await fetch(`${location.pathname}?${new URLSearchParams({ part: name, ...query })}`, { headers: { Accept: "text/html" } });
    if (response.status !== 200 || response.redirected) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch { return null; } // it is asked for again, or the link is still there
}

// The post is read after the page has come: it may take a second.
async function loadPost() {
  const place = document.querySelector("#post[data-load]");
  const next = place && (await part("post"))?.getElementById("post");
  if (!next) return;
  place.replaceWith(next);
  show(next);
}

// Whether the comment is hidden is read from Meta as well, and again when it was changed.
async function loadVisibility() {
  const next = (await part("visibility"))?.getElementById("visibility"), place = document.getElementById("visibility");
  if (!next || !place || place.closest("section").dataset.pending) return;
  place.replaceWith(next);
  show(next);
  wire(next);
}
document.addEventListener("desk:visibility", loadVisibility);

// The conversation is asked for every few seconds while somebody has the page before them,
// and seldom when nobody has touched it for long.
const often = 5000, seldom = 30000, soon = 500, long = 15 * 60e3;
let touched = Date.now();
for (const sign of ["pointerdown", "keydown", "visibilitychange"]) addEventListener(sign, () => { touched = Date.now(); });

const words = (thread) => thread && !thread.hasAttribute("data-failed") && !thread.hasAttribute("data-reading");

// keepThread keeps words that were read in a newer piece of the page that lacks them.
export function keepThread(old, now) {
  const was = old?.querySelector("#thread"), is = now.querySelector("#thread");
  if (words(was) && is && is.hasAttribute("data-reads") && !words(is)) is.replaceWith(was.cloneNode(true));
}

async function followThread() {
  const thread = document.getElementById("thread");
  if (document.visibilityState === "visible" && thread?.hasAttribute("data-reads") && !thread.contains(document.activeElement)) {
    renew(thread, (await part("thread", { seen: thread.dataset.seen }))?.getElementById("thread"));
  }
  const now = document.getElementById("thread");
  setTimeout(followThread, now?.hasAttribute("data-reading") ? soon : Date.now() - touched > long ? seldom : often);
}

function renew(thread, next) {
  if (!next || !thread.isConnected) return;
  if (words(thread) && !words(next)) { // what was read stays; why nothing new comes is said
    thread.querySelector(".unread")?.remove();
    const notice = next.querySelector(".unread");
    if (notice) thread.prepend(notice);
    thread.dataset.seen = next.dataset.seen;
    return;
  }
  const theirs = (t) => t.querySelectorAll(".theirs").length, more = theirs(next) > theirs(thread);
  thread.replaceWith(next);
  show(next);
  if (more && words(thread)) announce("A new message has come.");
}

// After a decision the next reply of the list follows.
document.addEventListener("desk:decided", () => {
  const next = document.querySelector(".trail[data-advance] [rel=next]");
  if (!next) return;
  setTimeout(() => {
    if (typing(reply)) return;
    location.assign(`${next.href}&${new URLSearchParams({ decided: reply.dataset.reply })}`);
  }, 1000);
});

// The list is found again where it was left.
const here = location.pathname + location.search;
if (reply) {
  document.querySelector("[data-back]")?.addEventListener("click", (e) => sessionStorage.setItem("return", e.currentTarget.getAttribute("href")));
  loadPost();
  if (document.querySelector("#visibility[data-load]")) loadVisibility();
  followThread();
} else {
  addEventListener("pagehide", () => sessionStorage.setItem("left", JSON.stringify({ here, at: scrollY })));
  if (sessionStorage.getItem("return") === here) {
    const left = JSON.parse(sessionStorage.getItem("left") || "{}");
    if (left.here === here) scrollTo(0, left.at);
  }
  sessionStorage.removeItem("return");
}
