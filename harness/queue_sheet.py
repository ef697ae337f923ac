"""The review queue as a sheet that can be filled in without a browser, and the votes read back from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.errors import DataError
from harness.labels import WORDS, Case, Vote
from harness.sheets import read_sheet, write_sheet

KEY = ("benchmark", "item_id", "field", "label")
FILLED = ("word", "comment")
HEADER = (*KEY, *FILLED, "question", "image", "reasons", "suspicion", "answers")
_SHORT = {word[0]: word for word in WORDS} | {word: word for word in WORDS}


def queue_text(cases: Iterable[Case], with_answers: bool = False) -> str:
    """The sheet's text. Answers are left out unless asked for, so that reviewers are not led.

    Which cases are control cases is not written: a reviewer who knew would look at them with other eyes.
    """
    return write_sheet(HEADER, (_row(case, with_answers) for case in cases))


def _row(case: Case, with_answers: bool) -> list[str]:
    said = "\n".join(f"{name}: {text}" for name, text in case.answers.items()) if with_answers else ""
    key = [case.benchmark, case.item_id, case.field, case.label]
    return [*key, "", "", case.question, case.image, "\n".join(case.reasons), f"{case.suspicion:.3f}", said]


def votes_of(path: Path, reviewer: str, at: str) -> list[Vote]:
    """The filled-in rows as votes; rows without a word are not reviewed yet.

    Raises DataError with all faults at once; then there is no vote at all.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    seen: dict[tuple[str, ...], str] = {}
    for line in read_sheet(path, (*KEY, "word")):
        said = line.cells["word"].strip().lower()
        key = tuple(line.cells.get(name, "") for name in KEY)
        if not said:
            continue
        if said not in _SHORT:
            faults.append(f"{line.where}: {line.cells['word']!r} is no judgement; write one of {', '.join(WORDS)}.")
        elif not all(key):
            faults.append(
                f"{line.where}: {', '.join(n for n, v in zip(KEY, key, strict=True) if not v)} is empty. Export it again."
            )
        elif key in seen:
            faults.append(f"{line.where} judges the same label as {seen[key]}. Keep one of them.")
        else:
            seen[key] = line.where
            benchmark, item_id, field, label = key
            comment = line.cells.get("comment", "")
            votes.append(Vote(benchmark, item_id, field, label, _SHORT[said], reviewer, at, comment))
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, "Nothing was taken from the sheet."]))
    return votes
