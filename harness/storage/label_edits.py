"""Edits of labels applied to items: those that hold, and those that do not fit the items or contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import Item, LabelEdit
from harness.labels.cases import about
from harness.labels.claims import Auditable
from harness.labels.labelled_items import LabelledItems
from harness.storage.label_revisions import Revision


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edit that was not applied, and why."""

    edit: LabelEdit
    why: str

    def __str__(self) -> str:
        edit = self.edit
        return f"{edit.benchmark}, item {edit.item_id}, {edit.field}: {self.why}"


@dataclass(frozen=True, slots=True)
class Applied:
    """Items under edits: those that changed (None: dropped), the edits that hold, and the conflicts.

    Edits of a dropped item hold as well: they are decisions on its labels, though no metric has the item any more.
    """

    changed: Mapping[str, Item | None]
    held: tuple[LabelEdit, ...]
    conflicts: tuple[Conflict, ...]


def together(revisions: Sequence[Revision]) -> tuple[tuple[LabelEdit, ...], tuple[Conflict, ...]]:
    """The edits of several revisions. Where two leave different labels, within one or across, none of that label is kept.

    "flipped" of no and "right" of yes leave the same label: both are kept, for files with either. An edit that does not say
    which question it is of (imported ones, and those of earlier versions) may be of any question under its id.
    """
    by_place: dict[tuple[str, ...], dict[str, dict[tuple[str, str], tuple[str, LabelEdit]]]] = {}
    for revision in revisions:
        for edit in revision.edits:
            questions = by_place.setdefault((edit.benchmark, edit.item_id, edit.field), {})
            questions.setdefault(edit.about, {}).setdefault((edit.old, edit.new), (revision.name, edit))
    kept, conflicts = list[LabelEdit](), list[Conflict]()
    for questions in by_place.values():
        anywhere = list(questions.pop("", {}).values())
        clash = False
        for own in [list(found.values()) for found in questions.values()] or [[]]:
            if len({_left_by(edit) for _, edit in (*own, *anywhere)}) == 1:
                kept += [edit for _, edit in own]
                continue
            clash = True
            words = " but ".join(f"{name} has {edit.new} (instead of {edit.old})" for name, edit in (*anywhere, *own))
            conflicts.append(Conflict((*anywhere, *own)[0][1], f"contradictory: {words}; neither is applied"))
        kept += [] if clash else [edit for _, edit in anywhere]
    return tuple(kept), tuple(conflicts)


def _left_by(edit: LabelEdit) -> str:
    """The label that stands after an edit."""
    if edit.new == "removed":
        return edit.new
    return {"yes": "no", "no": "yes"}.get(edit.old, f"not {edit.old}") if edit.new == "flipped" else edit.old


def apply(benchmark: Auditable, items: Iterable[Item], edits: Sequence[LabelEdit]) -> Applied:
    """The items under these edits. An edit whose item or label is not there, or has changed since, is a conflict.

    Edits go by the item that has the label (`LabelledItems`), or by a part of it, as earlier versions made them.
    """
    labelled = LabelledItems.among(benchmark, items)
    parts = {part.id: part for own in labelled.parts.values() for part in own}
    known = {**parts, **labelled.items}
    changed: dict[str, Item | None] = {}
    held, conflicts = [], []
    for edit in _fitting(benchmark, known, edits):
        item = changed.get(edit.item_id) or known.get(edit.item_id)  # the labels of a dropped item are the official ones
        why = _obstacle(benchmark, edit, item)
        if why or item is None:
            conflicts.append(Conflict(edit, why))
            continue
        held.append(edit)
        is_dropped = edit.item_id in changed and changed[edit.item_id] is None
        if edit.new != "right" and not is_dropped:
            changed[edit.item_id] = benchmark.edited(item, edit)
    whole = labelled.answered({item_id: item for item_id, item in changed.items() if item_id in labelled.items})
    alone = {item_id: item for item_id, item in changed.items() if item_id not in labelled.items}
    return Applied(whole | alone, tuple(held), tuple(conflicts))


def _fitting(benchmark: Auditable, known: Mapping[str, Item], edits: Sequence[LabelEdit]) -> list[LabelEdit]:
    """Of several edits under one id, made on files with other labels or questions, that of the label here; else the first."""
    by_label: dict[tuple[str, str], list[LabelEdit]] = {}
    for edit in edits:
        by_label.setdefault((edit.item_id, edit.field), []).append(edit)
    chosen = []
    for (item_id, _), own in by_label.items():
        item = known.get(item_id)
        chosen.append(next((edit for edit in own if len(own) > 1 and not _obstacle(benchmark, edit, item)), own[0]))
    return chosen


def _obstacle(benchmark: Auditable, edit: LabelEdit, item: Item | None) -> str:
    if item is None:
        return "there is no such item"
    claim = benchmark.claim(item, edit.field)
    if edit.about and edit.about != about(item, edit.field, benchmark.free_text):
        return "here the id is that of another question or image than the edit is of: another question file was reviewed"
    if claim is None:
        return "the item has no such label"
    if claim.label == edit.old:
        return ""
    return f"the label is {claim.label}, the edit is of {edit.old}: the label has changed since, or other files were reviewed"
