"""What servers charge for an arm's pairs and for its annotator is stored with its run and stands in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.evaluation import server_cost
from harness.run import pipeline
from harness.storage.artifacts import ArmCost
from harness.storage.run_store import Store
from tests.end_to_end.conftest import SMALL
from tests.models.fake_server import Said, Server, reply, serving

TRAINING = {"learning_rate": 3e-5, "batch_size": 4, "max_steps": 2}


class Killed(BaseException):
    pass


def says(body: dict[str, Any], before: int) -> Said:
    return reply("1", tokens=(100, 3, 0))


def study(whole_world: Path, tmp_path: Path, corrupts: Server, ranks: Server) -> config.RunConfig:
    prices = {"name": "openai", "price_in": 1.0, "price_out": 2.0, "concurrency": 1}
    pairs = {"name": "corruption", "limit": 8, "model": {**prices, "url": corrupts.url}}
    judge = {"name": "chat", "model": {**prices, "url": ranks.url}}
    align = {"name": "online_dpo", "judge": judge, "sampling": {"max_new_tokens": 8}, "training": TRAINING}
    where = {"data": str(whole_world / "miniworld"), "output": str(tmp_path / "runs")}
    arms = [{"name": "paid", "pairs": pairs, "align": align}]
    return config.parse(SMALL | where | {"name": "paid", "arms": arms, "sweep": [{"name": "pope", "limit_images": 1}]})


def test_pairs_and_annotations_of_a_run_that_was_killed_twice_are_in_the_store_and_in_all_forms_of_the_report(
    whole_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_at(where: str, number: int) -> Any:  # Any: a progress report
        def killed(what: str, done: int, total: int) -> None:
            if where in what and done == number:
                raise Killed

        return killed

    with serving(says) as corrupts, serving(says) as ranks:
        chosen = study(whole_world, tmp_path, corrupts, ranks)
        for where, number in (("corruption", 3), ("loss", 1)):
            with monkeypatch.context() as patch, pytest.raises(Killed):
                patch.setattr(server_cost.GrowingCost, "__exit__", lambda self, *_: None)  # SIGKILL leaves no time for it
                pipeline.run(chosen, "test", killed_at(where, number))
        done = pipeline.run(chosen, "test")
    assert done is not None
    with Store(done.folder.parent / "store.sqlite") as store:
        cost = store.get(ArmCost, done.run_id, "paid")
    assert cost is not None and cost.pairs is not None and cost.training is not None
    assert (cost.pairs["requests"], cost.training["requests"]) == (len(corrupts.asked), len(ranks.asked))
    assert len(corrupts.asked) >= 8 and len(ranks.asked) > 0
    assert cost.training["tokens_in"] == 100 * len(ranks.asked)
    dollars = 106 * (len(corrupts.asked) + len(ranks.asked)) / 1e6
    assert cost.pairs["cost"] + cost.training["cost"] == pytest.approx(dollars)
    (paid,) = done.comparison.costs[1:]
    assert (paid.pair_requests, paid.annotator_requests) == (len(corrupts.asked), len(ranks.asked))
    assert paid.dollars == pytest.approx(dollars)
    document = json.loads((done.folder / "report.json").read_text())
    assert document["timings"]["costs"][1]["annotator_requests"] == len(ranks.asked)
    for name in ("report.md", "report.html"):
        assert "annotator requests" in (done.folder / name).read_text()
