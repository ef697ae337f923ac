"""Whether a stored reward model read whole answers, as its checkpoint in the run's folder tells. No tokenizer, no weights.

Earlier versions read the state that predicts an answer's last token. Where the chat template writes nothing behind an answer,
and in sentence-level pairs, that state has not read the last token: "Yes" and "No" had one reward. Since then such a training
states in its provenance how it reads (`alignment.online.reward_model.READ_BEHIND`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.schema import Arm, RunConfig
from harness.core.errors import ModelError
from harness.models._conversation.chat_template import Template
from harness.storage.artifacts import Pairs
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store

_NOT_READ = "made by a version that did not read the last token of an answer"
_READ = "reward read"  # in the provenance of reward models that read it
_WAYS = {  # how the numbers of an arm rest on another one
    "after": "Goes on from {}",
    "reference": "Has {} as its reference",
    "between": "Rests on {}, with which an arm before it began or which was its reference",
}
_SETTINGS = ("chat_template.json", "processor_config.json", "tokenizer_config.json")  # a template may stand in each of them


def without_last_token(store: Store, run: str, config: RunConfig) -> list[str]:
    """The reward models of a run that did not read the last token of an answer, as far as their checkpoints tell."""
    folder, found = store.path.parent / run, list[str]()
    for model in config.reward_models:
        pairs = store.get(Pairs, run, model.name) or Pairs({})
        sentences = any(pair.context for pair in pairs.examples)
        checkpoint = _checkpoint(folder, config.place_of(model))
        if checkpoint is not None and (sentences or writes_nothing_behind(checkpoint)):
            found.append(model.name)
    return found


def accuracy_notes(names: Sequence[str]) -> tuple[str, ...]:
    """What is said of the held-out accuracies of these reward models."""
    return tuple(
        f"The held-out accuracy of the reward model {name} is not of whole answers: it was {_NOT_READ}. Train it again under "
        "another name."
        for name in names
    )


def arm_notes(arm: Arm, arms: Sequence[Arm], names: Sequence[str]) -> tuple[str, ...]:
    """What is said of an arm that one of these reward models has trained, or that goes on from such an arm or has it as its
    reference, however many arms lie between: a sentence each."""
    by_name, seen, found = {one.name: one for one in arms}, set[str](), list[str]()
    waiting = [(arm, "", "Trained")]
    while waiting:
        at, how, told = waiting.pop(0)
        if at.name in seen:
            continue
        seen.add(at.name)
        if at.align.reward in names:
            found.append(f"{told} by the rewards of {at.align.reward}, {_NOT_READ}.")
        for step, name in (("after", at.after), ("reference", at.reference)):
            if name in by_name:
                way = step if not how else "after" if how == step == "after" else "between"
                waiting.append((by_name[name], way, f"{_WAYS[way].format(name)}, which was trained"))
    return tuple(found)


def writes_nothing_behind(checkpoint: Path) -> bool:
    """Whether a checkpoint's chat template writes nothing behind an answer; False where its files do not tell."""
    try:
        tokens = {name: _text(value) for name, value in _read(checkpoint / _SETTINGS[-1]).items() if name.endswith("_token")}
        template = _template(checkpoint)
        if not template or ("eos_token" in template and "eos_token" not in tokens):
            return False
        around = Template(_Written(template, tokens)).around(1)
    except (OSError, ValueError, ImportError, RecursionError, ModelError):
        return False
    return not around.tail and not around.why


@dataclass(frozen=True, slots=True)
class _Written:
    """What `Template` needs of a processor: the template, rendered as transformers does. `tokens`: eos_token and others."""

    chat_template: str
    tokens: dict[str, str]

    def apply_chat_template(self, messages: Any, *, tokenize: bool, **options: Any) -> str:  # Any: as transformers takes them
        from transformers.utils.chat_template_utils import render_jinja_template

        given = {"chat_template": self.chat_template, **self.tokens, **options}
        return str(render_jinja_template([messages], **given)[0][0])


def _checkpoint(folder: Path, place: str) -> Path | None:
    """The checkpoint of a reward model that does not state that it read the last token; None where nothing is known of it."""
    try:
        ended = _read(folder / place / "alignment.json")
        checkpoint = folder / str(ended.get("folder", ""))
        made = _read(checkpoint / "alignment.json")
    except (OSError, ValueError, RecursionError):
        return None
    return checkpoint if ended and made and _READ not in made else None


def _template(checkpoint: Path) -> str:
    """The template of a checkpoint's folder, "" where there is none or there are several by name."""
    own = checkpoint / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    texts = [_read(checkpoint / name).get("chat_template") for name in _SETTINGS]
    return next((text for text in texts if isinstance(text, str)), "")


def _text(token: Any) -> str:  # Any: a text, or a mapping with its `content`
    return str(token["content"]) if isinstance(token, dict) and "content" in token else str(token or "")


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path)
    return found if isinstance(found, dict) else {}
