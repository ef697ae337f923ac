"""Commands that find nothing say so, and none prints an address or starts work before it knows that it can."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app, main
from harness.config.check_paths import hub_notes
from harness.config.sweep_only import evaluation
from harness.core.errors import ConfigError, HarnessError, StoreError
from harness.storage.run_store import Store, StoredRun
from reports.web import serving


def invoked(*words: str, output: Path) -> str:
    result = CliRunner().invoke(app, [*words, "--output", str(output)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("names", ["", " ", ",", " , "])
def test_an_empty_list_of_benchmarks_is_refused_rather_than_all_of_them_swept(names: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--benchmarks names no benchmark"):
        invoked("sweep", "--benchmarks", names, output=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_list_of_no_label_revisions_says_so(tmp_path: Path) -> None:
    assert f"There are no revisions in {tmp_path}" in invoked("labels", "list", output=tmp_path)


def test_a_list_of_no_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no run store in .*Start a run first"):
        invoked("list", "runs", output=tmp_path)


def test_view_names_no_address_while_its_port_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(host: str, port: int) -> None:
        raise ConfigError(f"Port {port} of {host} cannot be had")

    monkeypatch.setattr(serving, "check_free", taken)
    result = CliRunner().invoke(app, ["view", "--port", "8123", "--output", str(tmp_path)])
    assert str(result.exception) == "Port 8123 of 127.0.0.1 cannot be had"
    assert "http" not in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--as", "html", "--to", "x"],
            "`--as html` does not use --to. Leave it out. It is written to the terminal: add `> FILE`.",
        ),
        (["--to", "x"], "`--as table` does not use --to"),
        (["--as", "csv", "--leaderboard", "llava"], "`--as csv` does not use --leaderboard"),
        (["--as", "csv", "--labels", "ours"], "`--as csv` does not use --labels. Leave it out. `--as json`, markdown and html"),
        (["--as", "latex", "--labels", "ours"], "`--as latex` does not use --labels. Leave it out. `--as json`, markdown and"),
        (["--as", "latex", "--name", "a", "--baseline", "b"], "There is no run store"),
        (
            ["--as", "eee", "--to", "x", "--published", "--labels", "ours"],
            "`--as eee` does not use --published and --labels. Leave them",
        ),
        (["--as", "wandb", "--to", "x"], "`--as wandb` does not use --to"),
        (["--as", "markdown", "--baseline", "a", "--name", "b", "--published", "--labels", "c"], "There is no run store"),
        (["--leaderboard", "llava", "--baseline", "a"], "There is no run store"),
    ],
)
def test_options_that_a_form_of_a_comparison_would_pass_over_are_refused(words: list[str], says: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, StoreError)) as caught:
        invoked("compare", "run", *words, output=tmp_path)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("benchmark", ["mmhal_bench", "mmvet", "llava_bench"])
def test_a_benchmark_without_the_judge_it_needs_is_refused_before_a_model_is_loaded(benchmark: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"1 fault .*\n  - {benchmark} needs a judge. Add `judge"):
        invoked("sweep", "--benchmarks", benchmark, "--data", "miniworld", output=tmp_path)
    assert not list(tmp_path.iterdir()), "nothing is drawn"


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["run", "--output", "", "--dry-run"], "the word after --output"),
        (["run", "--model=", "--dry-run"], "--model"),
        (["compare", ""], "the word after compare"),
        (["audit", "--host", "", "pope"], "the word after --host"),
        ([""], "a word of the command"),
    ],
    ids=" ".join,
)
def test_an_empty_word_of_a_command_is_refused(words: list[str], where: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["harness", *words])
    monkeypatch.setattr("harness.cli.app", lambda: pytest.fail("the command was carried out"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"The command cannot be carried out: {where} is empty. Give it a value, or leave it out.\n"
    )


def test_words_with_a_value_are_carried_out(monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["harness", "run", "study.yaml", "arms.0.seed=", "a==", "-"])
    done = list[str]()
    monkeypatch.setattr("harness.cli.app", lambda: done.append("carried out"))
    main()
    assert done


def test_an_empty_name_is_no_run(store: Store) -> None:
    store.begin(StoredRun("a-1", "a", "2026-01-01", "complete", "", "", {}, ""))
    assert store.run("a").id == store.run("a-").id == "a-1"
    with pytest.raises(StoreError, match="There is no run ''"):
        store.run("")


def test_a_file_in_the_place_of_a_folder_for_exports_is_refused_before_runs_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"--to: .*file is a file. `--as eee` writes several; name a folder"):
        invoked("compare", "any", "--as", "eee", "--to", str(tmp_path / "file"), output=tmp_path)


def test_doctor_refuses_a_data_folder_that_is_not_there_though_its_own_questions_need_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data: there is no folder /nope"):
        invoked("doctor", "data=/nope", output=tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["labels", "queue", "pope", "--to", "FILE/x.csv"],
        ["labels", "queue", "pope", "--to", "FOLDER.csv"],
        ["labels", "queue", "pope", "--as", "coco", "--to", "FOLDER.json"],
        ["ratings", "sample", "mmhal_bench", "--to", "FILE/x.csv"],
        ["pairs", "FILE", "--json", "FILE/x.json"],
        ["pairs", "FILE", "--json", "FOLDER.csv"],
        ["labels", "export", "ours", "--to", "FILE"],
        ["compare", "any", "--as", "inspect", "--to", "FILE/x"],
        ["gate", "any", "--junit", "FOLDER.csv"],
        ["annotators", "--mini", "--to", "FOLDER.json"],
        ["fetch", "pope", "--data", "FILE/x"],
        ["annotators", "--mini", "--output", "FILE"],
        ["score", "pope", "--answers", "FILE", "--output", "FILE"],
        ["import-run", "FILE", "--output", "FILE/x"],
        ["judges", "check", "FILE", "--judge", "keywords", "--output", "FILE"],
    ],
    ids=" ".join,
)
def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_read(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "FILE").write_text("x")
    for folder in ("FOLDER.csv", "FOLDER.json"):
        (tmp_path / folder).mkdir()
    filled = [str(tmp_path / word) if word.startswith(("FILE", "FOLDER")) else word for word in words]
    with pytest.raises(ConfigError, match=rf"^{filled[-2]}: {tmp_path}/(FILE is a file, not a folder|FOLDER\S+ is a folder)"):
        CliRunner().invoke(app, filled, catch_exceptions=False)


def test_audit_tells_an_unknown_benchmark_before_it_reads_runs(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite"):
        pass
    done = CliRunner().invoke(app, ["audit", "poep", "--output", str(tmp_path)])
    assert isinstance(done.exception, ConfigError) and "Did you mean 'pope'?" in str(done.exception) and done.output == ""


@pytest.mark.parametrize(("words", "told"), [
    (("rescore", "gone", "--labels", "away"), ["no run 'gone'", "no revision 'away'"]),
    (("compare", "gone", "lost"), ["no run 'gone'", "no run 'lost'"]),
    (("compare", "gone", "one", "--labels", "away"), ["no run 'gone'", "no revision 'away'"]),
    (("gate", "gone", "--policy", "away.yaml"), ["no run 'gone'", "no policy file away.yaml"]),
    (("sweep", "--until", "decided", "--against", "gone", "--policy", "away.yaml"), ["no run 'gone'", "no policy file"]),
])  # fmt: skip
def test_every_name_that_leads_nowhere_is_told_at_once(words: tuple[str, ...], told: list[str], tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(StoredRun("one-1", "one", "2026-01-01", "complete", "", "", {}, "/nowhere"))
    with pytest.raises(HarnessError) as caught:
        invoked(*words, output=tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(told) and all(one in line for one, line in zip(told, lines, strict=True))


def test_one_name_that_leads_nowhere_is_told_as_before(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no run store in"):
        invoked("rescore", "gone", "lost", "--labels", "mmvp-corrected", output=tmp_path)


def test_a_benchmark_that_there_is_none_of_is_no_failed_check(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", "poep", "chiar"])
    assert isinstance(done.exception, ConfigError) and done.output == ""
    assert str(done.exception).count("There is no benchmark named") == 2 and "Did you mean 'pope'?" in str(done.exception)


def test_a_path_beside_real_folders_that_is_looked_for_on_the_hub_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "llava").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (note,) = hub_notes(evaluation("models/lava", ["pope"], data="miniworld"))
    assert note.startswith("model.path: there is no folder models/lava; models has the folders llava.") and "hub" in note
    assert not hub_notes(evaluation("models/llava", ["pope"], data="miniworld"))
    assert not hub_notes(evaluation("llava-hf/llava-1.5-7b-hf", ["pope"], data="miniworld"))
