"""The review queue as a sheet that can be filled in without a browser, and the votes read back from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from harness.core.errors import DataError
from harness.labels.cases import JUDGEMENTS, Case, Key, Vote
from harness.storage.spreadsheets import LONGEST_CELL, Line, parse_sheet, write_sheet
from reports.text.formatting import shortened

KEY = ("benchmark", "item_id", "field", "label")
FILLED = ("judgement", "comment")
_RENAMED = {"word": "judgement"}  # the column's name in sheets of release 0.1
HEADER = (*KEY, *FILLED, "question", "image", "needs", "reasons", "suspicion", "answers")
_SHORT = {name[0]: name for name in JUDGEMENTS} | {name: name for name in JUDGEMENTS}


def queue_text(
    cases: Iterable[Case],
    with_answers: bool = False,
    own: Mapping[Key, Vote] = MappingProxyType({}),
    needs: Mapping[Key, str] = MappingProxyType({}),
) -> str:
    """The sheet's text; `own`: the reviewer's votes so far, already filled in; `needs`: see `next_review.Advice`.

    Answers, and what reveals them (some reasons, the suspicion), are left out unless `with_answers`, so that reviewers are
    not biased. Control cases are not marked, for the same reason. Long answers are cut, and control characters are made
    visible.
    """
    return write_sheet(HEADER, (_row(case, with_answers, own.get(case.key), needs.get(case.key, "")) for case in cases))


def _row(case: Case, with_answers: bool, own: Vote | None, needs: str) -> list[str]:
    answers = "\n".join(f"{name}: {shortened(text)}" for name, text in case.answers.items())
    everything = ["\n".join((*case.model_evidence, *case.reasons)), f"{case.suspicion:.3f}", answers]
    evidence = everything if with_answers else ["\n".join(case.reasons), "", ""]
    question = f"{case.question}\n\nThe answer that was rated: {case.rated}" if case.rated else case.question
    filled = [own.judgement, own.comment] if own is not None else ["", ""]
    return [*case.key, *filled, *(shortened(cell, LONGEST_CELL) for cell in (question, case.image, needs, *evidence))]


class Refused(NamedTuple):
    """Why a row cannot be taken, as what the row does, and what to do about this and all rows like it."""

    what: str
    advice: str


Fault = Callable[[Key], Refused | None]  # why a label may not be judged; None for one that may


class Filled(NamedTuple):
    """The votes of a file, the number of its rows without one, and what else is to be known of the votes.

    `dated`: those that have the time at which they were cast, and not only that of an import. `users`: names of reviewers by
    Label Studio's numbers.
    """

    votes: list[Vote]
    empty: int = 0
    warning: str = ""
    dated: frozenset[Vote] = frozenset()
    users: Mapping[str, str] = MappingProxyType({})

    @property
    def left(self) -> str:
        """What is said of the rows without a judgement; "" where there are none."""
        if not self.empty:
            return ""
        rows = f"{self.empty:,} of {self.empty + len(self.votes):,} rows"
        return f" {rows} have nothing in the column `judgement`: they are not reviewed yet."


def votes_of(raw: bytes, name: str, reviewer: str, at: str, fault: Fault = lambda key: None) -> Filled:
    """The filled-in rows of the file `name` as votes; rows without a judgement are not reviewed yet.

    Args:
        fault: asked of every label that is judged.
    Raises DataError with all faults at once, and where no row is filled in; then there is no vote at all.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    advice: list[str] = []
    seen: dict[Key, str] = {}
    lines = parse_sheet(raw, name, (*KEY, "judgement"), _RENAMED, ("comment",))
    filled = [line for line in lines if line.cells.get("judgement", "").strip()]
    if not filled:
        raise DataError(
            f"{name}: nothing is filled in: the column `judgement` is empty in all {len(lines):,} rows. Write one of "
            f"{', '.join(JUDGEMENTS)} there for each label that you have judged."
        )
    for line in filled:
        judgement, key = line.cells["judgement"].strip().lower(), _key(line)
        if why := _fault(judgement, key, seen) or fault(key):
            faults.append(f"{line.where} {why.what}")
            advice.append(why.advice)
            continue
        seen[key] = line.where
        votes.append(Vote(*key, _SHORT[judgement], reviewer, at, line.cells.get("comment", "").strip()))
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, *dict.fromkeys(advice), "Nothing was taken from the sheet."]))
    return Filled(votes, len(lines) - len(filled))


def _fault(judgement: str, key: Key, seen: Mapping[Key, str]) -> Refused | None:
    """What is wrong with a row by itself."""
    if judgement not in _SHORT:
        what = f"has the judgement {judgement[:40]!r}, which is not valid."
        return Refused(what, f"Choose one of: {', '.join(JUDGEMENTS)}.")
    if not all(key):
        what = f"has nothing under {', '.join(n for n, v in zip(KEY, key, strict=True) if not v)}."
        return Refused(what, "Export the sheet again.")
    return Refused(f"judges the same label as {seen[key]}.", "Keep one row of a label.") if key in seen else None


def _key(line: Line) -> Key:
    benchmark, item_id, field, label = (line.cells.get(name, "") for name in KEY)
    return benchmark, item_id, field, label
