"""What commands make of their words: files, the home folder, places that cannot be written to."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from harness.api.annotators import AnnotatorTable
from harness.cli import app, at_home
from harness.commands.run import file_and_changes, fleet_changes
from harness.config import yaml_text
from harness.config.check_paths import check_file_to_write
from harness.core.errors import ConfigError
from harness.core.files import write_text_whole


def test_the_home_folder_stands_in_the_place_of_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    written = ["~/s.yaml", "~", "--junit=~/j.xml", "--name=a~/b", "data=~/d", "~you", "-x"]
    assert [at_home(word) for word in written] == [
        "/home/me/s.yaml", "/home/me", "--junit=/home/me/j.xml", "--name=a~/b", "data=~/d", "~you", "-x"]  # fmt: skip


def test_a_study_is_read_from_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "s.yaml").write_text("a: 1")
    assert yaml_text.read_file(Path("~/s.yaml")) == {"a": 1}


def test_a_file_whose_path_has_an_equals_sign_is_a_file(tmp_path: Path) -> None:
    (folder := tmp_path / "a=b").mkdir()
    (file := folder / "s.yaml").write_text("a: 1")
    assert file_and_changes([str(file), "seed=1"]) == (str(file), ["seed=1"])


def test_an_option_of_the_fleet_and_a_change_of_it_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="'fleet.workers=3' sets fleet.workers again"):
        fleet_changes("ray", 2, ["fleet.workers=3"])
    assert fleet_changes("ray", 2, ["fleet.gpus=0.5"]) == ["fleet.address=null", "fleet.workers=2"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--output", "a", "output=b"),
        ("run", "--model", "a", "model.path=b"),
        ("run", "--baseline", "base", "baseline=bdhs"),
        ("sweep", "--output", "a", "output=b"),
        ("sweep", "--model", "a", "model.path=b"),
        ("sweep", "--fleet", "ray", "fleet.address=h:1"),
    ],
)
def test_an_option_and_a_change_of_one_key_are_refused_by_every_command(words: tuple[str, ...]) -> None:
    refused = CliRunner().invoke(app, [*words, "--dry-run"]).exception
    assert isinstance(refused, ConfigError) and "again, which is given as an option too" in str(refused)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("sweep", "--benchmarks", "pope", "--benchmarks=chair", "--dry-run"), "--benchmarks"),
        (("run", "--output", "a", "--mini", "--output", "b"), "--output"),
        (("labels", "queue", "pope", "--seed", "1", "--seed", "2"), "--seed"),
    ],
)
def test_an_option_of_one_value_that_is_given_twice_is_refused(words: tuple[str, ...], option: str) -> None:
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, ConfigError) and str(refused) == f"{option} takes one value and is given 2 times. Give it once."


def test_shell_completion_still_completes_behind_an_option_that_stands_twice() -> None:
    sweep = get_command(app).commands["sweep"]  # type: ignore[attr-defined]
    assert sweep.make_context("sweep", ["--benchmarks", "pope", "--benchmarks", "chair"], resilient_parsing=True)


@pytest.mark.parametrize("words", [("--mini", "--mini"), ("--model", "a", "--model", "b"), ("--limit", "x")])
def test_flags_and_options_of_several_values_are_no_fault_and_a_wrong_value_is_told_as_before(words: tuple[str, ...]) -> None:
    command = "run" if "--mini" in words else "sweep"
    said = CliRunner().invoke(app, [command, *words, "study:none"])
    assert "is given" not in f"{said.output}{said.exception}"


def test_a_table_of_the_study_is_not_a_file_of_sweep() -> None:
    refused = CliRunner().invoke(app, ["sweep", "study:table6"]).exception
    assert str(refused) == "study:table6 is a table of the study, which `run` takes alone. Give a YAML file."


@pytest.mark.parametrize("words", [("annotators", "--mini", "--to"), ("gate", "none", "--junit")])
def test_a_place_that_cannot_be_written_to_is_refused_first(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    faults = {".": "is a folder. Name a file.", "file/x": "is a file, not a folder. Choose another place."}
    for place, why in ((tmp_path / name, why) for name, why in faults.items()):
        refused = CliRunner().invoke(app, [*words, str(place), "--output", str(tmp_path / "runs")]).exception
        assert isinstance(refused, ConfigError) and str(refused).startswith(words[-1]) and why in str(refused)
    check_file_to_write(tmp_path / "file", "--to")


def test_folders_of_a_file_to_write_are_made_where_they_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--to: ~no-such-user/x.csv begins with the home of a user that this machine"):
        check_file_to_write(Path("~no-such-user/x.csv"), "--to")
    check_file_to_write(file := tmp_path / "new" / "deep" / "g.xml", "--junit")
    write_text_whole(file, "x")
    assert file.read_text() == "x"


def test_the_table_of_annotators_is_written_into_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.api.annotators.annotators", lambda *args, **options: AnnotatorTable(()))
    to = tmp_path / "new" / "t.json"
    done = CliRunner().invoke(app, ["annotators", "--mini", "--to", str(to), "--output", str(tmp_path / "runs")])
    assert (done.exit_code, to.read_text()) == (0, "[]\n")


def test_the_output_folder_of_doctor_is_its_option_or_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Path] = []
    monkeypatch.setattr("harness.evaluation.doctor.examine", lambda load, output, beside: looked_at.append(output) or ())
    for words in ([f"output={tmp_path}"], ["--output", str(tmp_path)], []):
        assert CliRunner().invoke(app, ["doctor", *words]).exit_code == 0
    assert looked_at == [tmp_path, tmp_path, Path("runs")]
    refused = CliRunner().invoke(app, ["doctor", "--output", "a", "output=b"]).exception
    assert str(refused) == "'output=b' sets output again, which is given as an option too. Give one of the two."
