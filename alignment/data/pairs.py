"""Files of preference pairs: read, write, digest, sample; TRL's format in and out.

One JSON object a line, keys as in PreferencePair; lists for `rejected`:

    {"id": "b-17", "image": "train/17.png", "image_digest": "ab12..", "prompt": "Describe it.",
     "chosen": "A cat.", "rejected": ["A dog."], "source": "bdhs", "meta": {"tries": 2}}

A prompt about several images has `images` and `image_digests`, lists, in the place of `image` and `image_digest`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment.data.forms.kept_files import kept
from alignment.data.forms.kinds import is_storable
from alignment.data.forms.trl_rows import from_rated, from_trl, to_rated, to_trl
from alignment.data.image_marks import MARK, by_number, placed
from alignment.data.sampling import unique
from harness.core.digests import parts_digest
from harness.core.edge.files import parse_json, read_text
from harness.core.edge.foreign import words_of
from harness.core.edge.text import shown
from harness.core.errors import DataError, HarnessError
from harness.core.files import storable, write_text_whole
from harness.core.preference import ImageNames, Images, PreferencePair, paths_under, together

FAULTS_SHOWN, LINES_SHOWN = 10, 5
_SEVERAL = ("image", "image_digest")  # keys that are lists, with an s, in a row about several images


def image_of(pair: PreferencePair, image_root: Path) -> Images:
    """What a pair's prompt shows, as paths."""
    return paths_under(image_root, pair.image)


def read_pairs(path: Path) -> list[PreferencePair]:
    """All pairs of a file. Raises DataError naming every faulty line (the first ten in full)."""
    return _read(path, from_json, "pairs")


def pairs_text(pairs: Iterable[PreferencePair]) -> str:
    """The text of a pair file."""
    return _lines(map(to_json, pairs))


def read_trl(path: Path) -> list[PreferencePair]:
    """Pairs from TRL's vision preference format as JSON lines; rows that do not fit are faults by line."""
    return _read(path, from_trl, "TRL preference rows")


def read_rated(path: Path) -> list[PreferencePair]:
    """Rated answers (thumbs up or down), each a pair with one side; see `trl_rows.from_rated`."""
    return _read(path, from_rated, "rated answers")


def write_trl(path: Path, pairs: Sequence[PreferencePair]) -> None:
    """Write pairs so that TRL's DPOTrainer trains on them unchanged, one row a rejected answer; where one lacks a side, rated
    answers for its KTOTrainer."""
    rows = to_trl if all(pair.chosen and pair.rejected for pair in pairs) else to_rated
    blocks = any(MARK in pair.prompt for pair in pairs if isinstance(pair.image, tuple))  # one type a column
    made = [row for pair in pairs for row in rows(pair, blocks)]
    ids = unique(row["id"] for row in made)  # the answers of "a" are numbered like a second "a"
    _write(path, ({**row, "id": name} for row, name in zip(made, ids, strict=True)))


def to_json(pair: PreferencePair) -> dict[str, Any]:
    row = {**dataclasses.asdict(pair), "rejected": list(pair.rejected), "meta": dict(pair.meta)}
    if isinstance(pair.image, tuple):
        row = {f"{key}s" if key in _SEVERAL else key: value for key, value in row.items()}
    return row if pair.context else {key: value for key, value in row.items() if key != "context"}


def from_json(row: Mapping[str, Any], where: str) -> PreferencePair:
    """A pair from its JSON object; `where` names an id-less row. Raises ValueError with what is off."""
    unknown = row.keys() - {f.name for f in dataclasses.fields(PreferencePair)} - {f"{key}s" for key in _SEVERAL}
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}{_hint(row)}")
    rejected = row.get("rejected")
    answers = [rejected] if isinstance(rejected, str) else rejected
    if isinstance(answers, list) and any(isinstance(a, Mapping) and "role" in a for a in answers):
        raise ValueError(
            "'rejected' is a list of messages, as TRL writes them: give the source `form: trl`, or the pairs.jsonl beside it"
        )
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers) or not (answers or row.get("chosen")):
        raise ValueError("'rejected' must be a text or a list of texts")
    image, digest = _images(row)
    prompt = _text(row, "prompt")
    return PreferencePair(
        id=_text(row, "id", where),
        image=by_number(prompt, image),
        image_digest=by_number(prompt, digest),
        prompt=placed(prompt, image) if isinstance(image, tuple) else prompt,
        chosen=_text(row, "chosen"),
        rejected=tuple(answers),
        source=_text(row, "source", "file"),
        meta=_meta(row),
        context=_text(row, "context", ""),
    )


def _hint(row: Mapping[str, Any]) -> str:
    """What to do about a row in another form; "" where that is not known."""
    if row.keys() & {"conversations", "messages", "instruction"}:
        return ": let the source `dataset` read the file, which takes rows of TRL, LLaMA-Factory and ms-swift"
    if {"completion", "label"} <= row.keys():
        return ": rated answers are read with `form: rated`"
    if {"question", "chosen", "rejected"} <= row.keys():
        return ": the question stands under `prompt`, or let the source `dataset` read the file, which takes `question` too"
    missing = [f"`{key}`" for key in ("prompt", "chosen", "rejected") if key not in row]
    return f": a row has {', '.join(missing)}" if missing else ""


def _meta(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(meta := row.get("meta") or {}, dict):
        raise ValueError("'meta' must be an object")
    if wrong := [key for key, value in meta.items() if not is_storable(value)]:
        raise ValueError(f"'meta' has {shown(wrong[0], 40)} that is not a finite number; write null, or leave it out")
    return meta


def _images(row: Mapping[str, Any]) -> tuple[ImageNames, ImageNames]:
    """Names and digests of a row's images. Raises ValueError for what does not fit together."""
    if not any(f"{key}s" in row for key in _SEVERAL):
        return _text(row, "image", ""), _text(row, "image_digest", "")
    if row.get("image") or row.get("image_digest"):
        raise ValueError("'image' and 'images' name images both; give one image, or a list")
    names, digests = (row.get(f"{key}s") or [] for key in _SEVERAL)
    for key, values in zip(_SEVERAL, (names, digests), strict=True):
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"'{key}s' must be a list of texts")
    if not all(names) or (digests and len(digests) != len(names)):
        raise ValueError(f"{len(digests)} image_digests for {len(names)} images, each of which needs a name")
    return together(tuple(names)), together(tuple(digests))


def pairs_digest(pairs: Iterable[PreferencePair]) -> str:
    """What training can see of the pairs, in order: images, prompts, answers; not their provenance."""
    return parts_digest([_seen(pair) for pair in pairs])


def _seen(pair: PreferencePair) -> list[Any]:
    given = [pair.context] if pair.context else []  # older digests know no context
    return [pair.shown, pair.prompt, pair.chosen, list(pair.rejected), *given]


def _read(path: Path, parse: Callable[[Mapping[str, Any], str], PreferencePair], what: str) -> list[PreferencePair]:
    return list(kept(path, what, lambda: _parsed(path, parse, what)))


def _listed(faults: Mapping[str, Sequence[int]]) -> str:
    """Each fault once with the lines that have it; of many faults the first."""
    listed = ""
    for fault, lines in list(faults.items())[:FAULTS_SHOWN]:
        more = f" and {len(lines) - LINES_SHOWN} more" if len(lines) > LINES_SHOWN else ""
        listed += f"\n  line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:LINES_SHOWN]))}{more}: {fault}"
    left = sum(map(len, list(faults.values())[FAULTS_SHOWN:]))
    return f"{listed}\n  and {left} more" if left else listed


def _parsed(path: Path, parse: Callable[[Mapping[str, Any], str], PreferencePair], what: str) -> list[PreferencePair]:
    text = read_text(path)
    if text.lstrip().startswith("["):
        raise DataError(
            f"{path} is a JSON list; {what} stand in it as one JSON object a line. Write each on a line of its own."
        )
    lines = text.split("\n")  # splitlines would also break at U+2028, which may stand inside an answer
    pairs, faults, line_of = [], dict[str, list[int]](), dict[str, int]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, "it", "")
            pair = parse(row if isinstance(row, dict) else _not_an_object(), f"row-{number}")
            if pair.id in line_of:
                raise ValueError(f"id {shown(pair.id)} was already used in line {line_of[pair.id]}")
        except Exception as error:  # an untrusted row may hold values of any type
            faults.setdefault(str(error if isinstance(error, HarnessError) else words_of(error)), []).append(number)
            continue
        line_of[pair.id] = number
        pairs.append(pair)
    if faults:
        n_faulty = sum(map(len, faults.values()))
        count, them = ("1 faulty line", "it") if n_faulty == 1 else (f"{n_faulty} faulty lines", "them")
        raise DataError(f"{path} has {count} among its {what}; correct or remove {them}:{_listed(faults)}")
    if not pairs:
        raise DataError(f"{path} has no {what}; training needs at least one.")
    return pairs


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text_whole(path, _lines(rows))


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return storable("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _text(row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is missing" if key not in row else f"{key!r} must be a text")
    return value


def _not_an_object() -> Mapping[str, Any]:
    raise ValueError("not a JSON object")
