// Keeps the page current without touching what somebody is typing: only elements
// marked data-live are replaced, and they hold no fields to type into.
'use strict';

const interval = 1500; // ms between looks

function replace(now, next) {
  const open = [...now.querySelectorAll('details[open][id]')].map((d) => d.id);
  if (now.innerHTML !== next.innerHTML) now.innerHTML = next.innerHTML;
  for (const id of open) document.getElementById(id)?.setAttribute('open', '');
  for (const { name, value } of next.attributes) now.setAttribute(name, value);
}

// Lists keep the cards that are there, with their forms, and take new ones.
function updateList(now, next) {
  const wanted = new Set([...next.children].map((child) => child.id));
  for (const child of [...now.children]) {
    if (!wanted.has(child.id) && !child.contains(document.activeElement)) child.remove();
  }
  let before = null;
  for (const child of [...next.children].reverse()) {
    const known = document.getElementById(child.id);
    if (!known) now.insertBefore(document.importNode(child, true), before);
    before = document.getElementById(child.id);
  }
}

function updateOptions(now, next) {
  if (now.innerHTML === next.innerHTML || now === document.activeElement) return;
  const chosen = now.value;
  now.innerHTML = next.innerHTML;
  if ([...now.options].some((option) => option.value === chosen)) now.value = chosen;
}

function update(text) {
  const next = new DOMParser().parseFromString(text, 'text/html');
  const each = (mark, change) => {
    for (const element of next.querySelectorAll('[' + mark + ']')) {
      const now = document.getElementById(element.id);
      if (now) change(now, element);
    }
  };
  each('data-live-list', updateList);
  each('data-live', replace);
  each('data-live-options', updateOptions);
}

const version = () => document.getElementById('summary').dataset.version;

async function look() {
  const offline = document.getElementById('offline');
  try {
    if (!document.hidden) {
      const answer = await fetch('/?seen=' + version(), { cache: 'no-store' });
      offline.hidden = true;
      if (answer.status === 200) update(await answer.text());
    }
  } catch {
    offline.hidden = false;
  }
  setTimeout(look, interval);
}

document.addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.busy) return; // not "disabled", which would take the focus away
  form.dataset.busy = 'yes';
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    if (answer.ok) for (const field of form.querySelectorAll('[data-clear]')) field.value = '';
    update(await answer.text());
  } catch {
    document.getElementById('offline').hidden = false;
  } finally {
    delete form.dataset.busy;
  }
});

setTimeout(look, interval);
