"""Official variants count any reply of a judge as their authors do; one that could not be read is flagged as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._choice.grader import TASK
from benchmarks.choice.mmvp import Mmvp
from benchmarks.judges.chat import Chat
from benchmarks.llava_bench import LlavaBench
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmvet import Mmvet
from benchmarks.object_halbench import ObjectHalbench
from harness.config import schema as config
from harness.core.evaluation import Item, Score
from harness.core.plugins import Judge
from harness.results.run_records import records_of
from harness.run import pipeline
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.text.flag_lines import alarming_lines
from reports.text.missing_items import missing_lines
from reports.writers.markdown import write
from tests.benchmarks.judges.test_judges import Model
from tests.benchmarks.scoring import said
from tests.models.fake_server import reply, serving

UNREAD = "verdict not read"
TRUTHS = {
    Mmvp: {"label": "A", "options": {"A": "Open", "B": "Closed"}, "options text": "(a) Open (b) Closed", "groups": {}},
    MmhalBench: {"question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."},
    Mmvet: {"answer": "x", "capability": ["ocr"]},
    LlavaBench: {"category": "conv", "context": "A dog.", "reference": "A brown dog."},
}


def scored(benchmark: type, text: str, variant: str = "official") -> Score:
    judge: Judge = Chat(Model(text))
    score: Score = benchmark(judge, variant=variant).score(Item("1", "a.jpg", "Q?", TRUTHS[benchmark]), said("A dog."))
    return score


@pytest.mark.parametrize(("benchmark", "text", "name", "number"), [
    (Mmvp, "banana", "right", 0), (Mmvp, "Yes.", "right", 0), (Mmvp, "I cannot say yes or no.", "right", 0),
    (MmhalBench, "banana", "score_sum", 0), (MmhalBench, "Rating:5", "score_sum", 0),
    (MmhalBench, "Rating: 60", "score_sum", 6),
    (Mmvet, "banana", "grade", 0), (Mmvet, "0,8", "grade", 0),
    (LlavaBench, "banana", "model", -1), (LlavaBench, "7, 8", "model", -1), (LlavaBench, "11 12", "model", 12),
    (LlavaBench, "0 10", "model", 10),
])  # fmt: skip
def test_a_verdict_that_could_not_be_read_counts_as_published_and_is_flagged(
    benchmark: type, text: str, name: str, number: float
) -> None:
    score = scored(benchmark, text)
    assert score.values[name] == number and score.flag == UNREAD


@pytest.mark.parametrize(("benchmark", "text"), [
    (Mmvp, "yes"), (Mmvp, "YES"), (Mmvp, "no"), (Mmvp, "No."), (MmhalBench, "Fine.\nRating: 4"),
    (Mmvet, "0.8"), (LlavaBench, "8 7\nwhy"),
])  # fmt: skip
def test_a_verdict_that_was_read_is_not_flagged(benchmark: type, text: str) -> None:
    assert scored(benchmark, text).flag == ""


@pytest.mark.parametrize(("benchmark", "variant"), [(MmhalBench, "tolerant"), (Mmvet, "tolerant"), (LlavaBench, "tolerant"),
                                                    (LlavaBench, "rlhfv")])  # fmt: skip
def test_variants_that_leave_such_verdicts_out_do_so(benchmark: type, variant: str) -> None:
    assert scored(benchmark, "banana", variant).flag == "unjudged"


def test_a_grader_that_says_neither_word_has_no_value_and_is_counted_as_wrong() -> None:
    assert [TASK.read(text) for text in ("yes", "Yes.", "no", "banana")] == [1.0, 0.0, 0.0, None]
    assert TASK.counted is not None and TASK.counted("banana") == 0.0


@pytest.mark.parametrize(("text", "found", "flag"), [
    ('["dog"]', 1, ""), ('["cat"]\n["dog"]', 1, ""), ("[1, 2]", 0, UNREAD), ('{"objects": ["dog"]}', 0, UNREAD),
    ('{"dog": 1}', 1, UNREAD), ('"dog"', 0, UNREAD), ("3", None, "unjudged"),
    ("banana", None, "unjudged"),
])  # fmt: skip
def test_lists_that_only_the_official_rule_reads_are_flagged(text: str, found: int | None, flag: str) -> None:
    judge: Judge = Chat(Model(text))
    item = Item("1", "a.jpg", "Q?", {"objects": ["dog"]})
    score = ObjectHalbench(judge, extractor="judge", variant="official").score(item, said("There is a dog here."))
    assert (score.values.get("mentions"), score.flag) == (found, flag)


def test_the_report_counts_verdicts_that_could_not_be_read(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply("banana" if n % 2 else "Rating: 3")) as server:
        judge = {"name": "chat", "model": {"name": "openai", "url": server.url}}
        spec = {"name": "mmhal_bench", "variant": "official", "limit": 6, "judge": judge}
        made = config.parse({"name": "only", "model": {"name": "scripted", "default": "A dog."}, "sweep": [spec],
                             "data": str(world), "output": str(tmp_path)})  # fmt: skip
        done = pipeline.run(made, "test")
    assert done is not None
    with Store(tmp_path / "store.sqlite") as store:
        shown = compare(records_of(store, done.run_id))
    (line,) = alarming_lines(shown)
    assert "verdicts that could not be read with certainty; this variant counts them" in line and "3 of 6" in line
    assert "(0, a hallucination, where the reply has no rating or several)" in line
    assert line in write(shown) and "read and judged" not in write(shown)
    assert shown.failures[0].unjudged == 0 and not shown.failures[0].unjudged_why


def test_the_report_shows_how_replies_begin_that_no_rating_was_found_in(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply("I would say\nfour of six. " * 9)) as server:
        judge = {"name": "chat", "model": {"name": "openai", "url": server.url}}
        spec = {"name": "mmhal_bench", "limit": 2, "judge": judge}
        made = config.parse({"name": "only", "model": {"name": "scripted", "default": "A dog."}, "sweep": [spec],
                             "data": str(world), "output": str(tmp_path)})  # fmt: skip
        pipeline.run(made, "test")
    with Store(tmp_path / "store.sqlite") as store:
        (line,) = missing_lines(compare(records_of(store, store.runs()[0].id)))
    begin = "I would say four of six. I would say four of six. I would sa"
    assert f"2 items of 2 not judged (1, 2): no rating in the judge's reply (the first reply begins \"{begin} …" in line


@pytest.mark.parametrize(
    ("variant", "words"), [("official", "-1 for both answers where"), ("rlhfv", "a reply without is left out, as not judged")]
)
def test_the_flag_says_what_the_variant_makes_of_such_replies(variant: str, words: str, world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: reply("11 12" if n % 2 else "7 8")) as server:
        judge = {"name": "chat", "model": {"name": "openai", "url": server.url}}
        spec = {"name": "llava_bench", "variant": variant, "limit": 4, "judge": judge}
        made = config.parse({"name": "only", "model": {"name": "scripted", "default": "A dog."}, "sweep": [spec],
                             "data": str(world), "output": str(tmp_path)})  # fmt: skip
        done = pipeline.run(made, "test")
    assert done is not None
    with Store(tmp_path / "store.sqlite") as store:
        (line,) = alarming_lines(compare(records_of(store, done.run_id)))
    assert words in line and "2 of 4" in line
