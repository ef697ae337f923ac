"""The review queue as a sheet that can be filled in without a browser, and the votes read back from it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from harness.core.errors import DataError
from harness.labels.cases import WORDS, Case, Key, Vote
from harness.storage.spreadsheets import Line, parse_sheet, write_sheet

KEY = ("benchmark", "item_id", "field", "label")
FILLED = ("word", "comment")
HEADER = (*KEY, *FILLED, "question", "image", "reasons", "suspicion", "answers")
_SHORT = {word[0]: word for word in WORDS} | {word: word for word in WORDS}


def queue_text(cases: Iterable[Case], with_answers: bool = False, own: Mapping[Key, Vote] = MappingProxyType({})) -> str:
    """The sheet's text; `own`: what the reviewer has said so far, already filled in.

    Answers, and what tells of them (some reasons, the suspicion), are left out unless asked for, so that reviewers are not
    led. Which cases are control cases is not written: a reviewer who knew would look at them with other eyes.
    """
    return write_sheet(HEADER, (_row(case, with_answers, own.get(case.key)) for case in cases))


def _row(case: Case, with_answers: bool, own: Vote | None) -> list[str]:
    said = "\n".join(f"{name}: {text}" for name, text in case.answers.items())
    told = ["\n".join((*case.hearsay, *case.reasons)), f"{case.suspicion:.3f}", said]
    told = told if with_answers else ["\n".join(case.reasons), "", ""]
    question = f"{case.question}\n\nThe answer that was rated: {case.rated}" if case.rated else case.question
    filled = [own.word, own.comment] if own is not None else ["", ""]
    return [*case.key, *filled, question, case.image, *told]


def votes_of(raw: bytes, name: str, reviewer: str, at: str, known: Container[Key] | None = None) -> list[Vote]:
    """The filled-in rows of the file `name` as votes; rows without a word are not reviewed yet.

    Args:
        known: the labels that may be judged; every label where None.
    Raises DataError with all faults at once; then there is no vote at all.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    seen: dict[Key, str] = {}
    for line in parse_sheet(raw, name, (*KEY, "word")):
        said, key = line.cells["word"].strip().lower(), _key(line)
        if not said:
            continue
        if fault := _fault(said, key, seen, known):
            faults.append(f"{line.where} {fault}")
            continue
        seen[key] = line.where
        votes.append(Vote(*key, _SHORT[said], reviewer, at, line.cells.get("comment", "").strip()))
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, "Nothing was taken from the sheet."]))
    return votes


def _fault(said: str, key: Key, seen: Mapping[Key, str], known: Container[Key] | None) -> str:
    """What is wrong with a row, "" where nothing is."""
    if said not in _SHORT:
        return f"has the word {said[:40]!r}, which is no judgement; write one of {', '.join(WORDS)}."
    if not all(key):
        return f"has nothing under {', '.join(n for n, v in zip(KEY, key, strict=True) if not v)}. Export the sheet again."
    if known is not None and key not in known:
        return "judges a label that is not in this queue; it may have changed since. Export the sheet again."
    if key in seen:
        return f"judges the same label as {seen[key]}. Keep one of them."
    return ""


def _key(line: Line) -> Key:
    benchmark, item_id, field, label = (line.cells.get(name, "") for name in KEY)
    return benchmark, item_id, field, label
