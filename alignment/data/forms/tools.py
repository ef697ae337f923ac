"""Preference rows in the forms of other tools -> pairs.

Each function raises LeftOut for what a pair cannot hold, ValueError for a row that is not of its form.

    trl            {"images": [..], "prompt": [{"role": "user", ..}], "chosen": [{"role": "assistant", ..}], "rejected": [..]}
    llama_factory  {"conversations": [{"from": "human", "value": ..}], "chosen": {"from": "gpt", "value": ..}, "rejected": ..,
                    "images": [..]}; or {"instruction": .., "input": .., "chosen": .., "rejected": .., "images": [..]}
    ms_swift       {"messages": [.., {"role": "assistant", "content": chosen}], "rejected_response": .., "images": [..]};
                    rejected_messages and several rejected_response are read too
    columns        {"question" or "prompt": .., "chosen": .., "rejected": .., "image": ..}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alignment.data.forms.kinds import TIE, flag, optional_text, weight_meta, weight_of
from alignment.data.forms.trl_rows import asked_in, block_types_in, from_trl, image_blocks, roles_in
from alignment.data.forms.unread_keys import listed, require_no_unread_image, require_one_image_key
from alignment.data.image_marks import MARK, count_marks, not_as_many, strip_image
from alignment.data.invalid_pairs import VIDEO
from alignment.data.published_datasets import (
    EARLIER_TURNS,
    SYSTEM,
    LeftOut,
    Row,
    make_pair,
    question_of,
    require_same_turns,
    text_of,
)
from harness.core.edge.text import shown
from harness.core.preference import ImageNames, PreferencePair, together

AUDIO, TOOLS, OTHER_IMAGE = "audio", "tools", "another image for the rejected answer"
TIED, WEIGHTLESS = "tie", "weight of 0"
_NOT_HELD = {
    "video": VIDEO, "videos": VIDEO, "audio": AUDIO, "audios": AUDIO, "system": SYSTEM, "system_prompt": SYSTEM,
    "history": EARLIER_TURNS, "tools": TOOLS,
}  # fmt: skip
_NOTHING = ("", "[]", "{}", "null")  # lists are texts in some files


def require_held(row: Row) -> None:
    """Raise LeftOut where a row has, in whatever form, what a pair cannot hold (its answers were given to something else),
    where neither answer is the better one, and where the pair is not to count."""
    if flag(row, TIE):
        raise LeftOut(TIED)
    if not weight_of(row):
        raise LeftOut(WEIGHTLESS)
    for key, reason in _NOT_HELD.items():
        if str(row.get(key) or "").strip() not in _NOTHING:
            raise LeftOut(reason)
    for key in ("rejected_images", "rejected_image"):
        if row.get(key) and listed(row[key]) != listed(row.get("images") or row.get("image")):
            raise LeftOut(OTHER_IMAGE)


def images_of(row: Row, prompt: str, *keys: str) -> ImageNames:
    """The row's images. Raises LeftOut for what a pair cannot hold, ValueError where marks and images are not as many, and for
    images under keys that are not read."""
    require_held(row)
    require_one_image_key(row)
    value = next((row[key] for key in keys if row.get(key)), None)
    images = [value] if isinstance(value, (str, Mapping)) else list(value or [])
    names = [image.get("path") or image.get("url") if isinstance(image, Mapping) else image for image in images]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("an image is not given by its name")
    marks = count_marks(prompt) if len(names) > 1 else prompt.count(MARK)
    if marks and marks != len(names):
        raise ValueError(not_as_many(len(names), marks))
    if not names:
        require_no_unread_image(row)
    return together(tuple(map(str, names)))


def columns(row: Row, name: str, source: str) -> PreferencePair:
    prompt = one_question(row)
    image = images_of(row, prompt, "image", "images", "image_path")
    return make_pair(name, image, prompt, text_of(row, "chosen"), text_of(row, "rejected"), source, **weight_meta(row))


def one_question(row: Row) -> str:
    """The text under `question` or `prompt`. Raises ValueError where both are there and differ: one of them would be lost."""
    asked = [text_of(row, key) for key in ("question", "prompt") if row.get(key) is not None]
    if len(asked) == 2 and asked[0] and asked[1] and strip_image(asked[0]).split() != strip_image(asked[1]).split():
        raise ValueError(f"'question' is {shown(asked[0], 40)} and 'prompt' is {shown(asked[1], 40)}: give one of them")
    return next(filter(None, asked), "") if asked else text_of(row, "question" if "question" in row else "prompt")


def trl(row: Row, name: str, source: str) -> PreferencePair:
    if roles := roles_in(row):
        question_of([(str(role), "") for role in roles])
    for kind, reason in (("video", VIDEO), ("audio", AUDIO)):
        if kind in block_types_in(row):
            raise LeftOut(reason)
    image = images_of(row, MARK * image_blocks(row) or asked_in(row), "images", "image")
    names = list(image) if isinstance(image, tuple) else [image] if image else []
    made = from_trl({**row, "id": name, "images": names, "image": None}, name)
    pair = make_pair(name, made.image, made.prompt, made.chosen.strip(), made.rejected[0].strip(), source)
    return replace(pair, meta=weight_meta(row), context=made.context.strip())


def llama_factory(row: Row, name: str, source: str) -> PreferencePair:
    chosen, rejected = _value(row, "chosen"), _value(row, "rejected")
    if "instruction" in row:
        prompt = "\n".join(filter(None, (text_of(row, "instruction"), optional_text(row, "input"))))
        _require_no_other_question(row, prompt)
    else:
        turns = _turns(row, "conversations" if "conversations" in row else "messages")
        prompt = question_of(turns)
    return make_pair(name, images_of(row, prompt, "images", "image"), prompt, chosen, rejected, source, **weight_meta(row))


def _require_no_other_question(row: Row, prompt: str) -> None:
    """Raise ValueError where a row with `instruction` asks something else under another key, which would be lost."""
    for key in ("prompt", "question"):
        if isinstance(other := row.get(key), str) and strip_image(other).split() not in ([], strip_image(prompt).split()):
            raise ValueError(f"'instruction' and {key!r} ({shown(other, 40)}) ask different things: give one of them")


def ms_swift(row: Row, name: str, source: str) -> PreferencePair:
    turns = _answered(row, "messages")
    prompt = question_of(turns[:-1])
    if "rejected_messages" in row:
        worse = _answered(row, "rejected_messages")
        require_same_turns(turns[:-1], worse[:-1])
        rejected = [worse[-1][1]]
    else:
        given = row.get("rejected_response")
        rejected = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    if not rejected or not all(isinstance(text, str) for text in rejected):
        raise ValueError("'rejected_response' must be a text or a list of texts")
    image = images_of(row, prompt, "images", "image")
    made = make_pair(name, image, prompt, turns[-1][1], rejected[0].strip(), source)
    return replace(made, rejected=tuple(r.strip() for r in rejected), meta=weight_meta(row))


def _answered(row: Row, key: str) -> list[tuple[str, str]]:
    """Turns of which the last one is an answer. Raises ValueError for others."""
    turns = _turns(row, key)
    if turns[-1][0] != "assistant":
        raise ValueError(f"{key!r} must end with the assistant's answer")
    return turns


FORMS: dict[str, Callable[[Row, str, str], PreferencePair]] = {
    "columns": columns, "trl": trl, "llama_factory": llama_factory, "ms_swift": ms_swift,
}  # fmt: skip


def form_of(row: Row) -> str:
    """Which form a row has. Raises ValueError where it has none of them."""
    if row.keys() & {"rejected_response", "rejected_messages"} or {"messages", "rejected_images"} <= row.keys():
        return "ms_swift"
    if "conversations" in row or "instruction" in row or isinstance(row.get("chosen"), Mapping):
        return "llama_factory"
    if isinstance(row.get("chosen"), list):
        return "trl"
    if "chosen" in row and "rejected" in row:
        return "columns"
    raise ValueError(f"no known form of a preference row: it has {', '.join(sorted(map(str, row)))}")


def _turns(row: Row, key: str) -> list[tuple[str, str]]:
    """(speaker, text) of messages of either kind: from/value or role/content. human is user, gpt is assistant."""
    turns = row.get(key)
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise ValueError(f"{key!r} must be a list of messages")
    read = []
    for turn in turns:
        who, text = (turn.get("role", turn.get("from")), turn.get("content", turn.get("value")))
        if not isinstance(who, str) or not isinstance(text, str):
            raise ValueError(f"{key!r} must hold messages with a role and a text")
        read.append(({"human": "user", "gpt": "assistant"}.get(who, who), text.strip()))
    return read


def _value(row: Row, key: str) -> str:
    value: Any = row.get(key)
    if isinstance(value, Mapping):
        if (who := value.get("role", value.get("from"))) not in (None, "assistant", "gpt"):
            raise ValueError(f"{key!r} is a message of {shown(who, 40)}, not of the assistant")
        value = value.get("value", value.get("content"))
    if not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text or a message")
    return value.strip()
