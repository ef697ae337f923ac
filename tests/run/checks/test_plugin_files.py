"""A run is shown again, or goes on, only with the plug-ins of other distributions that it was begun with."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.edge import plugin_modules
from harness.core.errors import ConfigError, DataError
from harness.evaluation.protocol import is_version
from harness.run import pipeline
from harness.storage.artifacts import PluginFiles
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store
from tests.guest import installed

LOSS = """
from torch import relu
from harness.core import registry
from alignment.batching.logps import PairLogps, PairLoss, rewards
from . import gaps

@registry.loss
def mine(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(relu(gaps.GAP - (chosen - rejected)), chosen.detach(), rejected.detach())
"""
JUDGE = """
from harness.core import registry
from harness.core.evaluation import Verdict

@registry.judge
class Short:
    name, version = "short", "1"
    def judge(self, task, question, answer, facts, image):
        return Verdict(4.0, "", "Rating: 4", self.name, self.version)
"""
BENCHMARK = """
from harness.core import registry
from benchmarks.pope import Pope

@registry.benchmark
class Other(Pope):
    animal = "dog"
"""
MODEL = """
from harness.core import registry
from harness.models.scripted import Scripted

@registry.model
class Says(Scripted):
    def __init__(self):
        super().__init__(lambda request: "no")
"""
FILES = {
    "pack/__init__.py": "",
    "pack/mine.py": LOSS,
    "pack/gaps.py": "GAP = 1.0\n",
    "pack/other.py": "",
    "pack/short.py": JUDGE,
    "pack/other_pope.py": BENCHMARK,
    "pack/says.py": MODEL,
}


@pytest.fixture
def pack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of a package with the plug-in that the test names, of the kind that it names."""
    kind, name = request.param
    with installed(tmp_path / "site", FILES, {name: f"pack.{name}"}, kind):
        yield tmp_path / "site/pack"
    for module in [module for module in sys.modules if module.split(".")[0] == "pack"]:
        del sys.modules[module]


def again(study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same command in another process; the id of the run."""
    monkeypatch.setattr(plugin_modules, "_loaded", {})
    return pipeline.run(study, "test").run_id


@pytest.fixture
def judged(world: Path, tmp_path: Path) -> dict[str, Any]:
    judge = {"name": "short"}
    return {
        "model": {"name": "scripted", "default": "A dog."},
        "sweep": [{"name": "mmhal_bench", "limit": 2, "judge": judge}],
        "data": str(world),
        "output": str(tmp_path / "out"),
    }


@pytest.fixture
def trained(world: Path, tmp_path: Path) -> dict[str, Any]:
    image = min(path.name for path in (world / "coco/val2014").iterdir())
    row = {"image": f"coco/val2014/{image}", "prompt": "What is it?", "chosen": "A dog.", "rejected": "A cat."}
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({**row, "id": str(n)}) + "\n" for n in range(4)))
    align = {"name": "dpo", "loss": "mine", "training": {"batch_size": 4, "max_steps": 1, "trackers": []}}
    return {
        "model": {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1},
        "arms": [{"name": "a", "pairs": {"name": "jsonl", "file": str(tmp_path / "pairs.jsonl")}, "align": align}],
        "sweep": [{"name": "pope", "splits": ["random"], "limit_images": 1}],
        "data": str(world),
        "output": str(tmp_path / "out"),
    }


@pytest.mark.parametrize("pack", [("loss", "mine")], indirect=True)
def test_a_run_with_another_loss_of_the_same_name_is_refused_and_kept(
    pack: Path, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = config.parse(trained)
    first = again(study, monkeypatch)
    (pack / "other.py").write_text("# not imported by the loss\n")
    assert again(study, monkeypatch) == first
    (pack / "gaps.py").write_text("GAP = 2.0\n")
    with pytest.raises(DataError, match=r"training of a: the files of the loss mine \(pack\.mine\) have changed\.\nThey"):
        again(study, monkeypatch)
    (pack / "gaps.py").write_text("GAP = 1.0\n")
    assert again(study, monkeypatch) == first
    with Store(Path(study.output) / "store.sqlite") as store:
        assert store.run(first).status == "complete"


@pytest.mark.parametrize("pack", [("loss", "mine")], indirect=True)
def test_an_arm_that_nothing_was_measured_with_may_be_trained_again(
    pack: Path, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = config.parse(trained)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pipeline._Stages, "_sweep_arm", interrupted)
        again(study, monkeypatch)
    (pack / "gaps.py").write_text("GAP = 2.0\n")
    with pytest.raises(DataError, match=r"have changed\. Remove .*/a/train and .*/alignment.json to make it again"):
        again(study, monkeypatch)
    (place,) = Path(study.output).glob("*/arms/a")
    (place / "alignment.json").unlink()
    shutil.rmtree(place / "train")
    first = again(study, monkeypatch)
    assert again(study, monkeypatch) == first


def interrupted(*given: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("pack", [("judge", "short")], indirect=True)
def test_a_judge_that_changed_is_refused_and_asked_again_by_other_runs(
    pack: Path, judged: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = config.parse(judged)
    first = again(study, monkeypatch)
    (pack / "short.py").write_text(JUDGE.replace("4", "2"))
    with pytest.raises(DataError, match=r"judge of mmhal_bench: the files of the judge short \(pack\.short\) have changed\.\n"):
        again(study, monkeypatch)
    del sys.modules["pack.short"]
    other = again(config.parse(judged | {"name": "other"}), monkeypatch)
    assert (verdicts(study, first), verdicts(study, other)) == ({4.0}, {2.0})
    with Store(Path(study.output) / "store.sqlite") as store:
        store.put(first, PluginFiles())  # as a run of before has it
    assert again(study, monkeypatch) == first


def verdicts(study: RunConfig, run_id: str) -> set[float | None]:
    with Store(Path(study.output) / "store.sqlite") as store:
        queries = ResultQueries(store)
        scores = [score for head in queries.heads(run_id) for score in queries.scores(head)]
    return {score.verdict.value for score in scores if score.verdict is not None}


def two_questions(study: dict[str, Any], model: str, benchmark: str) -> RunConfig:
    """The same study without training: this model, asked these questions about one image."""
    sweep = [{"name": benchmark, "splits": ["random"], "limit_images": 1}]
    return config.parse(study | {"model": {"name": model}, "arms": [], "sweep": sweep})


@pytest.mark.parametrize("pack", [("benchmark", "other_pope")], indirect=True)
def test_a_benchmark_that_changed_is_refused_and_its_files_are_a_fact(
    pack: Path, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = two_questions(trained, "scripted", "other_pope")
    again(study, monkeypatch)
    (pack / "other_pope.py").write_text(BENCHMARK.replace("dog", "cat"))
    with pytest.raises(DataError, match=r"measured by version \d+, files \w{12} of the benchmark; here is version \d+, files"):
        again(study, monkeypatch)


@pytest.mark.parametrize("pack", [("model", "says")], indirect=True)
def test_a_model_that_changed_is_asked_again_by_other_runs(
    pack: Path, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = two_questions(trained, "says", "pope")
    first = again(study, monkeypatch)
    (pack / "says.py").write_text(MODEL.replace('"no"', '"yes"'))
    del sys.modules["pack.says"]
    other = again(study.model_copy(update={"name": "other"}), monkeypatch)
    with Store(Path(study.output) / "store.sqlite") as store:
        queries = ResultQueries(store)
        said = [{key for h in queries.heads(run) for s in queries.scores(h) for key in s.values} for run in (first, other)]
        facts = [protocol.facts["files of the plug-in"] for run in (first, other) for *_, protocol in queries.protocols(run)]
    assert said == [{"asked", "random/tn", "random/fn"}, {"asked", "random/tp", "random/fp"}]
    assert facts[0] != facts[1]


@pytest.mark.parametrize("stored", ["1", "1, files ab"])
def test_a_version_without_files_is_one_of_before(stored: str) -> None:
    assert is_version(stored, "1, files ab")
    assert not is_version(stored, "2, files ab")
    assert not is_version("1, files cd", "1, files ab")


@pytest.mark.parametrize("pack", [("judge", "short")], indirect=True)
def test_files_that_changed_under_a_running_process_are_no_longer_what_it_runs(pack: Path, judged: dict[str, Any]) -> None:
    plugin_modules._loaded.clear()
    pipeline.run(config.parse(judged), "test")
    (pack / "short.py").write_text(JUDGE.replace("4", "2"))
    with pytest.raises(ConfigError, match=r"plug-in pack\.short have changed since .* Start Python again"):
        pipeline.run(config.parse(judged | {"name": "other"}), "test")


def test_a_module_that_is_put_beside_the_others_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, which asked for the names before."""
    folder = tmp_path / "of_the_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "first.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry.PACKAGES, "judge", "of_the_package")
    before = registry.names("judge")
    (folder / "second.py").write_text("")
    os.utime(folder, ns=(0, folder.stat().st_mtime_ns + 1))  # clocks of files may stand still for some milliseconds
    assert set(registry.names("judge")) - set(before) == {"second"} and "first" in before
