"""Which metrics a rule is about, and its margin on their scale; of formulas made up, so that each claim is seen by itself."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config.gate_policy import parse_policy
from harness.core.errors import ConfigError
from harness.core.evaluation import Formula, ratio
from reports.gate.resolve import Target, targets, unmeasured


def made(name: str, **options: Any) -> Formula:
    return ratio(name, ["a"], ["b"], **options)


MEASURED = {
    "chair": (
        made("f1", headline=True),
        made("chairs", better="lower", role="hallucination", group="long"),
        made("chairi", better="lower", role="hallucination", headline=True),
        made("chairs", better="lower", role="hallucination", headline=True),
        made("recall", role="helpfulness", headline=True),
        made("length", better="neither", unit="words"),
    ),
    "gqa": (
        made("yes_rate", better="neither", headline=True),
        made("error", better="lower", headline=True),
        made("binary"),
        made("accuracy", headline=True),
        made("consistency", headline=True),
    ),
    "hallusion": (made("tilt", bounds=(-1.0, 1.0), better="lower"),),
    "mme": (made("total", unit="points", headline=True), made("answers", unit="count", better="lower")),
}  # fmt: skip


def found(*rules: dict[str, Any]) -> tuple[Target, ...]:
    return targets(parse_policy({"rules": list(rules)}), MEASURED)


def guard(metric: str, margin: str) -> dict[str, Any]:
    return {"metric": metric, "role": "guard", "margin": margin}


@pytest.mark.parametrize(
    ("kind", "metrics"),
    [
        ("hallucination", ["chair.chairi"]),
        ("helpfulness", ["chair.recall"]),
        ("ability", ["gqa.accuracy", "mme.total"]),  # chair measures the other two
        ("length", ["chair.length"]),
    ],
)
def test_a_kind_is_the_first_such_metric_of_each_benchmark_over_all_its_items(kind: str, metrics: list[str]) -> None:
    rule = {"kind": kind, "role": "guard", "margin": "5 % of base", **({"better": "lower"} if kind == "length" else {})}
    assert [f"{target.benchmark}.{target.formula.name}" for target in found(rule)] == metrics


def test_a_metric_with_a_rule_of_its_own_is_taken_out_of_its_kind() -> None:
    ability = {"kind": "ability", "role": "guard", "margin": "5 % of base"}
    own = {target.formula.name: target.relative for target in found(guard("gqa.accuracy", "9 % of base"), ability)}
    assert own == {"accuracy": 0.09, "total": 0.05}


@pytest.mark.parametrize(
    ("metric", "margin", "on_its_scale"),
    [
        ("gqa.accuracy", "2 points", (1, 0.02, 0.0)),  # percentage points of a share
        ("chair.chairi", "2 points", (-1, 0.02, 0.0)),
        ("mme.total", "2 points", (1, 2.0, 0.0)),
        ("mme.answers", "3 count", (-1, 3.0, 0.0)),
        ("mme.total", "5 % of base", (1, 0.0, 0.05)),
        ("hallusion.tilt", "150 points", (-1, 1.5, 0.0)),  # of 200
    ],
)
def test_a_margin_is_on_the_scale_of_its_metric(metric: str, margin: str, on_its_scale: tuple[int, float, float]) -> None:
    (target,) = found(guard(metric, margin))
    assert (target.sign, target.margin, target.relative) == pytest.approx(on_its_scale)


def test_a_length_has_the_direction_that_its_rule_gives() -> None:
    (target,) = found({**guard("chair.length", "3 words"), "better": "lower"})
    assert (target.sign, target.margin, target.relative) == (-1, 3.0, 0.0)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (guard("gqa.accuracy", "2 words"), "has another unit than the metric; give points or % of base"),
        (guard("mme.answers", "2 points"), "give count or % of base"),
        (guard("gqa.accuracy", "100 points"), "is the metric's whole scale"),
        (guard("hallusion.tilt", "200 points"), "is the metric's whole scale"),
        ({**guard("gqa.accuracy", "2 points"), "better": "lower"}, "its better direction is higher, the policy says lower"),
        (guard("gqa.yes_rate", "2 points"), "has no better direction of its own"),
        (guard("gqa.recall", "2 points"), "Headline metrics of gqa: gqa.yes_rate, gqa.error, gqa.accuracy, gqa.consistency$"),
        (guard("pope.f1", "2 points"), "the run has no benchmark 'pope'; it has chair, gqa, hallusion, mme"),
    ],
)
def test_a_rule_that_does_not_fit_its_metric_is_refused(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        found(rule)


def test_a_policy_of_which_nothing_that_decides_was_measured_is_refused() -> None:
    rules = [{"kind": "hallucination", "role": "improve"}, {"kind": "length", "role": "watch"}]
    policy = parse_policy({"rules": rules})
    assert unmeasured(policy, {"gqa": MEASURED["gqa"]}) == ["hallucination"]  # what is only watched may be missing
    with pytest.raises(ConfigError, match=r"none of its rules fits what was measured \(gqa\)"):
        targets(policy, {"gqa": MEASURED["gqa"]})
    with pytest.raises(ConfigError, match=r"none of its rules fits"):  # the length is there, and is only watched
        targets(policy, {"words": MEASURED["chair"][-1:]})
