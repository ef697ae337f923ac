"""Verdicts are asked for together, beside the next benchmark's answers, and end in the same scores."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.evaluation.server_cost import GrowingCost
from harness.models._server import client as _client
from harness.run import pipeline
from harness.storage.artifacts import ServerCost
from harness.storage.run_store import Store, StoredResult
from tests.models.fake_server import CUT, Said, Server, refused, reply, serving

MODEL = {"name": "scripted", "default": "A dog on a red sofa."}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


def rating(body: dict[str, Any]) -> Said:
    """Depends on the question alone; two scores where a pair is asked for."""
    words = str(body["messages"][0]["content"][-1]["text"])
    number = sum(words.encode()) % 6
    return reply(f"{number + 1} {number + 2}\n" if "Assistant 2" in words else f"Fine.\nRating: {number}")


def results(world: Path, output: Path, server: Server, *benchmarks: dict[str, Any], **options: Any) -> list[StoredResult]:
    judge = {"name": "chat", "model": {"name": "openai", "url": server.url, **options}}
    sweep = [{**spec, "judge": judge} if spec["name"] != "pope" else spec for spec in benchmarks]
    tree = {"name": "only", "model": MODEL, "sweep": sweep, "data": str(world), "output": str(output)}
    done = pipeline.run(config.parse(tree), "test")
    assert done is not None
    with Store(done.folder.parent / "store.sqlite") as store:
        return store.results(done.run_id)


def test_many_verdicts_are_under_way_at_a_time_and_the_scores_are_those_of_one_by_one(world: Path, tmp_path: Path) -> None:
    mmhal = {"name": "mmhal_bench", "limit": 24}
    with serving(lambda body, n: Said(rating(body).data, wait_s=0.03)) as server:
        (together,) = results(world, tmp_path / "a", server, mmhal)
        assert server.most_at_once >= 6
    with serving(lambda body, n: rating(body)) as server:
        (alone,) = results(world, tmp_path / "b", server, mmhal, concurrency=1)
        assert server.most_at_once == 1
    assert [(s.item_id, s.values) for s in together.scores] == [(s.item_id, s.values) for s in alone.scores]


def test_every_question_is_asked_once(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: rating(body)) as server:
        (result,) = results(world, tmp_path, server, {"name": "llava_bench", "limit": 6, "swap": True})
        assert len(result.scores) == 6 and not [s for s in result.scores if s.flag]
        texts = server.questions()
    assert len(texts) == len(set(texts)) == 12


def test_a_verdict_that_cannot_be_read_is_asked_once_by_one_command(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply("I would rather not.")) as server:
        (result,) = results(world, tmp_path, server, {"name": "mmhal_bench", "limit": 4})
        assert [s.flag for s in result.scores] == ["unjudged"] * 4 and len(server.asked) == 4


def test_a_storm_of_faults_ends_in_the_verdicts_of_a_calm_day(world: Path, tmp_path: Path) -> None:
    def storm(body: dict[str, Any], n: int) -> Said | str:
        if n % 10 in (1, 4, 8):
            return (refused(500), CUT, refused(429, Retry_After="0"), Said(raw=b"{"))[n // 10 % 4]
        return rating(body)

    benchmarks = {"name": "mmhal_bench", "limit": 40}, {"name": "llava_bench", "limit": 10}
    with serving(storm) as server:
        stormy = results(world, tmp_path / "a", server, *benchmarks)
    with serving(lambda body, n: rating(body)) as server:
        calm = results(world, tmp_path / "b", server, *benchmarks)
    assert [[(s.item_id, s.values) for s in r.scores] for r in stormy] == [
        [(s.item_id, s.values) for s in r.scores] for r in calm
    ]


def test_a_judge_is_asked_while_the_next_benchmark_is_answered(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.models.scripted import Scripted

    began: list[float] = []
    plain = Scripted.generate

    def noted(self: Scripted, *given: Any, **named: Any) -> Any:
        began.append(time.monotonic())
        return plain(self, *given, **named)

    monkeypatch.setattr(Scripted, "generate", noted)
    with serving(lambda body, n: Said(rating(body).data, wait_s=0.5)) as server:
        first, second = results(world, tmp_path, server, {"name": "mmhal_bench", "limit": 4}, {"name": "pope", "limit": 4})
        assert max(began) < min(server.times) + 0.5
    assert not [s for s in (*first.scores, *second.scores) if s.flag == "unjudged"]


def test_what_a_judge_costs_is_known_while_it_is_asked(monkeypatch: pytest.MonkeyPatch, world: Path, tmp_path: Path) -> None:
    grown: list[int] = []
    plain = GrowingCost.grow

    def noted(self: GrowingCost) -> None:
        plain(self)
        grown.append((self._stored().judge or {"requests": 0})["requests"])

    monkeypatch.setattr(GrowingCost, "grow", noted)
    with serving(lambda body, n: rating(body)) as server:
        results(world, tmp_path, server, {"name": "mmhal_bench", "limit": 6})
    assert max(grown) > 0 and grown == sorted(grown)


def test_each_benchmark_is_charged_its_own_requests(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: rating(body)) as server:
        prices = {"price_in": 1.0, "price_out": 2.0}
        tree = {
            "name": "only",
            "model": {"name": "openai", "url": server.url, **prices},
            "sweep": [{"name": "pope", "limit": 5}, {"name": "chair", "limit": 3}],
            "data": str(world),
            "output": str(tmp_path),
        }
        done = pipeline.run(config.parse(tree), "test")
        assert done is not None
    with Store(tmp_path / "store.sqlite") as store:
        costs = [store.get(ServerCost, done.run_id, "base", name) for name in ("pope", "chair")]
    assert [cost.answers["requests"] for cost in costs if cost] == [5, 3]
