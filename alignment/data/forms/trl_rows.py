"""Rows of TRL's vision formats <-> pairs: preference rows (`chosen`, `rejected`) and rated answers (`completion`, `label`).

A rated answer, as TRL's KTOTrainer reads it; prompt and completion may be texts too, and a thumb may stand for the label:

    {"images": ["train/17.png"], "prompt": [{"role": "user", "content": "Describe it."}],
     "completion": [{"role": "assistant", "content": "A cat."}], "label": true}
    {"image": "train/17.png", "prompt": "Describe it.", "completion": "A dog.", "label": "down"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.data.forms.kinds import TIE, flag, weight_meta, weight_of
from alignment.data.forms.unread_keys import require_no_unread_image
from alignment.data.image_marks import MARK, by_number, placed
from harness.core.edge.text import count, shown
from harness.core.preference import ImageNames, PreferencePair, message_parts, together

_LABELS: dict[Any, bool] = {True: True, False: False, "up": True, "down": False, "good": True, "bad": False}
_LABELS |= {"thumbs_up": True, "thumbs_down": False, "true": True, "false": False}


def to_trl(pair: PreferencePair, blocks: bool = False) -> list[dict[str, Any]]:
    """TRL rows: conversational, image paths; TRL ignores the extra column `id`. `blocks`: the prompt's content as a list of
    texts and image places in place of a text, in front of which TRL puts the images."""
    suffixes = [""] if len(pair.rejected) == 1 else [f"#{k}" for k in range(len(pair.rejected))]
    return [
        {
            "id": pair.id + suffix,
            "images": list(pair.images),
            "prompt": _prompt(pair, blocks),
            "chosen": _message("assistant", pair.chosen),
            "rejected": _message("assistant", rejected),
        }
        for suffix, rejected in zip(suffixes, pair.rejected, strict=True)
    ]


def from_trl(row: Mapping[str, Any], where: str) -> PreferencePair:
    """A pair from a TRL row. Raises ValueError for what a pair cannot hold."""
    if flag(row, TIE) or not weight_of(row):
        raise ValueError("a tie, or of weight 0: the source `dataset` leaves such rows out and counts them")
    prompt, image = _asked(row)
    return PreferencePair(
        id=str(row.get("id", where)),
        image=image,
        image_digest="",
        prompt=prompt,
        chosen=_only_message(row, "chosen", "assistant", MARK),
        rejected=(_only_message(row, "rejected", "assistant", MARK),),
        source="trl",
        meta=weight_meta(row),
        context=context_in(row),
    )


def to_rated(pair: PreferencePair, blocks: bool = False) -> list[dict[str, Any]]:
    """The pair's answers as rated answers, one row each; `blocks` as of `to_trl`."""
    rated = [(pair.chosen, True)] if pair.chosen else []
    rated += [(rejected, False) for rejected in pair.rejected]
    suffixes = [""] if len(rated) == 1 else [f"#{k}" for k in range(len(rated))]
    return [
        {
            "id": pair.id + suffix,
            "images": list(pair.images),
            "prompt": _prompt(pair, blocks),
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
        raise ValueError(f"'label' is {shown(label)}; it must be true or false, up or down")
    answer = _said(row, "completion", "assistant")
    if not answer.strip():
        raise ValueError("'completion' is empty")
    if not weight_of(row):
        raise ValueError("an answer of weight 0, which would count as any other one: remove it")
    chosen, rejected = (answer, ()) if _LABELS[known] else ("", (answer,))
    (prompt, image), context = _asked(row), context_in(row)
    name = str(row.get("id", where))
    return PreferencePair(name, image, "", prompt, chosen, rejected, "rated", weight_meta(row), context)


def _said(row: Mapping[str, Any], key: str, role: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else _only_message(row, key, role, MARK)


def _asked(row: Mapping[str, Any]) -> tuple[str, ImageNames]:
    """The prompt, with a mark for each image block where there are several images, and these in the order of their marks."""
    image = _image(row)
    if not isinstance(image, tuple):
        return asked_in(row), image
    prompt = asked_in(row, MARK)
    return placed(prompt, image), by_number(prompt, image)


def asked_in(row: Mapping[str, Any], mark: str = "") -> str:
    """The prompt as it stands, a text or a message, with `mark` in the place of each image block."""
    if isinstance(value := row.get("prompt"), str):
        return value
    question, context = _parted(row)
    return _only_message({"prompt": question} if context else row, "prompt", "user", mark)


def context_in(row: Mapping[str, Any]) -> str:
    """The beginning of the answer that a prompt ends with, a last message of the assistant; "" where it ends with the user."""
    context = _parted(row)[1]
    return _only_message({"prompt": context}, "prompt", "assistant", MARK) if context else ""


def roles_in(row: Mapping[str, Any]) -> list[Any]:
    """Whose messages the prompt consists of, without the given beginning of the answer; none for a text."""
    return [message.get("role") if isinstance(message, Mapping) else None for message in _parted(row)[0]]


def block_types_in(row: Mapping[str, Any]) -> list[Any]:
    """The types of the prompt's blocks; none where all contents are texts."""
    messages = row.get("prompt")
    contents = [m.get("content") for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [block.get("type") for block in blocks if isinstance(block, Mapping)]


def _parted(row: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The prompt's messages, and the last one apart where it begins an answer, as `_prompt` writes it behind a question.
    None of either for a text."""
    value = row.get("prompt")
    messages = value if isinstance(value, list) else []
    last = messages[-1] if len(messages) > 1 else None
    given = isinstance(last, Mapping) and last.get("role") == "assistant"
    return (messages[:-1], messages[-1:]) if given else (messages, [])


def _image(row: Mapping[str, Any]) -> ImageNames:
    """The row's images. Raises ValueError for what is not a path, and where the prompt's image blocks are not as many."""
    images = row.get("images") or ([row["image"]] if row.get("image") else [])
    if not isinstance(images, list) or not all(isinstance(i, str) and i for i in images):
        raise ValueError("each image must be given as a path")
    if not images:
        require_no_unread_image(row)
    blocks = image_blocks(row)
    if blocks and blocks != len(images):
        raise ValueError(f"{count(len(images), 'image')} for {count(blocks, 'image block')} of the prompt")
    return together(tuple(images))


def image_blocks(row: Mapping[str, Any]) -> int:
    """How many blocks of the prompt stand for an image; 0 where its content is a text."""
    return block_types_in(row).count("image")


def _prompt(pair: PreferencePair, blocks: bool) -> list[dict[str, Any]]:
    """The question; behind it the given beginning of the answer, as a last message that TRL lets the answer go on with."""
    question = _blocks(pair) if blocks else pair.prompt
    context: Any = [{"type": "text", "text": pair.context}] if blocks else pair.context
    return _message("user", question) + (_message("assistant", context) if pair.context else [])


def _blocks(pair: PreferencePair) -> list[dict[str, str]]:
    """A prompt as texts and image places."""
    texts = pair.prompt.split(MARK) if isinstance(pair.image, tuple) else [pair.prompt]
    return message_parts(texts, [{"type": "image"}] * (len(texts) - 1 or len(pair.images)))


def _message(role: str, content: Any) -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def _only_message(row: Mapping[str, Any], key: str, role: str, mark: str = "") -> str:
    """The text of a list with one message; content as a text or as blocks, `mark` in the place of each image."""
    if key not in row:
        raise ValueError(f"{key!r} is missing")
    messages = row[key]
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        raise ValueError(f"{key!r} must be a list with one message; our pairs hold one turn")
    message = messages[0]
    if message.get("role") != role:
        raise ValueError(f"{key!r} must be of role {role!r}")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(_text_of_block(block, key, mark) for block in content)
    if not isinstance(content, str):
        raise ValueError(f"{key!r} has no text")
    return content


def _text_of_block(block: Any, key: str, mark: str) -> str:  # Any: a JSON value
    """A block's text, or `mark` for an image. Raises ValueError for a block of another type, which would be lost."""
    kind = block.get("type") if isinstance(block, Mapping) else None
    if kind == "text":
        text = block.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{key!r} has a block whose text is {shown(text, 40)}")
        return text or ""
    if kind == "image":
        return mark
    raise ValueError(f"{key!r} has a block of type {shown(kind)}; a block is a text or an image, which `images` names")
