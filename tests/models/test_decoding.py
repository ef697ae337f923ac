"""Stop strings and limits: what cannot be followed is refused, what can is followed to the letter."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_models
import torch

from harness.core.errors import ConfigError
from harness.core.evaluation import Decoding
from harness.models._conversation.answer_tokens import AnswerTokens
from harness.models._engine.decoding import RowState, Stopper, ThinkingLimit, cut_after_stop


def said(text: str, stop: str) -> tuple[str, str]:
    """What is left of a text that a model says token by token, and why it ended."""
    words = tiny_models.tokenizer()
    state = RowState(Decoding(99, stop=(stop,)), frozenset(), Stopper(AnswerTokens(words), (stop,)))
    for token in words(text, add_special_tokens=False)["input_ids"]:
        if state.take(token):
            break
    return cut_after_stop(words.decode(state.ids), (stop,)), state.stopped


@pytest.mark.parametrize("stop", ["。", "é", "a 🦙", "x ", "dog.", "\n"])
def test_a_stop_string_ends_the_answer_whatever_tokens_its_last_character_is_made_of(stop: str) -> None:
    assert said(f"There is a dog near it{stop} and more of it", stop) == (f"There is a dog near it{stop}", "stop")


def test_a_text_without_the_stop_string_goes_on() -> None:
    assert said("caf" + "è" + " and more", "é") == ("cafè and more", "")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"max_new_tokens": -3}, "max_new_tokens is -3"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"stop": ("",)}, "empty string"),
        ({"stop": (".", "")}, "empty string"),
    ],
)
def test_settings_that_no_engine_could_follow_are_refused_by_name(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Decoding(**wrong)


def test_the_tokens_so_far_are_those_of_the_prompt_and_of_the_answer_as_it_grows() -> None:
    row = RowState(Decoding(max_new_tokens=3), frozenset({0}), None, bend=lambda ids, logits: logits, read=(7, 8))
    seen = []
    for token in (4, 5, 6):
        seen.append(row.so_far(torch.device("cpu")).tolist())
        row.take(token)
    assert seen == [[[7, 8]], [[7, 8, 4]], [[7, 8, 4, 5]]]


# ------------------------------------------------------------ limits of reasoning and of the answer


def tokens_taken(text: str, reasoning: int, answer: int, opened: str = "") -> int:
    """How many tokens of a text a row takes under two limits; every character is one token or more."""
    words = tiny_models.tokenizer()
    ids = words(text, add_special_tokens=False)["input_ids"]
    limit = ThinkingLimit(AnswerTokens(words), reasoning, answer, opened)
    state = RowState(Decoding(reasoning + answer), frozenset(), None, thinking=limit)
    for token in ids:
        if state.take(token):
            break
    return len(state.ids)


def length(text: str) -> int:
    return len(tiny_models.tokenizer()(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("opened", ["", "<think>"])
@pytest.mark.parametrize("reasoning", [40, 200])
def test_the_answers_limit_counts_from_the_end_of_the_reasoning(opened: str, reasoning: int) -> None:
    before = ("" if opened else "<think>") + "a dog?</think>"
    assert length(before) <= 40
    assert tokens_taken(before + "x" * 99, reasoning, 7, opened) == length(before) + 7


@pytest.mark.parametrize("answer", [5, 60])
@pytest.mark.parametrize("opened", ["", "<think>"])
def test_a_reasoning_that_never_ends_stops_at_its_own_limit(opened: str, answer: int) -> None:
    text = ("" if opened else "<think>") + "z" * 200
    assert tokens_taken(text, 30, answer, opened) == 30


@pytest.mark.parametrize("reasoning", [3, 300])
def test_an_answer_without_reasoning_has_the_answers_limit_alone(reasoning: int) -> None:
    assert tokens_taken("q" * 99, reasoning, 9) == 9


def test_a_mark_behind_an_answer_gives_it_no_more_tokens() -> None:
    assert tokens_taken("qqqqqqqqqq<think>" + "z" * 99, 50, 10) == 10
