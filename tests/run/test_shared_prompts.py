"""A report says how far its arms were trained on the same prompts, and marks a table whose arms were not."""

from __future__ import annotations

from harness.config import schema as config
from harness.config.study_tables import TableNotes
from harness.core.preference import PreferencePair
from harness.results.study_notes import study_notes
from harness.run.shared_prompts import prompts_of, shared_prompts

ALIGN = {"name": "dpo"}


def study(*names: str, groups: list[list[str]] | None = None) -> config.RunConfig:
    arms = [{"name": name, "pairs": {"name": "bdhs"}, "align": ALIGN} for name in names]
    table = {"same_prompts": groups} if groups is not None else None
    return config.parse(
        {"model": {"name": "transformers", "path": "miniworld"}, "arms": arms, "sweep": [{"name": "pope"}], "table": table}
    )


def test_a_prompt_is_an_image_and_a_question_whatever_id_and_answers() -> None:
    one = PreferencePair("1", "a.png", "ab12", "What?", "A cat.", ("A dog.",), "povid")
    other = PreferencePair("1#2", "b.png", "ab12", "What?", "A bus.", ("A van.",), "bdhs")
    assert prompts_of([one]) == prompts_of([other])
    assert prompts_of([one]) != prompts_of([PreferencePair("1", "a.png", "ab12", "Who?", "A cat.", ("A dog.",), "povid")])


def test_arms_of_any_study_are_counted_together() -> None:
    groups = shared_prompts(study("a", "b"), {"a": {"1", "2", "3"}, "b": {"2", "3", "4"}})
    assert study_notes(study("a", "b"), groups).shared == ("Arms share 2 of 3 prompts: a, b.",)
    assert study_notes(study("a", "b"), groups).unlike == ()


def test_an_arm_with_a_seed_of_its_own_is_marked_in_its_tables_group() -> None:
    made = study("dpo", "ipo", "slic", groups=[["dpo", "ipo", "slic"]])
    arms = [arm.model_copy(update={"seed": 3}) if arm.name == "slic" else arm for arm in made.arms]
    other = made.model_copy(update={"arms": arms})
    prompts = {"dpo": {"1", "2"}, "ipo": {"1", "2"}, "slic": {"8", "9"}}
    (told,) = study_notes(other, shared_prompts(other, prompts)).unlike
    assert told == "Meant to be compared on the same prompts, but these arms share 0 of 2: dpo, ipo, slic."


def test_seeds_that_every_row_of_a_group_has_stay_groups_of_their_own() -> None:
    made = study("dpo-0", "dpo-1", "ipo-0", "ipo-1", groups=[["dpo", "ipo"]])
    arms = [arm.model_copy(update={"seed": int(arm.name[-1])}) for arm in made.arms]
    seeded = made.model_copy(update={"arms": arms})
    prompts = {"dpo-0": {"1"}, "dpo-1": {"2"}, "ipo-0": {"1"}, "ipo-1": {"2"}}
    assert study_notes(seeded, shared_prompts(seeded, prompts)).unlike == ()


def test_arms_that_the_paper_has_on_the_same_prompts_are_marked_where_they_are_not() -> None:
    made = study("external", "bdhs-rho_th0.98", "bdhs-rho_th0.99", "other", groups=[["external", "bdhs"]])
    prompts = {"external": {"1", "2"}, "bdhs-rho_th0.98": {"1", "2"}, "bdhs-rho_th0.99": {"1", "3"}, "other": {"9"}}
    notes = study_notes(made, shared_prompts(made, prompts))
    assert notes.shared == ()  # said once
    assert notes.unlike == (
        "Meant to be compared on the same prompts, but these arms share 1 of 2: external, bdhs-rho_th0.98, bdhs-rho_th0.99.",
    )
    prompts["bdhs-rho_th0.99"] = {"1", "2"}
    assert study_notes(made, shared_prompts(made, prompts)).unlike == ()


def test_a_point_of_a_grid_is_of_the_row_with_the_longest_name_in_front() -> None:
    made = study("bdhs-seed0", "bdhs-noise-seed0", "bdhs-noise-seed1", groups=[["bdhs"], ["bdhs-noise"]])
    (group,) = shared_prompts(made, {arm.name: {"1"} for arm in made.arms})
    assert group["arms"] == ["bdhs-noise-seed0", "bdhs-noise-seed1"]


def test_rows_that_are_not_run_and_open_choices_are_listed() -> None:
    table = TableNotes(not_run={"LLaVA prompts": "not published"}, open={"seeds": "0"})
    notes = study_notes(study("a").model_copy(update={"table": table}), ())
    assert (notes.not_run, notes.open) == (("LLaVA prompts: not published",), ("seeds: 0",))


def test_arms_of_each_seed_are_a_group_of_their_own() -> None:
    made = study("a-seed0", "a-seed1", "b-seed0", "b-seed1", groups=[["a", "b"]])
    arms = [arm.model_copy(update={"seed": int(arm.name[-1])}) for arm in made.arms]
    seeded = made.model_copy(update={"arms": arms})
    notes = study_notes(seeded, shared_prompts(seeded, {arm.name: {f"{arm.seed}", "x"} for arm in arms}))
    assert notes.shared == ("Arms share 2 of 2 prompts: a-seed0, b-seed0.", "Arms share 2 of 2 prompts: a-seed1, b-seed1.")
    assert notes.unlike == ()
