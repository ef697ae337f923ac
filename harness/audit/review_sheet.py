"""The review queue as a sheet that can be filled in without a browser, and the votes read back from it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from harness.core.errors import DataError
from harness.labels.cases import JUDGEMENTS, Case, Key, Vote
from harness.storage.spreadsheets import Line, parse_sheet, write_sheet

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
    not biased. Control cases are not marked, for the same reason.
    """
    return write_sheet(HEADER, (_row(case, with_answers, own.get(case.key), needs.get(case.key, "")) for case in cases))


def _row(case: Case, with_answers: bool, own: Vote | None, needs: str) -> list[str]:
    answers = "\n".join(f"{name}: {text}" for name, text in case.answers.items())
    everything = ["\n".join((*case.model_evidence, *case.reasons)), f"{case.suspicion:.3f}", answers]
    evidence = everything if with_answers else ["\n".join(case.reasons), "", ""]
    question = f"{case.question}\n\nThe answer that was rated: {case.rated}" if case.rated else case.question
    filled = [own.judgement, own.comment] if own is not None else ["", ""]
    return [*case.key, *filled, question, case.image, needs, *evidence]


def votes_of(raw: bytes, name: str, reviewer: str, at: str, known: Container[Key] | None = None) -> list[Vote]:
    """The filled-in rows of the file `name` as votes; rows without a judgement are not reviewed yet.

    Args:
        known: the labels that may be judged; every label where None.
    Raises DataError with all faults at once; then there is no vote at all.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    seen: dict[Key, str] = {}
    for line in parse_sheet(raw, name, (*KEY, "judgement"), _RENAMED):
        judgement, key = line.cells.get("judgement", "").strip().lower(), _key(line)
        if not judgement:
            continue
        if fault := _fault(judgement, key, seen, known):
            faults.append(f"{line.where} {fault}")
            continue
        seen[key] = line.where
        votes.append(Vote(*key, _SHORT[judgement], reviewer, at, line.cells.get("comment", "").strip()))
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, "Nothing was taken from the sheet."]))
    return votes


def _fault(judgement: str, key: Key, seen: Mapping[Key, str], known: Container[Key] | None) -> str:
    """What is wrong with a row, "" where nothing is."""
    if judgement not in _SHORT:
        return f"has the judgement {judgement[:40]!r}, which is not valid. Choose one of: {', '.join(JUDGEMENTS)}."
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
