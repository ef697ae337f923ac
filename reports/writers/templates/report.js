"use strict";
// The chosen filters stand behind the # of the address, so that Back, reload and a sent link show the same flips.
const kept = new URLSearchParams(location.hash.startsWith("#flips?") ? location.hash.slice(7) : "");
const keep = (wanted) => {
  const hash = wanted.length ? `#flips?${new URLSearchParams(wanted)}` : "#flips";
  try { history.replaceState(null, "", hash); } catch { /* a sandboxed page has no address of its own */ }
};
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
