"""A `reference` that a training does not read is noted, in a dry run and in a run; it is refused in neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import schema
from harness.models.scripted import Scripted
from harness.run.checks.pair_notes import notes_of_run, pair_notes
from harness.run.checks.references import unused_reference
from harness.run.checks.study import check_studies


def arms(**more: Any) -> schema.RunConfig:
    arm = {"name": "a", "pairs": {"name": "random_edit"}, "align": {"name": "dpo"}, **more}
    model = {"name": "transformers", "path": "miniworld"}
    return schema.parse({"model": model, "arms": [arm], "sweep": [{"name": "pope"}]})


@pytest.mark.parametrize("align", [{"name": "sft"}, {"name": "dpo", "loss": "simpo"}, {"name": "dpo", "loss": "orpo"}])
def test_of_a_training_without_a_reference(align: dict[str, Any]) -> None:
    (arm,) = arms(align=align, reference="base").arms
    said = f"The `reference` of arm a is not read: {align['name']} learns without one with these options."
    assert said in pair_notes(arm, Scripted(), (), ()) and said in notes_of_run(arm, Scripted(), ())


@pytest.mark.parametrize("align", [{"name": "dpo"}, {"name": "kto"}, {"name": "dpo", "loss": "mpo"}])
def test_of_a_training_with_one(align: dict[str, Any]) -> None:
    assert unused_reference(arms(align=align, reference="base").arms[0]) == ()


@pytest.mark.parametrize(
    ("more", "noted"),
    [
        ({"reference": "base", "grid": {"align.loss": ["dpo", "simpo"]}}, [False, True]),
        ({"reference": "fixed", "rounds": 2, "align": {"name": "dpo", "loss": "simpo"}}, [True, True]),
    ],
)
def test_an_arm_of_a_grid_or_of_rounds_that_does_not_read_it_is_not_refused(
    more: dict[str, Any], noted: list[bool], tmp_path: Path
) -> None:
    config = arms(**more).model_copy(update={"output": str(tmp_path)})
    check_studies([config])
    assert [bool(unused_reference(arm)) for arm in config.arms] == noted
