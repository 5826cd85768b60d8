// Notifications of the browser, if somebody asks for them: numbers only, without a sound,
// one at a time, and only while nobody looks at the page.

const key = "desk:notify";
const least = 60_000; // milliseconds between two
const box = document.getElementById("notify-on");
const words = document.getElementById("notify-words");
const kinds = { // by the counts of the navigation
  decide: ["reply waits for a decision", "replies wait for a decision"],
  answered: ["person waits for your words", "people wait for your words"],
  unknown: ["delivery is unknown", "deliveries are unknown"],
};
let seen = null; // the counts when somebody last looked, or was told
let told = 0;

function wanted() { return localStorage.getItem(key) === "on" && Notification.permission === "granted"; }

function shown() {
  const counts = {};
  for (const el of document.querySelectorAll("nav [data-count]")) counts[el.dataset.count] = parseInt(el.textContent, 10) || 0;
  return counts;
}

function tell(counts) {
  const lines = [];
  for (const [kind, [one, many]] of Object.entries(kinds)) {
    const more = (counts[kind] || 0) - (seen[kind] || 0);
    if (more > 0) lines.push(`${more} more ${more === 1 ? one : many}`);
  }
  if (!lines.length || Date.now() - told < least) return;
  told = Date.now();
  seen = counts;
  const note = new Notification("Private replies", { body: lines.join("\n"), tag: "privatereply", silent: true });
  note.onclick = () => { window.focus(); note.close(); };
}

if (box && "Notification" in window && window.isSecureContext) {
  box.closest("[data-notify]").hidden = false;
  box.checked = wanted();
  box.addEventListener("change", async () => {
    words.textContent = "";
    if (!box.checked) { localStorage.removeItem(key); return; }
    box.checked = await Notification.requestPermission() === "granted";
    if (box.checked) localStorage.setItem(key, "on");
    else words.textContent = "The browser does not allow it: change that in its settings for this page.";
  });
  seen = shown();
  document.addEventListener("visibilitychange", () => { seen = shown(); });
  document.addEventListener("desk:event", ({ detail }) => {
    if (!document.hidden) { seen = { ...detail.counts }; return; }
    // What was decided meanwhile makes room for new ones.
    for (const kind of Object.keys(kinds)) seen[kind] = Math.min(seen[kind] || 0, detail.counts[kind] || 0);
    if (wanted()) tell({ ...detail.counts });
  });
}
