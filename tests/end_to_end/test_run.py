"""The main job, the whole way: checkpoint -> BDHS pairs -> DPO -> sweep of base and aligned -> report."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.process
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.judges.keywords import Keywords
from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core.errors import ConfigError, DataError, HarnessError, ModelError
from harness.core.evaluation import Verdict
from harness.core.judging import JudgeTask
from harness.run import pipeline
from harness.storage.run_folder import locked
from harness.storage.run_store import Store
from tests.end_to_end import command

ROOT = Path(__file__).resolve().parent.parent.parent


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    report.pop("timings", None)
    return report


def test_one_command_trains_evaluates_and_reports_and_a_second_one_gives_the_same_bytes(
    small: RunConfig, done: Path, tmp_path: Path
) -> None:
    for name in ("report.html", "report.md", "report.json", "metrics.csv"):
        assert (done / name).stat().st_size > 500
    with Store(Path(small.output) / "store.sqlite") as store:
        run = store.run("small")
        assert run.status == "complete"
        labels = {(r.label, r.benchmark) for r in store.results(run.id)}
        base, aligned = (next(r for r in store.results(run.id) if r.label == label) for label in ("base", "bdhs"))
    assert labels == {(label, name) for label in ("base", "bdhs") for name in ("pope", "chair", "mmhal_bench")}
    assert base.checkpoint.digest != aligned.checkpoint.digest
    again = pipeline.run(small.model_copy(update={"output": str(tmp_path / "again")}), "test")
    assert again.folder.name == done.name
    assert report_of(done) == report_of(again.folder)


def test_a_finished_run_started_again_generates_nothing(small: RunConfig, done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (done / "report.json").read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("harness.models._engine.scheduler.ImageFirstEngine._move", refuse)
    second = pipeline.run(small, "test")
    assert second.folder == done
    assert (done / "report.json").read_bytes() == before


@pytest.mark.slow
def test_a_folder_whose_store_was_lost_ends_in_a_report_with_its_pairs_and_its_training_and_trains_nothing(
    small: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small.model_copy(update={"sweep": [small.sweep[0].model_copy(update={"limit": 6})]})
    first = pipeline.run(small, "test")
    assert first is not None
    for file in Path(small.output).glob("store.sqlite*"):
        file.unlink()
    monkeypatch.setattr("alignment.training.train.Loop.run", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr("alignment.sources.bdhs.Bdhs.pairs", lambda *_: pytest.fail("made pairs again"))
    again = pipeline.run(small, "test")
    assert again is not None
    assert again.comparison.training == first.comparison.training != ()
    (before,), (after,) = first.comparison.runs, again.comparison.runs
    assert after.example_pairs == before.example_pairs and after.pairs_report["accepted"] == before.pairs_report["accepted"]
    assert "the store was lost" in after.pairs_report["rebuilt"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_ten_times_and_started_again_ends_in_the_same_report(small: RunConfig, finished: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    path = tmp_path / "study.yaml"
    tree = small.model_copy(update={"output": str(killed)}).model_dump(exclude_none=True)
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    rng, kills = random.Random(0), 0
    while kills < 10:
        process = _started(["run", str(path)])
        _wait_until_at_work(process, killed, rng.uniform(0.1, 1.5))
        if not process.is_alive():
            break
        process.kill()
        process.join()
        kills += 1
    in_training = _started(["run", str(path)])  # the moments above rarely fall into the second that the training takes
    while in_training.is_alive() and not list(killed.glob("small-*/arms/bdhs/train/state/step-*.pt")):
        time.sleep(0.01)
    in_training.kill()
    in_training.join()
    done = _started(["run", str(path)])
    done.join()
    assert done.exitcode == 0
    after, undisturbed = (report_of(next(output.glob("small-*"))) for output in (killed, finished))
    for run in undisturbed["runs"]:
        run["command"] = "python -m harness run …/study.yaml"
    assert after == undisturbed
    assert kills >= 3


def _started(words: list[str]) -> multiprocessing.process.BaseProcess:
    """The command in a process of its own, forked from one that has imported torch: eleven starts cost the import once."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.end_to_end.command"])
    process = server.Process(target=command.run, args=(words,))
    process.start()
    return process


def _wait_until_at_work(process: multiprocessing.process.BaseProcess, output: Path, seconds: float) -> None:
    """The command takes a moment to start; count from when the run holds its lock."""
    started = time.time()
    while process.is_alive() and time.time() - started < 60:
        locks = [p for p in output.glob("small-*/lock") if p.stat().st_mtime >= started - 0.5]
        if locks:
            break
        time.sleep(0.02)
    time.sleep(seconds)


def evaluated_only(world: Path, tmp_path: Path, *sweep: dict[str, Any]) -> RunConfig:
    """A run that trains nothing, of a model that always says the same."""
    model = {"name": "scripted", "default": "There is a dog."}
    tree = {"name": "only", "model": model, "arms": [], "sweep": list(sweep)}
    return config.parse(tree | {"data": str(world / "miniworld"), "output": str(tmp_path)})


def test_what_a_judge_owes_is_asked_for_again_by_the_next_run_and_nothing_else(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = evaluated_only(world, tmp_path, {"name": "mmhal_bench", "judge": {"name": "keywords"}})
    judged: list[str] = []
    honest = Keywords.judge

    def out_of_reach_once(self: Keywords, task: JudgeTask, question: str, *rest: Any) -> Verdict:
        judged.append(question)
        return (
            Verdict(None, "no reply", "", self.name, self.version) if len(judged) == 1 else honest(self, task, question, *rest)
        )

    monkeypatch.setattr(Keywords, "judge", out_of_reach_once)

    def unjudged() -> list[str]:
        with Store(tmp_path / "store.sqlite") as store:
            (result,) = store.results(pipeline.run(study, "test").run_id)
        return [score.item_id for score in result.scores if score.flag == "unjudged"]

    assert len(unjudged()) == 1
    asked = len(judged)
    assert unjudged() == [] and judged[asked:] == judged[:1]
    assert unjudged() == [] and len(judged) == asked + 1


def test_an_image_that_is_missing_is_named_before_the_first_question(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "miniworld", tmp_path / "data")
    lost = sorted((tmp_path / "data/coco/val2014").iterdir())[0]
    lost.unlink()
    study = evaluated_only(world, tmp_path, {"name": "pope"}).model_copy(update={"data": str(tmp_path / "data")})
    with pytest.raises(DataError, match=rf"pope: \d+ of \d+ items ask about an image .* first is coco/val2014/{lost.name}"):
        pipeline.run(study, "test")


# ------------------------------------------------------------ wrong input


def test_a_second_run_in_the_same_folder_is_refused(small: RunConfig, done: Path) -> None:
    with locked(done), pytest.raises(HarnessError, match=f"Process {os.getpid()} works in"):
        pipeline.run(small, "test")


def test_a_missing_data_folder_or_file_says_which_and_how_to_get_it(small: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no data folder at /nowhere"):
        pipeline.run(small.model_copy(update={"data": "/nowhere"}), "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"instruct/preference_prompts\.json"):
        pipeline.run(small.model_copy(update={"data": str(tmp_path / "empty")}), "test")


def test_a_folder_without_a_model_is_one_message(small: RunConfig, tmp_path: Path) -> None:
    wrong = small.model.model_copy(update={"path": str(tmp_path)})
    with pytest.raises(ModelError, match="not a model folder"):
        pipeline.run(small.model_copy(update={"model": wrong}), "test")


def test_an_empty_pair_file_is_one_message(small: RunConfig, tmp_path: Path) -> None:
    data = Path(small.data)
    empty = data / "empty_pairs.jsonl"
    empty.write_text("")
    tree = small.model_dump(exclude_none=True)
    tree["arms"][0]["pairs"] = {"name": "jsonl", "file": "empty_pairs.jsonl"}
    with pytest.raises((ConfigError, DataError), match=r"empty_pairs|no pairs"):
        pipeline.run(config.parse(tree), "test")


def run_words(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=cwd, capture_output=True, text=True, env=environment, timeout=120
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "sed=1"), "Did you mean 'seed'"),
        (("run", "sweep.0.name=popee"), "Did you mean 'pope'"),
        (("run", "nowhere.yaml"), "There is no configuration file"),
        (("run", "model.path=/nowhere"), "there is no model folder"),
        (("show", "x"), "There is no run store"),
        (("list", "x"), "Choose one of plugins"),
        (("rum",), "No such command"),
    ],
)
def test_wrong_words_are_one_clear_message_and_a_failing_exit_code(
    words: tuple[str, ...], says: str, world: Path, tmp_path: Path
) -> None:
    done = run_words(*words, *([f"data={world / 'miniworld'}"] if words[0] == "run" else []), cwd=tmp_path)
    assert done.returncode != 0
    assert says in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_says_how_to_go_on(world: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = ["run", f"data={world / 'miniworld'}", f"output={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite run in the background ignores it
    )
    _wait_until_at_work_any(process, tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To continue: python -m harness run" in err and "Traceback" not in err


def _wait_until_at_work_any(process: subprocess.Popen[str], output: Path) -> None:
    for _ in range(3000):
        if process.poll() is not None or list(output.glob("*/lock")):
            break
        time.sleep(0.02)
    time.sleep(1)


@pytest.mark.parametrize("words", [["--help"], ["list"]])
def test_help_and_list_import_nothing_heavy(words: list[str]) -> None:
    code = f"import sys; sys.argv = ['harness', *{words!r}]\n"
    code += "try:\n    import harness.__main__\nexcept SystemExit:\n    pass\n"
    code += (
        "heavy = {'torch', 'transformers', 'pandas', 'scipy', 'matplotlib', 'nltk'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_side_by_side_end_in_the_bytes_of_one(small: RunConfig, tmp_path: Path) -> None:
    arm = small.arms[0].model_copy(update={"pairs": small.arms[0].pairs.model_copy(update={"limit": 8})})
    other = arm.model_copy(update={"name": "again", "seed": 1})
    sweep = [small.sweep[0].model_copy(update={"limit": 6})]
    folders = []
    for jobs in (1, 2):
        config = small.model_copy(
            update={"arms": [arm, other], "sweep": sweep, "jobs": jobs, "output": str(tmp_path / f"{jobs}")}
        )
        outcome = pipeline.run(config, "test")
        assert outcome is not None
        folders.append(outcome.folder)
    one, two = folders
    assert report_of(one) == report_of(two)
    for name in ("bdhs", "again"):
        for file in ("pairs.jsonl", "train/checkpoint/model.safetensors"):
            assert (one / "arms" / name / file).read_bytes() == (two / "arms" / name / file).read_bytes()
