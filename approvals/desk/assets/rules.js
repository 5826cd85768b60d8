// The editor of the rules: line numbers, and what is wrong beside the lines while one types.

import { announce } from "./hold.js";

const area = document.getElementById("content"), list = document.getElementById("problems");
const gutter = document.createElement("pre");
gutter.className = "gutter";
gutter.setAttribute("aria-hidden", "true");
area.before(gutter);

let wrong = new Map(); // line to what is wrong there

function number() {
  const lines = area.value.split("\n").length;
  gutter.replaceChildren(...Array.from({ length: lines }, (_, i) => {
    const what = wrong.get(i + 1);
    if (!what) return document.createTextNode(`${i + 1}\n`);
    const mark = document.createElement("span");
    mark.className = "wrong";
    mark.title = what;
    mark.textContent = `${i + 1}`;
    return mark;
  }));
  follow();
}

function follow() {
  gutter.style.height = `${area.clientHeight}px`;
  gutter.scrollTop = area.scrollTop;
}

// select goes to a line, or to a place in it.
function select(line, column) {
  const lines = area.value.split("\n");
  let from = 0;
  for (let i = 0; i < line - 1 && i < lines.length; i++) from += lines[i].length + 1;
  const whole = lines[line - 1] || "", at = column > 1 ? [...whole].slice(0, column - 1).join("").length : 0;
  area.focus();
  area.setSelectionRange(from + at, from + whole.length);
  area.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(area).lineHeight));
}

// wire makes each line of the list lead to its place.
function wire() {
  wrong = new Map();
  for (const item of list.querySelectorAll("li")) {
    const line = Number(item.dataset.line), name = item.querySelector("b");
    if (!line) continue;
    wrong.set(line, [wrong.get(line), item.querySelector(".message").textContent].filter(Boolean).join("\n"));
    const go = document.createElement("button");
    go.type = "button";
    go.className = "quiet";
    go.textContent = name.textContent;
    go.addEventListener("click", () => select(line, Number(item.dataset.column)));
    name.replaceChildren(go);
  }
  number();
}

function show(problems) {
  if (!problems.length) {
    const good = document.createElement("p");
    good.className = "soft";
    good.textContent = "It loads.";
    list.replaceChildren(good);
    wire();
    return;
  }
  const head = document.createElement("p"), all = document.createElement("ol");
  head.className = "verdict bad";
  head.textContent = `${problems.length} ${problems.length === 1 ? "thing is" : "things are"} wrong. It cannot be saved like this.`;
  all.className = "problems";
  for (const p of problems) {
    const item = document.createElement("li"), line = document.createElement("b"), message = document.createElement("span");
    item.dataset.line = p.line || 0;
    item.dataset.column = p.column || 0;
    message.className = "message";
    message.textContent = p.message;
    if (p.line) line.textContent = `Line ${p.line}`;
    item.append(line, `${p.rule ? ` rule ${p.rule}` : ""}${p.field ? ` ${p.field}` : ""}: `, message);
    if (p.source) item.append(Object.assign(document.createElement("code"), { textContent: p.source }));
    all.append(item);
  }
  list.replaceChildren(head, all);
  wire();
}

// What is typed is checked when the typing pauses; only the newest answer counts.
let timer = 0, asked = 0;
async function check() {
  const mine = ++asked;
  try {
    const response = await fetch("/api/rules/check", { method: "POST", body: new URLSearchParams({ content: area.value }) });
    if (!response.ok || mine !== asked) return;
    show((await response.json()).problems);
  } catch { /* the button still works */ }
}

area.addEventListener("input", () => {
  number();
  clearTimeout(timer);
  timer = setTimeout(check, 600);
});
area.addEventListener("scroll", follow);
new ResizeObserver(follow).observe(area);

// What was written and not saved is not lost by a slip.
let dirty = area.value !== area.defaultValue, leaving = false;
area.addEventListener("input", () => { dirty = true; });
area.form.addEventListener("submit", () => { leaving = true; });
addEventListener("beforeunload", (e) => { if (dirty && !leaving) e.preventDefault(); });

wire();
if (wrong.size) announce(`${list.querySelectorAll("li").length} problems`);
