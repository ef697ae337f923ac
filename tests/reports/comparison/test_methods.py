"""Which columns are seeds of one method: what they were made with counts, not what they are called."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from reports.comparison.compare import compare
from reports.page.figures import legend_mark, marks_of
from reports.page.training import training_legend
from reports.writers import html

DPO = {"pairs": {"name": "bdhs"}, "align": {"name": "dpo", "beta": 0.1}}
SFT = {"pairs": {"name": "bdhs"}, "align": {"name": "sft"}}


def arms_of_one_run(
    make, arms: dict[str, dict[str, Any]], habits: dict[str, Any] | None = None, run: str = "run", **study: Any
):
    """Records of a run with these arms, each with weights of its own."""
    config = {
        "name": run,
        "seed": 0,
        "model": {"name": "m"},
        "arms": [{"name": name, **own} for name, own in arms.items()],
        **study,
    }
    records = []
    for n, name in enumerate(arms, 1):
        record = make.record(run, *([habits[name]] if habits else []), seed=n)
        base, aligned = record.sweeps
        weights = replace(aligned.checkpoint, digest=f"{run} {name}")
        swept = (base, replace(aligned, label=name, checkpoint=weights))
        records.append(
            replace(record, run_id=run, name=name, config_yaml=yaml.safe_dump(config, sort_keys=False), sweeps=swept)
        )
    return records


def checkpoint_trained_elsewhere(make, n: int, config: str):
    """A run without arms: one sweep of weights that are not those of another n."""
    record = make.record("latest", seed=n)
    weights = replace(record.sweeps[1].checkpoint, digest=f"weights {n}")
    only = replace(record.sweeps[1], label="base", checkpoint=weights)
    return replace(record, run_id=f"latest-{n}", config_yaml=config, sweeps=(only,))


def columns(records) -> list[str]:
    """Labels of the short table without the baseline, and how many seeds each has."""
    short = compare(records).short.columns
    return [f"{c.label} ({len(c.places)})" if c.places else c.label for c in short if not c.is_baseline]


def test_arms_of_equal_settings_and_different_seeds_are_one_method(make):
    arms = {"matched-s1": {**DPO, "seed": 1}, "matched-s2": {**DPO, "seed": 2}, "plain": SFT}
    assert columns(arms_of_one_run(make, arms)) == ["matched (2)", "plain"]


def test_arms_of_different_settings_are_no_method_whatever_their_names_end_in(make):
    other = {**DPO, "align": {"name": "dpo", "beta": 0.5}, "after": "dpo-s1"}
    assert columns(arms_of_one_run(make, {"dpo-s1": DPO, "dpo-s2": other})) == ["dpo-s1", "dpo-s2"]


def test_points_of_a_grid_whose_names_end_like_seeds_are_no_method(make):
    points = {f"b-epsilon_s{n}": {**DPO, "pairs": {"name": "bdhs", "epsilon_s": n}} for n in (0, 1)}
    assert columns(arms_of_one_run(make, points)) == ["b-epsilon_s0", "b-epsilon_s1"]


def test_equal_settings_with_one_seed_are_no_method(make):
    assert columns(arms_of_one_run(make, {"dpo-s1": DPO, "dpo-s2": DPO})) == ["dpo-s1", "dpo-s2"]


def test_negative_seeds_are_seeds(make):
    assert columns(arms_of_one_run(make, {f"dpo-seed{n}": {**DPO, "seed": n} for n in (-1, 1)})) == ["dpo (2)"]
    runs = [replace(make.record("run", seed=n), config_yaml=f"seed: {seed}\nmodel: m\n") for n, seed in ((1, -1), (2, -2))]
    assert columns(runs) == ["run (2)"]


def test_a_seed_among_the_options_of_an_aligner_is_a_seed(make):
    arms = {f"dpo-seed{n}": {**DPO, "align": {"name": "dpo", "training": {"seed": n}}} for n in (0, 1)}
    assert columns(arms_of_one_run(make, arms)) == ["dpo (2)"]


@pytest.mark.parametrize("key", ["after", "reference"])
def test_arms_that_build_on_seeds_of_one_method_are_seeds_of_one_method(make, key):
    arms = {f"sft-seed{n}": {**SFT, "seed": n} for n in (0, 1)}
    arms |= {f"dpo-seed{n}": {**DPO, "seed": n, key: f"sft-seed{n}"} for n in (0, 1)}
    assert columns(arms_of_one_run(make, arms)) == ["sft (2)", "dpo (2)"]


def test_arms_that_build_on_different_arms_are_no_method(make):
    arms = {"one": SFT, "two": {**SFT, "align": {"name": "sft", "epochs": 2}}}
    arms |= {f"dpo-seed{n}": {**DPO, "seed": n, "after": after} for n, after in enumerate(("one", "two"))}
    assert columns(arms_of_one_run(make, arms)) == ["one", "two", "dpo-seed0", "dpo-seed1"]


def test_rounds_of_several_seeds_are_one_method_a_round(make):
    arms = {}
    for n in (0, 1):
        arms[f"dpo-seed{n}-round1"] = {**DPO, "seed": n}
        arms[f"dpo-seed{n}-round2"] = {**DPO, "seed": n, "after": f"dpo-seed{n}-round1"}
    assert columns(arms_of_one_run(make, arms)) == ["dpo-round1 (2)", "dpo-round2 (2)"]


def test_reward_models_count_by_their_settings(make):
    models = [{"name": "a", **SFT}, {"name": "b", **DPO}, {"name": "c", **SFT}]
    arms = {f"ppo-{of}": {"pairs": {}, "align": {"name": "ppo", "reward": of}, "seed": n} for n, of in enumerate("abc")}
    assert columns(arms_of_one_run(make, arms, reward_models=models)) == ["ppo-a + ppo-c (2)", "ppo-b"]


def test_an_arm_of_two_runs_that_differ_in_seeds_and_other_arms_is_one_method(make):
    one = arms_of_one_run(make, {"dpo": DPO}, run="one", seed=1)
    two = arms_of_one_run(make, {"dpo": DPO, "plain": SFT}, run="two", seed=2)
    assert columns([*one, *two]) == ["dpo (2)", "plain"]
    elsewhere = arms_of_one_run(make, {"dpo": DPO}, run="two", seed=2, data="/other")
    assert columns([*one, *elsewhere]) == ["dpo seed 1", "dpo seed 2"]


def test_runs_that_repeat_the_seeds_of_a_method_are_methods_of_their_own(make):
    arms = {f"dpo-seed{n}": {**DPO, "seed": n} for n in (0, 1)}
    made = compare([*arms_of_one_run(make, arms, run="old"), *arms_of_one_run(make, arms, run="new")])
    assert [len(c.places) for c in made.short.columns] == [0, 2, 2]


def test_a_method_is_not_called_as_another_column_is(make):
    arms = {"dpo": {**DPO, "align": {"name": "dpo", "beta": 9}}, **{f"dpo-s{n}": {**DPO, "seed": n} for n in (1, 2)}}
    assert columns(arms_of_one_run(make, arms)) == ["dpo", "dpo-s1 + dpo-s2 (2)"]


def test_weights_that_were_overwritten_and_swept_again_are_no_second_seed(make):
    runs = [checkpoint_trained_elsewhere(make, n, "name: latest\nseed: 0\nmodel: {path: latest}\n") for n in (1, 2)]
    assert columns([make.record("first"), *runs])[1:] == ["latest #1", "latest #2"]


def test_sweeps_of_checkpoints_trained_elsewhere_that_state_their_seed_are_one_method(make):
    runs = [checkpoint_trained_elsewhere(make, n, f"name: latest\nseed: {n}\nmodel: {{path: latest}}\n") for n in (1, 2)]
    assert columns([make.record("first"), *runs])[1:] == ["latest (2)"]


def test_other_bases_of_runs_with_arms_are_no_method(make):
    def another_base(record, n):
        base = replace(record.sweeps[0], checkpoint=replace(record.sweeps[0].checkpoint, digest=f"base {n}"))
        return replace(record, sweeps=(base, *record.sweeps[1:]))

    runs = [another_base(*arms_of_one_run(make, {"dpo": DPO}, run=f"run{n}", seed=n), n) for n in range(3)]
    assert sum(len(column.places) for column in compare(runs).short.columns) == 3


@pytest.mark.parametrize(
    "text", ["", "arms: {a: 1}", "arms: [3, {name: [x]}, {name: dpo, after: [1], align: x}]", "arms: [{1: 2, a: {3: 4}}]"]
)
def test_a_configuration_that_was_damaged_makes_no_method_and_no_error(make, text):
    assert columns([replace(make.record("run", seed=n), config_yaml=text) for n in (1, 2)]) == ["run #1", "run #2"]


def test_a_baseline_whose_arms_are_no_method_is_its_first_arm(make):
    arms = {"plain": SFT, "dpo-seed1": DPO, "dpo-seed2": {**DPO, "align": {"name": "dpo", "beta": 0.5}}}
    made = compare(arms_of_one_run(make, arms), baseline="dpo")
    assert [c.label for c in made.columns] == ["dpo-seed1", "base", "plain", "dpo-seed2"]


def test_seeds_have_the_mark_of_their_method_in_the_legend_and_in_the_training_logs(make):
    arms = {"dpo-s1": {**DPO, "seed": 1}, "dpo-s2": {**DPO, "seed": 2}, "sft": SFT}
    made = compare(arms_of_one_run(make, arms))
    assert [column.label for column in made.short.columns] == ["base", "dpo", "sft"]
    assert marks_of(made.columns, made.short.columns) == [0, 1, 1, 2]
    assert training_legend(made) == [(legend_mark(1), "dpo-s1 and dpo-s2"), (legend_mark(2), "sft")]


def test_a_report_of_methods_says_why_their_tests_have_no_effect(make):
    arms = {"dpo-s1": {**DPO, "seed": 1}, "dpo-s2": {**DPO, "seed": 2}, "sft": SFT}
    reason = "not computed for methods of several seeds"
    assert reason in html.write(compare(arms_of_one_run(make, arms)))
    assert reason not in html.write(compare(arms_of_one_run(make, {"dpo": DPO, "sft": SFT})))
