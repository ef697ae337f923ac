"use strict";
for (const form of document.querySelectorAll("[data-filters]")) {
  const cards = [...form.parentElement.querySelectorAll(".flip")];
  const out = form.querySelector("[data-count]");
  const apply = () => {
    const wanted = [...new FormData(form)].filter(([, value]) => value);
    let shown = 0;
    for (const card of cards) {
      card.hidden = !wanted.every(([key, value]) => card.dataset[key] === value);
      shown += card.hidden ? 0 : 1;
    }
    out.textContent = shown === 1 ? "1 flip" : `${shown} flips`;
  };
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}
