// What changes by itself: counts, new cards, decisions of others, a reply's story.

import { correct, show } from "./clock.js";
import { announce, link, overtaken, say } from "./hold.js";
import { offerReopen, settle, showDrafts, typing, wire } from "./forms.js";
import { keepThread } from "./reply.js";
import { isMe, present, showPresent } from "./team.js";

const page = document.body.dataset.page;
const pill = document.getElementById("pill");
let fresh = []; // cards that wait behind the pill
let stream;

function connect() {
  const query = new URLSearchParams(document.getElementById("list")?.dataset.query || "");
  query.set("version", document.body.dataset.version);
  const answered = document.getElementById("answered");
  if (answered) query.set("answered", answered.dataset.seen);
  query.set("banners", document.getElementById("banners")?.dataset.version || "");
  const reply = document.getElementById("reply");
  if (reply) query.set("reply", reply.dataset.reply);
  stream = new EventSource(`/events?${query}`);
  stream.onmessage = (message) => take(JSON.parse(message.data));
  stream.onopen = () => { clearTimeout(offline); warn(""); };
  stream.onerror = lost;
}

// lost says after a while that nothing is told any more. A browser tries again by
// itself, unless the desk said no: then somebody was signed out.
let offline = 0;
function lost() {
  present([]);
  clearTimeout(offline);
  offline = setTimeout(() => warn("The desk cannot be reached at the moment. What you see may be old."), 4000);
  if (stream.readyState !== EventSource.CLOSED) return;
  setTimeout(async () => {
    const response = await fetch("/api/counts").catch(() => null);
    if (response?.status !== 401) { connect(); return; }
    clearTimeout(offline);
    warn("You are not signed in any more. ");
    document.querySelector("[data-stale]").append(link("Sign in", `/signin?${new URLSearchParams({ to: location.pathname + location.search })}`));
  }, 3000);
}

function warn(text) {
  const banner = document.querySelector("[data-stale]");
  banner.textContent = text;
  banner.hidden = !text;
}

function take(e) {
  correct(e.now);
  document.body.dataset.version = e.version;
  for (const el of document.querySelectorAll("[data-count]")) {
    el.textContent = e.counts[el.dataset.count] + (e.counts.too_many && el.dataset.count === "decide" ? "+" : "");
    if (el.dataset.count === "unknown") el.classList.toggle("alarm", e.counts.unknown > 0);
  }
  if (page === "queue") document.title = document.title.replace(/^(\(\d+\) )?/, e.counts.decide ? `(${e.counts.decide}) ` : "");
  warn(e.stale || "");
  document.dispatchEvent(new CustomEvent("desk:event", { detail: e }));
  for (const d of e.decided || []) decided(d);
  if (e.presence) present(e.presence);
  if (page === "queue" && e.changed) refresh();
  if (page === "reply" && (e.story || e.decided)) story();
}

// decided shows a decision on its card, whoever made it.
function decided(d) {
  const card = document.getElementById(d.key);
  if (!card) return;
  const pending = card.dataset.pending, refused = card.querySelector(".outcome").textContent;
  if (pending && !overtaken(card)) return; // its own answer is on the way
  let words = d.words;
  if (pending) words += pending === "reject" ? ` ${notTaken}` : " Your click was not sent.";
  else if (refused.includes(notTaken)) words += ` ${notTaken}`; // a refusal of one's own
  const first = !card.dataset.settled;
  close(card, words, d);
  if (d.next_try) nextTry(card.querySelector(".outcome p"), d.next_try);
  if (first && (pending || !d.mine)) announce(words);
}

const notTaken = "Your reject was not taken.";

// nextTry says when what stands still is tried again.
function nextTry(p, at) {
  const time = Object.assign(document.createElement("time"), { dateTime: at, textContent: at });
  time.dataset.local = "";
  p?.append(" Next try ", time, ".");
  if (p) show(p);
}

// close marks a card as decided. One in which somebody writes stays as it is, and
// tells what has happened beside it.
function close(card, words, d) {
  const writes = !card.dataset.settled && typing(card);
  if (writes) {
    card.dataset.told = "1"; // it stays, with what is written
    say(card.querySelector(".outcome"), words, true);
  } else settle(card, words);
  if (writes && d?.verb === "approve") showSent(card);
  if (!writes && d?.mine && d.verb === "reject") offerReopen(card);
}

// showSent shows beside what somebody writes what was sent instead.
async function showSent(card) {
  const response = await fetch(`/api${card.dataset.url}`).catch(() => null);
  if (!response?.ok) return;
  const text = (await response.json()).status?.text, place = card.querySelector(".outcome");
  if (!text || place.hidden || place.querySelector(".sent")) return;
  place.append(Object.assign(document.createElement("p"), { className: "sent", dir: "auto", textContent: `Sent: ${text}` }));
}

// The list is asked for again at most every second; typing is never touched.
let asked = 0, again = 0;
async function refresh() {
  const wait = asked + 1000 - Date.now();
  if (wait > 0) {
    again ||= setTimeout(() => { again = 0; refresh(); }, wait);
    return;
  }
  asked = Date.now();
  const address = new URL(location.href);
  address.searchParams.set("part", "list");
  let doc;
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    doc = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch { return; } // the stream comes back by itself, and tells again
  merge(doc);
}

function merge(doc) {
  const list = document.getElementById("list"), coming = [...doc.querySelectorAll(".card")];
  const here = new Map([...list.querySelectorAll(".card")].map((c) => [c.id, c]));
  const ids = new Set(coming.map((c) => c.id));
  for (const card of here.values()) {
    if (ids.has(card.id) || card.dataset.settled || card.dataset.pending || card.dataset.told) continue;
    gone(card);
  }
  for (const card of coming) edited(here.get(card.id), card);
  fresh = coming.filter((c) => !here.has(c.id));
  bringPages(doc);
  const open = [...here.values()].filter((c) => !c.dataset.settled);
  // What belongs at the end moves nothing; neither does what fills an empty list.
  const last = open.length ? coming.findLastIndex((c) => here.has(c.id)) : -1;
  const end = fresh.filter((c) => coming.indexOf(c) > last && (open.length || here.size === 0));
  if (end.length) {
    fresh = fresh.filter((c) => !end.includes(c));
    place(list, end);
    announce(end.length === 1 ? "A new reply waits." : `${end.length} new replies wait.`);
  }
  showPill();
}

const editedWords = {
  read: "The person edited the comment.",
  typed: "The person edited the comment while you were writing. Read it again.",
  clicked: "The person edited the comment before your click was sent. Read it again.",
};

// proposedWords say that a person proposes another text.
function proposedWords(by) {
  return {
    read: `${by || "A rule"} proposes another text.`,
    typed: `${by || "A rule"} proposed another text while you were writing.`,
    clicked: `${by || "A rule"} proposed another text before your click was sent. Read it.`,
  };
}

// reassigned brings to a card who proposes and who takes care of it.
function reassigned(card, next) {
  if (card.dataset.pending || ["by", "assignee", "state"].every((name) => card.dataset[name] === next.dataset[name])) return;
  const focused = card.querySelector(".buttons")?.contains(document.activeElement), hidden = card.querySelector(".buttons")?.hidden;
  for (const part of [".by", ".buttons"]) card.querySelector(part)?.replaceWith(next.querySelector(part));
  card.querySelector(".decide > .preview")?.remove(); // it is opened again, to be approved
  if (hidden) card.querySelector(".buttons").hidden = true;
  for (const name of ["by", "assignee", "state", "text"]) card.dataset[name] = next.dataset[name];
  if (focused) card.focus();
}

// proposed is the text that an approval of a card sends: words that were taken back can
// have left another one.
function proposed(card) {
  return card.querySelector(".proposal:not(.sending)")?.textContent;
}

// edited brings new words to a card. What is being written stays; an approval that was
// clicked on the old words is taken back.
function edited(card, next) {
  if (!card || card.dataset.settled) return;
  const reworded = card.dataset.comment !== next.dataset.comment;
  if (!reworded && proposed(card) === proposed(next) && card.dataset.beside === next.dataset.beside) {
    reassigned(card, next);
    return;
  }
  const pending = card.dataset.pending, was = card.querySelector(".outcome");
  if (pending && !(pending === "approve" && overtaken(card))) return; // its own answer is on the way
  const about = reworded ? editedWords : proposedWords(next.dataset.by);
  let words = pending ? about.clicked : (was.classList.contains("bad") || !reworded && isMe(next.dataset.by)) && was.textContent;
  if (card.querySelector(".editor")) {
    words ||= about.typed;
    delete card.querySelector(".editor textarea")?.dataset.comment;
    for (const part of [".words", ".by", ".buttons"]) card.querySelector(part).replaceWith(next.querySelector(part));
    for (const old of card.querySelectorAll(".decide > .preview, .beside")) old.remove();
    const beside = next.querySelector(".beside");
    if (beside) card.querySelector(".buttons").before(beside);
    card.querySelector(".proposal:not(.sending)")?.remove();
    const proposal = next.querySelector(".proposal");
    card.querySelector(".decide > .unfold")?.remove();
    const unfold = next.querySelector(".decide > .unfold");
    if (proposal) card.querySelector(".by").after(...[proposal, unfold].filter(Boolean));
    for (const hidden of [proposal, card.querySelector(".buttons")]) if (hidden) hidden.hidden = true;
  } else {
    words ||= about.read;
    const focused = card.contains(document.activeElement), picked = card.querySelector(".pick input")?.checked;
    card.replaceChildren(...next.childNodes);
    const pick = card.querySelector(".pick input");
    if (pick && picked) pick.checked = true;
    if (focused) card.focus();
  }
  for (const name of ["comment", "state", "deadline", "text", "beside", "by", "assignee"]) card.dataset[name] = next.dataset[name];
  show(card);
  showDrafts(card);
  showPresent(card);
  say(card.querySelector(".outcome"), words, words !== about.read && (reworded || !isMe(next.dataset.by)));
  announce(words);
  document.dispatchEvent(new Event("desk:pages"));
}

// gone is a card that no longer belongs here, and nobody here decided it.
function gone(card) {
  close(card, "This does not wait any more: somebody decided it elsewhere, or its time is over.");
  card.querySelector(".outcome").append(link("See what happened", card.dataset.url));
}

function place(list, cards) {
  list.querySelector(".empty")?.remove();
  for (const c of cards) {
    const card = document.adoptNode(c);
    list.append(card);
    show(card);
    showDrafts(card);
    showPresent(card);
  }
}

function bringPages(doc) {
  const found = document.getElementById("found"), foundNow = doc.getElementById("found");
  if (found && foundNow && found.textContent !== foundNow.textContent) found.textContent = foundNow.textContent;
  const old = document.getElementById("pages"), now = doc.getElementById("pages");
  if (!now || old.contains(document.activeElement)) return;
  old.replaceChildren(...now.childNodes);
  document.dispatchEvent(new Event("desk:pages"));
}

function showPill() {
  pill.hidden = fresh.length === 0;
  if (pill.hidden) return;
  const text = `${fresh.length} new`;
  if (pill.textContent !== text) {
    pill.textContent = text;
    announce(`${fresh.length} new. Press n to show.`);
  }
}

// reveal puts the new cards where they belong, and takes away what is decided.
export function reveal() {
  const list = document.getElementById("list");
  const address = new URL(location.href);
  address.searchParams.set("part", "list");
  fetch(address).then((r) => r.text()).then((text) => {
    const doc = new DOMParser().parseFromString(text, "text/html");
    const here = new Map([...list.querySelectorAll(".card")].map((c) => [c.id, c]));
    const order = [...doc.querySelectorAll("#list > *")].map((c) => here.get(c.id) || document.adoptNode(c));
    const added = order.find((c) => !here.has(c.id));
    const kept = [...here.values()].filter((c) => !order.includes(c) && (c.dataset.pending || typing(c)));
    list.replaceChildren(...kept, ...order);
    for (const c of order) if (c.dataset.settled) { delete c.dataset.settled; c.classList.remove("settled"); }
    fresh = [];
    showPill();
    show(list);
    showDrafts(list);
    showPresent(list);
    bringPages(doc);
    added?.focus?.();
    added?.scrollIntoView?.({ block: "nearest" });
  }).catch(() => announce("The desk cannot be reached."));
}
pill?.addEventListener("click", reveal);

// When everything here is decided, the next ones come.
document.addEventListener("desk:settled", () => {
  const cards = [...document.querySelectorAll("#list .card")];
  if (cards.length && cards.every((c) => c.dataset.settled) && fresh.length) reveal();
});

// story brings a reply's page up to date, and leaves alone what is being written.
let telling = false, more = false;
async function story() {
  if (telling) { more = true; return; }
  telling = true;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok && !response.redirected) tellStory(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch { /* the stream comes back by itself, and tells again */ }
  telling = false;
  if (more) { more = false; story(); }
}

function tellStory(doc) {
  const reply = document.getElementById("reply"), next = doc.getElementById("reply");
  if (!next) return;
  show(doc); // its words are said, too
  const changed = reply.dataset.state !== next.dataset.state;
  Object.assign(reply.dataset, { state: next.dataset.state, deadline: next.dataset.deadline });
  document.getElementById("state").replaceWith(doc.getElementById("state"));
  document.getElementById("story").replaceWith(doc.getElementById("story"));
  const said = document.getElementById("comment"), saidNow = doc.getElementById("comment");
  const reworded = said.dataset.comment && saidNow.dataset.comment && said.dataset.comment !== saidNow.dataset.comment;
  if (reworded || !said.dataset.comment) {
    said.replaceWith(saidNow);
    wire(saidNow);
  }
  if (changed || reworded) document.dispatchEvent(new Event("desk:visibility"));
  for (const id of ["decide", "team", "chat"]) {
    const old = document.getElementById(id), now = doc.getElementById(id);
    if (!now) continue;
    if (id === "chat") keepThread(old, now);
    const pending = old?.dataset.pending;
    if (!old) {
      document.getElementById("decide").after(now);
      wire(now);
    } else if (old.dataset.pending && changed && id === "decide" && overtaken(old)) {
      swap(old, now, `This was decided before your click was sent.${pending === "reject" ? ` ${notTaken}` : ""}`);
    } else if (retexted(old, now) && old.dataset.pending === "approve" && overtaken(old)) {
      swap(old, now, proposedWords(now.dataset.by).clicked);
    } else if (reworded && id === "decide" && old.dataset.pending === "approve" && overtaken(old)) {
      swap(old, now, editedWords.clicked); // what was written comes back from its draft
    } else if (old.dataset.pending) {
      continue;
    } else if (typing(old)) {
      if (changed && id === "decide") say(old.querySelector(".outcome"), `While you were writing: ${now.innerText || now.textContent}`.replace(/\s+/g, " ").slice(0, 400), true);
      else if (reworded && id === "decide") reread(old, now);
      else if (retexted(old, now) && !isMe(now.dataset.by)) say(old.querySelector(".outcome"), `${proposedWords(now.dataset.by).typed} ${now.querySelector("#text")?.value || ""}`, true);
      if (id === "decide") Object.assign(old.dataset, { text: now.dataset.text, by: now.dataset.by });
      if (id === "team") old.querySelector(".teamwork").replaceWith(now.querySelector(".teamwork"));
      if (id === "chat") old.querySelector("#thread").replaceWith(now.querySelector("#thread"));
    } else {
      swap(old, now, id === "decide" && !old.querySelector(".outcome.bad p") ? reworded ? editedWords.read : retexted(old, now) && !isMe(now.dataset.by) ? proposedWords(now.dataset.by).read : "" : "");
    }
  }
  show();
  showPresent();
  if (changed) announce(document.getElementById("state").textContent);
}

// retexted reports whether another text is proposed than a section shows.
function retexted(old, now) {
  return old.id === "decide" && Boolean(old.dataset.text && now.dataset.text) && old.dataset.text !== now.dataset.text;
}

// reread lets what is being written answer the new words, and says that there are some.
function reread(old, now) {
  const hash = old.querySelector("[name=comment_sha256]"), place = old.querySelector(".outcome");
  if (hash) hash.value = now.querySelector("[name=comment_sha256]")?.value || "";
  if (!place.classList.contains("bad")) say(place, editedWords.typed, true);
}

function swap(old, now, words) {
  const was = old.querySelector(".outcome"), bad = words || was?.classList.contains("bad"), kept = words || (was && !was.hidden && was.textContent);
  old.replaceWith(now);
  wire(now);
  const place = now.querySelector(".outcome");
  if (kept && place) say(place, kept, Boolean(bad));
}

document.addEventListener("desk:changed", () => { if (page === "reply") story(); });

if (document.querySelector(".me")) {
  connect();
  // A browser has six connections to the desk without HTTP/2. Tabs that nobody sees
  // leave them to others; a queue goes on counting in its title.
  if (page !== "queue") addEventListener("visibilitychange", () => {
    stream.close();
    if (document.visibilityState !== "visible") return;
    connect();
    if (page === "reply") story();
  });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
}
