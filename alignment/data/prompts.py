"""Prompts with a chosen answer each, from an instruction file in LLaVA-Instruct's format.

    {"id": "000000033471", "image": "000000033471.jpg",
     "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"}, {"from": "gpt", "value": "A bus."}, ..]}

Only the first question and its answer are used; `<image>` marks follow the rule of `image_marks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignment.data.image_marks import MARK, strip_image
from alignment.data.image_names import find_image, refuse_most_missing
from alignment.data.invalid_pairs import EMPTY_ANSWER, IMAGE_MARK, MISSING_IMAGE, UNREADABLE_IMAGE, Dropped
from harness.core.digests import parts_digest
from harness.core.edge.files import json_lines, parse_json
from harness.core.edge.foreign import words_of
from harness.core.errors import DataError, ImageError
from harness.core.plugins import Data


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question about an image with the answer to prefer."""

    id: str
    image: str  # relative to the data folder, "" without
    image_digest: str
    path: Path | None
    text: str
    chosen: str


def read_prompts(data: Data, name: str, image_folder: str, limit: int | None, seed: int) -> tuple[list[Prompt], list[Dropped]]:
    """Prompts of a file and the rows left out; with `limit`, a uniform subsample by seed in the file's order.

    Raises DataError where the file is not such a list, naming every faulty row, and where most images are missing.
    """
    asked, dropped = _usable(data, name, image_folder, limit, seed)
    kept = [replace(p, image_digest=data.digest(p.image), path=data.path(p.image)) if p.image else p for p in asked]
    return kept, dropped


def _usable(data: Data, name: str, image_folder: str, limit: int | None, seed: int) -> tuple[list[Prompt], list[Dropped]]:
    """Prompts without digests, so that no image is read, and the rows left out."""
    rows = _rows(data, name)
    ids = _unique([str(row.get("id", i)) for i, row in enumerate(rows)])
    kept, dropped, faults, missing = list[Prompt](), list[Dropped](), list[str](), list[str]()
    chosen = _subsample(ids, limit, seed)
    for i in chosen:
        try:
            question, answer = first_turn(rows[i])
        except Exception as error:  # turns may be of any type
            faults.append(f"row {i} ({ids[i]}): {words_of(error)}")
            continue
        named = str(rows[i].get("image") or "")
        image = find_image(data, image_folder, named) if named else ""
        if image is None:
            missing.append(named)
            dropped.append(Dropped(ids[i], MISSING_IMAGE))
        elif not answer:
            dropped.append(Dropped(ids[i], EMPTY_ANSWER))
        elif MARK in answer:
            dropped.append(Dropped(ids[i], IMAGE_MARK))
        else:
            kept.append(Prompt(ids[i], image, "", None, question, answer))
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:10])
        raise DataError(f"{name} has {len(faults)} faulty rows; correct or remove them:{listed}")
    refuse_most_missing(data, name, image_folder, missing, len(chosen))
    return kept, dropped


class ReadsPrompts:
    """A source that answers the prompts of a file; `options` holds `prompts`, `image_folder` and `limit`."""

    options: dict[str, Any]

    def check(self, data: Data, seed: int) -> int:
        """How many prompts can be asked. Reads no image, asks no model; raises DataError as `pairs` would."""
        o = self.options
        return len(_usable(data, o["prompts"], o["image_folder"], o["limit"], seed)[0])


def unreadable(prompts: Sequence[Prompt], error: ImageError) -> list[Dropped]:
    """The prompts about an image that a model could not read; raises `error` where there is none."""
    lost = [Dropped(p.id, UNREADABLE_IMAGE) for p in prompts if p.path == error.path]
    if not lost:
        raise error
    return lost


def _subsample(ids: Sequence[str], limit: int | None, seed: int) -> list[int]:
    if limit is None or limit >= len(ids):
        return list(range(len(ids)))
    return sorted(sorted(range(len(ids)), key=lambda i: parts_digest(seed, "limit", ids[i]))[:limit])


def first_turn(row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row's first exchange. Raises ValueError where it has none."""
    turns = row.get("conversations")
    if not isinstance(turns, Sequence) or len(turns) < 2:
        raise ValueError("'conversations' needs a question and an answer")
    human, gpt = turns[0], turns[1]
    if human.get("from") != "human" or gpt.get("from") != "gpt":
        raise ValueError("'conversations' must begin with 'human', then 'gpt'")
    return strip_image(str(human.get("value", "")).strip()), str(gpt.get("value", "")).strip()


def _rows(data: Data, name: str) -> list[Mapping[str, Any]]:
    text = data.read_text(name)
    rows = [row for _, row in json_lines(text, name)] if name.endswith(".jsonl") else parse_json(text, name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name} must hold a list of objects in LLaVA-Instruct's format.")
    if not rows:
        raise DataError(f"{name} has no rows; a source needs at least one prompt.")
    return rows


def _unique(ids: Sequence[str]) -> list[str]:
    """LLaVA-Instruct repeats ids (one image, several rows): the second "7" becomes "7#2"."""
    seen, unique = dict[str, int](), list[str]()
    for name in ids:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
