"""The review queue as Label Studio tasks, and votes from its JSON export (github.com/HumanSignal/label-studio, JSON format).

    {"data": {"benchmark": "pope", "item_id": "1", "field": "label", "label": "yes", "question": "...",
              "image": "/data/local-files/?d=coco/val2014/a.jpg", "votes_so_far": "Ada: right", ...},
     "annotations": [{"completed_by": {"email": "ada@example.org"}, "created_at": "2026-11-25T10:00:00Z", "lead_time": 4.2,
        "result": [{"from_name": "judgement", "to_name": "question", "type": "choices", "value": {"choices": ["right"]}}]}]}

A labelling configuration that fits is `CONFIG`. Captions are not exported: their marks have no place in these tasks. Votes are
data of a task and not annotations: Label Studio refuses a file with annotations by anyone who is not a member, and gives
imported ones the time of the import.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from harness.audit.review_sheet import Filled, Place, Refused, Shown
from harness.core.edge.files import parse_json
from harness.core.errors import DataError
from harness.labels.cases import JUDGEMENTS, Case, Key, Vote
from harness.labels.reviewers import numbered, unambiguous
from harness.labels.votes import moment

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Text name="question" value="$question"/>
  <Choices name="judgement" toName="question" choice="single" required="true">
    <Choice value="right"/><Choice value="wrong"/><Choice value="ambiguous"/><Choice value="skip"/>
  </Choices>
  <TextArea name="comment" toName="question"/>
</View>
"""
_KEY = ("benchmark", "item_id", "field", "label")
_LOCAL_FILES = "/data/local-files/?d="
_NAMES = ("email", "username", "id", "first_name")  # first names alone are not unique


def tasks_text(cases: Iterable[Case], votes: Iterable[Vote] = ()) -> str:
    """Tasks for Label Studio's import, each with the votes that count so far as one of its data."""
    cast: dict[Key, list[Vote]] = {}
    for vote in votes:
        cast.setdefault(vote.key, []).append(vote)
    tasks = [_task(case, cast.get(case.key, [])) for case in cases if not case.caption]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _task(case: Case, votes: Sequence[Vote]) -> dict[str, Any]:
    data = dict(zip(_KEY, case.key[:4], strict=True))
    data |= {"question": case.question, "image": _url(case.image), "reasons": "\n".join(case.reasons)}
    said = [f"{v.reviewer}: {v.judgement}{f' ({v.comment})' if v.comment else ''}" for v in votes]
    return {"data": data | {"votes_so_far": "\n".join(said)}}


def _url(image: str) -> str:
    """Where Label Studio serves a file below its LOCAL_FILES_DOCUMENT_ROOT."""
    return _LOCAL_FILES + PurePosixPath("/", image).as_uri().removeprefix("file:///") if image else ""


def votes_from(text: str, where: str) -> Filled:
    """Every vote of an export, oldest first, so that of one reviewer's several votes on a label the latest counts.

    Cancelled annotations are skips. Those without a `lead_time` were not made on the page of Label Studio, so that their time
    may be that of an import: they are not `dated`. Raises DataError with all faults at once: judgements of other names, tasks
    without a label, annotations without a judgement or a reviewer, times that are none; then there is no vote at all.
    """
    tasks = _tasks(text, where)
    users = _users(tasks)
    votes: list[tuple[Vote, bool, Shown]] = []
    faults: list[str] = []
    for n, task in enumerate(tasks, 1):
        try:
            votes += _votes_of_task(task, users)
        except DataError as error:
            faults.append(f"{where}, task {n}: {error}")
    if faults:
        more = [f"... and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise DataError("\n".join([*faults[:20], *more, "Nothing was taken from the export."]))
    ordered = sorted(votes, key=lambda one: moment(one[0].at))
    dated = frozenset(vote for vote, is_dated, _ in votes if is_dated)
    return Filled([one[0] for one in ordered], dated=dated, users=users, shown=tuple(one[2] for one in ordered))


def _tasks(text: str, where: str) -> list[Any]:
    tasks = parse_json(text, where, "Export it again from Label Studio as JSON.")
    if not isinstance(tasks, list):
        raise DataError(f"{where} is not a list of tasks. Export it from Label Studio as JSON (not JSON-MIN or CSV).")
    return tasks


def _users(tasks: Sequence[Any]) -> dict[str, str]:
    """The reviewers that an export names with Label Studio's number of the user: `numbered` -> address, or else user name."""
    lists = [task.get("annotations") for task in tasks if isinstance(task, Mapping)]
    annotations = [one for own in lists if isinstance(own, list) for one in own if isinstance(one, Mapping)]
    people = [one.get("completed_by") for one in annotations]
    named = [(_number(who), who.get("email") or who.get("username")) for who in people if isinstance(who, Mapping)]
    return unambiguous((number, name) for number, name in named if number and isinstance(name, str))


def _number(who: Any) -> str:
    """The reviewer by Label Studio's number; "" where there is none."""
    number = who.get("id") if isinstance(who, Mapping) else who
    return numbered(number) if isinstance(number, int) and not isinstance(number, bool) else ""


def placed(filled: Filled, known: Mapping[str, Collection[str]], place: Place, where: str) -> Filled:
    """The votes, each on the question that its task shows.

    Raises DataError for votes on items that no run here has (another project's export), on labels that these lack, and on
    questions or images that the items of these ids do not have. `known`: benchmark -> ids of its items.
    """
    unknown = dict.fromkeys((v.benchmark, v.item_id) for v in filled.votes if v.item_id not in known.get(v.benchmark, ()))
    if unknown:
        named = ", ".join(f"{benchmark} {item}" for benchmark, item in list(unknown)[:5])
        raise DataError(
            f"{where}: {len(unknown):,} of its items are in no run here ({named}{', ...' if len(unknown) > 5 else ''}). It is "
            "the export of another project, or of runs that lie in another `--output` folder. Nothing was taken from it."
        )
    cases = {one: place(*one) for one in dict.fromkeys((v.key, s) for v, s in zip(filled.votes, filled.shown, strict=True))}
    faults = [f"{where}: the task of {k[0]} {k[1]} {why.what}" for (k, _), why in cases.items() if isinstance(why, Refused)]
    if faults:
        more = [f"... and {len(faults) - 5} more"] if len(faults) > 5 else []
        raise DataError("\n".join([*faults[:5], *more, "Export the queue again. Nothing was taken from the export."]))
    votes = [replace(v, about=Key(*cases[v.key, s]).about) for v, s in zip(filled.votes, filled.shown, strict=True)]
    dated = frozenset(new for new, old in zip(votes, filled.votes, strict=True) if old in filled.dated)
    return filled._replace(votes=votes, dated=dated, shown=())


def _votes_of_task(task: Any, users: Mapping[str, str]) -> list[tuple[Vote, bool, Shown]]:
    """The votes, each with whether its time is that of the vote, and with what its task shows."""
    data = task.get("data") if isinstance(task, Mapping) else None
    key = [str(data.get(name, "")) if isinstance(data, Mapping) else "" for name in _KEY]
    if not (isinstance(data, Mapping) and all(key)):
        raise DataError(f"its data have no {', '.join(_KEY)}; it was not made by `labels queue --to queue.json`")
    annotations = task.get("annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(one, Mapping) for one in annotations):
        raise DataError("its annotations are not a list of annotations")
    benchmark, item, field, label = key
    votes = [
        Vote(benchmark, item, field, label, _judgement(one), _reviewer(one, users), _time(one), _comment(one))
        for one in annotations
    ]
    shown = Shown(*(data[name] if isinstance(data.get(name), str) else None for name in ("question", "image")))
    pairs = zip(votes, annotations, strict=True)
    return [(vote, one.get("lead_time") is not None and vote.at != "", shown) for vote, one in pairs]


def _value(annotation: Mapping[str, Any], name: str, kind: str) -> list[Any]:
    result = annotation.get("result", [])
    parts = [part for part in result if isinstance(part, Mapping)] if isinstance(result, list) else []
    found = [part.get("value", {}) for part in parts if part.get("from_name") == name]
    values = found[0].get(kind) if found and isinstance(found[0], Mapping) else None
    return values if isinstance(values, list) else []


def _judgement(annotation: Mapping[str, Any]) -> str:
    if annotation.get("was_cancelled"):
        return "skip"
    chosen = _value(annotation, "judgement", "choices")
    if len(chosen) != 1 or chosen[0] not in JUDGEMENTS:
        raise DataError(f"the judgement {str(chosen)[:60]} is not one of {', '.join(JUDGEMENTS)}")
    return str(chosen[0])


def _comment(annotation: Mapping[str, Any]) -> str:
    return "\n".join(str(line) for line in _value(annotation, "comment", "text"))


def _reviewer(annotation: Mapping[str, Any], users: Mapping[str, str]) -> str:
    """The reviewer's address or name; a bare number is Label Studio's own id of a user, whom the export may name elsewhere."""
    who = annotation.get("completed_by")
    if (number := _number(who)) in users:
        return users[number]
    if isinstance(who, Mapping):
        who = next((who[name] for name in _NAMES if who.get(name)), None)
    if who is None or who == "" or isinstance(who, bool):
        raise DataError("an annotation does not say who made it (completed_by)")
    return numbered(who) if isinstance(who, int) else str(who)


def _time(annotation: Mapping[str, Any]) -> str:
    """In UTC, which a time without a zone is taken for; "" where there is none."""
    written = str(annotation.get("updated_at") or annotation.get("created_at") or "")
    try:
        time = datetime.fromisoformat(written) if written else None
        zoned = time if time is None or time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
        return zoned.astimezone(timezone.utc).isoformat() if zoned is not None else ""
    except (ValueError, OverflowError):
        raise DataError(f"{written[:60]!r} is not a time (ISO 8601, such as 2026-11-25T10:00:00Z)") from None
