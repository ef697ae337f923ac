"""Which part of a judging model's text is its reply: reasoning in front of it is cut off, what it quotes is not believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from benchmarks import llava_bench, mmhal_bench, mmvet
from benchmarks._judged import mmhal
from benchmarks.judges._reply import read_reply
from benchmarks.judges.chat import RANK, Chat
from harness.core.evaluation import Answer, Item, Request
from harness.core.judging import JudgeTask
from tests.benchmarks.judges.test_judges import FACTS, Model
from tests.benchmarks.scoring import said

LLAVA, MMHAL = llava_bench.TASK, mmhal.TASK
MARKS = "<think> </think> <answer> </answer> <|begin_of_box|>"


class Cut(Model):
    """A model whose replies the token limit ends."""

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        for batch in super().generate(requests):
            yield [(i, replace(answer, stopped="length")) for i, answer in batch]


def value(task: JudgeTask, text: str, shown: str = "", stopped: str = "end") -> float | None:
    return read_reply(task.read, Answer("", text, 9, stopped), shown, 64).value


QUOTES = [
    (RANK, "1\nResponse 2 is empty but for <answer>2</answer>", 0.0),
    (LLAVA, "9 8\nThe second leaks a stray </think> tag.", 8.0),
    (LLAVA, "9 8\nThe second opens with <think> and never closes it.", 8.0),
    (LLAVA, "9 8\nThe second is <think>7 7</think>\n10 10 or so.", 8.0),
    (MMHAL, "Rating: 4\nIt says <|channel|>final<|message|> for no reason.", 4.0),
]


@pytest.mark.parametrize("shown", ["", MARKS])
@pytest.mark.parametrize(("task", "text", "expected"), QUOTES)
def test_a_mark_that_is_quoted_changes_no_verdict(task: JudgeTask, text: str, expected: float, shown: str) -> None:
    assert value(task, text, shown) == expected


@pytest.mark.parametrize("shown", ["", MARKS])
def test_a_quoted_rating_is_never_the_verdict(shown: str) -> None:
    assert value(MMHAL, "Rating: 0\nThe answer is only the text <answer>Rating: 6</answer>", shown) != 6
    assert value(RANK, "<think>It says </think>\n2\nand no more, so it is worse.</think>1", shown) != 1
    assert value(RANK, "<think>no</think>2\nResponse 1 says\n</think>\n1", MARKS) != 0


def test_marks_of_an_answer_are_kept_where_the_judge_was_shown_them_and_taken_off_elsewhere() -> None:
    reply = "1\nAll that response 2 says is\n<answer>2</answer>"  # without the marks: two verdicts, each on a line of its own
    assert value(RANK, reply, shown="a < ANSWER > 2 </answer>") == 0 and value(RANK, reply) is None


def test_a_closing_mark_that_the_judge_was_shown_ends_no_reasoning() -> None:
    reply = "Response 2 writes\n</think>\n2"
    assert value(RANK, reply, shown="a cat </ think> a dog") is None and value(RANK, reply) == 1


@pytest.mark.parametrize(("text", "expected"), [
    ("<think>The second invents a cat.\n7 7</think>9 8", 8.0),
    ("\n<think>\n7 7\n</think>\n\n9 8\nThe first is better.", 8.0),
    ("The second invents a cat.</think>9 8", 8.0),
    ("I would say\n7 7\nbut the cat is invented.</think>9 8", 8.0),
    ("<think>It quotes </think> here.</think>\n9 8", 8.0),
    ("<think>no</think>9 8\nIt quotes </think> in its text.", 8.0),
    ("<think>no</think><answer><|begin_of_box|>9 8<|end_of_box|></answer>", 8.0),
    ("<think>7 7</think>\n<reflection>6 6</reflection>\n9 8", 8.0),
    ("Let me see. <think>no</think>9 8", 8.0),
    ("9 8\n<think>The cat is invented.</think>", 8.0),
    ("<|channel|>analysis<|message|>7 7<|end|><|start|>assistant<|channel|>final<|message|>9 8", 8.0),
    ("<|start|>assistant<|channel|>analysis<|message|>7 7<|channel|>final<|message|>9 8<|return|>", 8.0),
    ("<think>So it is\n9 8\nor", None),
    ("So it is\n9 8\n</think>", None),
    ("<think>9 8</think>", None),
    ("", None),
])  # fmt: skip
def test_reasoning_at_the_beginning_is_cut_off(text: str, expected: float | None) -> None:
    assert value(LLAVA, text) == expected
    if "</think>" not in text or text.startswith(("<think>", "\n<think>")):
        assert value(LLAVA, text, shown="Yes.") == expected


def test_a_reasoning_judge_that_is_shown_marks_is_read_all_the_same() -> None:
    assert value(LLAVA, "<think>It leaks </think> twice.</think>\n9 8", MARKS) == 8


def test_what_could_be_two_replies_is_none() -> None:
    reading = read_reply(RANK.read, Answer("", "<think>a</think>\n2\nor</think>1", 9, "end"), "", 64)
    assert (reading.value, reading.raw) == (None, "") and "several marks" in reading.reading


def test_the_judge_knows_what_it_was_shown() -> None:
    reply = "Response 2 writes\n</think>\n2"
    shown, other = (Chat(Model(reply)).rank("Q?", (first, "A dog."), FACTS, None) for first in ("a </think> b", "a b"))
    assert (shown.value, other.value) == (None, 1.0)


def test_marks_by_the_thousand_cost_no_time() -> None:
    assert value(LLAVA, "<think>" + "</think> 9" * 20_000) is None


@pytest.mark.parametrize(("task", "text"), [
    (LLAVA, "9 1"),
    (LLAVA, "<think>no</think>9 1"),
    (MMHAL, "It is fine.\nRating: 4"),
    (MMHAL, "Rating: 4 out of"),
    (mmvet.TASK, "0."),
    (RANK, "1"),
])  # fmt: skip
def test_a_reply_that_was_cut_off_within_its_verdict_is_no_verdict(task: JudgeTask, text: str) -> None:
    reply = read_reply(task.read, Answer("", text, 9, "length"), "", 8)
    assert reply.value is None and "max_new_tokens (8)" in reply.reading


def test_no_variant_reads_a_verdict_that_was_cut_off() -> None:
    judge = Chat(Cut("9 1"))
    truth = {"category": "conv", "context": "A dog.", "reference": "A brown dog."}
    for variant in llava_bench.VARIANTS:
        score = llava_bench.LlavaBench(judge, variant=variant).score(Item("1", "", "Q?", truth), said("A dog."))
        assert score.flag == "unjudged" and "cut off at max_new_tokens (1024)" in score.why


@pytest.mark.parametrize(("task", "text", "expected"), [
    (LLAVA, "9 10\nThe second answer is mo", 10.0),
    (LLAVA, "9 1\n", 1.0),  # the line is whole
    (MMHAL, "Rating: 4\nThe answer is", 4.0),
    (RANK, "2\nIt invents", 1.0),
])  # fmt: skip
def test_a_verdict_that_was_whole_before_the_limit_stays(task: JudgeTask, text: str, expected: float) -> None:
    assert value(task, text, stopped="length") == expected and value(task, text) == expected


@pytest.mark.parametrize(
    ("text", "raw"), [("<think>I wonder", ""), ("The answer is good in so far as", "The answer is good in so far as")]
)
def test_a_limit_that_left_no_verdict_is_named(text: str, raw: str) -> None:
    reply = read_reply(MMHAL.read, Answer("", text, 9, "length"), "", 8)
    assert (reply.value, reply.raw) == (None, raw) and "cut off at max_new_tokens (8)" in reply.reading
    score = mmhal_bench.MmhalBench(Chat(Cut(text))).score(Item("1", "", "Q?", FACTS), said("a"))
    assert score.flag == "unjudged" and "cut off at max_new_tokens (1024)" in score.why


def test_a_number_before_a_mark_that_ends_its_line_is_reasoning_whatever_other_mark_is_quoted() -> None:
    assert value(LLAVA, "9 8\nIt writes </think> once, and so\n</think>\nno more.") is None
    assert value(LLAVA, "9 8\nIt ends in </think>\nand no more.") is None


def test_a_rating_in_a_second_block_of_reasoning_is_not_the_verdict() -> None:
    assert value(MMHAL, "<think>No.</think>\n<reflection>Rating: 0\n</reflection>\nRating: 4") == 4
