// What stands around a comment is asked for when its card comes into view, for several cards
// at once.

const MOST = 20; // cards of one request
const AGAIN = 4000; // until Meta is asked again for what it has not answered yet
const TRIES = 6;

const known = new Map(); // what was answered, by the reply
const tries = new Map();
const wanted = new Set();
let timer = 0;

const views = new IntersectionObserver((entries) => {
  for (const e of entries) {
    if (!e.isIntersecting) continue;
    views.unobserve(e.target);
    want(e.target.dataset.context);
  }
}, { rootMargin: "200px" });

function want(id) {
  wanted.add(id);
  timer ||= setTimeout(ask, 80);
}

async function ask() {
  timer = 0;
  const ids = [...wanted].slice(0, MOST);
  for (const id of ids) wanted.delete(id);
  if (wanted.size) timer = setTimeout(ask, 80);
  if (!ids.length) return;
  let parts;
  try {
    const response = await fetch(`/context?${new URLSearchParams(ids.map((id) => ["reply", id]))}`, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    parts = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch { return; } // the link to the reply's page stays
  for (const part of parts.querySelectorAll("[data-for]")) {
    const card = document.getElementById(part.dataset.for), id = card?.dataset.reply;
    if (!id) continue;
    const tried = (tries.get(id) || 0) + 1;
    tries.set(id, tried);
    if ("later" in part.dataset && tried < TRIES) setTimeout(want, AGAIN, id);
    else known.set(id, part);
    fill(card.querySelector("[data-context]"), part);
  }
}

function fill(place, part) {
  if (!place || !part.querySelector(".context-line")) return;
  place.replaceChildren(...[...part.cloneNode(true).children]);
  const picture = place.querySelector("img");
  picture?.addEventListener("error", () => picture.remove());
}

// A card may come, or be made anew, at any time.
function look(root) {
  for (const place of root.querySelectorAll?.("[data-context]") || []) {
    const part = known.get(place.dataset.context);
    if (part) fill(place, part);
    else views.observe(place);
  }
}

const list = document.getElementById("list");
if (list) {
  look(list);
  new MutationObserver((changes) => {
    for (const c of changes) for (const node of c.addedNodes) if (node.nodeType === Node.ELEMENT_NODE) look(node.matches("[data-context]") ? node.parentElement : node);
  }).observe(list, { childList: true, subtree: true });
}
