// Small comforts; every page works without this file.
// 1. Pages marked data-refresh fetch themselves again while they are visible and nobody is typing.
// 2. A form is sent once, however often its button is pressed.
// 3. Filters apply when a choice is made.
"use strict";
(() => {
  const seconds = Number(document.body.dataset.refresh || 0);
  // A page that nobody looks at any more must not keep the session alive for ever.
  let last = Date.now();
  for (const kind of ["pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, () => { last = Date.now(); }, { passive: true });
  }
  const busy = () => {
    if (Date.now() - last > 30 * 60 * 1000) return true;
    const at = document.activeElement;
    return document.hidden || (at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName))
      || document.querySelector("main details[open]");
  };
  const refresh = async () => {
    if (busy()) return;
    const answer = await fetch(location.href, { credentials: "same-origin", headers: { "x-refresh": "1" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "nav"]) {
      const from = fresh.querySelector(part), to = document.querySelector(part);
      if (from && to && from.innerHTML !== to.innerHTML && !to.contains(document.activeElement)) {
        to.replaceChildren(...from.childNodes);
      }
    }
  };
  if (seconds >= 5) setInterval(() => refresh().catch(() => {}), seconds * 1000);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post") {
      form.dataset.sent = "1";
      setTimeout(() => delete form.dataset.sent, 8000);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });
})();
