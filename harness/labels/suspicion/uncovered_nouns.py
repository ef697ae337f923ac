"""Nouns in descriptions that the benchmark's vocabulary cannot judge: a hallucination among them is never counted."""

from __future__ import annotations

from collections import defaultdict

from harness.labels.cases import NOUN, Case, about
from harness.labels.suspicion.claim_table import NO_ANNOTATIONS, Table

UNKNOWN = "not judged"
_MOST_SUSPICION = 0.5  # there is no label yet
_NEVER_SEEN = frozenset({"bus", "buses"})


def unjudged(table: Table) -> list[Case]:
    """One case an image and noun that at least two checkpoints named, or the only one there is."""
    named: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for witness in table.witnesses:
        for item_id, nouns in witness.unjudged.items():
            for noun in dict.fromkeys(nouns):
                named[item_id, noun].append(witness.name)
    fewest = min(2, len(table.witnesses))
    return [_case(table, item_id, noun, names) for (item_id, noun), names in named.items() if len(names) >= fewest]


def _case(table: Table, item_id: str, noun: str, names: list[str]) -> Case:
    item, n = table.items[item_id], len(table.witnesses)
    known = noun in _NEVER_SEEN
    blind = "never sees" if known else "cannot judge"
    return Case(
        benchmark=table.evidence.benchmark,
        item_id=item_id,
        field=NOUN + noun,
        label=UNKNOWN,
        image=item.image,
        question=noun_question(noun),
        suspicion=_MOST_SUSPICION * len(names) / n * (1.0 if known else 0.1),
        reasons=(f"the vocabulary {blind} \u201c{noun}\u201d",),
        answers={w.name: w.answers[item_id] for w in table.witnesses if item_id in w.answers},
        boxes=table.evidence.image_annotations.get(item.image, NO_ANNOTATIONS).boxes,
        model_evidence=(f"{len(names)} of {n} checkpoints name it",),
        about=about(item, NOUN, free_text=True),
    )


def noun_question(noun: str) -> str:
    return f"Is there something that is rightly called \u201c{noun}\u201d in the image?"
