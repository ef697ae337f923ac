"""The chat judge asks any model and never invents a verdict; the recorded judge replays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.judges import _prompts
from benchmarks.judges._prompts import fill
from benchmarks.judges.chat import Chat
from benchmarks.judges.recorded import Recorded
from benchmarks.mmhal_bench import MmhalBench
from harness.core.errors import ConfigError, JudgeError, ModelError
from harness.core.evaluation import Answer, Item, Request
from harness.core.run_record import Checkpoint
from tests.benchmarks.scoring import said

FACTS = {"task": "mmhal", "question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."}


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
    ("mmhal", "Fine.\nRating: 4", 4.0),
    ("mmhal", "Fine.", None),
    ("llava_bench", "8 7\nwhy", 7.0),
    ("llava_bench", "both are good", None),
    ("mmvet", "0.3", 0.3),
    ("mmvet", "bad", None),
    ("objects", '["dog", "cat"]', 2.0),
    ("objects", "nothing", None),
])  # fmt: skip
def test_a_reply_without_a_score_leaves_the_verdict_without_a_value(task: str, reply: str, value: float | None) -> None:
    verdict = Chat(Model(reply)).judge("Q?", "a", {**FACTS, "task": task}, None)
    assert (verdict.value, verdict.raw) == (value, reply)


@pytest.mark.parametrize(("reply", "reading"), [("Rating: 4", ""), ("Fine.", "unreadable"), ("", "no reply")])
def test_the_reading_says_why_there_is_no_value(reply: str, reading: str) -> None:
    assert Chat(Model(reply)).judge("Q?", "a", FACTS, None).reading == reading


def test_an_endpoint_that_fails_leaves_the_item_unjudged() -> None:
    item = Item("1", "", "Q?", {k: v for k, v in FACTS.items() if k != "task"})
    score = MmhalBench(Chat(Model(None)), variant="official").score(item, said("a"))
    assert score.flag == "unjudged" and score.verdict is not None and score.verdict.value is None


def test_the_question_the_answer_and_the_facts_are_all_told() -> None:
    model = Model("Rating: 1")
    Chat(model).judge("What {x}?", "my {answer}", FACTS, None)
    (request,) = model.requests
    assert all(part in request.text for part in ("What {x}?", "my {answer}", "In the picture: dog", "Correct answer: A dog."))
    assert request.decoding.temperature == 0 and request.image is None


def test_with_the_image_the_judge_is_told_that_it_sees_it(tmp_path: Path) -> None:
    model = Model("Rating: 1")
    Chat(model).judge("Q?", "a", FACTS, tmp_path / "a.jpg")
    assert "You see the picture" in model.requests[0].text and model.requests[0].image == tmp_path / "a.jpg"


def test_swapped_answers_change_places() -> None:
    facts = {"task": "llava_bench", "reference": "REF", "context": "C"}
    first, swapped = (fill("{first}|{second}", "Q", "ANS", {**facts, "swapped": s}) for s in (False, True))
    assert (first, swapped) == ("REF|ANS", "ANS|REF")


def test_the_official_text_is_filled_by_position() -> None:
    assert fill("{}/{}/{}/{}", "Q", "ANS", FACTS) == "dog/Q/A dog./ANS"


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
    monkeypatch.setitem(_prompts.DIGESTS, "mmhal", hashlib.sha256(b"the text {}{}{}{}").hexdigest()[:16])  # type: ignore[arg-type]
    assert Chat(Model(""), templates={"mmhal": str(text)})


def test_the_version_names_the_model() -> None:
    assert Chat(Model("")).version.startswith("gpt-x 0123456789ab, own texts")


def test_an_unknown_task_or_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="no text for the task 'chess'"):
        Chat(Model("")).judge("Q?", "a", {"task": "chess"}, None)
    with pytest.raises(ConfigError, match="cannot read the text for mmvet"):
        Chat(Model(""), templates={"mmvet": str(tmp_path / "none.txt")})
    with pytest.raises(ConfigError, match="has no task 'chess'"):
        Chat(Model(""), templates={"chess": "x"})


def test_recorded_replies_are_replayed_and_others_unjudged(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text('{"question": "Q?", "answer": "a", "raw": "Rating: 2"}\n', encoding="utf-8")
    judge = Recorded(str(file))
    assert judge.judge("Q?", "a", {}, None).raw == "Rating: 2" and judge.judge("Q?", "b", {}, None).value is None
    assert len(judge.version) == 16


@pytest.mark.parametrize(("line", "message"), [("{", "line 1: not an object"), ('{"question": "Q?"}', "has no 'answer'")])
def test_a_broken_recording_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "r.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        Recorded(str(tmp_path / "r.jsonl"))


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="cannot read"):
        Recorded(str(tmp_path / "none.jsonl"))
