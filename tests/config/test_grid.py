"""A grid is written out: one arm a point, each with a name that says which."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config.grid import expand
from harness.core.errors import ConfigError
from tests.config.test_schema import GOOD

ARM = {"name": "a", "pairs": {"name": "bdhs", "rho_th": 0.5}, "align": {"name": "dpo", "beta": 0.3}}


def arms(**grid):
    return config.parse(GOOD | {"arms": [{**ARM, "grid": grid}]}).arms


def test_every_combination_is_an_arm_of_its_own() -> None:
    made = arms(**{"pairs.rho_th": [0.98, 1], "align.beta": [0.1, 0.2, 0.5], "seed": [0]})
    assert [a.name for a in made][:2] == ["a-rho_th0.98-beta0.1-seed0", "a-rho_th0.98-beta0.2-seed0"]
    assert {(a.pairs.options["rho_th"], a.align.options["beta"], a.seed) for a in made} == {
        (rho, beta, 0) for rho in (0.98, 1) for beta in (0.1, 0.2, 0.5)
    }


def test_nested_settings_are_reached_and_points_share_nothing() -> None:
    one, other = arms(**{"align.training.lora.r": [8, 16]})
    assert [arm.align.options["training"]["lora"] for arm in (one, other)] == [{"r": 8}, {"r": 16}]
    assert one.align.options["beta"] == 0.3


def test_arms_without_a_grid_stay_as_they_are() -> None:
    assert config.parse(GOOD).arms == config.parse(config.parse(GOOD).model_dump(exclude_none=True)).arms


def test_values_that_no_name_can_hold_are_spelled_in_letters() -> None:
    made = arms(**{"pairs.matched": [{"unit": "answer"}, {"unit": "sentence"}]})
    assert [a.name for a in made] == ["a-matchedunit_answer", "a-matchedunit_sentence"]


@pytest.mark.parametrize(("value", "word"), [
    (-0.5, "-0.5"), (-1, "-1"), ([-0.5, 1], "-0.5_1"), ([1, -2], "1_-2"), (-1e-05, "-1e_05"), (float("-inf"), "-inf"),
    (1e-05, "1e_05"), ("a-5", "a_5"), ("a -b", "a_b"), ("-x", "x"), ([0.5, 1], "0.5_1"),
])  # fmt: skip
def test_a_minus_stays_in_the_name_of_a_point_and_no_other_name_changes(value, word) -> None:
    point = expand({"arms": [{**ARM, "grid": {"align.beta": [value]}}]}, [])[0]["arms"][0]
    assert point["name"] == f"a-beta{word}"


def test_points_that_differ_in_a_sign_alone_are_two_arms() -> None:
    assert [a.name for a in arms(**{"align.f_alpha_divergence_coef": [-0.5, 0.5]})] == [
        "a-f_alpha_divergence_coef-0.5", "a-f_alpha_divergence_coef0.5",
    ]  # fmt: skip


@pytest.mark.parametrize("given", [{"grid": {"seed": [-1, 1]}}, {"seeds": [-1, 1]}])
def test_negative_seeds_have_names_and_a_baseline(given) -> None:
    made = config.parse(GOOD | {"arms": [{**ARM, **given}], "baseline": "a"})
    assert [(a.name, a.seed) for a in made.arms] == [("a-seed-1", -1), ("a-seed1", 1)]


def test_a_long_name_of_a_point_ends_in_a_digest_and_its_seed() -> None:
    long = {**ARM, "name": "x" * 70, "grid": {"align.beta": [0.1, 0.2]}, "seeds": [0, 1], "rounds": 2}
    names = [a.name for a in config.parse(GOOD | {"arms": [long]}).arms]
    assert len(set(names)) == 8 and max(map(len, names)) <= 80
    assert len({name.partition("-seed")[0] for name in names}) == 2 and all(name.startswith("x" * 57) for name in names)


def test_a_name_of_a_point_that_fits_is_not_shortened() -> None:
    (arm,) = config.parse(GOOD | {"arms": [{**ARM, "name": "x" * 72, "grid": {"align.beta": [0.1]}}]}).arms
    assert arm.name == f"{'x' * 72}-beta0.1"


@pytest.mark.parametrize(("changes", "says"), [
    ({"arms": [{**ARM, "name": "x" * 78, "rounds": 2}]}, r"1 fault(.|\n)*arms\.0\.rounds: the name 'x+-round2' has more"),
    ({"sweep": [{"name": "pope", "label": "x" * 78, "wordings": [{"style": "official"}, {"style": "llava"}]}]},
     r"1 fault(.|\n)*sweep\.0\.wordings: the name 'x+-wording2' has more"),
])  # fmt: skip
def test_a_name_that_rounds_or_wordings_make_too_long_is_told_with_its_reason(changes, says) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(GOOD | changes)


@pytest.mark.parametrize(("grid", "told"), [
    ({"align.beta": 0.1}, "list of values"),
    ({"align.beta": []}, "list of values"),
    ({}, "list of values"),
    ({"beta": [0.1]}, "beta is not a setting of an arm"),
    ({"name": ["x"]}, "name is not a setting of an arm"),
    ({"align.beta.x": [1]}, "align.beta.x is not a setting of an arm"),
])  # fmt: skip
def test_a_wrong_grid_is_told_with_its_place(grid, told) -> None:
    with pytest.raises(ConfigError, match=rf"arms\.0\.grid: .*{told}"):
        config.parse(GOOD | {"arms": [{**ARM, "grid": grid}]})


def test_seeds_train_every_point_of_an_arm_once_a_seed() -> None:
    made = config.parse(GOOD | {"arms": [{**ARM, "grid": {"align.beta": [0.1, 0.2]}, "seeds": [0, 3]}]}).arms
    assert [(a.name, a.seed) for a in made] == [
        ("a-beta0.1-seed0", 0), ("a-beta0.1-seed3", 3), ("a-beta0.2-seed0", 0), ("a-beta0.2-seed3", 3),
    ]  # fmt: skip


def test_an_arm_with_seeds_goes_on_from_the_same_seed_of_the_arm_before() -> None:
    second = {**ARM, "name": "b", "seeds": [0, 1], "after": "a", "rounds": 2}
    made = {a.name: a.after for a in config.parse(GOOD | {"arms": [{**ARM, "seeds": [0, 1]}, second]}).arms}
    assert made["b-seed1-round1"] == "a-seed1" and made["b-seed1-round2"] == "b-seed1-round1"
    alone = {a.name: a.after for a in config.parse(GOOD | {"arms": [ARM, {**second, "rounds": 1}]}).arms}
    assert alone["b-seed1-round1"] == "a"


@pytest.mark.parametrize(("changes", "says"), [
    ({"seeds": 3}, "list of different whole numbers"),
    ({"seeds": []}, "list of different whole numbers"),
    ({"seeds": [0, 0]}, "list of different whole numbers"),
    ({"seeds": [True, 1]}, "list of different whole numbers"),
    ({"seeds": [0, 1], "seed": 4}, "contradict"),
    ({"seeds": [0, 1], "align": {"name": "dpo", "seed": 4}}, "`seeds` and `align.seed`, which would draw the same"),
    ({"seeds": [0, 1], "align": {"name": "dpo", "training": {"seed": 4}}}, "`seeds` and `align.training.seed`, which would"),
    ({"rounds": 2, "align": {"name": "dpo", "training": {"seed": 4}}}, "`rounds` and `align.training.seed`, which would"),
    ({"seeds": [0, 1], "grid": {"seed": [0, 1]}}, "contradict"),
])  # fmt: skip
def test_seeds_that_make_no_sense_are_refused(changes, says) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(GOOD | {"arms": [{**ARM, **changes}]})


def test_a_benchmark_with_wordings_is_asked_in_each() -> None:
    spec = {"name": "pope", "wordings": [{"style": "official"}, {"style": "llava"}, {"prompt_suffix": " Yes or no?"}]}
    sweep = config.parse(GOOD | {"sweep": [spec]}).sweep
    assert [(b.title, b.options) for b in sweep] == [
        ("pope-wording1", {"style": "official"}), ("pope-wording2", {"style": "llava"}),
        ("pope-wording3", {"prompt_suffix": " Yes or no?"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("wordings", "says"), [
    ([{"style": "official"}], "two or more"),
    ([{"style": "official"}, {"style": "official"}], "two or more different"),
    ("official", "two or more"),
    ([{"style": "official"}, {"limit": 3}], "limit is not how a question is worded"),
    ([{"splits": ["random"]}, {"splits": ["popular"]}], "splits is not how a question is worded"),
    ([{"style": "official"}, {"stile": "llava"}], "stile"),
])  # fmt: skip
def test_wordings_that_make_no_sense_are_refused(wordings: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(GOOD | {"sweep": [{"name": "pope", "wordings": wordings}]})


@pytest.mark.parametrize("change", [{"name": ["a"]}, {"after": ["a"]}, {"name": {"a": 1}}])
def test_a_name_that_is_not_a_text_is_refused_by_its_place(change: dict) -> None:
    with pytest.raises(ConfigError, match=f"arms.0.{next(iter(change))}"):
        config.parse(GOOD | {"arms": [{**ARM, **change}]})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rounds": 100_000}, "arms.0.rounds is 100000; give a whole number of at least 1, at most 1,000"),
        ({"grid": {"seed": list(range(100)), "align.beta": [n / 7 for n in range(1, 12)]}}, "arms.0.grid has 1,100 points"),
        ({"seeds": list(range(1001))}, "arms.0.grid has 1,001 points, each of them an arm; give at most 1,000"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_more_arms_than_anyone_trains_are_refused_before_they_are_written_out(changes: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(GOOD | {"arms": [ARM | changes]})


def faults_of(*arms: dict) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        config.parse(GOOD | {"arms": list(arms)})
    return str(refused.value).splitlines()[1:]


def test_a_fault_behind_an_arm_with_seeds_names_the_arm_of_the_file() -> None:
    wrong = {**ARM, "name": "b", "align": {"name": "dpo", "betta": 1}}
    (fault,) = faults_of({**ARM, "seeds": [0, 1, 2, 3]}, wrong)
    assert fault.startswith("  - arms.b.align: the aligner 'dpo' has no option 'betta'")
    (fault,) = faults_of({**ARM, "seeds": [0, 1]}, {**ARM, "name": "b", "after": 3})
    assert fault.startswith("  - arms.b.after: ")


def test_a_fault_of_all_points_of_a_grid_is_told_once() -> None:
    (fault,) = faults_of({**ARM, "grid": {"align.betta": [0.1]}, "seeds": [0, 1]})
    assert "arms.a.align: the aligner 'dpo' has no option 'betta'" in fault
    (fault,) = faults_of(ARM, {**ARM, "name": "b", "seeds": [0, 1], "rounds": 2, "reference": "a"})
    assert fault.startswith("  - arms.1.reference is 'a'; with rounds, choose one of")


@pytest.mark.parametrize(("first", "then", "says"), [
    ({"seeds": [0, 1]}, {"after": "a"}, "b goes on after 'a', which is 2 arms: a-seed0, a-seed1. Give b the same `seeds`, or"),
    ({"seeds": [0, 1]}, {"after": "a", "seeds": [2, 3]}, "arms: b goes on after 'a', which is 2 arms: a-seed0, a-seed1."),
    ({"rounds": 2}, {"after": "a"}, "which is 2 arms: a-round1, a-round2. Name one of them; a-round2 is the last round"),
    ({"grid": {"align.beta": [0.1, 0.2]}}, {"reference": "a"}, "the reference of b is 'a', which is 2 arms: a-beta0.1, a-be"),
    ({}, {"after": "c"}, "arms: b goes on after 'c', which is not an arm before it"),
])  # fmt: skip
def test_an_arm_after_one_that_is_several_is_told_what_to_name(first, then, says) -> None:
    (fault,) = faults_of({**ARM, **first}, {**ARM, "name": "b", **then})
    assert says in fault


POPE = {"name": "pope"}


@pytest.mark.parametrize(
    ("sweep", "fault"),
    [
        ([POPE | {"label": "p-wording1"}, POPE | {"label": "p-wording2", "limit": 3}], "'p-wording1' is kept for `wordings`"),
        ([POPE | {"label": "p-wording1"}, POPE | {"label": "p-wording2", "splits": ["random"]}], "'p-wording2' is kept"),
        ([POPE | {"label": "p-wording1"}, {"name": "beaf", "label": "p-wording2"}], "'p-wording1' is kept"),
        ([POPE | {"style": "llava", "wordings": [{"style": "official"}, {"style": "llava"}]}], "sweep.0.style: every one of"),
    ],
)
def test_labels_of_wordings_and_options_that_these_replace(sweep: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        config.parse(GOOD | {"sweep": sweep})


def test_wordings_as_a_run_keeps_them_are_read_again() -> None:
    made = config.parse(GOOD | {"sweep": [POPE | {"wordings": [{"style": "official"}, {"style": "llava"}]}]})
    assert config.parse(yaml.safe_load(made.as_yaml())).sweep == made.sweep
