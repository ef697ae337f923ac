"""A training ends early for a reason that its log shows, and for no other."""

import re
from pathlib import Path

import pytest

import alignment
from alignment.aligners.dpo import Dpo
from alignment.early_stopping import LOGGED, Collapse, make_collapse, make_early_stop
from harness.core.errors import ConfigError
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs

ALIGNMENT = Path(alignment.__file__).parent


def log(**columns):
    n = len(next(iter(columns.values())))
    return [{name.replace("__", "/"): values[i] for name, values in columns.items()} for i in range(n)]


def test_the_mean_of_the_last_steps_decides():
    stop = make_early_stop({"metric": "rewards/accuracies", "above": 0.9, "steps": 2})
    assert stop(log(rewards__accuracies=[1.0])) == ""  # not enough steps
    assert stop(log(rewards__accuracies=[1.0, 0.0, 0.9])) == ""
    assert "above 0.9" in stop(log(rewards__accuracies=[0.0, 1.0, 1.0]))
    below = make_early_stop({"metric": "loss", "below": 0.5, "steps": 1})
    assert below(log(loss=[0.5])) == "" and "below 0.5" in below(log(loss=[0.4]))
    assert below(log(other=[0.1])) == ""


@pytest.mark.parametrize(("columns", "said"), [
    ({"objective__kl": [0, 101, 101, 101]}, "101.0 nats"),
    ({"rl__unfinished": [0, 0.95, 0.95, 0.95]}, "95% of the answers"),
    ({"rl__distinct": [1, 0.05, 0.05, 0.05]}, "only 5.0% of a step's answers differ from each other, 100.0% in the first step"),
    ({"rl__distinct": [0.06, 0.07, 0.05, 0.06]}, ""),  # yes/no questions: 2 or 3 texts in all from the start
    ({"rl__distinct": [0.5, 0.05, 0.04, 0.05]}, "only 4.7%"),  # below a tenth of the first step's
    ({"objective__kl": [300, 0, 0, 0]}, ""),
    ({"objective__kl": [200, 200]}, ""),
    ({"loss": [1, 1, 1, 1]}, ""),
])  # fmt: skip
def test_a_collapse_has_three_signs_over_three_steps(columns, said):
    reason = Collapse()(log(**columns))
    assert said in reason and bool(said) == bool(reason)


def test_an_early_stop_ends_the_training_and_is_told(llava_next, images, tmp_path):
    stop = {"metric": "loss", "above": 0.0, "steps": 2}
    aligner = Dpo(training={**FAST, "early_stop": stop})
    done = aligner.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    assert done.step == len(done.log) == 2
    assert any("ended at step 2: early stop: loss was" in note for note in done.notes)
    assert aligner.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path) == done


def test_a_rule_about_a_metric_that_no_step_logs_is_refused_once_it_would_apply():
    stop = make_early_stop({"metric": "objective/kl", "above": 0.9, "steps": 2})
    rows = log(loss=[1, 1], rewards__accuracies=[1, 1])
    assert stop(rows[:1]) == ""
    with pytest.raises(ConfigError, match=r"no step logs objective/kl\. The log has loss, rewards/accuracies"):
        stop(rows)
    assert stop([{**row, "objective/kl": 0.0} for row in rows[:1]] + rows[1:]) == "", "one that some steps lack"


def test_a_misspelt_name_of_the_log_is_refused_before_anything_is_trained():
    for name in ("rewards/acuracies", "reward/accuracies", "objective_kl", "Loss"):
        with pytest.raises(ConfigError, match=f"no training logs '{name}'. Did you mean '"):
            make_early_stop({"metric": name, "above": 0.9})
    assert make_early_stop({"metric": "margin/of_my_loss", "above": 0.9}).metric == "margin/of_my_loss"


def test_every_name_that_a_training_logs_is_known():
    groups = "|".join(sorted({name.partition("/")[0] for name in LOGGED if "/" in name}))
    logged = re.compile(rf'"((?:{groups})/[a-z_]+(?:/[a-z_]+)*)"')
    files = [
        path for part in ("training", "online", "contrast", "aligners", "losses") for path in ALIGNMENT.glob(f"{part}/**/*.py")
    ]
    found = {name for path in files for name in logged.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 20 and found <= set(LOGGED), sorted(found - set(LOGGED))


@pytest.mark.parametrize("lora", [{"alpha": 0}, {"alpha": -3}, {"r": 0}, {"dropout": 1.0}])
def test_an_adapter_that_would_learn_nothing_is_refused(lora):
    with pytest.raises(ConfigError, match="lora needs r and alpha of at least 1"):
        Dpo(training={"lora": lora})


@pytest.mark.parametrize(
    ("targets", "says"), [("q_proj[", "'q_proj\\[' is not a valid one"), ([], "names no layer"), ("", "names no layer")]
)
def test_lora_targets_that_are_no_expression_or_empty_are_refused(targets, says):
    with pytest.raises(ConfigError, match=says):
        Dpo(training={"lora": {"targets": targets}})


@pytest.mark.parametrize(
    "options", [{}, {"metric": "loss"}, {"metric": "loss", "above": 1, "below": 0}, {"metrics": "loss", "above": 1}]
)
def test_a_rule_without_one_bound_is_refused(options):
    with pytest.raises(ConfigError, match="early_stop takes"):
        Dpo(training={"early_stop": options})


@pytest.mark.parametrize("steps", [0, -3])
def test_a_rule_over_no_step_is_refused(steps):
    with pytest.raises(ConfigError, match=rf"early_stop.steps is {steps}; the rule looks at the last steps, at least 1"):
        Dpo(training={"early_stop": {"metric": "loss", "above": 0.9, "steps": steps}})


@pytest.mark.parametrize("limits", [{"steps": 0}, {"max_kl": 0}, {"max_unfinished": 1.5}, {"min_distinct": -0.1}])
def test_limits_of_a_collapse_that_would_always_or_never_apply_are_refused(limits):
    with pytest.raises(ConfigError, match="grpo.collapse needs steps of at least 1, max_kl above 0"):
        make_collapse("grpo", limits)


def test_a_value_on_the_bound_is_neither_above_nor_below_it():
    above, below = (make_early_stop({"metric": "loss", name: 0.5, "steps": 1}) for name in ("above", "below"))
    assert above(log(loss=[0.5])) == "" and below(log(loss=[0.5])) == ""
    assert "above 0.5" in above(log(loss=[0.75])) and "below 0.5" in below(log(loss=[0.25]))


def test_a_limit_of_a_collapse_that_is_reached_and_not_passed_does_not_stop():
    rule = Collapse(max_kl=2.0, max_unfinished=0.5, min_distinct=0.5, steps=1)
    assert rule(log(objective__kl=[2.0], rl__unfinished=[0.5], rl__distinct=[1.0])) == ""
    assert rule(log(rl__distinct=[1.0, 0.5])) == "" and "only 25.0%" in rule(log(rl__distinct=[1.0, 0.25]))
