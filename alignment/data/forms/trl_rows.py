"""Rows of TRL's vision formats <-> pairs: preference rows (`chosen`, `rejected`) and rated answers (`completion`, `label`).

A rated answer, as TRL's KTOTrainer reads it; prompt and completion may be texts too, and a thumb may stand for the label:

    {"images": ["train/17.png"], "prompt": [{"role": "user", "content": "Describe it."}],
     "completion": [{"role": "assistant", "content": "A cat."}], "label": true}
    {"image": "train/17.png", "prompt": "Describe it.", "completion": "A dog.", "label": "down"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.preference import PreferencePair

_LABELS: dict[Any, bool] = {True: True, False: False, "up": True, "down": False, "good": True, "bad": False}
_LABELS |= {"thumbs_up": True, "thumbs_down": False, "true": True, "false": False}


def to_trl(pair: PreferencePair) -> list[dict[str, Any]]:
    """TRL rows: conversational, string content, image paths; TRL ignores the extra column `id`."""

    suffixes = [""] if len(pair.rejected) == 1 else [f"#{k}" for k in range(len(pair.rejected))]
    return [
        {
            "id": pair.id + suffix,
            "images": [pair.image] if pair.image else [],
            "prompt": _prompt(pair),
            "chosen": _message("assistant", pair.chosen),
            "rejected": _message("assistant", rejected),
        }
        for suffix, rejected in zip(suffixes, pair.rejected, strict=True)
    ]


def from_trl(row: Mapping[str, Any], where: str) -> PreferencePair:
    """A pair from a TRL row. Raises ValueError for what one prompt with one image cannot hold."""
    return PreferencePair(
        id=str(row.get("id", where)),
        image=_image(row),
        image_digest="",
        prompt=_only_message(row, "prompt", "user"),
        chosen=_only_message(row, "chosen", "assistant"),
        rejected=(_only_message(row, "rejected", "assistant"),),
        source="trl",
    )


def to_rated(pair: PreferencePair) -> list[dict[str, Any]]:
    """The pair's answers as rated answers, one row each."""
    rated = [(pair.chosen, True)] if pair.chosen else []
    rated += [(rejected, False) for rejected in pair.rejected]
    suffixes = [""] if len(rated) == 1 else [f"#{k}" for k in range(len(rated))]
    return [
        {
            "id": pair.id + suffix,
            "images": [pair.image] if pair.image else [],
            "prompt": _prompt(pair),
            "completion": _message("assistant", answer),
            "label": label,
        }
        for suffix, (answer, label) in zip(suffixes, rated, strict=True)
    ]


def from_rated(row: Mapping[str, Any], where: str) -> PreferencePair:
    """A pair with one side from a rated answer. Raises ValueError with what is off."""
    label = row.get("label")
    known = label.strip().lower() if isinstance(label, str) else label
    if not isinstance(known, (bool, int, str)) or known not in _LABELS:
        raise ValueError(f"'label' is {label!r}; it must be true or false, up or down")
    answer = _said(row, "completion", "assistant")
    if not answer.strip():
        raise ValueError("'completion' is empty")
    up = _LABELS[known]
    chosen, rejected = (answer, ()) if up else ("", (answer,))
    return PreferencePair(str(row.get("id", where)), _image(row), "", _said(row, "prompt", "user"), chosen, rejected, "rated")


def _said(row: Mapping[str, Any], key: str, role: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else _only_message(row, key, role)


def _image(row: Mapping[str, Any]) -> str:
    """The row's image, "" without. Raises ValueError for several, and where the prompt's image blocks are not as many."""
    images = row.get("images") or ([row["image"]] if row.get("image") else [])
    if not isinstance(images, list) or len(images) > 1 or not all(isinstance(i, str) for i in images):
        raise ValueError(f"needs at most one image, given as a path; it has {len(images) if isinstance(images, list) else 1}")
    blocks = image_blocks(row)
    if blocks and blocks != len(images):
        raise ValueError(f"{len(images)} images for {blocks} image blocks of the prompt")
    return images[0] if images else ""


def image_blocks(row: Mapping[str, Any]) -> int:
    """How many blocks of the prompt stand for an image; 0 where its content is a text."""
    messages = row.get("prompt")
    contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return sum(isinstance(block, dict) and block.get("type") == "image" for block in blocks)


def _prompt(pair: PreferencePair) -> list[dict[str, str]]:
    """The question; behind it the given beginning of the answer, as a last message that TRL lets the answer go on with."""
    return _message("user", pair.prompt) + (_message("assistant", pair.context) if pair.context else [])


def _message(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def _only_message(row: Mapping[str, Any], key: str, role: str) -> str:
    """The text of a list with one message; content as a text or as blocks, whose images are skipped."""
    messages = row.get(key)
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        raise ValueError(f"{key!r} must be a list with one message; our pairs hold one turn")
    message = messages[0]
    if message.get("role") != role:
        raise ValueError(f"{key!r} must be of role {role!r}")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(b.get("text", "")) for b in content if isinstance(b, dict) and b.get("type") == "text")
    if not isinstance(content, str):
        raise ValueError(f"{key!r} has no text")
    return content
