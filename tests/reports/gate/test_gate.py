"""A gate passes only what is shown; what is incomplete, unmeasured or measured otherwise is inconclusive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.config.gate_policy import load_policy, parse_policy
from harness.core.errors import ConfigError
from harness.core.gating import GatePolicy
from harness.core.run_record import ProtocolRecord
from reports.comparison.compare import compare, gated
from reports.gate.anytime import Anytime
from reports.gate.decide import gate
from reports.gate.junit import junit
from reports.values.gate import Gate, RuleResult
from reports.writers import html, json, markdown


def policy(*rules: dict[str, Any]) -> GatePolicy:
    return parse_policy({"name": "release", "rules": list(rules)})


IMPROVE = {"metric": "chair.chair_i", "role": "improve"}
RECALL = {"metric": "chair.recall", "role": "guard", "margin": "10 points"}
ACCURACY = {"metric": "pope.accuracy", "role": "guard", "margin": "2 points"}


@pytest.fixture
def better(make: Any) -> Any:
    return make.record(n_images=60)


def verdicts(gate: Gate) -> list[str]:
    return [rule.verdict for rule in gate.checkpoints[0].rules]


def test_a_checkpoint_that_is_better_and_not_worse_passes(better: Any) -> None:
    found = gated([better], policy(IMPROVE, ACCURACY))
    assert (found.verdict, found.exit_code) == ("pass", 0)
    assert found.words == "aligned passes: 2 of 2 requirements are shown to be met."


def test_the_default_policy_is_inconclusive_where_nothing_measures_a_kind(better: Any) -> None:
    """The chair-like benchmark measures hallucination, helpfulness and length; nothing else is measured."""
    only_chair = replace(better, sweeps=tuple(replace(s, results=s.results[1:]) for s in better.sweeps))
    found = gated([only_chair], load_policy("default"))
    assert found.verdict == "inconclusive" and "ability is not measured by any benchmark" in found.words


def test_a_worse_checkpoint_fails(make: Any) -> None:
    worse = make.record(aligned=make.Habits(0.7, 0.3, 0.6, 18))
    found = gated([worse], policy(IMPROVE, ACCURACY))
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert verdicts(found) == ["fail", "fail"] and found.words.startswith("aligned fails: CHAIRi (must fall) and POPE accuracy")


def test_a_difference_that_could_be_either_is_inconclusive_and_names_the_items_that_would_decide(make: Any) -> None:
    alike = make.record(aligned=make.Habits(0.33, 0.72, 0.29, 18), seed=1)
    found = gated([alike], policy(IMPROVE))
    (rule,) = found.checkpoints[0].rules
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert rule.items_needed is not None and rule.items_needed > rule.items
    assert "items (now" in rule.why and "with a chance of 80 %" in rule.why


def test_the_items_that_would_decide_are_those_to_ask_also_where_an_answer_does_not_move_the_metric(make: Any) -> None:
    """60 images with 6 questions a split: a right no does not move F1, and some captions name no object."""
    alike = make.record(aligned=make.Habits(0.33, 0.72, 0.29, 18), seed=1)
    rules = [{"metric": f"pope.{name}[adversarial]", "role": "improve"} for name in ("f1", "accuracy", "recall")]
    found = gated([alike], policy(*rules)).checkpoints[0].rules
    assert [rule.asked for rule in found] == [360, 360, 360] and found[0].items < found[1].items == 360
    for rule in found:
        assert "(now 360) would decide it" in rule.why and rule.items_needed is not None and rule.items_needed > 360


def test_a_guard_passes_what_falls_by_less_than_its_margin_and_an_improvement_must_exceed_it(make: Any) -> None:
    worse = make.record(aligned=make.Habits(0.7, 0.3, 0.6, 18), n_images=60)

    def only(metric: str, role: str, margin: str) -> RuleResult:
        return gated([worse], policy({"metric": metric, "role": role, "margin": margin})).checkpoints[0].rules[0]

    points, share = (only("chair.recall", "guard", margin) for margin in ("90 points", "95 % of base"))
    assert points.value == share.value and (points.value or 0) < 0 and [points.verdict, share.verdict] == ["pass", "pass"]
    assert (points.threshold, share.threshold) == (-0.9, pytest.approx(-0.95 * (share.before or 0)))
    up = only("chair.recall", "improve", "10 % of base")
    down = only("chair.chair_i", "improve", "10 % of base")
    assert up.threshold == pytest.approx(0.1 * (up.before or 0)) and down.threshold == pytest.approx(-0.1 * (down.before or 0))
    assert [up.verdict, down.verdict] == ["fail", "fail"]


def test_a_metric_that_the_base_alone_lacks_keeps_the_gate_open(better: Any) -> None:
    base, aligned = better.sweeps
    found = gated([replace(better, sweeps=(replace(base, results=base.results[:1]), aligned))], policy(IMPROVE, ACCURACY))
    assert verdicts(found) == ["inconclusive", "pass"] and found.verdict == "inconclusive"
    assert found.checkpoints[0].rules[0].why == "not measured on both checkpoints"


def test_a_single_checkpoint_has_no_gate(better: Any) -> None:
    with pytest.raises(ConfigError, match="there is only one checkpoint"):
        gated([replace(better, sweeps=better.sweeps[:1])], policy(IMPROVE))


def test_a_margin_relative_to_a_base_of_0_says_so(make: Any) -> None:
    none = make.Habits(says_yes_wrongly=0.3, sees=0.7, invents=0.0, words=18)
    record = make.record(aligned=none, seed=1)
    base = replace(record.sweeps[1], label="base")
    rule = {"metric": "chair.chair_i", "role": "guard", "margin": "5 % of base"}
    found = gated([replace(record, sweeps=(base, record.sweeps[1]))], policy(rule)).checkpoints[0].rules[0]
    assert (found.verdict, found.before) == ("inconclusive", 0) and found.why.startswith("the base is 0,")


def test_an_unfinished_run_never_passes(better: Any) -> None:
    found = gated([replace(better, complete=False)], policy(IMPROVE, ACCURACY))
    assert found.verdict == "inconclusive" and "bdhs-matched did not finish" in found.words


def test_a_base_of_another_run_that_did_not_finish_keeps_the_gate_open(better: Any) -> None:
    base, aligned = better.sweeps
    alone, arm = replace(better, run_id="base-run", name="base-run", sweeps=(base,)), replace(better, sweeps=(aligned,))
    assert gated([alone, arm], policy(IMPROVE, ACCURACY)).verdict == "pass"
    found = gated([replace(alone, complete=False), arm], policy(IMPROVE, ACCURACY))
    assert found.verdict == "inconclusive" and "did not finish" in found.words


def test_an_arm_without_a_sweep_is_listed_and_keeps_the_gate_open(better: Any) -> None:
    waiting = replace(better, name="waiting", sweeps=better.sweeps[:1], config_yaml="arms: [{name: waiting}]\n", complete=False)
    found = gated([better, waiting], policy(IMPROVE))
    assert [c.verdict for c in found.checkpoints] == ["pass", "inconclusive"] and found.exit_code == 3


def test_items_without_an_answer_keep_a_rule_open(better: Any) -> None:
    base, aligned = better.sweeps
    result = aligned.results[1]
    lost = replace(result, missing={"0": "the server gave up"}, answers=result.answers[1:], scores=result.scores[1:])
    found = gated(
        [replace(better, sweeps=(base, replace(aligned, results=(aligned.results[0], lost))))], policy(IMPROVE, ACCURACY)
    )
    assert verdicts(found) == ["inconclusive", "pass"] and found.verdict == "inconclusive"
    assert "1 of 60 items have no answer" in found.checkpoints[0].rules[0].why


def test_another_protocol_keeps_a_rule_open(better: Any) -> None:
    base, aligned = better.sweeps
    pope, chair = aligned.results
    other = replace(chair, protocol=replace(chair.protocol, facts={**chair.protocol.facts, "max_new_tokens": "512"}))
    found = gated([replace(better, sweeps=(base, replace(aligned, results=(pope, other))))], policy(IMPROVE))
    assert "another protocol (max_new_tokens)" in found.checkpoints[0].rules[0].why and found.verdict == "inconclusive"


def test_answers_from_files_keep_a_rule_open(better: Any) -> None:
    """Both were asked elsewhere: that the same tool wrote both files does not tell how."""
    sweeps = []
    for sweep in better.sweeps:
        facts = [replace(r, protocol=ProtocolRecord({**r.protocol.facts, "answers": "imported"})) for r in sweep.results]
        sweeps.append(replace(sweep, results=tuple(facts)))
    found = gated([replace(better, sweeps=tuple(sweeps))], policy(IMPROVE))
    assert found.verdict == "inconclusive"
    assert (
        found.checkpoints[0].rules[0].why
        == "protocol not known: answers from files, so that prompts and decoding need not be the same"
    )


def test_other_reviews_of_the_same_answers_are_another_protocol(better: Any) -> None:
    """As the report's own mark has it: of the same weights and answers, verdicts of another file are another judge's."""

    def reviewed(sweep: Any, reviews: str) -> Any:
        facts = {"answers": "imported", "judge": f"answer files {reviews}"}
        results = [replace(r, protocol=ProtocolRecord({**r.protocol.facts, **facts})) for r in sweep.results]
        return replace(sweep, results=tuple(results))

    base, aligned = better.sweeps
    same = replace(reviewed(aligned, "b"), checkpoint=base.checkpoint)
    (rule,) = gated([replace(better, sweeps=(reviewed(base, "a"), same))], policy(IMPROVE)).checkpoints[0].rules
    assert rule.differs and "another protocol (judge)" in rule.why
    (other,) = (
        gated([replace(better, sweeps=(reviewed(base, "a"), reviewed(aligned, "b")))], policy(IMPROVE)).checkpoints[0].rules
    )
    assert not other.differs


def test_p_values_are_corrected_over_all_rules_of_all_checkpoints(better: Any) -> None:
    alone = gated([better], policy(ACCURACY)).checkpoints[0].rules[0]
    several = gated([better], policy(ACCURACY, RECALL, IMPROVE, {"metric": "pope.f1", "role": "watch"}))
    assert alone.p_pass is not None and several.checkpoints[0].rules[0].p_pass is not None
    assert several.checkpoints[0].rules[0].p_pass >= alone.p_pass
    assert several.family.startswith("Holm over 3 requirements of the policy on 1 checkpoint")
    assert several.checkpoints[0].rules[3].verdict == "watched" and several.checkpoints[0].rules[3].p_pass is None


def test_a_gate_on_one_checkpoint_says_how_many_of_the_runs_are_not_corrected_for(make: Any, better: Any) -> None:
    arms = "name: study\nseed: 0\narms: [{name: a}, {name: b}]\n"
    waiting = replace(better, name="waiting", run_id="study", config_yaml=arms, sweeps=better.sweeps[:1])
    records = [better, make.record("other", seed=9), waiting]
    known = gated(records, policy(ACCURACY))
    assert len(known.checkpoints) == 3 and "left out" not in known.family
    one = gated(records, policy(ACCURACY), only=[known.checkpoints[0].column])
    assert one.family == (
        "Holm over 1 requirement of the policy on 1 checkpoint, once for passes and once for failures (2 other checkpoints of "
        "these runs are left out: picking the best by its own gate is not corrected for)"
    )
    assert "1 other checkpoint of these runs is left out" in gated(records[:2], policy(ACCURACY), only=["other"]).family


def test_one_improved_metric_of_a_kind_is_enough_where_the_policy_says_any(better: Any) -> None:
    rule = {"kind": "hallucination", "role": "improve", "need": "any"}
    base, aligned = (replace(s, results=(*s.results, replace(s.results[1], benchmark="again"))) for s in better.sweeps)
    unchanged = replace(aligned, results=(*aligned.results[:2], replace(base.results[2])))
    found = gated([replace(better, sweeps=(base, unchanged))], policy(rule))
    assert sorted(verdicts(found)) == ["inconclusive", "pass"] and found.verdict == "pass"


def test_a_failed_metric_of_a_set_that_is_open_is_no_reason_for_failing(make: Any) -> None:
    rule = {"kind": "hallucination", "role": "improve", "need": "any"}
    worse = make.record(aligned=make.Habits(0.7, 0.3, 0.6, 18))
    base, aligned = (replace(s, results=(*s.results, replace(s.results[1], benchmark="again"))) for s in worse.sweeps)
    half_open = replace(aligned, results=(*aligned.results[:2], base.results[2]))
    found = gated([replace(worse, sweeps=(base, half_open))], policy(rule, ACCURACY))
    assert sorted(verdicts(found)) == ["fail", "fail", "inconclusive"]
    assert found.words == "aligned fails: POPE accuracy (must not fall by 2 points or more)."
    assert gated([replace(worse, sweeps=(base, half_open))], policy(rule)).verdict == "inconclusive"
    assert gated([replace(worse, sweeps=(base, aligned))], policy(rule)).verdict == "fail"
    all_failed = gated([replace(worse, sweeps=(base, aligned))], policy(rule, ACCURACY))
    assert all_failed.words.startswith("aligned fails: CHAIRi (must fall), ") and all_failed.words.count("(must fall)") == 2


def test_an_early_look_says_as_a_whole_gate_does_that_no_image_has_changed(better: Any) -> None:
    base = better.sweeps[0]
    same = replace(better, sweeps=(base, replace(base, label="aligned")))
    words = policy({"metric": "chair.words", "role": "guard", "margin": "9 words", "better": "lower"})
    (whole,) = gated([same], words).checkpoints[0].rules
    columns = compare([same]).columns
    (early,) = gate(words, columns, same.sweeps, anytime=Anytime({"chair": 60}, 0.05, 1)).checkpoints[0].rules
    assert whole.why == early.why == "every image tells the same difference, so nothing is known of its uncertainty"
    assert (early.p_pass, early.p_fail, early.verdict) == (None, None, "inconclusive")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"metric": "chiar.recall", "role": "watch"}, "no benchmark 'chiar'; it has pope, chair"),
        ({"metric": "chair.recal", "role": "improve"}, "Did you mean 'chair.recall'"),
        ({"metric": "chair.recall", "role": "guard", "margin": "2 words"}, "another unit than the metric; give points"),
        ({"metric": "chair.words", "role": "guard", "margin": "2 points", "better": "higher"}, "give words or % of base"),
        ({"metric": "chair.words", "role": "guard", "margin": "2 words"}, "no better direction of its own"),
        ({"metric": "chair.chair_i", "role": "improve", "better": "higher"}, "direction is lower, the policy says higher"),
        ({"metric": "chair.recall", "role": "guard", "margin": "100 points"}, "the metric's whole scale"),
    ],
)
def test_a_policy_that_does_not_fit_the_run_is_refused(better: Any, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        gated([better], policy(rule, ACCURACY))
    assert message in str(refused.value)


def test_junit_counts_failures_and_an_open_verdict_is_an_error(make: Any, better: Any) -> None:
    passed = ElementTree.fromstring(junit(gated([better], policy(IMPROVE, ACCURACY))))
    assert passed.find("testsuite").attrib == {"name": "aligned", "failures": "0", "errors": "0", "skipped": "0", "tests": "3"}  # type: ignore[union-attr]
    worse = make.record(aligned=make.Habits(0.7, 0.3, 0.6, 18))
    failed = ElementTree.fromstring(junit(gated([worse], policy(IMPROVE, ACCURACY))))
    assert failed.find("testsuite").get("failures") == "3"  # type: ignore[union-attr]
    open_ = ElementTree.fromstring(junit(gated([replace(better, complete=False)], policy(IMPROVE))))
    assert open_.find("testsuite").get("errors") == "1"  # type: ignore[union-attr]


def test_junit_holds_hostile_names_as_text(better: Any) -> None:
    hostile = replace(better, name="<x>\x00\x1b[31m", complete=False)
    assert "<x>" in ElementTree.fromstring(junit(gated([hostile], policy(IMPROVE)))).find("testsuite")[-1][0].get("message", "")  # type: ignore[index]


def test_reports_show_the_gate(better: Any) -> None:
    comparison = compare([better], policy=policy(IMPROVE, ACCURACY))
    assert "## Gate: pass" in markdown.write(comparison)
    assert '"verdict": "pass"' in json.write(comparison)
    page = html.write(comparison)
    assert 'id="gate"' in page and "must not fall by 2 points or more" in page
    assert 'id="gate"' not in html.write(compare([better]))
