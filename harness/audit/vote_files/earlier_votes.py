"""Votes and edits of earlier versions, which go by an item's id alone, held against the questions that runs ask under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.audit.caption_votes import sure_fields
from harness.audit.vote_files.known_labels import KnownLabels
from harness.core.edge.text import count
from harness.core.evaluation import LabelEdit
from harness.labels.cases import Key
from harness.storage.label_edits import Conflict
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews

UNKNOWN_QUESTION = "unknown"  # `about` of votes that may be on several questions


def place_votes(store: Store, reviews: Reviews) -> str:
    """Count votes that do not say what they are on as votes on the one question, or the marks of the scorer, that it can be.

    That is sure where all runs of the store ask one question under the item's id, or one with that label. Other votes are kept
    and change nothing. Returns a warning of these; "" where there are none.
    """
    votes = reviews.votes()
    fields, old = sure_fields(store, votes), {vote.key for vote in votes if not vote.about}
    if not old:
        return ""
    known, keys, apart = KnownLabels(store), dict[Key, Key](), list[Key]()
    for key in (vote.key for vote in votes if vote.key in old):
        found = known.questions(key)
        digest = next(iter(found), "") if len(found) < 2 else UNKNOWN_QUESTION
        keys[key] = key._replace(field=fields.get(key, key.field), about=digest)
        apart += [key] * (len(found) > 1)
    reviews.read_as(keys)
    if not apart:
        return ""
    first = apart[0]
    return (
        f"{count(len(apart), 'vote')} of an earlier version may be on several questions: runs here have others under the same "
        f"id (the first: {first.benchmark}, item {first.item_id}). They are kept and change nothing; judge these labels again."
    )


def placed_edits(store: Store, edits: Sequence[LabelEdit]) -> tuple[list[LabelEdit], list[Conflict]]:
    """The edits, those of earlier versions on the one question of the store that they can be of; conflicts: those that may be
    of several."""
    placed, conflicts, known = list[LabelEdit](), list[Conflict](), KnownLabels(store)
    for edit in edits:
        apart = not edit.about and known.is_divided(edit.benchmark)
        found = known.questions(Key(edit.benchmark, edit.item_id, edit.field, edit.old)) if apart else {}
        if len(found) > 1:
            why = f"runs here have {len(found)} questions under this id, and the revision does not say which one it is of"
            conflicts.append(Conflict(edit, why))
        else:
            placed.append(replace(edit, about=next(iter(found))) if found else edit)
    return placed, conflicts
