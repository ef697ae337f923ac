"""`judge_repeats`: a sample of verdicts is asked a second time, past the stored ones; reports show its noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.choice.mmvp import Mmvp
from benchmarks.mmhal_bench import MmhalBench
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, Score, Verdict, ratio
from harness.core.judging import REPEAT, Facts, JudgeTask
from harness.core.plugins import no_progress
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.core.stats import measure, sample
from harness.evaluation.cached_judge import CachedJudge
from harness.evaluation.judging_ahead import Judging
from harness.results.run_records import records_of
from harness.run import pipeline
from harness.storage.artifacts import JudgeRepeats, ServerCost
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.values.judge_noise import judge_noise, with_judge_noise
from reports.writers.markdown import write
from tests.benchmarks.scoring import said
from tests.models.fake_server import Said, reply, serving

MODEL = {"name": "scripted", "default": "A dog on a red sofa."}


def study(world: Path, output: Path, url: str, repeats: int | None) -> dict[str, Any]:
    spec = {"name": "mmhal_bench", "limit": 12, "judge": {"name": "chat", "model": {"name": "openai", "url": url}}}
    spec |= {"judge_repeats": repeats} if repeats else {}
    return {"name": "only", "model": MODEL, "sweep": [spec], "data": str(world), "output": str(output)}


def test_the_version_of_a_task_is_the_judges_own_through_the_store(tmp_path: Path) -> None:
    class Versioned:
        name, version = "versioned", "1"

        def version_of(self, task: JudgeTask) -> str:
            return f"1 for {task.name}"

    class Plain:
        name, version = "plain", "7"

    task = JudgeTask("rating", "1", "")
    with Store(tmp_path / "store.sqlite") as store:
        assert CachedJudge(Versioned(), store).version_of(task) == "1 for rating"
        assert CachedJudge(Plain(), store).version_of(task) == "7"


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
    return replace(made, judged_again=tuple(scored(i, value) for i, value in again.items()), rating="sum")


def data_of(result: BenchmarkResult):
    return sample([item.image for item in result.items], result.scores)


def test_the_noise_of_a_mean_is_worked_out_by_hand() -> None:
    # 20 answers, 5 asked again, two of which moved by 2: a verdict's variance is (4 + 4) / 5 / 2 = 0.8, the mean's 0.8 / 20
    result = judged([3.0] * 10 + [5.0] * 10, {0: 5.0, 1: 1.0, 2: 3.0, 3: 3.0, 4: 3.0})
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.again, noise.same, noise.judged) == (5, 3, 20)
    assert (noise.sd, noise.errors["score"]) == (pytest.approx(0.8**0.5), pytest.approx((0.8 / 20) ** 0.5))


def counted_twice(*pairs: tuple[dict[str, float], dict[str, float] | None], rating: str = "") -> BenchmarkResult:
    """Scores by what is counted, first and then: None for a second reply that could not be read."""
    items = tuple(Item(str(i), f"{i}.jpg", "?") for i in range(len(pairs)))
    verdict, names = Verdict(None, "", "banana", "chat", "1"), {name for first, _ in pairs for name in first}
    first = tuple(Score(str(i), values, verdict=verdict) for i, (values, _) in enumerate(pairs))
    unread = Score("", {"n": 1.0}, flag="unjudged", verdict=verdict)
    second = tuple(
        replace(unread, item_id=str(i)) if values is None else Score(str(i), values, verdict=verdict)
        for i, (_, values) in enumerate(pairs)
    )
    formulas = tuple(ratio(name, [name], ["n"]) for name in sorted(names - {"n"}))
    answers = tuple(Answer(item.id, "a", 1, "end") for item in items)
    made = BenchmarkResult("b", ProtocolRecord({}), items, answers, first, formulas)
    return replace(made, judged_again=second, rating=rating)


def test_what_a_variant_counts_is_compared_whatever_value_the_judges_reply_states() -> None:
    # official: replies without a value are 0, and one of six was; sd: root of 5 * 5 / 6 / 2
    kept: dict[str, float] = {"n": 1.0, "score": 5.0}
    result = counted_twice(*[(kept, kept)] * 5, (kept, {"n": 1.0, "score": 0.0}), rating="score")
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.judged, noise.again, noise.same, noise.unread) == (6, 6, 5, 0)
    assert noise.sd == pytest.approx((25 / 12) ** 0.5)


def test_all_that_a_verdict_counts_is_compared_and_without_a_rating_there_is_no_sd() -> None:
    # as many objects as before, of which one more is invented; and the other one of a pair of scores
    first = {"n": 1.0, "mentions": 2.0, "invented": 0.0}
    result = counted_twice(*[(first, first)] * 4, *[(first, {"n": 1.0, "mentions": 2.0, "invented": 1.0})] * 2)
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.same, noise.sd, noise.errors["mentions"]) == (4, None, 0)
    assert noise.errors["invented"] == pytest.approx((2 / 6**2 / 2) ** 0.5)


def test_second_replies_that_could_not_be_read_are_counted() -> None:
    kept: dict[str, float] = {"n": 1.0, "score": 5.0}
    result = counted_twice(*[(kept, kept)] * 5, *[(kept, None)] * 3, rating="score")
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.judged, noise.again, noise.same, noise.unread) == (8, 8, 5, 3)


def test_a_judge_whose_second_replies_cannot_be_read_has_a_row_without_a_noise() -> None:
    result = counted_twice(*[({"n": 1.0, "score": 5.0}, None)] * 6, rating="score")
    noise = judge_noise("base", result, data_of(result))
    assert noise is not None and (noise.again, noise.unread, noise.same, noise.sd, noise.errors) == (6, 6, 0, None, {})


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


@pytest.mark.parametrize("variant", ["official", "tolerant"])
def test_all_that_counts_is_sampled_and_a_second_reply_is_asked_for_once(variant: str, world: Path, tmp_path: Path) -> None:
    texts = list[str]()

    def judge(body: dict[str, Any], n: int) -> Said:  # states nothing the first time to some, the second time to others
        text = body["messages"][0]["content"][-1]["text"]
        texts.append(text)
        return reply("banana" if sum(text.encode()) % 2 + texts.count(text) == 2 else "Rating: 4")

    with serving(judge) as server:
        tree = study(world, tmp_path, server.url, 12)
        tree["sweep"][0]["variant"] = variant
        done = pipeline.run(config.parse(tree), "test")
    assert done is not None
    with Store(tmp_path / "store.sqlite") as store:
        (noise,) = compare(records_of(store, done.run_id)).judge_noise
        first = store.results(done.run_id)[0].scores
    odd = sum(score.flag in ("verdict not read", "unjudged") for score in first)
    assert 0 < odd < 12 and len(texts) == (24 if variant == "official" else 24 - odd)
    if variant == "official":  # all are counted: some as 0, then as 4, the others the other way round
        assert (noise.judged, noise.again, noise.unread, noise.same) == (12, 12, 0, 0)
        assert noise.sd == pytest.approx(8**0.5)
    else:
        assert (noise.judged, noise.again, noise.unread, noise.sd) == (12 - odd, 12 - odd, 12 - odd, None)


def test_a_second_reply_that_could_not_be_read_is_not_asked_for_again(store: Store) -> None:
    replies = ["Rating: 4", "banana", "Rating: 4"]

    class Says(Again):
        def judge(self, task: JudgeTask, *_: Any) -> Verdict:
            raw = replies.pop(0)
            return Verdict(task.read(raw), "", raw, self.name, self.version)

    truth = {"question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."}
    for _ in range(2):
        judge = CachedJudge(Says(), store)
        judging = Judging(MmhalBench(judge), (Item("1", "", "Q?", truth),), {"1": replace(said("A."), item_id="1")}, judge,
                          no_progress, "")  # fmt: skip
        (again,) = judging.again(judging.scores(), 1)
        assert again.flag == "unjudged" and again.verdict is not None and again.verdict.raw == "banana"
    assert replies == ["Rating: 4"]


class Again:
    """A judge of rules: yes, until it is asked again about the first image."""

    name, version = "again", "1"

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        raw = "no" if facts["id"] == "1" and facts.get(REPEAT) else "yes"
        return Verdict(task.read(raw), "", raw, self.name, self.version)


def test_metrics_over_several_items_change_by_what_one_verdict_changes(store: Store) -> None:
    items = tuple(
        Item(str(n), f"{n}.jpg", "Q?", {"label": "A", "options": {"A": "x", "B": "y"}, "options text": "(a) x (b) y",
                                        "groups": {"pair": [str(n // 3), 2]}})
        for n in (1, 2, 3, 4)
    )  # fmt: skip
    judge = CachedJudge(Again(), store)
    judging = Judging(Mmvp(judge, variant="official"), items, {i.id: replace(said("(a)"), item_id=i.id) for i in items}, judge,
                      no_progress, "")  # fmt: skip
    first = judging.scores()
    again = {score.item_id: score.values for score in judging.again(first, 4)}
    values = {score.item_id: score.values for score in first}
    assert {i: again[i] for i in "234"} == {i: values[i] for i in "234"}  # the sample is not scored as if it were all
    assert again["1"] == {"n": 1.0, "right": 0.0, "joint/pair/n": 0.0, "joint/pair/all": -1.0, "joint/pair/share": -0.5}


def test_an_old_sample_is_shown_only_where_it_stands_for_the_scores() -> None:
    read, unread = (Score("1", {"n": 1.0}, verdict=Verdict(value, "", "x", "j", "1")) for value in (1.0, None))
    joint = Score("1", {"joint/pair/n": 1.0}, verdict=read.verdict)
    old, new = JudgeRepeats.read({"scores": []}), JudgeRepeats()
    assert [old.stands_for([s]) for s in (read, unread, joint, replace(unread, flag="unjudged"))] == [True, False, False, True]
    assert new.stands_for([unread, joint])
