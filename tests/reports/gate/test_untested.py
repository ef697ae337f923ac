"""What a gate shows, and what it says, of a metric whose difference cannot be tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.core.evaluation import Score
from harness.core.run_record import BenchmarkResult, RunRecord
from reports.comparison.compare import gated
from reports.gate.words import of_gate
from reports.values.gate import INCONCLUSIVE, CheckpointGate, RuleResult
from tests.reports.gate.test_gate import IMPROVE, policy

# addends of a caption: mentions, invented
NOTHING, RIGHT, WRONG = (0.0, 0.0), (3.0, 0.0), (4.0, 2.0)


def rule(
    make: Any,
    base: Mapping[int, tuple[float, float]],
    aligned: Mapping[int, tuple[float, float]],
    facts: Mapping[str, str] | None = None,
) -> RuleResult:
    """Of CHAIRi over 12 images whose captions name nothing but where they are given."""

    def swept(result: BenchmarkResult, captions: Mapping[int, tuple[float, float]]) -> BenchmarkResult:
        told = [captions.get(i, NOTHING) for i in range(len(result.scores))]
        values = [{"mentions": m, "invented": n, "captions": 1.0, "truths": 5.0, "words": 9.0} for m, n in told]
        protocol = replace(result.protocol, facts={**result.protocol.facts, **(facts or {})})
        return replace(
            result, protocol=protocol, scores=tuple(Score(s.item_id, v) for s, v in zip(result.scores, values, strict=True))
        )

    record: RunRecord = make.record(n_images=12)
    sweeps = (replace(s, results=(swept(s.results[1], c),)) for s, c in zip(record.sweeps, (base, aligned), strict=True))
    (found,) = gated([replace(record, sweeps=tuple(sweeps))], policy(IMPROVE)).checkpoints[0].rules
    return found


def test_values_are_shown_where_one_image_decides_whether_there_is_one(make: Any) -> None:
    found = rule(make, {i: RIGHT if i % 2 else WRONG for i in range(12)}, {3: WRONG})
    assert (found.before, found.after, found.items, found.images) == (pytest.approx(2 / 7), 0.5, 12, 12)
    assert found.value == pytest.approx(0.5 - 2 / 7)
    assert found.why == "no difference can be tested: too few images decide it (without one of them it is unknown)"


def test_a_side_without_a_value_is_named(make: Any) -> None:
    found = rule(make, dict.fromkeys(range(12), RIGHT), {})
    assert (found.before, found.after, found.value) == (0.0, None, None)
    assert found.why == "no difference can be tested: unknown for the checkpoint: no object was mentioned"
    neither = rule(make, {}, {})
    assert neither.why.endswith("unknown for the base and the checkpoint: no object was mentioned")


def test_few_images_are_counted(make: Any) -> None:
    found = rule(make, {1: RIGHT, 2: WRONG, 3: RIGHT}, {1: RIGHT, 2: RIGHT, 3: WRONG})
    assert found.images == 3 and found.why == "no difference can be tested: 3 images count, too few for a test"
    alone = rule(make, {1: RIGHT, 2: WRONG, 3: RIGHT}, {1: RIGHT, 2: WRONG}, {"intervals resample": "objects"})
    assert alone.why == "no difference can be tested: 2 objects count, too few for a test"


def test_two_checkpoints_of_one_verdict_are_both() -> None:
    alike = [cast(CheckpointGate, SimpleNamespace(verdict=INCONCLUSIVE))] * 3
    assert of_gate(INCONCLUSIVE, alike[:2]) == "Both checkpoints: inconclusive."
    assert of_gate(INCONCLUSIVE, alike) == "All 3 checkpoints: inconclusive."
