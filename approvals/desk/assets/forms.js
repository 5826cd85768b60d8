// Writing: the editor of a card, counters, drafts, and the forms of a reply's page.

import { announce, button, link, order, say } from "./hold.js";
import { clearParts, partsOf, refuse, wireParts } from "./message.js";

// next tells the keyboard that a card is decided: what had the focus in it is hidden. A
// pointer stays where it is, so that nothing scrolls under it.
function next(card, byKeyboard) {
  if (byKeyboard) document.dispatchEvent(new CustomEvent("desk:next", { detail: card }));
  else card.focus({ preventScroll: true });
}

const encoder = new TextEncoder();
// As the platforms count: Instagram bytes, Facebook UTF-16 units.
function used(text, unit) { return unit === "bytes" ? encoder.encode(text).length : text.length; }

function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

// leftWords says how much can still be written, for people: plain letters count one each.
function leftWords(used, max, unit) {
  const left = max - used, words = left < 0 ? `${-left} characters too many` : `${left} characters left`;
  if (left >= 100) return words;
  return words + (unit === "bytes" ? ". Letters with accents count as 2 or 3, emoji as 4 or more." : ". An emoji counts as 2 or more.");
}

// count keeps a counter beside what is written.
function count(textarea, counter) {
  const update = () => {
    const n = used(textarea.value, counter.dataset.unit), max = Number(counter.dataset.max);
    counter.textContent = leftWords(n, max, counter.dataset.unit);
    counter.classList.toggle("over", n > max);
  };
  textarea.addEventListener("input", update);
  update();
}

// draft keeps what is written until it is sent, also when the page is loaded again.
function draft(textarea, name) {
  const kept = sessionStorage.getItem(name), proposed = textarea.value;
  if (kept !== null && kept !== proposed) {
    textarea.value = kept;
    textarea.dataset.dirty = "1";
    if (textarea.id === "text") {
      const note = el("p", { className: "soft", textContent: "This is your draft. It is not sent. " });
      note.append(button("Use the proposal", () => {
        forget(name);
        textarea.value = proposed;
        delete textarea.dataset.dirty;
        textarea.dispatchEvent(new Event("input"));
        forget(name);
        note.remove();
        textarea.focus();
      }));
      textarea.after(note);
    }
  }
  textarea.addEventListener("input", () => {
    textarea.dataset.dirty = "1";
    sessionStorage.setItem(name, textarea.value);
  });
}

export function forget(name) { sessionStorage.removeItem(name); }

// keptDraft is what somebody wrote on a card and has not sent.
function keptDraft(card) {
  const kept = sessionStorage.getItem(`draft:${card.id}`);
  return kept?.trim() && kept !== card.querySelector(".proposal:not(.sending)")?.textContent ? kept : "";
}

// showDrafts shows on the cards under root what was written there and not sent.
export function showDrafts(root = document) {
  const cards = root.matches?.(".card") ? [root] : root.querySelectorAll(".card");
  for (const card of cards) {
    card.querySelector(".draft")?.remove();
    const kept = keptDraft(card), buttons = card.querySelector(".decide .buttons");
    if (!kept || !buttons || card.dataset.settled) continue;
    buttons.before(el("div", { className: "draft" },
      el("p", { className: "soft", textContent: "Your draft is not sent" }),
      el("p", { className: "drafted", dir: "auto", textContent: kept }),
      el("div", { className: "quick" }, button("Go on writing", () => edit(card)),
        button("Discard the draft", () => { forget(`draft:${card.id}`); showDrafts(card); card.focus(); }))));
  }
}

// settle marks something as decided, where it stands.
export function settle(host, words, bad = false) {
  host.classList.remove("held", "busy");
  host.classList.add("settled");
  host.dataset.settled = "1";
  if (words) say(host.querySelector(".outcome"), words, bad);
  const pick = host.querySelector(".pick input");
  if (pick) { pick.checked = false; pick.disabled = true; }
  document.dispatchEvent(new Event("desk:settled"));
}

const api = (host, verb) => `/api${host.dataset.url}/${verb}`;

// reread shows a comment's new words beside a refusal.
export function reread(host, comment) {
  const words = host.querySelector(".words");
  let quote = words.querySelector(".comment");
  if (!quote) words.append(quote = el("blockquote", { className: "comment", dir: "auto" }));
  quote.textContent = comment.text;
  if (!words.querySelector(".edited")) words.prepend(el("p", { className: "marks" }, el("span", { className: "mark edited", textContent: "edited" })));
}

export function approve(card, byKeyboard = false) {
  const editor = card.querySelector(".editor"), area = editor?.querySelector("textarea");
  if (card.dataset.settled || editor && !area) return; // decided, or about to be rejected
  if (isWriter(card)) { if (area) propose(card); else edit(card); return; }
  if (!area && keptDraft(card)) {
    edit(card);
    announce("This is your draft. Approve it, or discard it to send the proposal.");
    return;
  }
  const body = { comment_sha256: area?.dataset.comment || card.dataset.comment };
  if (!area && card.dataset.text) body.text_sha256 = card.dataset.text;
  if (area) body.text = area.value;
  else if (!card.querySelector("[data-do=approve]")) { card.querySelector(".buttons .primary")?.click(); return; }
  else if (unfold(card)) return; // nobody approves what is folded away
  if (area && !area.value.trim()) { area.focus(); return; }
  showText(card, area);
  order(card, "approve", api(card, "approve"), body, (answer) => {
    if (answer.accepted) { forget(`draft:${card.id}`); settle(card); }
    if (answer.proposal) {
      card.querySelector(".decide > .preview")?.remove();
      const shown = card.querySelector(".proposal:not(.sending)");
      if (shown) shown.textContent = answer.proposal.text;
      card.dataset.text = answer.proposal.text_sha256;
      if (answer.proposal.beside) unread(card); // there is more to it than these words
    }
    if (!answer.comment) return;
    reread(card, answer.comment);
    // What somebody wrote can answer the new words. Another proposal may stand behind the
    // button by now, and is read where it is shown.
    if (area) area.dataset.comment = answer.comment.comment_sha256;
    unread(card);
  });
  if (area) next(card, byKeyboard);
}

// unread has a card be decided where all of it is shown.
function unread(card) {
  card.querySelector(".buttons").replaceChildren(Object.assign(link("Read and decide", card.dataset.url), { className: "button primary" }));
}

// whole shows on a card all that its approval sends; then it can be approved there.
export async function whole(card) {
  if (card.dataset.pending || card.dataset.settled) return;
  let next;
  try {
    const response = await fetch(`${card.dataset.url}?part=message`, { headers: { Accept: "text/html" } });
    if (response.status === 200 && !response.redirected) next = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("whole");
  } catch { /* the page of the reply says more */ }
  const open = card.querySelector("[data-do=whole]");
  if (!next) { location.assign(card.dataset.url); return; }
  if (!open) return; // something else has come meanwhile
  card.querySelector(".decide > .preview")?.remove();
  card.querySelector(".beside").after(next.querySelector(".preview"));
  unfold(card);
  card.dataset.text = next.dataset.text;
  const yes = el("button", { className: "primary", textContent: card.dataset.state === "holding" ? "Send now" : "Approve" });
  yes.dataset.do = "approve";
  open.replaceWith(yes, Object.assign(link("Edit", `${card.dataset.url}#edit`), { className: "button" }));
  yes.focus({ preventScroll: true });
  announce("This is all of it.");
}

// unfold shows a proposal that is folded, and reports whether there was one.
function unfold(card) {
  const folded = card.querySelector(".decide > .unfold:not([open])");
  if (folded) folded.open = true;
  return Boolean(folded);
}

// showText shows on the card what is about to be sent.
function showText(card, area) {
  if (!area) return;
  card.querySelector(".sending")?.remove();
  card.querySelector(".by").after(el("p", { className: "proposal sending", dir: "auto", textContent: area.value }));
}

export function reject(card) {
  const form = card.querySelector(".decide");
  if (card.dataset.pending || card.dataset.settled || form.querySelector(".editor")) return;
  const reason = el("input", { name: "reason", maxLength: 500, autocomplete: "off", placeholder: "spam" });
  const quick = el("div", { className: "quick" }), hide = el("input", { type: "checkbox", name: "hide" });
  for (const why of ["spam", "not a question", "answered in public", "abusive"]) quick.append(button(why, (e) => { reason.value = why; go(e.detail === 0); }));
  const go = (byKeyboard) => {
    if (!reason.value.trim()) { reason.focus(); return; }
    order(card, "reject", api(card, "reject"), { reason: reason.value.trim(), hide: hide.checked }, (answer) => {
      if (!answer.accepted) return;
      settle(card);
      offerReopen(card);
    });
    next(card, byKeyboard);
  };
  const yes = button(card.dataset.state === "holding" ? "Stop it" : "Reject", (e) => go(e.detail === 0));
  yes.classList.add("danger");
  const editor = el("div", { className: "editor" },
    el("label", {}, "Why should this never be sent? ", reason),
    // Instagram hides no comment on a broadcast.
    ...(card.dataset.live === "1" ? [] : [el("label", { className: "check" }, hide, "Hide the comment, too")]), quick,
    el("div", { className: "quick" }, yes, button("Cancel", () => closeEditor(card))));
  reason.addEventListener("keydown", (e) => {
    if (e.key === "Enter") { e.preventDefault(); go(true); }
    if (e.key === "Escape") closeEditor(card);
  });
  open(card, editor, reason);
}

// rowsOf is enough lines to show the whole proposal while it is edited, where a browser
// does not fit the box to its text.
function rowsOf(proposal) {
  const lines = (proposal?.textContent || "").split("\n");
  return lines.reduce((n, line) => n + 1 + Math.floor(line.length / 40), 2);
}

function isWriter(card) { return card.querySelector(".decide")?.hasAttribute("data-writer"); }

// offerReopen lets a mistaken rejection be taken back.
export function offerReopen(card) {
  const place = card.querySelector(".outcome");
  if (place.querySelector(".reopen") || card.dataset.state === "sending") return;
  const again = button("Take the rejection back", () => order(card, "reopen", api(card, "reopen"), {}, (answer) => {
    if (!answer.accepted) return;
    delete card.dataset.settled;
    card.classList.remove("settled");
    closeEditor(card);
    const pick = card.querySelector(".pick input");
    if (pick) pick.disabled = false;
    document.dispatchEvent(new Event("desk:settled"));
  }));
  again.classList.add("reopen", "quiet");
  place.append(again);
}

// propose saves what is written as a draft for who approves.
function propose(card) {
  const area = card.querySelector(".editor textarea"), note = card.querySelector(".editor [name=note]");
  if (!area || card.dataset.pending) return;
  if (!area.value.trim()) { area.focus(); return; }
  order(card, "propose", api(card, "propose"), { text: area.value, note: note?.value.trim() || "" }, (answer) => {
    if (!answer.accepted) return;
    forget(`draft:${card.id}`);
    const shown = card.querySelector(".proposal:not(.sending)");
    if (shown) shown.textContent = area.value;
    closeEditor(card);
  });
}

// sendBack gives a draft back to its author with a note.
export function sendBack(card) {
  const form = card.querySelector(".decide");
  if (card.dataset.pending || card.dataset.settled || form.querySelector(".editor")) return;
  const note = el("input", { name: "note", maxLength: 500, autocomplete: "off" });
  const go = () => {
    if (!note.value.trim()) { note.focus(); return; }
    order(card, "send-back", api(card, "send-back"), { note: note.value.trim() }, (answer) => { if (answer.accepted) closeEditor(card); });
  };
  const yes = button("Send back", go);
  yes.classList.add("primary");
  const editor = el("div", { className: "editor" },
    el("label", {}, `What should ${card.dataset.by} change? `, note),
    el("div", { className: "quick" }, yes, button("Cancel", () => closeEditor(card))));
  note.addEventListener("keydown", (e) => {
    if (e.key === "Enter") { e.preventDefault(); go(); }
    if (e.key === "Escape") closeEditor(card);
  });
  open(card, editor, note);
}

// take assigns a card to who presses the button, or gives it back.
export function take(card) {
  const to = card.querySelector("[data-do=take], [data-do=give]");
  if (!to || card.dataset.pending || card.dataset.settled) return;
  order(card, "assign", api(card, "assign"), { to: to.value }, () => card.focus());
}

export function edit(card) {
  const form = card.querySelector(".decide"), buttons = form.querySelector(".buttons"), proposal = form.querySelector(".proposal");
  if (card.dataset.pending || card.dataset.settled || form.querySelector(".editor")) return;
  const area = el("textarea", { rows: rowsOf(proposal), dir: "auto", value: proposal ? proposal.textContent : "" });
  const counter = el("p", { className: "counter" });
  Object.assign(counter.dataset, { max: buttons.dataset.max, unit: buttons.dataset.unit });
  const writer = isWriter(card), save = button(writer ? "Save as draft for approval" : "Save as draft", () => propose(card));
  const yes = writer ? save : button(card.dataset.state === "holding" ? "Send now" : "Approve", (e) => approve(card, e.detail === 0));
  const note = el("input", { name: "note", maxLength: 500, autocomplete: "off" });
  note.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); propose(card); } });
  yes.classList.add("primary");
  const editor = el("div", { className: "editor" },
    el("label", {}, "What the person will read", area), counter,
    ...(writer ? [el("label", {}, "A note to who approves it (optional)", note)] : []),
    el("div", { className: "quick" }, yes, ...(writer ? [] : [save]), button("Cancel", () => { forget(`draft:${card.id}`); closeEditor(card); })));
  area.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); approve(card, true); }
    if (e.key === "Escape") closeEditor(card);
  });
  draft(area, `draft:${card.id}`);
  count(area, counter);
  if (proposal) proposal.hidden = true;
  open(card, editor, area);
}

function open(card, editor, focus) {
  card.dataset.height = card.offsetHeight; // to which it closes again when it is decided
  const buttons = card.querySelector(".buttons");
  say(card.querySelector(".outcome"), "");
  buttons.hidden = true;
  buttons.after(editor);
  focus.focus();
}

function closeEditor(card) {
  delete card.dataset.height;
  card.querySelector(".editor")?.remove();
  card.querySelector(".sending")?.remove();
  card.querySelector(".buttons").hidden = false;
  const proposal = card.querySelector(".proposal");
  if (proposal) proposal.hidden = false;
  showDrafts(card);
  card.focus();
}

// typing reports whether something under host was written and not sent.
export function typing(host) {
  return host.contains(document.activeElement) && document.activeElement.matches("textarea, input") ||
    Boolean(host.querySelector(".editor, textarea[data-dirty]"));
}

// wire makes the forms of a page, or of a new piece of it, work.
export function wire(root = document) {
  for (const area of root.querySelectorAll("textarea[data-draft]")) {
    draft(area, draftName(area));
    count(area, area.form.querySelector(".counter"));
  }
  for (const form of root.querySelectorAll("form[data-hold]")) {
    form.addEventListener("submit", (e) => submit(e, form));
    wireParts(form);
  }
}

// draftName is where what is written is kept: that of a reply's text is its card's.
function draftName(area) {
  const key = document.getElementById("reply")?.dataset.key;
  return area.id === "text" && key ? `draft:${key}` : `draft:${location.pathname}:${area.id}`;
}

function submit(e, form) {
  const verb = e.submitter?.dataset.verb || form.dataset.hold;
  if (form.dataset.hold === "bulk") return;
  e.preventDefault();
  const host = form.closest("section, article"), about = form.closest("[data-reply]");
  const fields = new FormData(form), body = {};
  for (const name of ["text", "reason", "comment_sha256", "note", "to"]) if (fields.has(name)) body[name] = fields.get(name).replaceAll("\r\n", "\n");
  for (const name of ["delivered", "human_agent", "hide"]) if (fields.has(name)) body[name] = fields.get(name) === "true";
  if (["approve", "propose", "follow-up"].includes(verb)) Object.assign(body, partsOf(form));
  host.dataset.deadline = verb === "approve" ? about.dataset.deadline : "";
  host.dataset.state = about.dataset.state;
  order(host, verb, api(about, verb), body, (answer) => {
    if (answer.comment) document.dispatchEvent(new Event("desk:changed"));
    refuse(form, answer.field);
    if (!answer.accepted) return;
    if (verb === "follow-up") clearParts(form);
    for (const area of form.querySelectorAll("textarea")) {
      if (["follow-up", "note"].includes(verb) || area.name === "note") {
        area.value = "";
        area.dispatchEvent(new Event("input")); // for the counter
      }
      forget(draftName(area));
      delete area.dataset.dirty;
    }
    if (host.matches("article")) settle(host);
    document.dispatchEvent(new Event("desk:changed"));
    if (["hide", "show"].includes(verb)) document.dispatchEvent(new Event("desk:visibility"));
    if (!["follow-up", "hide", "show"].includes(verb) && !host.matches("article")) document.dispatchEvent(new Event("desk:decided"));
  });
}

// The form that decides a selection: one click, held back, with an answer for each.
const bulk = document.getElementById("bulk-approve");
if (bulk) {
  const bar = bulk.querySelector(".bulk"), chosen = bulk.querySelector("[data-chosen]");
  const yes = bulk.querySelector("[data-verb=approve]"), no = bulk.querySelector("[data-verb=reject]"), reason = bulk.querySelector("[name=reason]");
  const boxes = () => [...bulk.querySelectorAll("input[name=reply]")].filter((b) => b.checked && !b.disabled);
  const approvable = () => boxes().filter((b) => !("textless" in b.dataset));
  const update = () => {
    const all = boxes().length, n = approvable().length, pending = Boolean(bar.dataset.pending);
    chosen.textContent = `${all} chosen`;
    yes.textContent = `Approve ${n}`;
    no.textContent = `Reject ${all}`;
    yes.disabled = pending || n === 0;
    no.disabled = pending || all === 0;
  };
  bulk.addEventListener("change", update);
  bar.addEventListener("desk:held", update);
  bar.append(el("div", { className: "outcome", hidden: true }));
  update();
  bulk.addEventListener("submit", (e) => {
    e.preventDefault();
    const rejects = e.submitter === no;
    if (rejects && !reason.value.trim()) { reason.focus(); announce("Write why these should never be sent."); return; }
    const items = (rejects ? boxes() : approvable()).map((b) => b.closest("[data-reply]")), ids = items.map((i) => i.dataset.reply);
    const read = (name) => Object.fromEntries(items.filter((i) => i.dataset[name]).map((i) => [i.dataset.reply, i.dataset[name]]));
    const body = rejects ? { replies: ids, reason: reason.value.trim(), hide: bulk.querySelector("[name=hide]").checked } : { replies: ids, comment_sha256: read("comment"), text_sha256: read("text") };
    order(bar, rejects ? "bulk-reject" : "bulk", rejects ? "/api/reject" : "/api/approve", body, (answer) => {
      const verdicts = answer.replies || [];
      for (const v of verdicts) {
        const item = [...bulk.querySelectorAll("[data-reply]")].find((i) => i.dataset.reply === v.id);
        const box = item.querySelector("input");
        box.checked = false;
        box.disabled = true;
        say(item.querySelector(".outcome"), v.words, !v.accepted);
        if (v.comment) reread(item, v.comment);
        if (v.proposal) item.querySelector(".proposal, .bubble-text").textContent = v.proposal.text;
        if (v.comment || v.proposal) item.querySelector(".outcome").append(link("Read and decide", item.dataset.url));
      }
      const good = verdicts.filter((v) => v.accepted).length, done = rejects ? "rejected" : "approved";
      if (verdicts.length) {
        const words = good === verdicts.length ? `All ${good} are ${done}.` : `${good} of ${verdicts.length} are ${done}. See the others for why not.`;
        say(bar.querySelector(".outcome"), words, good < verdicts.length);
        announce(words);
      }
      update();
    });
  });
}
