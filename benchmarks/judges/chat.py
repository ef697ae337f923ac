"""A judge that asks a language model: any model backend, a local checkpoint or a server; with the image if it is given.

The prompt follows from facts["task"]: mmhal, llava_bench, mmvet or objects (the extractor of Object HalBench); MMHal with an
image has its own, and so has `rank`. `templates` replaces our own texts (`_prompts.py`) by files, {task: path}: the official
texts, say, whose digest is then checked. A model that cannot be reached, or whose reply nothing can be read from, leaves a
verdict without a value: unjudged, listed, asked again by the next run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._judged.mmhal import tolerant_rating
from benchmarks._judged.object_list import object_list
from benchmarks.judges._prompts import DIGESTS, OWN, fill
from benchmarks.llava_bench import tolerant_scores
from benchmarks.mmvet import tolerant_grade
from harness.core import registry
from harness.core.errors import ConfigError, JudgeError, ModelError
from harness.core.evaluation import Decoding, Request, Verdict
from harness.core.plugins import Model


@registry.judge
class Chat:
    """Asks a model. Its version names the model and the texts, so another of either is another judge."""

    name = "chat"

    def __init__(
        self,
        model: Model,
        templates: Mapping[str, str] | None = None,
        check_digests: bool = True,
        max_new_tokens: int = 1024,
        temperature: float = 0.0,
    ) -> None:
        self._model = model
        self._texts = {**OWN, **{task: _read(task, path, check_digests) for task, path in (templates or {}).items()}}
        self._decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature)
        texts = hashlib.sha256(repr(sorted(self._texts.items())).encode()).hexdigest()[:12]
        own = "own texts" if not templates else "given texts for " + ", ".join(sorted(templates))
        self.version = f"{model.checkpoint.id} {model.checkpoint.digest[:12]}, {own} {texts}, temperature {temperature:g}"

    def judge(self, question: str, answer: str, facts: Mapping[str, Any], image: Path | None) -> Verdict:
        """One request. Raises JudgeError for a task without a text."""
        task = str(facts.get("task", "mmhal"))
        text = self._texts.get(f"{task}_with_image" if image and task == "mmhal" else task)
        if text is None:
            raise JudgeError(f"The chat judge has no text for the task {task!r}. It knows: {', '.join(OWN)}.")
        reply = self._ask(Request(image, fill(text, question, answer, facts), self._decoding))
        value = _value(task, reply)
        return Verdict(
            value, "" if value is not None else "unreadable" if reply else "no reply", reply, self.name, self.version
        )

    def rank(self, question: str, answers: tuple[str, str], facts: Mapping[str, Any], image: Path | None) -> Verdict:
        """One request with both answers; the reference in `facts` is not shown."""
        first, second = answers
        text = fill(self._texts["rank"], question, second, {"gt_answer": first})
        reply = self._ask(Request(image, text, self._decoding))
        value = _choice(reply)
        return Verdict(
            value, "" if value is not None else "unreadable" if reply else "no reply", reply, self.name, self.version
        )

    def spent(self) -> Any:
        """What the model's server was asked and charged; None for a model that runs here."""
        return getattr(self._model, "spent", lambda: None)()

    def _ask(self, request: Request) -> str:
        try:
            return next((answer.text for batch in self._model.generate([request]) for _, answer in batch), "")
        except ModelError:
            return ""  # after the backend's own retries; the item stays unjudged and is listed


def _value(task: str, reply: str) -> float | None:
    """A number for the verdict, None where nothing can be read: then it is not remembered. Benchmarks read the reply."""
    if task == "mmhal":
        rating = tolerant_rating(reply)
        return None if rating is None else float(rating)
    if task == "llava_bench":
        scores = tolerant_scores(reply)
        return scores[1] if scores else None
    if task == "mmvet":
        return tolerant_grade(reply)
    names = object_list(reply, "tolerant") if reply else None
    return None if names is None else float(len(names))


def _choice(reply: str) -> float | None:
    """0 for the first answer, 1 for the second, 0.5 for neither; None where the first line does not say."""
    line = reply.strip().split("\n")[0]
    found = set(re.findall(r"\b[012]\b", line))
    return {"1": 0.0, "2": 1.0, "0": 0.5}[found.pop()] if len(found) == 1 else None


def _read(task: str, path: str, check: bool) -> str:
    if task not in OWN:
        raise ConfigError(f"The chat judge has no task {task!r}; templates can be given for {', '.join(OWN)}.")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The chat judge cannot read the text for {task}, {path} ({error.strerror}).") from error
    digest = hashlib.sha256(text.encode()).hexdigest()
    if check and task in DIGESTS and not digest.startswith(DIGESTS[task]):
        raise ConfigError(
            f"{path} is not the official text for {task}: its sha256 begins {digest[:16]}, not {DIGESTS[task]}. "
            "Take the text anew, or set check_digests: false to use your own."
        )
    return text
