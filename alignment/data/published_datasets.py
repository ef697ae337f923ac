"""Reading published preference data: rows of a file -> pairs, with two kinds of rows that are none.

A row the data set's own rules leave out (a tie, a rating that is not a number) is dropped and counted. A row that is not
what the data set's card says is a fault: all faults are named at once, or counted too under `skip_broken`.
Images are the user's to fetch; rows without theirs are counted as missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignment.data.forms.kept_files import kept
from alignment.data.forms.kinds import storable_meta
from alignment.data.forms.tables import PACKED, table_rows
from alignment.data.image_marks import by_number, placed, strip_image
from alignment.data.image_names import check_limit, refuse_most_lost, require_inside
from alignment.data.invalid_pairs import Dropped, misplaced
from alignment.data.sampling import row_id, unique
from alignment.data.stored_pairs import from_rows, would_train
from harness.core.digests import subsample_seed
from harness.core.edge.files import FETCH, is_folder, json_lines, parse_json, read_text
from harness.core.edge.foreign import words_of
from harness.core.errors import DataError, HarnessError
from harness.core.plugins import Data, Model
from harness.core.preference import ImageNames, PreferencePair, names_of, together

BROKEN = "broken row"
EARLIER_TURNS = "earlier turns"
SYSTEM = "system prompt"
OTHER_QUESTION = "another question for the rejected answer"
LOST_ANSWERS = "answers_left_out"
Row = Mapping[str, Any]


class LeftOut(Exception):
    """A row that its data set's rules leave out; the text is the reason that the report counts."""


class Unusable(LeftOut):
    """A row that should make a pair but lacks what it needs: a file that is mostly such rows is refused."""


class Published(ABC):
    """A published data set as a source. A subclass says where its file is called and how a row becomes a pair.

    Args:
        file: in the data folder, JSON (a list) or JSON lines; "" is the data set's own name for it.
        image_folder: in front of every image's name.
        limit: that many pairs, a uniform subsample by seed.
        skip_broken: count broken rows instead of refusing the file.
    """

    default_file: str

    def __init__(self, file: str = "", image_folder: str = "", limit: int | None = None, skip_broken: bool = False) -> None:
        name = file or self.default_file
        check_limit(type(self).__module__.rpartition(".")[2], limit)
        self.options: dict[str, Any] = {
            "file": name,
            "image_folder": image_folder,
            "limit": limit,
            "skip_broken": skip_broken,
        }
        self._report: dict[str, Any] = {}

    @abstractmethod
    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        """A row's pair under the id `name`. Raises ValueError (broken) or LeftOut."""

    def id_of(self, row: Row, number: int) -> str:
        """The id of row 1.. before repeated ones are numbered; a data set without an `id` of its own overrides this."""
        return row_id(row, number)

    def place_of(self, row: Row, number: int) -> str:
        """Where row 1.. stands, as messages name it; a data set of several files overrides this."""
        return f"row {number}"

    def rows(self, data: Data) -> Iterator[Row]:
        """The file's rows; a data set of several files or another shape overrides this."""
        yield from read_rows(data, self.options["file"])

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the file's order; the model is not asked."""
        read, dropped = self._read(data, seed)
        pairs, self._report = from_rows(read, dropped, data, self.options, seed)
        if lost := sum(pair.meta.get(LOST_ANSWERS, 0) for pair in pairs):
            self._report[LOST_ANSWERS] = lost
        yield from pairs

    def check(self, data: Data, seed: int) -> int:
        """How many pairs the file makes. Reads no image; raises DataError as `pairs` would."""
        return len(self.stored(data, seed)[0])

    def stored(self, data: Data, seed: int) -> tuple[list[PreferencePair], str]:
        """The pairs without digests of their images, none of which is read, and a line on what is left out."""
        return would_train(*self._read(data, seed), data, self.options, seed)

    def _read(self, data: Data, seed: int) -> tuple[list[PreferencePair], list[Dropped]]:
        read, dropped, faults, unrated = list[PreferencePair](), list[Dropped](), list[str](), list[str]()
        rows = list(self.rows(data))
        ids = unique(self.id_of(row, number) for number, row in enumerate(rows, start=1))
        for number, (name, row) in enumerate(zip(ids, rows, strict=True), start=1):
            try:
                pair = self.pair(row, name, subsample_seed(seed))
                require_inside(pair.images)
                read.append(replace(pair, meta=storable_meta(pair.meta)))
            except LeftOut as reason:
                dropped.append(Dropped(name, str(reason)))
                unrated += [f"{self.place_of(row, number)}: {reason}"] if isinstance(reason, Unusable) else []
            except HarnessError:
                raise
            except Exception as fault:  # untrusted values may be of any type
                dropped.append(Dropped(name, BROKEN))
                faults.append(f"{self.place_of(row, number)}: {words_of(fault)}")
        if faults and not self.options["skip_broken"]:
            raise DataError(_faults_text(self.options["file"], faults))
        refuse_most_lost(self.options["file"], [*faults, *unrated], len(read) + len(dropped))
        return read, dropped

    def report(self) -> dict[str, Any]:
        return self._report


def read_rows(data: Data, name: str) -> list[Row]:
    """Objects of a JSON list or of JSON lines, or of what `forms/tables.py` unpacks. Raises DataError for another file."""
    if name.endswith(PACKED) or is_folder(data.folder / name):
        return table_rows(data, name)
    path = data.path(name)
    return list(kept(path, "rows", lambda: _parsed(path, name)))


def _parsed(path: Path, name: str) -> list[Row]:
    text = read_text(path, FETCH)
    is_list = text.lstrip().startswith("[")
    rows = parse_json(text, name) if is_list else [row for _, row in json_lines(text, name)]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name} must hold at least one JSON object and nothing else.")
    return list(rows)


def text_of(row: Row, key: str) -> str:
    """A text. Raises ValueError where it is missing or something else."""
    value = row.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text" if key in row else f"{key!r} is missing")
    return value.strip()


def image_of(row: Row, *keys: str) -> ImageNames:
    """What the first of `keys` names that has a value: an image or a list of them, each a name or the hub's {"path": ..}.

    Raises ValueError without a name.
    """
    for key in keys:
        value = row.get(key)
        given = value if isinstance(value, list) else [value]
        found = [one.get("path") if isinstance(one, Mapping) else one for one in given]
        if found and all(isinstance(name, str) and name for name in found):
            return together(tuple(map(str, found)))
    raise ValueError(f"no image name under {' or '.join(map(repr, keys))}")


def turns_of(row: Row, key: str) -> list[tuple[str, str]]:
    """LLaVA-style conversations as (speaker, text)."""
    turns = row.get(key)
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise ValueError(f"{key!r} must be a list of turns")
    if not all(isinstance(turn, Mapping) for turn in turns):
        raise ValueError(f"{key!r} must hold objects with 'from' and 'value'")
    return [(text_of(turn, "from"), text_of(turn, "value")) for turn in turns]


def question_of(turns: Sequence[tuple[str, str]]) -> str:
    """The text of turns that are one question and nothing else. Raises LeftOut for a system prompt and for earlier turns."""
    if turns and turns[0][0] == "system":
        raise LeftOut(SYSTEM)
    if len(turns) != 1:
        raise LeftOut(EARLIER_TURNS)
    if turns[0][0] not in ("user", "human"):
        raise ValueError("the conversation must begin with the user")
    return turns[0][1]


def require_same_turns(chosen: Sequence[tuple[str, str]], rejected: Sequence[tuple[str, str]]) -> None:
    """Raise LeftOut where two answers follow other turns. Marks and blanks aside: they may be written on one side only."""
    one, other = ([(who, strip_image(text).split()) for who, text in turns] for turns in (chosen, rejected))
    if one != other:
        raise LeftOut(OTHER_QUESTION)


def lost_answers(n: int) -> dict[str, int]:
    """A pair's `meta` about answers to its prompt that could not be used, so that others were chosen among."""
    return {LOST_ANSWERS: n} if n else {}


def make_pair(
    name: str, image: ImageNames, prompt: str, chosen: str, rejected: str, source: str, **meta: Any
) -> PreferencePair:
    """The images in the order of the prompt's numbered marks. Raises ValueError where several images and their marks do not
    fit, LeftOut where one image, or none, and the marks do not."""
    if not isinstance(image, tuple) and (fault := misplaced(prompt, len(names_of(image)))):
        raise LeftOut(fault)
    shown = by_number(prompt, image)
    return PreferencePair(name, shown, "", placed(prompt, image), chosen, (rejected,), source, meta)


def origin_name(row: Row, number: int) -> str:
    """An id for RLHF-V's and RLAIF-V's rows: `idx` repeats across their origins, so the origin goes in front."""
    if "idx" not in row:
        return f"row-{number}"
    return "/".join(str(row[key]) for key in ("ds_name", "origin_dataset", "idx") if row.get(key) is not None)


def _faults_text(name: str, faults: Sequence[str]) -> str:
    more = f"\n  and {len(faults) - 10:,} more" if len(faults) > 10 else ""
    listed = "".join(f"\n  {fault}" for fault in faults[:10])
    rows, them = ("1 broken row", "it") if len(faults) == 1 else (f"{len(faults):,} broken rows", "them")
    return f"{name}: {rows}; correct {them}, or set skip_broken: true to count and skip {them}:{listed}{more}"
