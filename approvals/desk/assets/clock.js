// Time as people read it: countdowns that run, and moments in their own time zone.

// The server's clock counts: a phone's may be wrong.
let ahead = Date.parse(document.body.dataset.now) - Date.now();

export function now() { return Date.now() + ahead; }

export function correct(serverTime) { ahead = Date.parse(serverTime) - Date.now(); }

export function left(ms) {
  if (ms <= 0) return "over";
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

function urgency(ms) {
  if (ms <= 0) return "over";
  if (ms < 3600e3) return "soon";
  return ms < 86400e3 ? "today" : "later";
}

function ago(ms) {
  const minutes = Math.floor(ms / 60e3), hours = Math.floor(minutes / 60);
  if (minutes < 1) return "just now";
  if (hours < 1) return `${minutes} min ago`;
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`;
}

// The page is English, and so are its dates, in the reader's own zone. The desk learns that
// zone, for the sentences and days that it writes itself.
const sameDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const otherDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;

// show brings every time under root up to date.
export function show(root = document) {
  for (const el of root.querySelectorAll("[data-until]")) {
    const ms = Date.parse(el.dataset.until) - now();
    const text = left(ms);
    if (el.textContent !== text) {
      el.textContent = text;
      el.className = `left ${urgency(ms)}`;
    }
  }
  for (const el of root.querySelectorAll("[data-since]")) {
    const at = new Date(el.dateTime), text = `written ${ago(now() - at)}`;
    if (el.textContent !== text) el.textContent = text;
    const title = exact.format(at);
    if (el.title !== title) el.title = title;
  }
  for (const el of root.querySelectorAll("[data-local]")) {
    const at = new Date(el.dateTime);
    el.title = el.textContent;
    el.textContent = (at.toDateString() === new Date().toDateString() ? sameDay : otherDay).format(at);
    el.removeAttribute("data-local");
  }
}

show();
setInterval(show, 1000);
