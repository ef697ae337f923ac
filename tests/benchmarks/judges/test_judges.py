"""The chat judge asks any model and never invents a verdict; the recorded judge replays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import llava_bench, mmvet
from benchmarks._judged import mmhal, object_list
from benchmarks.judges.chat import RANK, Chat
from benchmarks.judges.keywords import Keywords
from benchmarks.judges.recorded import Recorded
from benchmarks.mmhal_bench import MmhalBench
from harness.answer_files.file_judge import FileJudge
from harness.config.schema import JudgeConfig
from harness.core.capabilities import version_for
from harness.core.errors import ConfigError, HarnessError, JudgeError, ModelError
from harness.core.evaluation import Answer, Item, Request
from harness.core.judging import JudgeTask, Question, Unreached
from harness.core.run_record import Checkpoint
from harness.evaluation.cached_judge import CachedJudge
from harness.evaluation.scoring import make_annotator, make_judge
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store
from tests.benchmarks.scoring import said

FACTS = {"question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."}


class Model:
    """Says one text to every request, or cannot be reached."""

    checkpoint = Checkpoint("gpt-x", "gpt-x", "", "0123456789abcdef")

    def __init__(self, text: str | None) -> None:
        self._text = text
        self.requests: list[Request] = []

    def facts(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        self.requests += requests
        if self._text is None:
            raise ModelError("429 Too Many Requests, five times")
        yield [(i, Answer("", self._text, 1, "end")) for i in range(len(requests))]


@pytest.mark.parametrize(("task", "reply", "value"), [
    (mmhal.TASK, "Fine.\nRating: 4", 4.0),
    (mmhal.TASK, "Fine.", None),
    (llava_bench.TASK, "8 7\nwhy", 7.0),
    (llava_bench.TASK, "both are good", None),
    (mmvet.TASK, "0.3", 0.3),
    (mmvet.TASK, "bad", None),
    (object_list.TASK, '["dog", "cat"]', 2.0),
    (object_list.TASK, "nothing", None),
])  # fmt: skip
def test_a_reply_without_a_score_leaves_the_verdict_without_a_value(task: JudgeTask, reply: str, value: float | None) -> None:
    verdict = Chat(Model(reply)).judge(task, "Q?", "a", FACTS, None)
    assert (verdict.value, verdict.raw) == (value, reply)


EMPTY = "no reply: the model's answer is empty, or all of it is reasoning"


@pytest.mark.parametrize(("reply", "reading"), [("Rating: 4", ""), ("Fine.", "unreadable"), ("", EMPTY)])
def test_the_reading_says_why_there_is_no_value(reply: str, reading: str) -> None:
    assert Chat(Model(reply)).judge(mmhal.TASK, "Q?", "a", FACTS, None).reading == reading


@pytest.mark.parametrize(("reply", "came"), [("Rating: 4", True), ("Fine.", True), ("", True), (None, False)])
def test_a_verdict_says_whether_a_reply_came(reply: str | None, came: bool) -> None:
    """An empty reply is one: it says something about the judge, and asking again would not help."""
    judge = Chat(Model(reply))
    verdicts = [judge.judge(mmhal.TASK, "Q?", "a", FACTS, None), judge.rank("Q?", ("a", "b"), {}, None)]
    verdicts += [one for batch in judge.judge_all([Question(mmhal.TASK, "Q?", "a", FACTS, None)]) for _, one in batch]
    assert [not isinstance(verdict, Unreached) for verdict in verdicts] == [came] * 3


def test_an_endpoint_that_fails_leaves_the_item_unjudged() -> None:
    item = Item("1", "", "Q?", FACTS)
    score = MmhalBench(Chat(Model(None)), variant="official").score(item, said("a"))
    assert score.flag == "unjudged" and score.verdict is not None and score.verdict.value is None


def test_the_question_the_answer_and_the_facts_are_all_told() -> None:
    model = Model("Rating: 1")
    Chat(model).judge(mmhal.TASK, "What {x}?", "my {answer}", FACTS, None)
    (request,) = model.requests
    assert all(part in request.text for part in ("What {x}?", "my {answer}", "In the picture: dog", "Correct answer: A dog."))
    assert request.decoding.temperature == 0 and request.image is None


def test_with_the_image_the_judge_is_told_that_it_sees_it(tmp_path: Path) -> None:
    model = Model("Rating: 1")
    Chat(model).judge(mmhal.TASK_WITH_IMAGE, "Q?", "a", FACTS, tmp_path / "a.jpg")
    assert "You see the picture" in model.requests[0].text and model.requests[0].image == tmp_path / "a.jpg"


def test_swapped_answers_change_places() -> None:
    facts = {"reference": "REF", "context": "C"}
    first, swapped = (llava_bench.TASK.fill("Q", "ANS", {**facts, "swapped": s}, "{first}|{second}") for s in (False, True))
    assert (first, swapped) == ("REF|ANS", "ANS|REF")


def test_the_official_text_is_filled_by_position() -> None:
    assert mmhal.TASK.fill("Q", "ANS", FACTS, "{}/{}/{}/{}") == "dog/Q/A dog./ANS"


def test_a_text_that_is_not_the_official_one_is_refused_unless_wanted(tmp_path: Path) -> None:
    text = tmp_path / "mmhal.txt"
    text.write_text("{}{}{}{} Rating", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not the official text for mmhal"):
        Chat(Model(""), templates={"mmhal": str(text)})
    own = Chat(Model(""), templates={"mmhal": str(text)}, check_digests=False)
    assert "given texts for mmhal" in own.version and own.version != Chat(Model("")).version


def test_the_official_text_passes_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "mmhal.txt"
    text.write_text("the text {}{}{}{}", encoding="utf-8")
    official = replace(mmhal.TASK, digest=hashlib.sha256(b"the text {}{}{}{}").hexdigest()[:16])
    monkeypatch.setattr(MmhalBench, "judge_tasks", (official,))
    assert Chat(Model(""), templates={"mmhal": str(text)})


def test_the_version_names_the_model() -> None:
    assert Chat(Model("")).version.startswith("gpt-x 0123456789ab, own texts")


def test_an_unknown_task_or_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the text for mmvet"):
        Chat(Model(""), templates={"mmvet": str(tmp_path / "none.txt")})
    with pytest.raises(ConfigError, match="has no task 'chess'"):
        Chat(Model(""), templates={"chess": "x"})


def test_recorded_replies_are_replayed_and_others_unjudged(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text('{"question": "Q?", "answer": "a", "raw": "Rating: 2"}\n', encoding="utf-8")
    judge = Recorded(str(file))
    assert judge.judge(RANK, "Q?", "a", {}, None).raw == "Rating: 2" and judge.judge(RANK, "Q?", "b", {}, None).value is None
    assert len(judge.version) == 16


def test_a_recording_without_values_rates_nothing_and_the_row_is_named(tmp_path: Path) -> None:
    rows = ['{"question": "Q?", "answer": "a", "raw": "8", "value": 8}', '{"question": "Q?", "answer": "b", "raw": "3"}']
    file = tmp_path / "replies.jsonl"
    file.write_text("\n".join(rows), encoding="utf-8")
    judge, says = Recorded(str(file)), "line 2 has no value: a recorded judge that rates or ranks needs one in every row"
    for ask in (lambda: judge.rate("Q?", "a", {}, None), lambda: judge.rank("Q?", ("b", "a"), {}, None)):
        with pytest.raises(JudgeError, match=says):
            ask()
    with pytest.raises(JudgeError, match=says):
        make_annotator(JudgeConfig.model_validate({"name": "recorded", "file": str(file)}))
    assert judge.judge(RANK, "Q?", "b", {}, None).raw == "3"
    file.write_text(rows[0] + "\n" + rows[1].replace('"3"', '"3", "value": 3'), encoding="utf-8")
    assert Recorded(str(file)).rank("Q?", ("b", "a"), {}, None).value == 1


def recording(path: Path, *rows: dict) -> str:
    path.write_text("".join(json.dumps({"question": "Q?", "answer": "(a)", **row}) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("question", "answer", "why"), [
    ("Q?", "b\n", "this question and answer with other white space; write them as they are asked"),
    (" Q?", "b", "this question and answer with other white space; write them as they are asked"),
    ("Q?", "c", "this question with other answers"),
    ("Q2?", "b", "does not have this question"),
    ("Q?", "b", "this question and answer with the ids of other items"),
])  # fmt: skip
def test_what_is_not_recorded_says_what_of_it_is_there(tmp_path: Path, question: str, answer: str, why: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps({"question": "Q?", "answer": "b", "raw": "yes", "id": "1"}))
    verdict = Recorded(str(file)).judge(mmhal.TASK, question, answer, {"id": "2"}, None)
    assert verdict.value is None and verdict.reading.startswith("not recorded: the file ") and verdict.reading.endswith(why)


def test_two_recorded_replies_to_one_question_and_answer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 2 has another reply than an earlier row .*give each row its item's `id`"):
        Recorded(recording(tmp_path / "r.jsonl", {"raw": "yes"}, {"raw": "no"}))
    assert Recorded(recording(tmp_path / "r.jsonl", {"raw": "yes"}, {"raw": "yes"}))


def test_recorded_replies_go_by_the_items_id_where_a_question_is_asked_of_several(tmp_path: Path) -> None:
    judge = Recorded(recording(tmp_path / "r.jsonl", {"raw": "yes", "id": 1}, {"raw": "no", "id": "2"}))
    assert [judge.judge(RANK, "Q?", "(a)", {"id": item}, None).raw for item in "123"] == ["yes", "no", ""]
    with pytest.raises(JudgeError, match="it is not known which item it is about"):
        judge.judge(RANK, "Q?", "(a)", {}, None)
    without = Recorded(recording(tmp_path / "r.jsonl", {"raw": "yes"}))
    with pytest.raises(JudgeError, match="it is not known which item it is about"):
        without.judge(RANK, "Q?", "(a)", {"id": "1"}, None)


def test_recorded_replies_are_read_from_their_file_and_not_from_the_store(tmp_path: Path) -> None:
    judge, store = Recorded(recording(tmp_path / "r.jsonl", {"raw": "1"})), Store(tmp_path / "store.sqlite")
    remembering = CachedJudge(judge, store)
    judge.replays = False  # as an earlier version stored verdicts
    assert remembering.judge(RANK, "Q?", "(a)", {}, None).raw == "1"
    other = Recorded(recording(tmp_path / "r.jsonl", {"raw": "2"}))
    other.version = judge.version
    assert CachedJudge(other, store).judge(RANK, "Q?", "(a)", {}, None).raw == "2"


def test_recorded_replies_are_to_one_order_of_two_answers(tmp_path: Path) -> None:
    judge = Recorded(recording(tmp_path / "r.jsonl", {"raw": "9 2"}))
    for replayed in (judge, CachedJudge(judge, Store(tmp_path / "store.sqlite")), FileJudge({}, "none")):
        with pytest.raises(ConfigError, match="swap asks the judge for both orders"):
            llava_bench.LlavaBench(replayed, swap=True)
    assert llava_bench.LlavaBench(judge).facts() and llava_bench.LlavaBench(Keywords(), swap=True).swap


@pytest.mark.parametrize(
    ("line", "message"),
    [("{", "line 1 is not JSON"), ("3", "line 1 is not an object"), ('{"question": "Q?"}', "has no 'answer'")],
)
def test_a_broken_recording_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "r.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(HarnessError, match=message):
        Recorded(str(tmp_path / "r.jsonl"))


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="cannot read"):
        Recorded(str(tmp_path / "none.jsonl"))


def test_a_raised_task_version_is_another_verdict_and_the_first_is_none() -> None:
    judge = Chat(Model(""))
    assert version_for(judge, mmhal.TASK) == judge.version
    assert version_for(judge, replace(mmhal.TASK, version=2)) == f"{judge.version}, task version 2"


def test_a_task_of_its_own_texts_is_versioned_by_its_prompt_alone() -> None:
    one, other = (JudgeTask("mine", prompt, read=float) for prompt in ("Grade {answer}", "Rate {answer}"))
    assert Chat(Model("")).version_of(one) != Chat(Model("")).version_of(other)


def test_the_facts_are_fields_of_a_prompt_and_lists_are_joined() -> None:
    task = JudgeTask("mine", "{question}/{answer}/{reference}/{names}/{other}", read=float)
    assert task.fill("Q", "A {reference}", {"reference": "R", "names": ["a", "b"]}) == "Q/A {reference}/R/a, b/{other}"


def test_the_rules_refuse_a_task_without_a_rule() -> None:
    with pytest.raises(JudgeError, match="no rule for 'mine'"):
        Keywords().judge(JudgeTask("mine", "", read=float), "Q?", "a", {}, None)


def test_an_annotator_judges_no_benchmark_and_says_so(world: Path) -> None:
    with pytest.raises(JudgeError, match="annotations rates answers in training"):
        make_judge(JudgeConfig(name="annotations"), data=DataFolder(world))
    assert make_annotator(JudgeConfig(name="annotations"), data=DataFolder(world)).name == "annotations"
