"""People's ratings from sheets, held against the judged answers of the stored runs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.audit.judges.human_ratings import answer_id, as_shown, judged_of, results_of, scale_of
from harness.core.errors import DataError
from harness.storage.run_store import Store
from harness.storage.spreadsheets import Line, read_sheet

_NEEDED = ("benchmark", "answer_id", "rating")
_SHOWN = ("item_id", "answer")  # what the id is a digest of: a sheet that has them is checked by them
_OLD_ID = re.compile("[0-9a-f]{12}")  # ids of version 0.1, some of which spreadsheet programs read as numbers
_STRANGERS = (
    "Leave the columns `benchmark` and `answer_id` as they were exported. A spreadsheet program may have changed an id that it "
    "read as a number (8.17E+11): copy it from the sheet as it was written. If the answers lie elsewhere, give `--output`."
)
_APART = (
    "Were some columns sorted without the others? Then a rating stands beside another answer than the one that was rated: "
    "begin again from the sheet as it was written, and sort whole rows only."
)

Answer = tuple[str, str]  # benchmark, answer id


class Rating(NamedTuple):
    """One filled-in row. `where`: its sheet and row; `written`, `given`: the id and the rating as they stand there; `item`,
    `text`: the item's id and the answer that the row shows, None in a sheet without such a column."""

    where: str
    answer: Answer
    written: str
    value: float
    given: str
    item: str | None = None
    text: str | None = None


class Stored(NamedTuple):
    """A judged answer of a run: under its benchmark's name, and what its id is a digest of."""

    answer: Answer
    run: str
    item: str
    text: str


class Rated(NamedTuple):
    """`raters`: sheet -> answer of the runs -> rating. `elsewhere`: other run -> number of rated answers that only it has.
    `unchecked`: sheets that do not show item and answer."""

    raters: Mapping[str, Mapping[Answer, float]]
    elsewhere: Mapping[str, int]
    unchecked: tuple[str, ...] = ()

    @property
    def people(self) -> dict[Answer, tuple[float, ...]]:
        """Answer of the runs -> the rating of each who rated it."""
        found: defaultdict[Answer, list[float]] = defaultdict(list)
        for ratings in self.raters.values():
            for answer, value in ratings.items():
                found[answer].append(value)
        return {answer: tuple(values) for answer, values in found.items()}


def ratings_in(store: Store, paths: Sequence[Path], runs: Sequence[str] = ()) -> Rated:
    """The ratings of the sheets, one sheet a rater.

    Raises DataError with all faults at once: ratings that are not on the benchmark's scale, two ratings of an answer in one
    sheet, rows that show another item or answer than their id names, and answers that are in no run of the store.
    """
    sheets = {str(path): read_ratings([path]) for path in _once(paths)}
    rows = [row for own in sheets.values() for row in own]
    named = {row.answer[0] for row in rows}
    own = _answers_of(store, runs, named)
    others = _answers_of(store, (), named) if any(row.answer not in own for row in rows) else {}
    faults: list[str] = []
    advice: dict[str, None] = {}
    raters: dict[str, dict[Answer, float]] = {name: {} for name in sheets}
    elsewhere: dict[Answer, str] = {}
    for name, sheet in sheets.items():
        for row in sheet:
            stored = own.get(row.answer) or others.get(row.answer)
            if stored is None:
                faults.append(f"{row.where} rates the answer {row.written[:40]!r} of {row.answer[0]}, which is in no run here.")
                advice[_STRANGERS] = None
            elif apart := _apart(row, stored):
                faults.append(apart)
                advice[_APART] = None
            elif off := _off_scale(row, stored.answer[0]):
                faults.append(off)
            elif row.answer in own:
                raters[name][stored.answer] = row.value
            else:
                elsewhere[stored.answer] = stored.run
    _refuse(faults, list(advice))
    unchecked = tuple(name for name, sheet in sheets.items() if any(row.item is None or row.text is None for row in sheet))
    return Rated(raters, Counter(elsewhere.values()), unchecked)


def _once(paths: Sequence[Path]) -> Sequence[Path]:
    """The paths. Raises DataError for a sheet that is given twice: it would be two raters who agree on everything."""
    seen: dict[Path, Path] = {}
    for path in paths:
        if (first := seen.setdefault(path.resolve(), path)) is not path:
            raise DataError(f"{path} and {first} are one file, and each file is one rater's. Give it once.")
    return paths


def read_ratings(paths: Sequence[Path]) -> list[Rating]:
    """All filled-in rows; a row that stands twice in a sheet counts once.

    Raises DataError with all faults at once: ratings that are not numbers, and two ratings of one answer in a sheet.
    """
    found: list[Rating] = []
    faults: list[str] = []
    for path in paths:
        seen: dict[Answer, Rating] = {}
        for line in read_sheet(path, _NEEDED, _SHOWN):
            if not line.cells["rating"].strip():
                continue
            row = _rating(line)
            before = seen.setdefault(row.answer, row)
            if not abs(row.value) < 1e9:  # nan or infinite
                faults.append(f"{line.where}: the rating {row.given!r} is not a number.")
            elif row.value != before.value:
                faults.append(f"{line.where} rates the same answer as {before.where}: {row.given}, and there {before.given}.")
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
    answer = (benchmark, f"a{known}" if _OLD_ID.fullmatch(known) else known)
    return Rating(line.where, answer, written, value, text[:40], *(line.cells.get(name) for name in _SHOWN))


def _answers_of(store: Store, runs: Sequence[str], benchmarks: Collection[str]) -> dict[Answer, Stored]:
    """The judged answers under the benchmark's name and its label in the run."""
    found: dict[Answer, Stored] = {}
    for run, name, result in results_of(store, runs, ""):
        if name in benchmarks or result.benchmark in benchmarks:
            for item, answer, _ in judged_of(store, result):
                identity = answer_id(item.id, answer.text)
                for title in (name, result.benchmark):
                    found.setdefault((title, identity), Stored((name, identity), run, item.id, answer.text))
    return found


def _apart(row: Rating, stored: Stored) -> str:
    """The fault of a row that shows another item or another answer than its id names; "" where it shows them, or neither.

    White space may differ: programs change line ends and what stands at the end of a cell. So may the form of a number.
    """
    written, item = repr(row.written[:40]), repr(stored.item[:40])
    if row.item is not None and not _same_item(row.item, stored.item):
        return f"{row.where} shows the item {row.item.strip()[:40]!r}, and its id {written} is of an answer to item {item}."
    if row.text is not None and row.text.split() not in (stored.text.split(), as_shown(stored.text).split()):
        return f"{row.where} shows another answer to item {item} than the one that its id {written} names."
    return ""


def _same_item(shown: str, stored: str) -> bool:
    try:
        return shown.split() == stored.split() or float(shown) == float(stored)
    except ValueError:
        return False


def _off_scale(row: Rating, benchmark: str) -> str:
    """The fault of a rating that the benchmark's scale does not have; "" where it has it, or the scale is not known."""
    scale = scale_of(benchmark)
    if scale is None or scale.low <= row.value <= scale.high:
        return ""
    return f"{row.where}: the rating {row.given} is not on the scale of {benchmark}, {scale.low:g} to {scale.high:g}."


def _refuse(faults: Sequence[str], advice: Sequence[str] = ()) -> None:
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, *advice, "No rating was taken; correct the sheet and try again."]))
