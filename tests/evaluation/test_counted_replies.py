"""Official variants count replies of the judge that state nothing: such a reply is the verdict, also for a run that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.llava_bench import LlavaBench
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmvet import Mmvet
from harness.config import schema as config
from harness.core.evaluation import Item, Score, Verdict
from harness.core.judging import JudgeTask
from harness.evaluation.cached_judge import CachedJudge
from harness.models._server import client as _client
from harness.run import pipeline
from harness.storage.run_store import Store, StoredResult
from tests.benchmarks.scoring import said
from tests.models.fake_server import Said, Server, refused, reply, serving

MODEL = {"name": "scripted", "default": "A dog on a red sofa."}
UNREAD = {"mmhal_bench": "I would rather not.", "llava_bench": "Both are fine."}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


class Drifting:
    """A judge whose first reply to a question states nothing, and whose later replies are perfect; `broken`: not there."""

    def __init__(self, name: str) -> None:
        self.name, self.broken, self.seen = name, set[int](), list[str]()

    def __call__(self, body: dict[str, Any], n: int) -> Said:
        text = body["messages"][0]["content"][-1]["text"]
        if sum(text.encode()) % 5 in self.broken:
            return refused(500)
        self.seen.append(text)
        first = self.seen.count(text) == 1
        return reply(UNREAD[self.name] if first else "10 10" if self.name == "llava_bench" else "Rating: 6")


def swept(world: Path, output: Path, server: Server, *specs: dict[str, Any]) -> list[StoredResult]:
    judge = {"name": "chat", "model": {"name": "openai", "url": server.url, "retries": 0}}
    sweep = [{"limit": 20, "judge": judge, **spec} for spec in specs]
    done = pipeline.run(
        config.parse({"name": "only", "model": MODEL, "sweep": sweep, "data": str(world), "output": str(output)}), "test"
    )
    assert done is not None
    with Store(output / "store.sqlite") as store:
        return store.results(done.run_id)


@pytest.mark.parametrize(("name", "options"), [
    ("mmhal_bench", {}), ("llava_bench", {}), ("llava_bench", {"swap": True}),
])  # fmt: skip
def test_a_run_that_goes_on_asks_only_for_what_it_has_no_reply_to_and_ends_as_if_it_had_not_stopped(
    name: str, options: dict[str, Any], world: Path, tmp_path: Path
) -> None:
    spec, judge = {"name": name, "variant": "official", **options}, Drifting(name)
    with serving(Drifting(name)) as server:
        (whole,) = swept(world, tmp_path / "a", server, spec)
    with serving(judge) as server:
        judge.broken = {1, 3}
        (stopped,) = swept(world, tmp_path / "b", server, spec)
        assert 0 < sum(score.flag == "unjudged" for score in stopped.scores) < len(stopped.scores)
        judge.broken = set()
        (went_on,) = swept(world, tmp_path / "b", server, spec)
        assert len(judge.seen) == len(set(judge.seen)) == len(stopped.scores) * (2 if options else 1)
    assert {score.flag for score in went_on.scores} == {"verdict not read"}
    strip = [(s.values, s.flag, s.reading, s.why, s.verdict.raw) for r in (whole, went_on) for s in r.scores if s.verdict]
    assert strip[: len(whole.scores)] == strip[len(whole.scores) :]


@pytest.mark.parametrize("order", [("official", "tolerant"), ("tolerant", "official")])
def test_a_variant_that_leaves_them_out_asks_again_and_another_keeps_the_first_reply(
    order: tuple[str, str], world: Path, tmp_path: Path
) -> None:
    judge = Drifting("mmhal_bench")
    specs = {variant: {"name": "mmhal_bench", "variant": variant, "label": variant} for variant in order}
    with serving(judge) as server:
        for variant in (*order, *order):
            (result,) = swept(world, tmp_path, server, specs[variant])
            shown = {score.flag for score in result.scores}, sum(score.values.get("score_sum", 0) for score in result.scores)
            if variant == "official":
                assert shown == ({"verdict not read"}, 0)
    assert shown == (({"verdict not read"}, 0) if variant == "official" else ({""}, 6 * len(result.scores)))


class Says:
    name, version = "j", "1"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def judge(self, task: JudgeTask, *_: Any) -> Verdict:
        raw = self.texts.pop(0)
        return Verdict(task.read(raw), "", raw, self.name, self.version)


ITEMS = {
    MmhalBench: {"question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."},
    Mmvet: {"answer": "x", "capability": ["ocr"]},
    LlavaBench: {"category": "conv", "context": "A dog.", "reference": "A brown dog."},
}


@pytest.mark.parametrize(("benchmark", "variant", "replies", "left"), [
    (MmhalBench, "official", ("banana", "Rating: 6"), 1), (MmhalBench, "tolerant", ("banana", "Rating: 6"), 0),
    (Mmvet, "official", ("banana", "1"), 1), (Mmvet, "tolerant", ("banana", "1"), 0),
    (LlavaBench, "official", ("banana", "9 9"), 1), (LlavaBench, "official", ("nan 5", "9 9"), 0),
    (LlavaBench, "rlhfv", ("banana", "9 9"), 0), (LlavaBench, "rlhfv", ("12 11", "9 9"), 1),
    (MmhalBench, "official", ("", "Rating: 6"), 0),
])  # fmt: skip
def test_a_later_command_asks_again_for_what_the_variant_does_not_count(
    benchmark: type, variant: str, replies: tuple[str, str], left: int, store: Store
) -> None:
    inner, item = Says(*replies), Item("1", "", "Q?", ITEMS[benchmark])
    scores = list[Score]()
    for _ in range(2):
        scores.append(benchmark(CachedJudge(inner, store), variant=variant).score(item, said("A dog.")))
    assert len(inner.texts) == left
    assert (scores[0] == scores[1]) == bool(left)
