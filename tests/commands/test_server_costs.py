"""Commands that ask a judge outside a run's sweep say what its server was asked and charged, and runs keep it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness
from benchmarks.judges.chat import Chat
from harness.cli import app
from harness.evaluation import server_cost
from harness.models.openai import OpenAIModel
from tests.models.fake_server import Said, Server, reply, serving

PRICED = {"name": "openai", "price_in": 1.0, "price_out": 2.0}


@pytest.fixture
def judge() -> Iterator[Server]:
    """100 tokens in, 3 out: $0.000106 a request."""

    def says(body: object, before: int) -> Said:
        return reply("Rating: 4" if "rating" in str(body).lower() else "1", tokens=(100, 3, 0))

    with serving(says) as server:
        yield server


def told(*words: object) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def cost(judge: Server) -> str:
    n = len(judge.asked)
    assert n, "the judge was asked"
    return f"{n} requests, 0 retries, {100 * n:,} tokens in, {3 * n:,} out, at most ${106e-6 * n:.4f}"


def test_annotators_say_it_and_nothing_where_all_verdicts_are_remembered(judge: Server, world: Path, tmp_path: Path) -> None:
    asked = {"name": "chat", "model": {**PRICED, "url": judge.url}}
    study = {"data": str(world), "annotators": {"paid": asked}, "pairs": {"p": {"name": "random_edit", "limit": 3}}}
    (tmp_path / "own.yaml").write_text(json.dumps(study))
    words = ("annotators", tmp_path / "own.yaml", "--output", tmp_path / "runs")
    said = told(*words)
    assert f"paid: {cost(judge)}" in said
    assert "requests" not in told(*words)
    assert kept(tmp_path / "runs", "annotators") == (len(judge.asked), pytest.approx(106e-6 * len(judge.asked)))


def test_judges_check_says_it(judge: Server, tmp_path: Path) -> None:
    row = {"id": "1", "query": "What is it?", "response": ["A cat.", "A dog."], "human_ranking": [0, 1]}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n")
    options = [f"judge.model.{key}={value}" for key, value in {**PRICED, "url": judge.url}.items()]
    said = told("judges", "check", tmp_path / "pairs.jsonl", "--judge", "chat", *options, "--output", tmp_path)
    assert said.splitlines()[-1] == f"judge chat: {cost(judge)}"
    assert kept(tmp_path, "judges check") == (2, pytest.approx(212e-6))


def test_costs_outside_of_runs_are_kept_while_they_grow(judge: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_cost, "_EVERY_S", 0.0)
    chat = Chat(OpenAIModel(judge.url, price_in=1.0, price_out=2.0))
    log = server_cost.CostLog(tmp_path, "judges check", "judge", chat, lambda text: None)
    chat.rank("What?", ("a", "b"), {}, None)
    log.grow()
    assert kept(tmp_path, "judges check") == (1, pytest.approx(106e-6)), "also of a process that is killed now"
    with pytest.raises(KeyboardInterrupt), log:
        chat.rank("What?", ("c", "d"), {}, None)
        raise KeyboardInterrupt
    assert kept(tmp_path, "judges check") == (2, pytest.approx(212e-6))


def kept(output: Path, command: str) -> tuple[int, float]:
    """Requests and US dollars of all lines."""
    rows = [json.loads(line) for line in (output / server_cost.COST_LOG).read_text().splitlines()]
    assert {row["command"] for row in rows} == {command} and all(row["asked"].startswith("chat tiny") for row in rows)
    return sum(row["requests"] for row in rows), sum(row["cost"] for row in rows)


def test_a_run_of_answers_from_files_keeps_what_its_judge_was_asked(judge: Server, world: Path, tmp_path: Path) -> None:
    loaded = harness.load_benchmark("mmhal_bench", data=world, limit=4, judge={"name": "keywords"})
    answers = [{"question": i.question, "image_src": i.image, "image_id": i.id, "model_answer": "A dog."} for i in loaded.items]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    options = ["limit=4", "judge.name=chat", *(f"judge.model.{key}={value}" for key, value in PRICED.items())]
    words = ("score", "mmhal_bench", "--answers", tmp_path / "answers.json", "--data", world, "--output", tmp_path / "runs")
    said = told(*words, *options, f"judge.model.url={judge.url}")
    assert f"mmhal_bench: judge: {cost(judge)}" in said
    n = len(judge.asked)
    for _ in range(2):  # all are remembered the second time: the run keeps what it has cost
        (report,) = (tmp_path / "runs").glob("*/report.json")
        (costs,) = json.loads(report.read_text())["timings"]["costs"]
        assert (costs["judge_requests"], costs["dollars"]) == (n, pytest.approx(106e-6 * n))
        told(*words, *options, f"judge.model.url={judge.url}")
    assert len(judge.asked) == n


def test_the_judge_of_answers_from_files_is_asked_together(world: Path, tmp_path: Path) -> None:
    loaded = harness.load_benchmark("mmhal_bench", data=world, limit=12, judge={"name": "keywords"})
    answers = [{"question": i.question, "image_src": i.image, "image_id": i.id, "model_answer": "A dog."} for i in loaded.items]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    words = ["score", "mmhal_bench", "--answers", tmp_path / "answers.json", "--data", world, "limit=12", "judge.name=chat"]
    with serving(lambda body, before: replace(reply("Rating: 4"), wait_s=0.05)) as server:
        told(*words, "judge.model.name=openai", f"judge.model.url={server.url}", "--output", tmp_path / "runs")
        assert len(server.asked) > 8 and server.most_at_once > 4
    batch = ["judge.model.name=openai_batch", "judge.model.model=j", f"judge.model.folder={tmp_path / 'batch'}"]
    told(*words, *batch, "--output", tmp_path / "other")
    assert [file.name for file in (tmp_path / "batch").iterdir()] == ["requests-1.jsonl"], "not a file for each question"


def test_the_judge_of_answers_that_python_scores_is_asked_together(world: Path) -> None:
    with serving(lambda body, before: replace(reply("Rating: 4"), wait_s=0.2)) as server:
        asked = {"name": "chat", "model": {"name": "openai", "url": server.url}}
        loaded = harness.load_benchmark("mmhal_bench", data=world, limit=12, judge=asked)
        loaded.score({item.id: "A dog." for item in loaded.items})
        assert len(server.asked) > 8 and server.most_at_once > 4


def test_python_counts_the_judge_of_each_scoring_by_itself(judge: Server, world: Path) -> None:
    asked = {"name": "chat", "model": {**PRICED, "url": judge.url}}
    loaded = harness.load_benchmark("mmhal_bench", data=world, limit=4, judge=asked)
    for _ in range(2):
        before = len(judge.asked)
        (costs,) = loaded.score({item.id: "A dog." for item in loaded.items}).comparison.costs
        assert costs.judge_requests == len(judge.asked) - before > 0
