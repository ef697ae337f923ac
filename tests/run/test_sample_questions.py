"""How a dry run asks the first few questions of every benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import BenchmarkConfig, parse
from harness.core.evaluation import Answer, Decoding, Request
from harness.miniworld.world.sketch import SketchedWorld
from harness.run import estimate
from harness.run.estimate import _arm, _Measured
from harness.run.sample_questions import Asked, asked_of, question_seconds
from harness.run.training_cost import counted
from tests.end_to_end.conftest import SMALL as STUDY
from tests.small_world import SMALL


class Listening:
    """A model that keeps what it is asked at once."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def generate(self, requests: Sequence[Request]) -> Iterator[Sequence[tuple[int, Answer]]]:
        self.calls.append([request.text for request in requests])
        yield [(i, Answer(str(i), "Yes", 1, "end")) for i, _ in enumerate(requests)]


def asked(name: str, is_long: bool) -> Asked:
    sample = [Request(None, f"{name} {i}", Decoding()) for i in (1, 2)]
    return Asked(BenchmarkConfig.model_validate({"name": name}), 10, sample, False, (), is_long)


CHOSEN = [{"name": "pope"}, {"name": "chair"}, {"name": "textvqa"}]


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (
            ["1"],
            ["The item '1' is in textvqa, and not in pope, chair. Sweep the benchmarks that have it (--benchmarks textvqa)"],
        ),
        (
            ["500001", "1"],
            ["The item '500001' is in chair, and not in pope, textvqa.", "The item '1' is in textvqa, and not in pope, chair."],
        ),
        (
            ["1", "no", "nor"],
            ["The item '1' is in textvqa", "pope has no item '1', 'no', 'nor'. Its", "chair has", "textvqa has"],
        ),
    ],
)
def test_an_item_of_one_benchmark_is_told_with_its_benchmark(tmp_path: Path, items: list[str], says: list[str]) -> None:
    study, missing = parse(STUDY | {"sweep": [one | {"items": items} for one in CHOSEN]}), list[str]()
    asked_of(study, SketchedWorld(tmp_path, SMALL), missing)
    assert len(missing) == len(says), missing
    assert all(told.startswith(words) for told, words in zip(missing, says, strict=True)), missing


def test_items_that_are_chosen_for_each_benchmark_are_asked(tmp_path: Path) -> None:
    study, missing = parse(STUDY | {"sweep": [CHOSEN[1] | {"items": ["500001"]}, CHOSEN[2] | {"items": ["1"]}]}), list[str]()
    assert [one.number for one in asked_of(study, SketchedWorld(tmp_path, SMALL), missing)] == [1, 1] and not missing


def test_long_answers_are_asked_for_together_short_ones_alone_and_the_very_first_twice() -> None:
    model: Any = Listening()
    seconds = list(
        question_seconds(model, [asked("pope", False), asked("chair", True), asked("gqa", False), asked("mmvet", True)])
    )
    assert model.calls == [
        ["pope 1"], ["pope 1", "pope 2"], ["chair 1", "chair 2", "mmvet 1", "mmvet 2"], ["gqa 1", "gqa 2"],
    ]  # fmt: skip
    assert len(seconds) == 4 and seconds[1] == seconds[3]


def test_a_benchmark_of_long_answers_brings_fewer_questions_the_more_there_are(tmp_path: Path) -> None:
    data = SketchedWorld(tmp_path, SMALL)
    judge = {"judge": {"name": "keywords"}}
    sweep = [{"name": "pope"}, {"name": "chair"}, {"name": "mmhal_bench", **judge}, {"name": "llava_bench", **judge}]
    found = asked_of(parse(STUDY | {"sweep": sweep}), data, [])
    assert [(len(one.sample), one.is_long) for one in found] == [(8, False), (6, True), (6, True), (6, True)]  # 16 / 3
    assert [one.log_odds for one in found] == [True, False, False, False]


def test_arms_with_the_same_pairs_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [{**STUDY["arms"][0], "name": name} for name in ("one", "two")]
    config, model, made = parse(STUDY | {"arms": arms}), Listening(), []

    class Source:
        def pairs(self, data: object, base: object, seed: int) -> list[object]:
            made.append(seed)
            return []

    monkeypatch.setattr("harness.run.estimate.registry.make", lambda kind, name, options: Source())
    known = _Measured({}, {}, {}, {})
    data: Any = None
    costs = [cost for arm in config.arms for cost in _arm(config, arm, 40, model, data, known)]  # type: ignore[arg-type]
    assert [cost.stage for cost in costs] == ["pairs: one", "align: one", "pairs: two", "align: two"] and len(made) == 1


@pytest.mark.parametrize(("total", "amount", "seconds"), [(4, "3 steps of 4 pairs", 12.0), (64, "6 steps of 32 pairs", 192.0)])
def test_a_step_is_reckoned_with_the_pairs_that_are_there(total, amount, seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "pair_seconds", lambda config, arm, pairs, judge, data: 1.0)
    config = parse(STUDY | {"arms": [{**STUDY["arms"][0], "align": {"name": "dpo", "training": {"epochs": 3}}}]})
    data: Any = None
    cost = estimate._training(config, config.arms[0], [], total, data, _Measured({}, {}, {}, []))
    assert cost.amount == f"{amount} (dpo)" and cost.seconds == seconds
    assert (cost.stage, cost.amount, 0) in list(counted(config, {config.arms[0].name: total}))  # dpo asks no judge
