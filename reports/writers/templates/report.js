"use strict";
// The chosen filters stand behind the # of the address, so that Back, reload and a sent link show the same flips.
const kept = new URLSearchParams(location.hash.startsWith("#flips?") ? location.hash.slice(7) : "");
const keep = (wanted) => {
  const hash = wanted.length ? `#flips?${new URLSearchParams(wanted)}` : "#flips";
  try { history.replaceState(null, "", hash); } catch { /* a sandboxed page has no address of its own */ }
};
// On a narrow screen all sections but the first ones are folded under their titles; paper, wide screens and pages without script show all.
const parts = [...document.querySelectorAll(".part")];
const title = (part) => part.querySelector("h2").textContent;
const fold = (part, folded) => {
  part.classList.toggle("folded", folded);
  const button = part.querySelector(".fold");
  button.textContent = folded ? "Show" : "Hide";
  button.setAttribute("aria-expanded", String(!folded));
};
for (const part of parts) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "fold" });
  button.setAttribute("aria-label", `Show or hide ${title(part)}`);
  button.addEventListener("click", () => fold(part, !part.classList.contains("folded")));
  part.querySelector("h2").before(button);
  fold(part, part.id !== "results" && !(part.id === "gate" && part.querySelectorAll(".gate tbody tr").length <= 12)); // its sentence stays
}
const unfold = Object.assign(document.createElement("button"), { type: "button", className: "unfold", textContent: "Show all sections" });
unfold.addEventListener("click", () => { for (const part of parts) fold(part, false); });
document.querySelector(".contents").append(unfold);
const reach = () => {
  const part = parts.find(({ id }) => id === location.hash.slice(1).split("?")[0]);
  if (part) { fold(part, false); part.scrollIntoView(); }
};
for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener("click", () => setTimeout(() => { if (link.hash === location.hash) reach(); })); // not one opened in a new tab
addEventListener("hashchange", reach);
reach();
// Lists show their first few entries and a button for the rest; flips can be filtered. Without script all is shown.
for (const list of document.querySelectorAll("[data-more]")) {
  const entries = [...list.children];
  const few = Number(list.dataset.more);
  const form = list.parentElement.querySelector("[data-filters]");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "more" });
  let all = false;
  const apply = () => {
    const wanted = form ? [...new FormData(form)].filter(([, value]) => value) : [];
    const fitting = entries.filter((entry) => wanted.every(([key, value]) => entry.dataset[key] === value));
    for (const entry of entries) entry.hidden = true;
    for (const entry of all ? fitting : fitting.slice(0, few)) entry.hidden = false;
    button.hidden = all || fitting.length <= few;
    button.textContent = `Show all ${fitting.length}`;
    if (form) form.querySelector("[data-count]").textContent = fitting.length === 1 ? "1 flip" : `${fitting.length} flips`;
  };
  button.addEventListener("click", () => { all = true; apply(); });
  list.after(button);
  if (form) {
    for (const select of form.querySelectorAll("select")) {
      const value = kept.get(select.name);
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    }
    form.addEventListener("change", () => { apply(); keep([...new FormData(form)].filter(([, value]) => value)); });
    if (kept.size) addEventListener("load", () => form.scrollIntoView());
    addEventListener("pageshow", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }
  apply();
}
