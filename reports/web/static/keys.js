"use strict";
// ---- keys: whatever has data-key is pressed by it
addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (target.matches("textarea, input, select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.defaultPrevented || (event.key === "Enter" && target.matches("a, button, summary"))) return;
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key.split(" ").includes(pressed));
  if (!found || found.disabled) return;
  event.preventDefault();
  if (found.matches("summary")) {
    found.parentElement.open = true;
    found.parentElement.querySelector("textarea").focus();
  } else {
    found.click();
  }
});
