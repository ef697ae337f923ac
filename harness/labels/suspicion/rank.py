"""Rank all labels of a benchmark by suspicion, each with its reasons in words.

Every kind of evidence is weighed in nats for "this label is wrong" and the nats are added to the prior's (naive Bayes):
checkpoints (checkpoints.py) and captions (reference_captions.py) with likelihood ratios estimated from the other labels;
contradictions, near classes, hard instances and ambiguous words with the fixed weights at the top of their files.
The sum orders the queue. As a probability it is rough: kinds of evidence are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np

from harness.core.evaluation import Item
from harness.labels.cases import Case
from harness.labels.claims import Claim, Evidence, Witness
from harness.labels.control_sample import control_order
from harness.labels.suspicion.ambiguous_words import ambiguous_word_evidence
from harness.labels.suspicion.checkpoints import agreement
from harness.labels.suspicion.claim_table import Finding, Table
from harness.labels.suspicion.confusable_classes import near
from harness.labels.suspicion.contradictions import contradictions
from harness.labels.suspicion.hard_instances import instances
from harness.labels.suspicion.reference_captions import captions
from harness.labels.suspicion.uncovered_nouns import unjudged

PRIOR = log(0.03 / 0.97)  # nats; before any evidence three labels in a hundred are wrong
_LEAST_WEIGHT = 0.25  # nats


def rank_labels(
    evidence: Evidence, witnesses: Sequence[Witness], others: Sequence[Evidence] = (), *, sample: int = 0, seed: int = 0
) -> tuple[Case, ...]:
    """All labels of `evidence`, most suspicious first.

    Args:
        witnesses: the labels that each checkpoint implies; one that answered in several runs comes once.
        others: evidence on other benchmarks over the same images.
        sample, seed: so many labels, drawn at random from all, are marked `control`; see control_sample.py.
    """
    table = Table(evidence, tuple(witnesses))
    findings = [
        agreement(table),
        captions(table),
        contradictions(table, others),
        near(table),
        instances(table),
        ambiguous_word_evidence(table),
    ]
    nats = PRIOR + sum((finding.nats for finding in findings), np.zeros(len(table)))
    suspicion = 1 / (1 + np.exp(-nats))
    cases = [_case(table, row, float(suspicion[row]), findings) for row in range(len(table))]
    order = control_order([(claim.item_id, claim.field) for claim in evidence.claims], sample, seed)
    drawn = {place: n for n, place in enumerate(order)}
    cases = [
        replace(case, control=True, drawn=drawn[case.item_id, case.field]) if (case.item_id, case.field) in drawn else case
        for case in cases
    ]
    return tuple(sorted([*cases, *unjudged(table)], key=lambda case: -case.suspicion))


def _case(table: Table, row: int, suspicion: float, findings: Sequence[Finding]) -> Case:
    claim = table.claims[row]
    item = table.items[claim.item_id]
    return Case(
        benchmark=table.evidence.benchmark,
        item_id=claim.item_id,
        field=claim.field,
        label=claim.label,
        image=item.image,
        question=question_of(item, claim, table.evidence.free_text),
        suspicion=suspicion,
        reasons=_reasons(row, [finding for finding in findings if not finding.model_evidence]),
        answers={w.name: w.answers[claim.item_id] for w in table.witnesses if claim.item_id in w.answers},
        boxes=table.image_annotations[row].boxes,
        model_evidence=_reasons(row, [finding for finding in findings if finding.model_evidence]),
        about=table.about[item.id],
    )


def question_of(item: Item, claim: Claim, free_text: bool) -> str:
    """What a reviewer is asked about a label."""
    return f"Is there {_a(claim.object_name)} in the image?" if free_text else item.question


def _reasons(row: int, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The weightiest first."""
    weighted = [(finding.nats[row], finding.reasons[row]) for finding in findings if row in finding.reasons]
    return tuple(reason for weight, reason in sorted(weighted, key=lambda t: -t[0]) if weight >= _LEAST_WEIGHT)


def _a(object_name: str) -> str:
    return f"an {object_name}" if object_name[:1] in tuple("aeiou") else f"a {object_name}"
