"""`judge_repeats`: a sample of verdicts is asked a second time, past the stored ones; reports show its noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, Score, Verdict, ratio
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.core.stats import measure, sample
from harness.results.run_records import records_of
from harness.run import pipeline
from harness.storage.artifacts import JudgeRepeats, ServerCost
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.values.judge_noise import judge_noise, with_judge_noise
from reports.writers.markdown import write
from tests.models.fake_server import reply, serving

MODEL = {"name": "scripted", "default": "A dog on a red sofa."}


def study(world: Path, output: Path, url: str, repeats: int | None) -> dict[str, Any]:
    spec = {"name": "mmhal_bench", "limit": 12, "judge": {"name": "chat", "model": {"name": "openai", "url": url}}}
    spec |= {"judge_repeats": repeats} if repeats else {}
    return {"name": "only", "model": MODEL, "sweep": [spec], "data": str(world), "output": str(output)}


def test_a_sample_is_asked_again_and_its_noise_is_in_the_report(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply(f"Fine.\nRating: {n % 5}")) as server:  # another rating whenever it is asked
        made = config.parse(study(world, tmp_path, server.url, 8))
        done = pipeline.run(made, "test")
        assert done is not None and len(server.asked) == 12 + 8
        with Store(tmp_path / "store.sqlite") as store:
            again = store.get(JudgeRepeats, done.run_id, "base", "mmhal_bench")
            cost = store.get(ServerCost, done.run_id, "base", "mmhal_bench")
            first = store.results(done.run_id)[0].scores
            (record,) = records_of(store, done.run_id)
        assert pipeline.run(made, "test") is not None and len(server.asked) == 20  # verdicts of both askings are kept
    assert again is not None and cost is not None and cost.judge["requests"] == 20  # paid for, and counted
    firsts = {s.item_id: s.verdict.value for s in first if s.verdict}
    pairs = [(firsts[s.item_id], s.verdict.value) for s in again.scores if s.verdict]
    (noise,) = compare([record]).judge_noise
    assert (noise.judged, noise.again, noise.same) == (12, 8, sum(a == b for a, b in pairs))
    assert noise.sd == pytest.approx(np.sqrt(np.mean([(a - b) ** 2 for a, b in pairs]) / 2))
    assert "## Judge noise" in write(compare([record])) and "8 of 12" in write(compare([record]))


def test_without_repeats_nothing_is_asked_twice_and_the_run_keeps_its_name(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply("Fine.\nRating: 3")) as server:
        plain = config.parse(study(world, tmp_path, server.url, None))
        pipeline.run(plain, "test")
        assert len(server.asked) == 12
    assert "judge_repeats" not in plain.as_yaml()
    assert plain.digest != config.parse(study(world, tmp_path, server.url, 3)).digest


@pytest.mark.parametrize(("spec", "says"), [
    ({"name": "pope", "judge_repeats": 5}, "has judge_repeats but no judge"),
    ({"name": "mmhal_bench", "judge": {"name": "keywords"}, "judge_repeats": 0}, "judge_repeats"),
])  # fmt: skip
def test_repeats_that_make_no_sense_are_refused(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse({"name": "x", "model": MODEL, "sweep": [spec]})


def judged(ratings: list[float], again: dict[int, float]) -> BenchmarkResult:
    def scored(i: int, value: float) -> Score:
        return Score(str(i), {"sum": value, "n": 1.0}, verdict=Verdict(value, "", "", "chat", "1"))

    items = tuple(Item(str(i), f"{i}.jpg", "?") for i in range(len(ratings)))
    answers = tuple(Answer(item.id, "a", 1, "end") for item in items)
    formulas = (ratio("score", ["sum"], ["n"], unit="points"),)
    made = BenchmarkResult("b", ProtocolRecord({}), items, answers, tuple(map(scored, range(len(ratings)), ratings)), formulas)
    return replace(made, judged_again=tuple(scored(i, value) for i, value in again.items()))


def data_of(result: BenchmarkResult):
    return sample([item.image for item in result.items], result.scores)


def test_the_noise_of_a_mean_is_worked_out_by_hand() -> None:
    # 20 answers, 5 asked again, two of which moved by 2: a verdict's variance is (4 + 4) / 5 / 2 = 0.8, the mean's 0.8 / 20
    result = judged([3.0] * 10 + [5.0] * 10, {0: 5.0, 1: 1.0, 2: 3.0, 3: 3.0, 4: 3.0})
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.again, noise.same, noise.judged) == (5, 3, 20)
    assert (noise.sd, noise.errors["score"]) == (pytest.approx(0.8**0.5), pytest.approx((0.8 / 20) ** 0.5))


def test_fewer_than_five_repeats_say_nothing() -> None:
    result = judged([3.0] * 10, {0: 5.0, 1: 1.0, 2: 3.0, 3: 3.0})
    assert judge_noise("base", result, data_of(result)) is None


def test_an_interval_is_never_narrower_than_the_judges_noise() -> None:
    # the ratings happen to be nearly all alike, but the judge moves by up to 3 when it is asked again
    result = judged([4.0] * 29 + [5.0], {i: float(1 + 5 * (i % 2)) for i in range(10)})
    plain = measure(data_of(result), result.formulas)
    (metric,) = with_judge_noise(plain, result, data_of(result)).values()
    assert plain[0].high - plain[0].low < metric.high - metric.low
    error = (((3**2 + 2**2) / 2 / 2) / 30) ** 0.5
    assert metric.low == pytest.approx(max(metric.value - 1.96 * error, 4.0), abs=1e-3)  # within the ratings that there are
