"""A study whose numbers are written in another way is the study that was begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import RunConfig, parse, stored
from harness.run.checks.earlier_forms import is_begun, run_of

ARM: dict[str, Any] = {"name": "dpo", "pairs": {"name": "random_edit", "share": 0.2}}


def study(output: Path, beta: object, year: object = "2014") -> RunConfig:
    align = {"name": "dpo", "beta": beta}
    sweep = [{"name": "chair", "year": year}]
    tree = {"model": {"name": "scripted"}, "arms": [{**ARM, "align": align}], "sweep": sweep, "output": str(output)}
    return parse(tree)


def begun_as_text(output: Path, beta: str) -> RunConfig:
    """A run as version 0.1 began it, with the text that YAML read."""
    text = study(output, 0.25).as_yaml().replace("beta: 0.25", f"beta: {beta}")
    begun = stored(text, "it")
    (folder := output / begun.run_id("base")).mkdir(parents=True)
    (folder / "run.yaml").write_text(text)
    return begun


def test_a_run_that_was_begun_with_a_number_as_text_is_gone_on_with(tmp_path: Path) -> None:
    begun = begun_as_text(tmp_path, "1e-1")
    for beta in ("1e-1", 0.1):
        asked = study(tmp_path, beta)
        made, run = run_of(asked, "base", tmp_path, print)
        assert run == begun.run_id("base") != asked.run_id("base") and is_begun(asked)
        assert made.arms[0].align.options == {"beta": "1e-1"} and made.output == str(tmp_path)


@pytest.mark.parametrize(("one", "other"), [((1, "2014"), (1.0, "2014")), ((0.5, 2014), (0.5, "2014"))])
def test_two_ways_to_write_a_value_are_one_run_in_a_folder(tmp_path: Path, one: Any, other: Any) -> None:
    first = study(tmp_path, *one)
    (folder := tmp_path / first.run_id("base")).mkdir()
    (folder / "run.yaml").write_text(first.as_yaml())
    assert run_of(study(tmp_path, *other), "base", tmp_path, print) == (first, first.run_id("base"))


def test_another_value_another_base_and_another_name_are_other_runs(tmp_path: Path) -> None:
    begun_as_text(tmp_path, "1e-1")
    for asked, base in ((study(tmp_path, 0.2), "base"), (study(tmp_path, 0.1), "other")):
        assert run_of(asked, base, tmp_path, print)[1] == asked.run_id(base)
    named = study(tmp_path, 0.1).model_copy(update={"name": "mine"})
    assert run_of(named, "base", tmp_path, print)[1] == named.run_id("base") and not is_begun(named)


def test_a_seed_beyond_the_digits_of_a_float_is_its_own(tmp_path: Path) -> None:
    first = study(tmp_path, 0.1).model_copy(update={"seed": 2**62})
    (folder := tmp_path / first.run_id("base")).mkdir()
    (folder / "run.yaml").write_text(first.as_yaml())
    assert not is_begun(first.model_copy(update={"seed": 2**62 + 1})) and is_begun(first)


def test_a_study_with_an_explicit_null_is_known_to_be_begun(tmp_path: Path) -> None:
    sweep = [{"name": "pope", "limit_images": None}]
    asked = parse({"model": {"name": "scripted"}, "sweep": sweep, "output": str(tmp_path)})
    (folder := tmp_path / asked.run_id("base")).mkdir()
    (folder / "run.yaml").write_text(asked.as_yaml())  # which leaves nulls out
    assert is_begun(asked)
