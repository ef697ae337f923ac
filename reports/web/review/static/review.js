"use strict";
// One click one vote, zoom. Every action is a link or a form on the page and works without this file.

// ---- a second click before the page answered is not sent
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", (event) => event.persisted && location.reload());

// ---- zoom: wheel or pinch about the pointer, drag to move, double click closer
const stage = document.querySelector("[data-stage]");
if (stage) {
  const sheet = stage.querySelector("[data-sheet]");
  const pointers = new Map();
  let scale = 1, x = 0, y = 0;

  const draw = () => {
    const { width, height } = stage.getBoundingClientRect();
    x = Math.min(0, Math.max(width * (1 - scale), x));
    y = Math.min(0, Math.max(height * (1 - scale), y));
    sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    stage.dataset.scale = scale.toFixed(2);
  };
  const zoom = (factor, atX, atY) => {
    const box = stage.getBoundingClientRect();
    const px = (atX ?? box.left + box.width / 2) - box.left, py = (atY ?? box.top + box.height / 2) - box.top;
    const next = Math.min(12, Math.max(1, scale * factor));
    x = px - ((px - x) * next) / scale;
    y = py - ((py - y) * next) / scale;
    scale = next;
    draw();
  };
  const apart = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => !event.target.closest("button") && zoom(2, event.clientX, event.clientY));
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) return;
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    if (pointers.size === 2) {
      const old = apart();
      pointers.set(event.pointerId, event);
      const [a, b] = [...pointers.values()];
      zoom(apart() / (old || 1), (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
      return;
    }
    x += event.clientX - before.clientX;
    y += event.clientY - before.clientY;
    pointers.set(event.pointerId, event);
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  stage.querySelector("[data-tools]").hidden = false;
  const steps = { in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit: () => { scale = 1; draw(); } };
  for (const button of stage.querySelectorAll("[data-zoom]")) button.addEventListener("click", steps[button.dataset.zoom]);
  stage.querySelector("[data-boxes]")?.addEventListener("click", (event) => {
    const hidden = stage.classList.toggle("without-boxes");
    event.currentTarget.setAttribute("aria-pressed", String(!hidden));
  });
  addEventListener("resize", draw);
}
