// The banners of accounts that cannot send or receive come and go by themselves.

import { show } from "./clock.js";

document.addEventListener("desk:event", async ({ detail }) => {
  const old = document.getElementById("banners");
  if (!old || detail.banners === undefined || String(detail.banners) === old.dataset.version) return;
  old.dataset.version = detail.banners; // asked for once
  try {
    const response = await fetch("/banners", { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    const now = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("banners");
    if (!now) return;
    old.dataset.version = now.dataset.version;
    old.replaceChildren(...now.childNodes); // the region stays: what changes in it is read out
    show(old);
  } catch { /* the next event tells again */ old.dataset.version = ""; }
});
