"""Captions of stored results with the scorer's marks, and the votes on captions that earlier versions kept without these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.core.evaluation import Item, Span
from harness.core.flags import UNJUDGED
from harness.labels.caption_marks import overlap
from harness.labels.cases import Key, Vote, caption_field, caption_field_without_spans
from harness.storage.run_store import Store, StoredResult


class SpannedCaption(NamedTuple):
    """An answer in which the scorer marks objects."""

    item: Item
    text: str
    spans: tuple[Span, ...]


def spanned_captions(store: Store, result: StoredResult) -> Iterator[SpannedCaption]:
    """The captions of a result that its benchmark marks objects in; unjudged ones have no marks and are left out."""
    if not any(score.spans for score in result.scores):
        return
    keys = {item.id: key for item, key in zip(result.items, result.answer_keys, strict=True) if key is not None}
    texts, items = store.texts(keys.values()), {item.id: item for item in result.items}
    for score in result.scores:
        text = texts.get(keys.get(score.item_id, ""), "")
        if text.strip() and score.flag != UNJUDGED:
            yield SpannedCaption(items[score.item_id], text, score.spans)


def sure_fields(store: Store, cast: Sequence[Vote]) -> dict[Key, str]:
    """Of votes that do not say which marks of the scorer they correct: the field with the one set of marks that they can.

    That is sure where all stored results with this caption are marked alike, and the votes fit these marks. Other such votes
    stay apart: they correct nothing.
    """
    votes: defaultdict[Key, list[Vote]] = defaultdict(list)
    for vote in cast:
        if vote.answer and vote.field == caption_field_without_spans(vote.answer):
            votes[vote.key].append(vote)
    if not votes:
        return {}
    benchmarks = {key.benchmark for key in votes}
    found: defaultdict[Key, dict[str, Sequence[Span]]] = defaultdict(dict)
    for result in (result for run in store.runs() for result in store.results(run.id)):
        name = str(result.options["name"])
        for item, text, spans in spanned_captions(store, result) if name in benchmarks else ():
            key = Key(name, item.id, caption_field_without_spans(text), "")
            if key in votes:
                found[key][caption_field(text, spans)] = spans
    sure = {key: next(iter(fields.items())) for key, fields in found.items() if len(fields) == 1}
    return {key: field for key, (field, spans) in sure.items() if all(_fits(vote, spans) for vote in votes[key])}


def _fits(vote: Vote, spans: Sequence[Span]) -> bool:
    """Whether the marks could be made on a page with these spans: false alarms on invented objects, missed ones elsewhere."""
    invented = [span for span in spans if span.kind == "invented"]
    return all(any(overlap(mark, s) for s in invented) == (mark.kind == "false alarm") for mark in vote.spans)
