"""Use case of `labels agreement`: the hallucinated nouns that a benchmark lists, held against people's marks in captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.errors import ConfigError
from harness.labels.cases import Vote
from harness.labels.estimates.marked_nouns import MarkedCaption, NounAgreement, noun_agreement
from harness.labels.votes import Ballots
from harness.storage.run_store import Store, StoredResult

BY = "supported by"  # fact of the protocol: who decides about a noun


@dataclass(frozen=True, slots=True)
class ListAgreement:
    """One checkpoint, or all together (`checkpoint` ""), under one way to decide; `found` None where no caption is marked."""

    decided_by: str
    checkpoint: str
    found: NounAgreement | None


def list_agreement(store: Store, benchmark: str, runs: Sequence[str], ballots: Ballots) -> list[ListAgreement]:
    """All checkpoints together, then one by one, for each way to decide about a noun; one caption of several runs counts once.

    Raises ConfigError where none of the runs has captions in which this benchmark marks nouns.
    """
    marks = {(vote.item_id, vote.answer): vote for vote in ballots.marks() if vote.benchmark == benchmark}
    chosen = [store.run(name) for name in runs] if runs else store.runs()
    results = [r for run in chosen for r in store.results(run.id) if benchmark in (r.benchmark, r.options["name"])]
    results = [r for r in results if BY in r.protocol.facts]
    if not results:
        raise ConfigError(f"None of these runs has a list of hallucinated nouns by {benchmark!r}. chair_open makes such lists.")
    pooled: dict[str, dict[tuple[str, str], MarkedCaption]] = {}
    single: dict[tuple[str, str], dict[tuple[str, str], MarkedCaption]] = {}
    for result in results:
        by, label = result.protocol.facts[BY], f"{result.label} ({result.checkpoint.digest[:8]})"
        own = _marked(store, result, marks)
        single.setdefault((by, label), {}).update(own)
        pooled.setdefault(by, {}).update(own)
    found = []
    for by, captions in pooled.items():
        found.append(ListAgreement(by, "", noun_agreement(list(captions.values()))))
        labels = [(label, list(own.values())) for (who, label), own in single.items() if who == by]
        found += [ListAgreement(by, label, noun_agreement(own)) for label, own in labels if len(labels) > 1]
    return found


def _marked(store: Store, result: StoredResult, marks: dict[tuple[str, str], Vote]) -> dict[tuple[str, str], MarkedCaption]:
    """The result's captions that people marked, by item and text; unjudged captions have no list and are left out."""
    keys = {item.id: key for item, key in zip(result.items, result.answer_keys, strict=True) if key is not None}
    texts, items = store.texts(keys.values()), {item.id: item for item in result.items}
    found: dict[tuple[str, str], MarkedCaption] = {}
    for score in result.scores:
        text = texts.get(keys.get(score.item_id, ""), "")
        vote = marks.get((score.item_id, text))
        if vote is not None and score.correct is not None:
            found[score.item_id, text] = MarkedCaption(items[score.item_id].cluster, text, score.spans, vote.spans)
    return found
