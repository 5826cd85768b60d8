// Saved replies in an editor: "/" at the beginning of a word, or the button, opens a list by
// name; the chosen text takes the place of what was typed after the "/".

import { announce, button } from "./hold.js";

const FRESH = 15000; // a list is asked for again after so many milliseconds
const known = new Map(); // reply to {at, replies}
let open = null; // {area, list, from, items, at}
let dismissed = null; // {area, from}: Escape closed the list there

// editor finds the text of a reply's person around an element: of a card, or of its page.
function editor(element) {
  if (!element?.matches?.("textarea") || !element.closest("[data-reply]") || element.form?.action.endsWith("/note")) return null;
  return element.name === "text" || element.closest(".editor") ? element : null;
}

async function repliesFor(area) {
  const id = area.closest("[data-reply]").dataset.reply, kept = known.get(id);
  if (kept && Date.now() - kept.at < FRESH) return kept.replies;
  const response = await fetch(`/api/saved?${new URLSearchParams({ reply: id })}`);
  if (!response.ok) throw new Error(response.statusText);
  const { replies } = await response.json();
  known.set(id, { at: Date.now(), replies });
  return replies;
}

// query is what stands after a "/" that begins a word, up to the caret; null: there is none.
function query(area) {
  if (area.selectionStart !== area.selectionEnd) return null;
  const found = /(^|\s)\/((?:[^\s/]{1,40}(?: [^\s/]{1,40})?)?)$/u.exec(area.value.slice(0, area.selectionStart));
  return found ? { from: found.index + found[1].length, words: found[2].toLowerCase() } : null;
}

async function update(area, asked) {
  const q = query(area);
  if (!q) dismissed = null;
  if (!asked && (!q || dismissed?.area === area && dismissed.from === q.from)) { close(); return; }
  dismissed = null;
  let replies;
  try { replies = await repliesFor(area); } catch { if (asked) announce("The saved replies cannot be had at the moment."); return; }
  if (document.activeElement !== area) return;
  const now = query(area);
  if (!now && !asked) { close(); return; }
  const words = (now?.words || "").split(" ").filter(Boolean);
  const items = replies.filter((r) => words.every((w) => `${r.name} ${r.language || ""}`.toLowerCase().includes(w)));
  if (!items.length && !asked) { close(); return; }
  show(area, now ? now.from : area.selectionStart, items);
}

function show(area, from, items) {
  if (open && open.area !== area) close();
  const first = !open;
  if (first) {
    const list = document.createElement("ul");
    list.className = "saved-list";
    list.id = "saved-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Saved replies");
    // A click must not take the caret out of the editor.
    list.addEventListener("mousedown", (e) => e.preventDefault());
    list.addEventListener("click", (e) => {
      const item = e.target.closest("[role=option]");
      if (item) insert(Number(item.dataset.at));
    });
    opener(area).after(list);
    open = { area, list };
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-expanded": "true", "aria-controls": list.id })) area.setAttribute(name, value);
    opener(area).setAttribute("aria-expanded", "true");
  }
  Object.assign(open, { from, items });
  open.list.replaceChildren(...items.map((r, i) => {
    const item = document.createElement("li"), name = document.createElement("b"), text = document.createElement("span");
    item.id = `saved-${i}`;
    item.dataset.at = i;
    item.setAttribute("role", "option");
    name.textContent = r.language ? `${r.name} · ${r.language}` : r.name;
    name.dir = "auto";
    text.textContent = r.text;
    text.className = "soft";
    text.dir = "auto";
    item.append(name, text);
    return item;
  }));
  if (!items.length) {
    const none = document.createElement("li");
    none.setAttribute("role", "option");
    none.setAttribute("aria-disabled", "true");
    none.textContent = "There is none for this account.";
    open.list.append(none);
  }
  choose(0);
  if (first) announce(items.length === 1 ? "1 saved reply" : `${items.length} saved replies`);
}

function choose(at) {
  const n = open.items.length;
  open.at = n ? (at + n) % n : -1;
  open.list.querySelectorAll("[role=option]").forEach((item, i) => item.setAttribute("aria-selected", String(i === open.at)));
  const item = open.at >= 0 && open.list.children[open.at];
  if (!item) { open.area.removeAttribute("aria-activedescendant"); return; }
  open.area.setAttribute("aria-activedescendant", item.id);
  item.scrollIntoView({ block: "nearest" });
}

function insert(at) {
  const { area, from, items } = open, text = items[at].text;
  close();
  area.setRangeText(text, from, area.selectionStart, "end");
  area.dispatchEvent(new Event("input", { bubbles: true })); // for the draft and the counter
  area.focus();
  announce(`${items[at].name} is inserted.`);
}

function close() {
  if (!open) return;
  open.list.remove();
  for (const name of ["role", "aria-autocomplete", "aria-haspopup", "aria-expanded", "aria-controls", "aria-activedescendant"]) open.area.removeAttribute(name);
  opener(open.area).setAttribute("aria-expanded", "false");
  open = null;
}

const openers = new WeakMap(); // editor to its button
const opener = (area) => openers.get(area);

// The button stands under each editor, for those without a "/" at hand.
function offer(area) {
  if (!editor(area) || opener(area)) return;
  const b = button("Saved replies", () => {
    if (open) { close(); area.focus(); return; }
    area.focus();
    update(area, true);
  });
  b.classList.add("quiet", "saved-open");
  b.setAttribute("aria-haspopup", "listbox");
  b.setAttribute("aria-expanded", "false");
  b.addEventListener("mousedown", (e) => e.preventDefault());
  (area.closest("label") || area).after(b); // not into the label, whose words name the editor
  openers.set(area, b);
}

if (document.body.dataset.saved) {
  const all = () => document.querySelectorAll("[data-reply] textarea").forEach(offer);
  all();
  new MutationObserver(all).observe(document.getElementById("main"), { childList: true, subtree: true });
  document.addEventListener("input", (e) => { if (editor(e.target)) update(e.target); });
  document.addEventListener("focusout", (e) => { if (open && e.target === open.area && e.relatedTarget !== opener(open.area)) close(); });
  // Before the editor's own keys: Escape closes the list and not the editor.
  document.addEventListener("keydown", (e) => {
    if (!open || e.target !== open.area || e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return;
    const act = {
      ArrowDown: () => choose(open.at + 1), ArrowUp: () => choose(open.at - 1),
      Enter: () => { if (open.at >= 0) insert(open.at); else close(); }, Tab: () => { if (open.at >= 0) insert(open.at); else close(); },
      Escape: () => { dismissed = { area: open.area, from: open.from }; close(); },
    }[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  }, true);
}
