"""Reasoning that a server hands over apart from its answer: stored in front of it, limited, never taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.final_answer import final_answer, reasoning
from harness.models.openai import OpenAIModel
from harness.models.openai_batch import OpenAIBatch
from tests.models.fake_server import Said, reply, serving


def thinking(content: Any, finish: str = "stop", tokens: int = 9, counted: int | None = None, **message: Any) -> Said:
    """A completion with more keys in its message and, where `counted`, the tokens of its reasoning."""
    said = reply(content, finish, (100, tokens, 0))
    said.data["choices"][0]["message"] |= message
    if counted is not None:
        said.data["usage"]["completion_tokens_details"] = {"reasoning_tokens": counted}
    return said


def answer_to(said: Said, limit: int = 10, **options: Any) -> tuple[Answer, list[dict[str, Any]]]:
    with serving(lambda body, count: said) as server:
        model = OpenAIModel(server.url, **options)
        (((_, answer),),) = list(model.generate([Request(None, "Is there a dog?", Decoding(limit))]))
        return answer, list(server.asked)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_stored_in_front_of_the_answer_and_cut_off_before_scoring(field: str) -> None:
    answer, _ = answer_to(thinking("No.", **{field: "A dog? I see none, so yes is wrong."}))
    assert final_answer(answer.text).text == "No."
    assert reasoning(answer.text) == "A dog? I see none, so yes is wrong."


def test_a_reasoning_that_speaks_of_its_marks_does_not_end_early() -> None:
    answer, _ = answer_to(thinking("No.", reasoning="I close with </think> Yes. <answer>Yes"))
    assert final_answer(answer.text).text == "No."


def test_a_reasoning_that_never_ends_is_no_answer() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "A dog? Yes"}]}]
    hidden = thinking("", "length", counted=9)
    for said in (thinking(None, "length", reasoning="A dog? Yes"), thinking(parts, "length"), hidden):
        answer, _ = answer_to(said)
        found = final_answer(answer.text)
        assert (found.text, found.finished, answer.stopped) == ("", False, "length")


def test_the_server_is_sent_room_for_both_and_its_counts_hold_each_to_its_own_limit() -> None:
    within, asked = answer_to(thinking("No.", tokens=28, counted=20, reasoning="Hm."), thinking_tokens=20)
    assert asked[-1]["max_tokens"] == 30 and final_answer(within.text).text == "No." and within.stopped == "end"
    long_thought, _ = answer_to(thinking("No.", tokens=28, counted=21, reasoning="Hm."), thinking_tokens=20)
    assert not final_answer(long_thought.text).finished and long_thought.stopped == "length"
    long_answer, _ = answer_to(thinking("No.", tokens=28, counted=17, reasoning="Hm."), thinking_tokens=20)
    assert final_answer(long_answer.text).text == "No." and long_answer.stopped == "length"


def test_the_switch_of_the_template_is_sent_beside_other_keys_and_stands_in_the_protocol() -> None:
    with serving(lambda body, count: reply("No.")) as server:
        options: dict[str, Any] = {"extra": {"chat_template_kwargs": {"a": 1}}, "enable_thinking": False, "thinking_tokens": 5}
        model = OpenAIModel(server.url, **options)
        list(model.generate([Request(None, "q", Decoding(10))]))
        assert server.asked[-1]["chat_template_kwargs"] == {"a": 1, "enable_thinking": False}
        assert "enable_thinking" in model.facts()["extra"] and "5 at most" in model.facts()["thinking tokens"]


@pytest.mark.parametrize("options", [{"enable_thinking": True}, {"thinking_tokens": 20}])
def test_a_server_is_asked_for_the_marks_of_a_reasoning_that_are_special_tokens(options: dict[str, Any]) -> None:
    """vLLM and SGLang leave special tokens out of an answer: "[THINK]A dog? Yes[/THINK]No" would be "A dog? YesNo"."""
    with serving(lambda body, count: reply("[THINK]A dog? Yes[/THINK]No")) as server:
        model = OpenAIModel(server.url, **options)
        (((_, answer),),) = list(model.generate([Request(None, "q", Decoding(10))]))
        assert server.asked[-1]["skip_special_tokens"] is False and final_answer(answer.text).text == "No"
        assert model.facts()["reasoning marks"] == "special tokens, kept in the answers"
        with pytest.raises(ConfigError, match="skip_special_tokens=True, which leaves the marks of a reasoning out"):
            OpenAIModel(server.url, extra={"skip_special_tokens": True}, **options)
        for other in ({}, {"extra": {"skip_special_tokens": False}, **options}):  # as it was before, in the protocol too
            assert "reasoning marks" not in OpenAIModel(server.url, **other).facts()


def test_a_reply_that_the_limit_cut_off_in_a_reasoning_that_the_prompt_opened_is_no_answer() -> None:
    with serving(lambda body, count: reply("A dog? Yes", "length")) as server:
        model = OpenAIModel(server.url)
        model._exchange._opened = "<think>\n"  # known of a checkpoint's template, where the server is started here
        (((_, answer),),) = list(model.generate([Request(None, "q", Decoding(10))]))
        assert answer.text == "<think>\nA dog? Yes" and not final_answer(answer.text).finished


def test_a_provider_is_sent_no_key_that_it_may_not_know() -> None:
    with serving(lambda body, count: reply("No."), models=[{"id": "tiny", "owned_by": "openai"}]) as server:
        list(OpenAIModel(server.url, thinking_tokens=20).generate([Request(None, "q", Decoding(10))]))
        assert all("skip_special_tokens" not in body for body in server.asked)


def test_a_negative_limit_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ConfigError, match="thinking_tokens is -1"):
        OpenAIModel("http://127.0.0.1:9", thinking_tokens=-1)


@pytest.mark.parametrize("own", [{"enable_thinking": True}, 3])
def test_two_switches_that_contradict_each_other_are_refused(own: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="enable_thinking is false but model.extra"):
        OpenAIBatch(str(tmp_path), "judge-1", extra={"chat_template_kwargs": own}, enable_thinking=False)
