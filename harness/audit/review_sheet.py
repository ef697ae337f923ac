"""The review queue as a sheet that can be filled in without a browser, and the votes read back from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from harness.core.errors import DataError
from harness.labels.cases import JUDGEMENTS, RATED, Case, Key, Vote
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
    filled = [own.judgement, own.comment] if own is not None else ["", ""]
    return [*case.key[:4], *filled, *(shortened(cell, LONGEST_CELL) for cell in (case.shown, case.image, needs, *evidence))]


class Refused(NamedTuple):
    """Why a row cannot be taken, as what the row does, and what to do about this and all rows like it."""

    what: str
    advice: str


class Shown(NamedTuple):
    """What a row or a task of a file shows of its question; None or blank where it shows nothing."""

    question: str | None = None
    image: str | None = None

    def is_of(self, question: str, image: str) -> bool:
        """Whether it shows this question and image, as far as it shows any. White space may differ, and so may the place where
        an image is served: its file's name counts."""
        return _same_text((self.question or "").partition(RATED)[0], question) and _same_image(self.image or "", image)


def _same_text(shown: str, stored: str) -> bool:
    return not shown.strip() or shown.split() in (stored.split(), shortened(stored, LONGEST_CELL).split())


def _same_image(shown: str, stored: str) -> bool:
    if not shown.strip() or shown.strip() == shortened(stored, LONGEST_CELL).strip():
        return True
    name, address = PurePosixPath(stored).name, shown.strip().replace("\\", "/")
    path, _, query = address.partition("?")
    places = (address, path, query.rpartition("=")[2])  # Label Studio's local files stand behind ?d=
    shown_names = [place.rpartition("/")[2] for place in places]
    names = (name, PurePosixPath("/", name).as_uri().removeprefix("file:///"))  # as it is, and as an address has it
    # An upload's name has a digest before it.
    return any(one == own or one.endswith(f"-{own}") for one in shown_names for own in names)


Place = Callable[[Key, Shown], Key | Refused]  # the case that a row is on, or why it may not be judged
APART = Refused(
    "shows another question or image than the label that it names.",
    "Were some columns sorted without the others? Then a judgement stands beside another question than the one that was "
    "judged: begin again from the sheet as it was written, and sort whole rows only.",
)


class Filled(NamedTuple):
    """The votes of a file, the number of its rows without one, and what else is to be known of the votes.

    `dated`: those that have the time at which they were cast, and not only that of an import. `users`: names of reviewers by
    Label Studio's numbers. `shown`: what the file shows of the question of each vote, where nobody has compared it yet.
    """

    votes: list[Vote]
    empty: int = 0
    warning: str = ""
    dated: frozenset[Vote] = frozenset()
    users: Mapping[str, str] = MappingProxyType({})
    shown: tuple[Shown, ...] = ()

    @property
    def left(self) -> str:
        """What is said of the rows without a judgement; "" where there are none."""
        if not self.empty:
            return ""
        rows = f"{self.empty:,} of {self.empty + len(self.votes):,} rows"
        return f" {rows} have nothing in the column `judgement`: they are not reviewed yet."


def votes_of(raw: bytes, name: str, reviewer: str, at: str, place: Place = lambda key, shown: key) -> Filled:
    """The filled-in rows of the file `name` as votes; rows without a judgement are not reviewed yet.

    Args:
        place: asked of every label that is judged.
    Raises DataError with all faults at once, and where no row is filled in; then there is no vote at all.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    advice: list[str] = []
    seen: dict[Key, str] = {}
    lines = parse_sheet(raw, name, (*KEY, "judgement"), _RENAMED, ("comment", "question", "image"))
    filled = [line for line in lines if line.cells.get("judgement", "").strip()]
    if not filled:
        raise DataError(
            f"{name}: nothing is filled in: the column `judgement` is empty in all {len(lines):,} rows. Write one of "
            f"{', '.join(JUDGEMENTS)} there for each label that you have judged."
        )
    for line in filled:
        judgement, key = line.cells["judgement"].strip().lower(), _key(line)
        shown = Shown(line.cells.get("question"), line.cells.get("image"))
        found = _fault(judgement, key, seen) or place(key, shown)
        if isinstance(found, Refused):
            faults.append(f"{line.where} {found.what}")
            advice.append(found.advice)
            continue
        seen[key] = line.where
        comment = line.cells.get("comment", "").strip()
        votes.append(Vote(*found[:4], _SHORT[judgement], reviewer, at, comment, about=found.about))
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, *dict.fromkeys(advice), "Nothing was taken from the sheet."]))
    return Filled(votes, len(lines) - len(filled))


def _fault(judgement: str, key: Key, seen: Mapping[Key, str]) -> Refused | None:
    """What is wrong with a row by itself."""
    if judgement not in _SHORT:
        what = f"has the judgement {judgement[:40]!r}, which is not valid."
        return Refused(what, f"Choose one of: {', '.join(JUDGEMENTS)}.")
    if not all(key[:4]):
        what = f"has nothing under {', '.join(n for n, v in zip(KEY, key, strict=False) if not v)}."
        return Refused(what, "Export the sheet again.")
    return Refused(f"judges the same label as {seen[key]}.", "Keep one row of a label.") if key in seen else None


def _key(line: Line) -> Key:
    benchmark, item_id, field, label = (line.cells.get(name, "") for name in KEY)
    return Key(benchmark, item_id, field, label)
