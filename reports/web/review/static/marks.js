"use strict";
// Marking words of a caption: what the scorer marked as invented can be a false alarm, any other word a missed hallucination.
const caption = document.querySelector("[data-caption]");
const field = document.querySelector("[data-marks]");
if (caption && field) {
  const words = [...caption.querySelectorAll(".token")];
  const kind = (word) => (word.dataset.kind === "invented" ? "false alarm" : "missed");
  let first = null;

  const show = () => {
    const marks = [];
    words.forEach((word, i) => {
      const mark = word.dataset.mark;
      word.classList.toggle("mark", Boolean(mark));
      word.classList.toggle("missed", mark === "missed");
      word.classList.toggle("false-alarm", mark === "false alarm");
      if (!mark) return;
      const last = marks.at(-1);
      const joined = last && words[i - 1]?.dataset.mark === mark && word.dataset.together === "yes";
      if (joined) last[1] = Number(word.dataset.end);
      else marks.push([Number(word.dataset.start), Number(word.dataset.end), mark]);
    });
    field.value = JSON.stringify(marks);
    const form = field.form;
    form.querySelector("[value=right].judgement").disabled = marks.length > 0;
    form.querySelector("[value=wrong].judgement").disabled = marks.length === 0;
  };
  const toggle = (from, to) => {
    const range = words.slice(Math.min(from, to), Math.max(from, to) + 1);
    const on = range.some((word) => !word.dataset.mark);
    range.forEach((word, i) => {
      word.dataset.mark = on ? kind(word) : "";
      word.dataset.together = on && i > 0 ? "yes" : "";
    });
    show();
  };
  const at = (event) => words.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest(".token"));

  caption.addEventListener("pointerdown", (event) => { first = at(event); });
  caption.addEventListener("pointerup", (event) => {
    const last = at(event);
    if (first !== null && first >= 0 && last >= 0) toggle(first, last);
    first = null;
  });
  caption.addEventListener("keydown", (event) => {
    const here = words.indexOf(event.target);
    if (here < 0) return;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === " ") toggle(here, here);
    else if (event.key in steps) words[Math.min(words.length - 1, Math.max(0, here + steps[event.key]))].focus();
    else return;
    event.preventDefault();
  });
  if (words[0]) words[0].tabIndex = 0;
  show();
}
