"""A policy says what is wrong with it, all at once, before anything is decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import schema
from harness.config.gate_policy import load_policy, parse_policy, read_margin
from harness.core.errors import ConfigError
from harness.core.gating import Margin
from harness.run.checks.report import check_report

ARM = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}
STUDY: dict[str, Any] = {"model": {"name": "transformers", "path": "miniworld"}, "sweep": [{"name": "pope"}], "arms": [ARM]}
GUARD = {"metric": "pope.f1", "role": "guard", "margin": "2 points"}


def refusal(*rules: Any, **keys: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_policy({"rules": list(rules), **keys})
    return str(refused.value)


def test_the_policy_that_ships_demands_less_hallucination_and_guards_the_rest() -> None:
    shipped = load_policy("default")
    assert [(rule.kind, rule.role) for rule in shipped.rules] == [
        ("hallucination", "improve"),
        ("hallucination", "guard"),
        ("helpfulness", "guard"),
        ("ability", "guard"),
        ("length", "guard"),
    ]


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("2 points", Margin(2.0, "points")),
        ("1 point", Margin(1.0, "points")),
        ("0.5points", Margin(0.5, "points")),
        ("5 % of base", Margin(5.0, "% of base")),
        ("3 words", Margin(3.0, "words")),
    ],
)
def test_a_margin_is_a_number_and_a_unit(text: str, margin: Margin) -> None:
    assert read_margin(text) == margin


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ("-2 points", "is negative; a margin is a distance: give '2 points'"),
        (0.02, "has no unit"),
        ("2 %", "2 percentage points are `2 points`"),
        ("2 px", "has the unit 'px'"),
        ("two points", "is not a number with a unit"),
        ("inf points", "is not a number with a unit"),
        ("1e999 points", "is not a number with a unit"),
        ("0 points", "0 can never be shown to be kept"),
        ("100 % of base", "would accept the loss of everything"),
    ],
)
def test_a_margin_of_another_sign_or_unit_is_refused(margin: Any, message: str) -> None:
    assert message in refusal({**GUARD, "margin": margin})


def test_an_improvement_may_be_asked_for_by_more_than_nothing_at_all() -> None:
    (rule,) = parse_policy({"rules": [{"metric": "pope.f1", "role": "improve", "margin": "0 points"}]}).rules
    assert rule.margin == Margin(0.0, "points")


@pytest.mark.parametrize("alpha", [0, -0.1, 0.5, 1, 5, "0.05", float("nan")])
def test_an_alpha_that_is_no_chance_below_one_half_is_refused(alpha: Any) -> None:
    """5, meant as per cent, would pass everything."""
    assert "alpha" in refusal(GUARD, alpha=alpha)


@pytest.mark.parametrize(("text", "says"), [("", "must hold keys and values"), ("[1]", "must hold"), (None, "is a folder")])
def test_a_policy_file_without_a_policy_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    """An empty one left a study without a gate."""
    file = tmp_path / "gate.yaml"
    file.mkdir() if text is None else file.write_text(text)
    with pytest.raises(ConfigError, match=f"gates: .*gate.yaml {says}"):
        schema.load(None, [f"gates={file}"])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"metric": "pope.f1", "role": "guard"}], "how much worse is still acceptable"),
        ([GUARD, {"metric": "pope.f1", "role": "improve"}], "pope.f1 has 2 rules; give it one"),
        ([GUARD, {"metric": "pope.yes_rate", "role": "watch", "margin": "1 point"}], "only watches has no margin"),
        ([{"metric": "pope.f1", "role": "watch"}], "could never decide"),
        ([{"role": "improve"}], "give either `metric` (BENCHMARK.METRIC) or `kind`"),
        ([{"metric": "f1", "role": "improve"}], "'f1' is not BENCHMARK.METRIC"),
        ([{**GUARD, "need": "any"}], "`any` is for improve rules over a `kind`"),
        ([{"metric": "pope.f1", "role": "improve", "need": "any"}], "`any` is for improve rules over a `kind`"),
        ([{"kind": "ability", "role": "guard", "margin": "1 point", "need": "any"}], "`any` is for improve rules"),
        ([{"kind": "ability", "role": "improve"}] * 2, "kind ability has 2 rules of the role improve; give it one"),
        ([{"kind": "length", "role": "guard", "margin": "5 % of base"}], "is longer or shorter better"),
        ([{"metric": "pope.f1", "role": "gaurd", "margin": "1 point"}], "role"),
        ([{**GUARD, "margins": "1 point"}], "Did you mean 'margin'"),
        (
            [{"kind": "length", "role": "guard", "better": b, "margin": "5 % of base"} for b in ("higher", "lower")],
            "kind length is better both higher and lower",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(rules: list[Any], message: str) -> None:
    assert message in refusal(*rules)


def test_two_metrics_may_have_their_own_directions() -> None:
    ways = {"pope.yes_rate": "lower", "chair.length": "higher"}
    rules = [{"metric": metric, "role": "improve", "better": better} for metric, better in ways.items()]
    assert {rule.metric: rule.better for rule in parse_policy({"rules": rules}).rules} == ways


def test_all_faults_come_at_once() -> None:
    assert refusal({**GUARD, "margin": -1}, {"metric": "x", "role": "improve"}).startswith("2 faults")


def test_a_study_names_its_gate_and_the_stored_study_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("name: ours\nrules:\n  - {metric: pope.f1, role: guard, margin: 2 points}\n")
    chosen = schema.parse({**STUDY, "gates": str(file)})
    assert chosen.gates is not None and chosen.gates.name == "ours" and "name: ours" in chosen.as_yaml()
    assert schema.stored(chosen.as_yaml(), "stored").gates == chosen.gates


def test_a_gate_does_not_make_a_study_another_run() -> None:
    assert schema.parse({**STUDY, "gates": "default"}).digest == schema.parse(STUDY).digest


def test_a_wrong_gate_is_a_fault_of_the_study() -> None:
    with pytest.raises(ConfigError, match="gates: There is no policy file nowhere.yaml"):
        schema.parse({**STUDY, "gates": "nowhere.yaml"})
    with pytest.raises(ConfigError, match="is negative"):
        schema.parse({**STUDY, "gates": {"rules": [{**GUARD, "margin": "-1 points"}]}})


def test_a_gate_on_a_metric_that_the_study_does_not_measure_is_refused_before_the_run() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark 'chair'; it has pope"):
        check_report(schema.parse({**STUDY, "gates": {"rules": [{"metric": "chair.recall", "role": "improve"}]}}))


def test_a_published_table_that_is_not_here_is_refused_before_the_run() -> None:
    check_report(schema.parse({**STUDY, "published": ["Table 6", "Table 7"]}))
    with pytest.raises(ConfigError, match="The study's 'Table 99' is not here. Did you mean 'Table 9'. Choose one of"):
        check_report(schema.parse({**STUDY, "published": ["Table 99"]}))


def test_a_gate_without_arms_is_refused_with_the_configuration() -> None:
    with pytest.raises(ConfigError, match="gates: a gate compares arms with the base, and this study has no `arms`"):
        schema.parse({**STUDY, "arms": [], "gates": "default"})
