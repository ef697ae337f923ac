"""Worst and best case of disputed labels are bounds, also of unclear answers; these are counted beside errors."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pope import Pope
from harness.audit.audited_comparison import compare_audited
from harness.audit.rescore_runs import rescore
from harness.core import stats
from harness.core.evaluation import Item
from harness.labels.cases import Key
from harness.labels.votes import Ballots
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store
from reports.label_audit.text import parts
from tests.audit.test_rescore import edit, keep

LABELS = dict(zip("abcdefghij", ("yes", "no") * 5, strict=True))
SAYS = {"a": "Yes.", "b": "Maybe a dog.", "c": "I know this place.", "d": "Hard to tell.", "e": "No.", "f": "", "g": "??"}
SAYS |= {"h": "No.", "i": "Yes.", "j": "No."}
DISPUTED = ("a", "b", "c", "d", "f", "g")


def items(labels: dict[str, str]) -> list[Item]:
    return [Item(i, f"{i}.jpg", "Is there a dog in the image?", {"labels": {"random": [label]}}) for i, label in labels.items()]


def values(pope: Pope, result: Any, labels: dict[str, str]) -> dict[str, Any]:
    answers = {answer.item_id: answer for answer in result.answers}
    scored = items(labels)
    scores = [pope.score(item, answers[item.id]) for item in scored]
    return {m.name: m.value for m in stats.metrics(scored, scores, result.formulas) if m.headline}


@pytest.mark.parametrize("variant", ["llava", "official", "opera", "repope", "contains", "vlmevalkit"])
def test_no_labels_of_the_disputed_items_lead_beyond_the_worst_and_the_best_case(store: Store, variant: str) -> None:
    pope, spec = Pope(splits=["random"], variant=variant), {"name": "pope", "splits": ["random"], "variant": variant}
    keep(store, "one", pope, spec, items(LABELS), SAYS)
    found = rescore(store, ["one"], [Revision("mine", "", ())], [Key("pope", i, "label", LABELS[i]) for i in DISPUTED])
    result = found.official[0].sweeps[0].results[0]
    tried = [
        values(pope, result, {**LABELS, **dict(zip(DISPUTED, labels, strict=True))})
        for labels in product(("yes", "no"), repeat=len(DISPUTED))
    ]
    bounds = {bound.metric: bound for bound in found.bounds}
    assert bounds.keys() == tried[0].keys()
    for metric, bound in bounds.items():
        assert bound.worst == pytest.approx(min(t[metric] for t in tried)), metric
        assert bound.best == pytest.approx(max(t[metric] for t in tried)), metric


def test_unclear_answers_that_are_scored_wrong_are_counted_beside_the_errors(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, items(LABELS), SAYS)
        made = compare_audited(store, ["one"], [Revision("mine", "", (edit("h", "right"),))], Ballots([]))
    assert made.audit is not None
    ((_, fault),) = made.audit.faults
    assert (fault.errors, fault.unclear) == (1, 3)  # e; b, d and f are read as yes
    (part,) = [part for part in parts(made) if "label faults" in part.title]
    assert part.lines == (
        "POPE, one: 3 unclear answers scored wrong are not among the errors: such an answer contradicts no label.",
    )
