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

const sameDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const otherDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

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
  for (const el of root.querySelectorAll("[data-local]")) {
    const at = new Date(el.dateTime);
    el.title = el.textContent;
    el.textContent = (at.toDateString() === new Date().toDateString() ? sameDay : otherDay).format(at);
    el.removeAttribute("data-local");
  }
}

show();
setInterval(show, 1000);
