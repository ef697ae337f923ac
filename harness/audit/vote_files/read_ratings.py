"""People's ratings from sheets, held against the judged answers of the stored runs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.audit.human_ratings import answer_id, judged_of, results_of, scale_of
from harness.core.errors import DataError
from harness.storage.run_store import Store
from harness.storage.spreadsheets import Line, read_sheet

_NEEDED = ("benchmark", "answer_id", "rating")
_OLD_ID = re.compile("[0-9a-f]{12}")  # ids of version 0.1, some of which spreadsheet programs read as numbers
_STRANGERS = (
    "Leave the columns `benchmark` and `answer_id` as they were exported. A spreadsheet program may have changed an id that it "
    "read as a number (8.17E+11): copy it from the sheet as it was written. If the answers lie elsewhere, give `--output`."
)

Answer = tuple[str, str]  # benchmark, answer id


class Rating(NamedTuple):
    """One filled-in row. `where`: its sheet and row; `written`: the id as it stands there."""

    where: str
    answer: Answer
    written: str
    value: float


class Rated(NamedTuple):
    """`people`: answer of the runs -> mean rating over the sheets. `elsewhere`: other run -> number of rated answers that only
    it has."""

    people: Mapping[Answer, float]
    elsewhere: Mapping[str, int]


def ratings_in(store: Store, paths: Sequence[Path], runs: Sequence[str] = ()) -> Rated:
    """The ratings of the sheets, one sheet a rater.

    Raises DataError with all faults at once: ratings that are not on the benchmark's scale, two ratings of an answer in one
    sheet, and answers that are in no run of the store.
    """
    rows = read_ratings(paths)
    named = {row.answer[0] for row in rows}
    own = _answers_of(store, runs, named)
    others = _answers_of(store, (), named) if any(row.answer not in own for row in rows) else {}
    faults: list[str] = []
    values: defaultdict[Answer, list[float]] = defaultdict(list)
    elsewhere: dict[Answer, str] = {}
    for row in rows:
        answer, run = own.get(row.answer) or others.get(row.answer) or (row.answer, "")
        if not run:
            faults.append(f"{row.where} rates the answer {row.written[:40]!r} of {row.answer[0]}, which is in no run here.")
        elif off := _off_scale(row, answer[0]):
            faults.append(off)
        elif row.answer in own:
            values[answer].append(row.value)
        else:
            elsewhere[answer] = run
    strangers = [_STRANGERS] if any("is in no run here" in fault for fault in faults) else []
    _refuse(faults, strangers)
    return Rated({answer: sum(v) / len(v) for answer, v in values.items()}, Counter(elsewhere.values()))


def read_ratings(paths: Sequence[Path]) -> list[Rating]:
    """All filled-in rows; a row that stands twice in a sheet counts once.

    Raises DataError with all faults at once: ratings that are not numbers, and two ratings of one answer in a sheet.
    """
    found: list[Rating] = []
    faults: list[str] = []
    for path in paths:
        seen: dict[Answer, Rating] = {}
        for line in read_sheet(path, _NEEDED):
            if not line.cells["rating"].strip():
                continue
            row = _rating(line)
            before = seen.setdefault(row.answer, row)
            if not abs(row.value) < 1e9:  # nan or infinite
                faults.append(f"{line.where}: the rating {line.cells['rating'].strip()[:40]!r} is not a number.")
            elif row.value != before.value:
                faults.append(
                    f"{line.where} rates the same answer as {before.where}: {row.value:g}, and there {before.value:g}."
                )
        found += seen.values()
    _refuse(faults)
    return found


def _rating(line: Line) -> Rating:
    benchmark, written, text = (line.cells[name].strip() for name in _NEEDED)
    try:
        value = float(text.replace(",", "."))  # a decimal comma, as half of Europe writes it
    except ValueError:
        value = float("nan")
    known = written.lower()
    return Rating(line.where, (benchmark, f"a{known}" if _OLD_ID.fullmatch(known) else known), written, value)


def _answers_of(store: Store, runs: Sequence[str], benchmarks: Collection[str]) -> dict[Answer, tuple[Answer, str]]:
    """The judged answers under the benchmark's name and its label in the run -> the answer under the name, and the run."""
    found: dict[Answer, tuple[Answer, str]] = {}
    for run, name, result in results_of(store, runs, ""):
        if name in benchmarks or result.benchmark in benchmarks:
            for item, answer, _ in judged_of(store, result):
                identity = answer_id(item.id, answer.text)
                for title in (name, result.benchmark):
                    found.setdefault((title, identity), ((name, identity), run))
    return found


def _off_scale(row: Rating, benchmark: str) -> str:
    """The fault of a rating that the benchmark's scale does not have; "" where it has it, or the scale is not known."""
    scale = scale_of(benchmark)
    if scale is None or scale.low <= row.value <= scale.high:
        return ""
    return f"{row.where}: the rating {row.value:g} is not on the scale of {benchmark}, {scale.low:g} to {scale.high:g}."


def _refuse(faults: Sequence[str], advice: Sequence[str] = ()) -> None:
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, *advice, "No rating was taken; correct the sheet and try again."]))
