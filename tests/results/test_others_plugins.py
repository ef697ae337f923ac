"""Stored runs and plug-ins of other distributions: gone, changed, failing while reports are written, or measuring nonsense."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

import harness
from harness.audit.queue import queue
from harness.audit.vote_files.known_labels import KnownLabels
from harness.cli import app
from harness.core import registry
from harness.core.edge.plugin_modules import facts_of, own_facts
from harness.core.errors import ConfigError, DataError, JudgeError, ModelError
from harness.core.evaluation import Request, Score, ratio
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord
from harness.evaluation.cached_model import CachedModel
from harness.labels.cases import Key
from harness.results import report_files as reports
from harness.results.out_of_range import out_of_range
from harness.run.checks import plugin_files
from harness.storage.run_store import open_store
from tests.guest import installed

BENCHMARK = '''
from harness.core import registry
from harness.core.evaluation import Decoding, Item, Score, ratio

@registry.benchmark
class Rain:
    """Questions about rain."""
    version = 1
    formulas = (ratio("accuracy", ["right"], ["asked"], headline=True),)
    def load(self, data): return [Item(str(n), "", "Is it raining?", {"label": "no"}) for n in range(3)]
    def decoding(self): return Decoding(max_new_tokens=4)
    def prompt(self, item): return item.question
    def score(self, item, answer): return Score(item.id, {"asked": 1.0, "right": 1.0})
    def facts(self): return {"n": 3, "of": ["a"]}
'''


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Modules of one test's package are not another's."""
    yield
    for name in [name for name in sys.modules if name.endswith("_pack")]:
        del sys.modules[name]


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Writes the benchmark with another source and runs it under a name."""

    def run(source: str, name: str = "rain") -> Any:
        with installed(tmp_path / "site", {f"{name}_pack.py": source}, {"rain": f"{name}_pack"}):
            study = {"name": name, "model": {"name": "scripted", "default": "No."}, "arms": [], "sweep": [{"name": "rain"}]}
            places = {"data": str(tmp_path / "data"), "output": str(tmp_path / "runs")}
            (tmp_path / "data").mkdir(exist_ok=True)
            return harness.run({**study, **places}, progress=harness.silent)

    yield run


def test_answers_of_a_benchmark_that_is_gone_are_shown_without_metrics_and_no_gate_passes(
    measured: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    run = measured(BENCHMARK)
    again = harness.open_store(run.output)["rain"]
    assert len(again.items()) == 3 and len(again.scores()) == 6
    with caplog.at_level(logging.WARNING, "harness"):
        assert again.metrics().empty
    assert "Rain cannot be made here, so that its answers and scores are shown without metrics: it is not" in caplog.text
    assert "cannot be made here" in again.render("markdown")
    assert not any(record.complete for record in again.records)


def test_labels_of_a_benchmark_that_is_gone_are_not_said_to_be_none(measured: Callable[..., Any]) -> None:
    run = measured(BENCHMARK)
    with open_store(run.output) as store:
        with pytest.raises(ConfigError, match="The labels of rain cannot be audited: it cannot be made here: it is not ins"):
            queue(store, "rain")
        fault = KnownLabels(store).fault(Key("rain", "0", "label", "no"))
    assert fault is not None and fault.what == "judges a label of rain: it cannot be made here: it is not installed."


def test_a_value_beyond_its_range_is_said_where_metrics_are_read(
    measured: Callable[..., Any],
) -> None:
    run = measured(BENCHMARK.replace('"right": 1.0', '"right": 100.0'))
    note = 'Rain accuracy of base is 100, which is not from 0 to 1 as its unit "share" states'
    assert note in (run.folder / "report.md").read_text().replace("\\", "")


@pytest.mark.parametrize(
    ("value", "about", "beyond"), [(1.0, {}, 0), (1.5, {}, 1), (-1.0, {}, 1), (7.0, {"unit": "points"}, 0)]
)
def test_what_is_beyond_a_range(value: float, about: dict[str, str], beyond: int) -> None:
    scores = (Score("1", {"right": value, "asked": 1.0}),)
    formulas = (ratio("accuracy", ["right"], ["asked"], **about), ratio("of none", ["x"], ["y"]))
    result = BenchmarkResult("rain", ProtocolRecord({}), (), (), scores, formulas)
    assert len(list(out_of_range("base", result))) == beyond


def test_addends_that_were_stored_as_text_are_numbers() -> None:
    """As numpy's were before they became Python's own; a report reads them so."""
    scores = tuple(Score(str(n), cast(Any, {"right": "0.5", "asked": "1"})) for n in range(2))
    half = BenchmarkResult("rain", ProtocolRecord({}), (), (), scores, (ratio("accuracy", ["right"], ["asked"]),))
    assert not list(out_of_range("base", half))
    (said,) = out_of_range("base", replace(half, formulas=(ratio("accuracy", ["asked"], ["right"]),)))
    assert "is 2, which" in said


def test_facts_are_the_characters_of_texts_and_answer_keys_hold_them_as_given() -> None:
    class Mode(str):
        def __str__(self) -> str:
            return "its name"

    model = cast(Any, SimpleNamespace(facts=lambda: {"mode": Mode("wet"), "n": 7, "of": ["a"]}))
    assert facts_of(model) == {"mode": "wet", "n": "7", "of": "['a']"}
    assert own_facts(model) == {"mode": "wet", "n": 7, "of": ["a"]}
    model.checkpoint = Checkpoint("wet", "wet", "", "0" * 64)
    assert CachedModel(model, cast(Any, None)).key(Request(None, "?")) != CachedModel(
        cast(Any, SimpleNamespace(facts=lambda: facts_of(model), checkpoint=model.checkpoint)), cast(Any, None)
    ).key(Request(None, "?"))


def test_numbers_that_were_stored_as_facts_are_shown(measured: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.evaluation.protocol.as_facts", dict)
    run = measured(BENCHMARK)
    assert run.records[0].sweeps[0].results[0].protocol.facts["n"] == "3"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"right": 1.0', '"right": None', "the score of item '0' has the addend 'right': it is None"),
        ('"right": 1.0', '"right": 1.0 / 0', "cannot score the answer to item '0'"),
        ("return item.question", "return None", r"prompt\(\) gives None for item '0', not text"),
        ("return item.question", "raise KeyError('x')", r"prompt\(\) fails for item '0': 'x' is missing"),
        ("return Decoding(max_new_tokens=4)", "return {}", r"decoding\(\) gives {}, not a Decoding"),
        ('return {"n": 3, "of": ["a"]}', "raise ValueError('none')", r"facts\(\) fails: none"),
        ('["asked"], headline=True)', '["asked"]), ratio("accuracy", ["asked"], ["asked"])', "two formulas are named"),
        ('{"label": "no"}', '{"label": float("nan")}', "the truth of item '0' has 'label', which is nan"),
    ],
)
def test_what_is_wrong_with_a_benchmark_is_our_own_error(old: str, new: str, words: str, measured: Callable[..., Any]) -> None:
    assert old in BENCHMARK
    with pytest.raises((DataError, ConfigError), match=words):
        measured(BENCHMARK.replace(old, new))


def test_facts_of_a_benchmark_may_be_numbers_and_lists(measured: Callable[..., Any]) -> None:
    run = measured(BENCHMARK)
    assert {"n": "3", "of": "['a']"}.items() <= run.records[0].sweeps[0].results[0].protocol.facts.items()


WRITER = """
from harness.core import registry
@registry.report("{file}")
def mine(comparison):
    {body}
"""


def writer(tmp_path: Path, file: str, body: str = "return 'mine'") -> Any:
    source = WRITER.format(file=file, body=body)
    return installed(tmp_path / "site", {"mine_pack.py": source}, {"mine": "mine_pack"}, "report")


@pytest.mark.parametrize("file", ["run.yaml", "Report.html", "../up.txt", "a/b.txt", "", "gate.xml", "arms"])
def test_a_writer_does_not_write_over_what_is_there(file: str, tmp_path: Path) -> None:
    with writer(tmp_path, file), pytest.raises(ConfigError, match=r"The report writer 'mine' writes .*(file of|not the name)"):
        reports.report_files()


def test_a_writer_that_fails_is_named_by_the_command(measured: Callable[[str], Any], tmp_path: Path) -> None:
    measured(BENCHMARK)
    with writer(tmp_path, "mine.txt", "raise RuntimeError('boom')"):
        shown = CliRunner().invoke(app, ["compare", "rain", "--as", "mine", "--output", str(tmp_path / "runs")])
    assert str(shown.exception).startswith("The report writer 'mine' fails: RuntimeError: boom.")


def test_a_writer_that_fails_costs_no_other_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {name: (lambda comparison: "text") for name in registry.names("report")}
    ours = registry.get
    monkeypatch.setattr(registry, "get", lambda kind, name: made.get(name) or ours(kind, name))
    monkeypatch.setattr(reports, "report_files", lambda: {"html": "a.html", "mine": "mine.txt", "markdown": "b.md"})
    words = r"The report writer 'mine' fails: RuntimeError: boom\. .* All other reports are"
    with writer(tmp_path, "mine.txt", "raise RuntimeError('boom')"), pytest.raises(ConfigError, match=words):
        reports.write_reports(_NO_GATE, tmp_path)
    assert {path.name for path in tmp_path.glob("*.*")} == {"a.html", "b.md"}


class _NoGate:
    gate = None


_NO_GATE: Any = _NoGate()


def test_a_benchmark_of_ours_that_was_edited_without_another_version_is_told(
    tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = {
        "model": {"name": "scripted", "default": "No."}, "arms": [], "data": str(world), "output": str(tmp_path),
        "sweep": [{"name": "pope", "splits": ["random"], "limit_images": 1}],
    }  # fmt: skip
    said = list[str]()

    def progress(what: str, done: int, total: int) -> None: ...

    progress.say = said.append  # type: ignore[attr-defined]
    harness.run(study, progress=progress)
    harness.run(study, progress=progress)
    assert not [line for line in said if "its code" in line]
    monkeypatch.setattr(plugin_files, "files_digest", lambda module: "edited")
    harness.run(study, progress=progress)
    (line,) = [line for line in said if "its code" in line]
    assert line.startswith("pope: its code (benchmarks.pope) is not that which measured it, and its version is the same.")


JUDGE = """
from harness.core import registry
@registry.judge
class Mine:
    name, version = "mine", "1"
    def judge(self, task, question, answer, facts, image):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [("raise RuntimeError('boom')", "'mine' fails: RuntimeError: boom"), ("return 4.0", "'mine' returned 4.0, which is not a")],
)
def test_a_judge_that_fails_is_named_and_not_the_benchmark(body: str, words: str, tmp_path: Path, world: Path) -> None:
    study = {
        "model": {"name": "scripted", "default": "A dog."}, "arms": [], "data": str(world), "output": str(tmp_path / "runs"),
        "sweep": [{"name": "mmhal_bench", "limit": 1, "judge": {"name": "mine"}}],
    }  # fmt: skip
    files = {"judge_pack.py": JUDGE.format(body=body)}
    with (
        installed(tmp_path / "site", files, {"mine": "judge_pack"}, "judge"),
        pytest.raises(JudgeError, match=f"The judge {words}"),
    ):
        harness.run(study, progress=harness.silent)


MODEL = """
from harness.core import registry
from harness.core.evaluation import Answer
from harness.core.run_record import Checkpoint
@registry.model
class Mine:
    checkpoint = Checkpoint("mine", "mine", "digest", "")
    def facts(self): return {}
    def generate(self, requests, done={}):
        yield [(0, Answer("", None, 1, "end"))]
"""


def test_an_answer_without_text_is_refused_before_it_is_stored(tmp_path: Path, world: Path) -> None:
    study = {
        "model": {"name": "mine"}, "arms": [], "data": str(world), "output": str(tmp_path / "runs"),
        "sweep": [{"name": "pope", "splits": ["random"], "limit_images": 1}],
    }  # fmt: skip
    with (
        installed(tmp_path / "site", {"model_pack.py": MODEL}, {"mine": "model_pack"}, "model"),
        pytest.raises(ModelError, match="The model Mine must yield lists of .* with text"),
    ):
        harness.run(study, progress=harness.silent)
