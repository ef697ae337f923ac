"""A study whose numbers are written in another way is the study that was begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import RunConfig, parse, stored
from harness.core import registry
from harness.core.errors import DataError
from harness.core.options.option import Option
from harness.run.checks.earlier_forms import as_before, is_begun, run_of

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


def plugin_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """`chair` stands for it, with three options more."""
    known = registry.options
    own = (Option("window", "int | None", 5, ""), Option("most", "int | float", 1.0, ""), Option("free", "Any", None, ""))
    monkeypatch.setattr(registry, "options", lambda kind, name: (*known(kind, name), *(own if name == "chair" else ())))


@pytest.mark.parametrize(("one", "other"), [
    ({}, {"window": None}), ({"most": 1}, {"most": 1.0}), ({"free": 1}, {"free": 1.0}), ({"free": 1}, {"free": "1"}),
])  # fmt: skip
def test_values_that_a_plugin_may_tell_apart_are_other_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """`window: null` is not its default, 5; 1 of a thing is not 1.0, all of it."""
    plugin_of_a_user(monkeypatch)
    first, second = (
        parse({"model": {"name": "scripted"}, "sweep": [{"name": "chair", **own}], "output": str(tmp_path)})
        for own in (one, other)
    )
    (folder := tmp_path / first.run_id("base")).mkdir()
    (folder / "run.yaml").write_text(first.as_yaml())
    assert run_of(second, "base", tmp_path, print) == (second, second.run_id("base")) and not is_begun(second)


def test_rounds_of_an_earlier_version_with_a_number_as_text_are_theirs(tmp_path: Path) -> None:
    """Both forms at once: the arms had no `round`, and 1e-1 was text."""
    arms = [{**ARM, "align": {"name": "dpo", "beta": 0.25}, "rounds": 2}]
    tree = {"model": {"name": "scripted"}, "arms": arms, "sweep": [{"name": "chair"}], "output": str(tmp_path)}
    text = as_before(parse(tree)).as_yaml().replace("beta: 0.25", "beta: 1e-1")
    folder = tmp_path / stored(text, "it").run_id("base")
    folder.mkdir()
    (folder / "run.yaml").write_text(text)
    asked = parse({**tree, "arms": [{**arms[0], "align": {"name": "dpo", "beta": 0.1}}]})
    with pytest.raises(DataError, match="begun by an earlier version"):
        run_of(asked, "base", tmp_path, print)
    for arm in asked.arms:
        (folder / asked.place_of(arm)).mkdir(parents=True)
        (folder / asked.place_of(arm) / "alignment.json").write_text("{}")
    made, run = run_of(asked, "base", tmp_path, print)
    assert run == folder.name and [arm.round for arm in made.arms] == [None, None]
