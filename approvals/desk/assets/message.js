// What goes with a text: buttons, quick replies and a public reply, as they are written and as
// their person will see them.

import { button } from "./hold.js";

const chars = (text) => [...text].length;

function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

const words = (text) => Object.assign(el("bdi", ""), { textContent: text });

// rowsOf lists what somebody has filled of a list of rows.
function rowsOf(parts, list) {
  return [...parts.querySelectorAll(`[data-list=${list}] [data-row]`)].filter((row) =>
    [...row.querySelectorAll("input, textarea")].some((field) => field.value.trim()));
}

const field = (row, name) => row.querySelector(`[name=${name}]`).value.trim();

// partsOf reads the parts of a form as the API takes them; nothing of a form without.
export function partsOf(form) {
  const parts = form.querySelector("[data-parts]");
  if (!parts) return {};
  const body = {
    buttons: rowsOf(parts, "buttons").map((row) => ({
      title: field(row, "button_title"), [field(row, "button_does") === "sends" ? "then" : "url"]: field(row, "button_follows"),
    })),
    quick_replies: rowsOf(parts, "quick_replies").map((row) => ({ title: field(row, "quick_title"), then: field(row, "quick_then") })),
  };
  if (parts.dataset.parts === "reply") body.public_text = publicText(parts);
  return body;
}

function publicText(parts) {
  const on = parts.querySelector("[name=public]");
  return on?.checked ? parts.querySelector("[name=public_text]").value.trim() : "";
}

// clearParts empties the rows of a form whose message was sent.
export function clearParts(form) {
  const parts = form.querySelector("[data-parts]");
  if (!parts) return;
  for (const f of parts.querySelectorAll("[data-row] input, [data-row] textarea")) f.value = "";
  parts.dispatchEvent(new Event("input", { bubbles: true }));
}

// refuse marks the row that an answer refuses, and puts the cursor into it.
export function refuse(form, name) {
  for (const e of form.querySelectorAll(".refused")) e.classList.remove("refused");
  const parts = form.querySelector("[data-parts]"), [, list, index, part] = /^(buttons|quick_replies)\[(\d+)\](?:\.(\w+))?$/.exec(name || "") || [];
  if (!parts) return;
  if (name === "public_text") parts.querySelector("[name=public_text]")?.classList.add("refused");
  if (!list) return;
  const row = rowsOf(parts, list)[Number(index)];
  if (!row) return;
  row.closest("details").open = true;
  row.classList.add("refused");
  row.querySelector(part === "title" ? "input" : "textarea").focus();
}

// preview draws a message as the page does: see preview in message.html.
function preview(place, text, body, account) {
  const figure = el("figure", "preview");
  figure.setAttribute("aria-label", "As the person will see it");
  const bubble = el("p", "bubble-text", text.trim() || el("i", "", "no text"));
  bubble.dir = "auto";
  const message = el("div", "message", bubble);
  const list = (name, label, all) => {
    const ul = el("ul", name, ...all.map((one) => Object.assign(el("li", ""), { textContent: one.title || "…", dir: "auto" })));
    ul.setAttribute("aria-label", label);
    return ul;
  };
  if (body.buttons.length) message.append(list("bubble-buttons", "Buttons", body.buttons));
  figure.append(message);
  if (body.quick_replies.length) figure.append(list("quick-replies", "Quick replies", body.quick_replies));
  if (body.public_text) {
    const line = el("p", "public-text", el("b", "", words(account)), " ", body.public_text);
    line.dir = "auto";
    figure.append(el("div", "public", Object.assign(el("p", "soft"), { textContent: "In public, under the comment" }), line));
  }
  place.querySelector(".preview").replaceWith(figure);
  place.hidden = !(body.buttons.length || body.quick_replies.length || body.public_text);
}

// wireParts shows as many rows as are used, and keeps the preview true while somebody writes.
export function wireParts(form) {
  const parts = form.querySelector("[data-parts]");
  if (!parts) return;
  for (const list of parts.querySelectorAll("[data-list]")) wireRows(list);
  const on = parts.querySelector("[name=public]"), area = parts.querySelector("[name=public_text]");
  const place = form.querySelector("[data-preview]"), text = form.querySelector("[name=text]");
  const update = () => {
    if (on) {
      area.closest("label").hidden = !on.checked;
      area.required = on.checked;
    }
    const says = parts.querySelector("[data-text-says]"), n = chars(text.value);
    says.hidden = !rowsOf(parts, "buttons").length || n <= Number(says.dataset.max);
    says.textContent = `The text above has ${n} characters; with buttons at most ${says.dataset.max}.`;
    for (const list of parts.querySelectorAll("[data-list]")) for (const row of list.querySelectorAll("[data-row]")) check(row);
    if (place) preview(place, text.value, partsOf(form), place.dataset.account);
  };
  form.addEventListener("input", update);
  // What is being written stays where the page renews itself.
  parts.addEventListener("input", (e) => {
    text.dataset.dirty = "1";
    e.target.closest(".refused")?.classList.remove("refused");
  });
  form.addEventListener("change", update);
  update();
}

// wireRows hides the rows that nobody needs yet.
function wireRows(list) {
  const rows = [...list.querySelectorAll("[data-row]")], empty = (row) => [...row.querySelectorAll("input, textarea")].every((f) => !f.value.trim());
  const name = list.dataset.list === "buttons" ? "a button" : "a quick reply";
  const add = button(`Add ${name}`, () => {
    const row = rows.find((r) => r.hidden);
    if (row) row.hidden = false;
    row?.querySelector("input").focus();
    update();
  });
  add.classList.add("add-row");
  const update = () => { add.hidden = !rows.some((r) => r.hidden); };
  for (const row of rows) {
    row.hidden = empty(row);
    const clear = button("×", () => {
      for (const f of row.querySelectorAll("input, textarea")) f.value = "";
      row.hidden = true;
      row.dispatchEvent(new Event("input", { bubbles: true }));
      update();
      add.focus();
    });
    clear.setAttribute("aria-label", `Remove ${name}`);
    clear.classList.add("row-clear", "quiet");
    row.append(clear);
  }
  list.append(add);
  update();
}

// check says under a row what Meta would refuse of it.
function check(row) {
  const title = row.querySelector("input"), does = row.querySelector("select"), follows = row.querySelector("textarea");
  const says = [], max = Number(title.dataset.chars), n = chars(title.value.trim());
  if (n > max) says.push(`The title has ${n} characters; at most ${max}.`);
  if (does) {
    row.querySelector("[data-follows]").textContent = does.value === "sends" ? "The text" : "The page";
    follows.placeholder = does.value === "sends" ? "" : "https://";
    if (does.value === "opens" && follows.value.trim() && !"https://".startsWith(follows.value.trim().slice(0, 8))) says.push("The address begins with https://");
  }
  let place = row.querySelector(".row-says");
  if (!place && says.length) row.append(place = el("p", "row-says"));
  if (place) place.textContent = says.join(" ");
}
