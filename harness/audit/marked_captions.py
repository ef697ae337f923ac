"""Use case of `labels agreement`: the hallucinated nouns that a benchmark lists, held against people's marks in captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.audit.caption_votes import SpannedCaption, spanned_captions
from harness.core.errors import ConfigError
from harness.labels.caption_marks import CaptionMarks
from harness.labels.cases import caption_field
from harness.labels.estimates.marked_nouns import MarkedCaption, NounAgreement, noun_agreement
from harness.labels.votes import Ballots
from harness.storage.run_store import Store

BY = "supported by"  # fact of the protocol: who decides about a noun


@dataclass(frozen=True, slots=True)
class ListAgreement:
    """One checkpoint, or all together (`checkpoint` ""), under one way to decide; `found` None where no caption is marked."""

    decided_by: str
    checkpoint: str
    found: NounAgreement | None
    ambiguous: int = 0  # captions that people called so
    elsewhere: int = 0  # captions that people read with other marks of the scorer


def list_agreement(store: Store, benchmark: str, runs: Sequence[str], ballots: Ballots) -> list[ListAgreement]:
    """All checkpoints together, then one by one, for each way to decide about a noun; one caption of several runs counts once.

    Raises ConfigError where none of the runs has captions in which this benchmark marks nouns.
    """
    chosen = [store.run(name) for name in runs] if runs else store.runs()
    results = [r for run in chosen for r in store.results(run.id) if benchmark in (r.benchmark, r.options["name"])]
    results = [r for r in results if BY in r.protocol.facts]
    if not results:
        raise ConfigError(f"None of these runs has a list of hallucinated nouns by {benchmark!r}. chair_open makes such lists.")
    marks = {name: CaptionMarks(ballots, name) for name in {str(r.options["name"]) for r in results}}
    pooled: dict[str, _Read] = {}
    single: dict[tuple[str, str], _Read] = {}
    for result in results:
        by, label = result.protocol.facts[BY], f"{result.label} ({result.checkpoint.digest[:8]})"
        reads, own = (
            (single.setdefault((by, label), _Read()), pooled.setdefault(by, _Read())),
            marks[str(result.options["name"])],
        )
        for caption in spanned_captions(store, result):
            for read in reads:
                read.add(caption, own)
    found = []
    for by, read in pooled.items():
        found.append(read.agreement(by, ""))
        labels = [(label, own) for (who, label), own in single.items() if who == by]
        found += [own.agreement(by, label) for label, own in labels if len(labels) > 1]
    return found


class _Read:
    """Captions that people decided on, by item, text and the scorer's marks; unjudged ones have no list and are left out."""

    def __init__(self) -> None:
        self.captions: dict[tuple[str, str], MarkedCaption] = {}
        self.ambiguous, self.elsewhere = set[tuple[str, str]](), set[tuple[str, str]]()

    def add(self, caption: SpannedCaption, marks: CaptionMarks) -> None:
        item, text, spans = caption
        place, vote = (item.id, caption_field(text, spans)), marks.of(item, text, spans)
        if vote is not None:
            self.captions[place] = MarkedCaption(item.cluster, text, spans, vote.spans)
        elif marks.is_ambiguous(item, text, spans):
            self.ambiguous.add(place)
        elif marks.is_of_other_spans(item, text, spans):
            self.elsewhere.add(place)

    def agreement(self, by: str, checkpoint: str) -> ListAgreement:
        found = noun_agreement(list(self.captions.values()))
        return ListAgreement(by, checkpoint, found, len(self.ambiguous), len(self.elsewhere))
