"""What a server refuses: one request or all of them, and for which of its options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks._judged.mmhal import TASK
from benchmarks.judges.chat import Chat
from harness.core.errors import FactsChanged, ModelError, Unanswered
from harness.core.evaluation import Decoding, Request
from harness.core.judging import Question
from harness.models._server import client as _client
from harness.models.openai import OpenAIModel
from tests.models.fake_server import Behaviour, Said, refused, reply, serving

LISTED = [{"id": "gpt"}]
UNSUPPORTED = "Unsupported value: 'temperature' does not support 0 with this model."
HOT = Decoding(temperature=0.7, seed=3)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


def text_of(body: dict[str, Any]) -> str:
    text: str = body["messages"][0]["content"][-1]["text"]
    return text


def ask(model: OpenAIModel, texts: list[str], decoding: Decoding = Decoding()) -> tuple[list[int], dict[int, str]]:
    """Which were answered, and the reasons of those that were not."""
    found: list[int] = []
    try:
        for batch in model.generate([Request(None, text, decoding) for text in texts]):
            found += [i for i, _ in batch]
    except Unanswered as error:
        return sorted(found), error.reasons
    return sorted(found), {}


def asked(behave: Behaviour, texts: list[str], decoding: Decoding = Decoding(), kind: str = "acme") -> Any:
    """Facts, what was answered, reasons and requests."""
    with serving(behave, [{"id": "gpt", "owned_by": kind}]) as server:
        model = OpenAIModel(server.url, concurrency=1, retries=0)
        return model.facts(), *ask(model, texts, decoding), server.asked


# ------------------------------------------------------------ the key


@pytest.mark.parametrize("flagged", [
    refused(403, "your input was flagged for violence"),
    Said({"error": {"code": 403, "message": "your input was flagged for violence"}}),
])  # fmt: skip
def test_prompts_that_are_moderated_are_left_out_with_the_reason_and_the_others_are_answered(flagged: Said) -> None:
    texts = [f"bad {n}" for n in range(9)] + ["good"]
    _, found, reasons, _ = asked(lambda body, count: flagged if "bad" in text_of(body) else reply(), texts)
    assert found == [9] and reasons[8] == "HTTP 403: your input was flagged for violence"


def test_a_key_that_is_refused_every_time_ends_it_after_three_requests_with_the_servers_words() -> None:
    with serving(lambda body, count: refused(403, "no access to this model"), [{"id": "gpt", "owned_by": "vllm"}]) as server:
        with pytest.raises(ModelError, match=r"refuses the key \(HTTP 403: no access to this model\)\. Put the right one"):
            ask(OpenAIModel(server.url, concurrency=1), [f"q{n}" for n in range(9)])
        assert len(server.asked) == 3


def test_a_prompt_that_is_quoted_is_no_account_that_is_used_up() -> None:
    texts = ["a", "Does the sign say insufficient funds?", "c"]

    def behave(body: dict[str, Any], count: int) -> Said:
        return refused(400, f"bad request: '{text_of(body)}' has no image") if "funds" in text_of(body) else reply()

    _, found, reasons, _ = asked(behave, texts)
    assert found == [0, 2] and "has no image" in reasons[1]


@pytest.mark.parametrize("words", ["Your credit balance is too low to access the API.", "Gateway: insufficient funds"])
def test_an_account_that_is_used_up_is_said_by_any_status(words: str) -> None:
    with pytest.raises(ModelError, match="is used up"):
        asked(lambda body, count: refused(400, words) if count > 0 else reply(), ["Does the sign say insufficient_quota?"])


# ------------------------------------------------------------ the temperature


@pytest.mark.parametrize("kind", ["acme", "vllm"])
def test_a_refusal_that_quotes_a_question_about_temperature_takes_no_temperature_away(kind: str) -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refused(400, f"no image for: {text_of(body)}") if "dial" in text_of(body) else reply()

    facts, found, reasons, sent = asked(behave, ["a", "Which temperature does the dial show?", "c"], kind=kind)
    assert "temperature" not in facts and found == [0, 2] and "no image for" in reasons[1]
    assert all("temperature" in body for body in sent)


def test_a_request_that_is_refused_without_a_temperature_too_was_not_refused_for_it() -> None:
    def behave(body: dict[str, Any], count: int) -> Said:  # the first words fail, so that nothing is known of a temperature
        if "dial" in text_of(body):
            return refused(400, f"no image for: {text_of(body)}")
        return reply() if text_of(body) != "Hi" else refused(400, "too short")

    with serving(behave, LISTED) as server:
        model = OpenAIModel(server.url, concurrency=1, retries=0)
        model.facts()
        found, reasons = ask(model, ["Which temperature does the dial show?", "b"])
        assert found == [1] and "no image for" in reasons[0] and "temperature" not in model.facts()
        assert "temperature" in server.asked[-1]


@pytest.mark.parametrize("words", [UNSUPPORTED, "Only the default temperature (1) is supported."])
def test_a_temperature_that_is_refused_later_changes_the_facts(words: str) -> None:
    """By its name as an option, or in other words about one, where the question, which they may quote, holds none."""
    with serving(lambda body, count: refused(400, words) if count and "temperature" in body else reply(), LISTED) as server:
        model = OpenAIModel(server.url, concurrency=1)
        assert "temperature" not in model.facts()
        with pytest.raises(FactsChanged):
            ask(model, ["a"])
        assert "temperature" in model.facts() and ask(model, ["a"]) == ([0], {})


def test_a_judge_whose_temperature_is_refused_after_the_first_word_says_how_to_ask_it() -> None:
    with serving(
        lambda body, count: refused(400, UNSUPPORTED) if count and body.get("temperature") == 0 else reply("Rating: 4"), LISTED
    ) as server:
        for temperature, rating in ((0.0, None), (1.0, 4)):
            judge = Chat(OpenAIModel(server.url, concurrency=1, retries=0), temperature=temperature)
            ((_, verdict),) = next(judge.judge_all([Question(TASK, "Q?", "A dog.", {"gt_answer": "A dog."}, None)]))
            assert verdict.value == rating and ("give the judge a `temperature`" in verdict.reading) == (rating is None)


def test_a_judge_is_asked_without_its_temperature_where_the_server_refuses_that_value_alone() -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refused(400, UNSUPPORTED.replace("0", "1.5")) if body.get("temperature") == 1.5 else reply("Rating: 4")

    with serving(behave, LISTED) as server:
        for temperature, stated in ((1.5, "temperature the server's own"), (0.5, "temperature 0.5")):
            judge = Chat(OpenAIModel(server.url, concurrency=1, retries=0), temperature=temperature)
            verdict = judge.judge(TASK, "Q?", "A dog.", {"gt_answer": "A dog."}, None)
            assert verdict.value == 4 and verdict.judge_version.endswith(stated)
            assert server.asked[-1].get("temperature") == (None if temperature == 1.5 else 0.5)


def test_a_top_p_of_one_is_not_sent_beside_a_temperature() -> None:
    def claude(body: dict[str, Any], count: int) -> Said:
        both = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        return refused(400, both) if {"temperature", "top_p"} <= set(body) else reply()

    facts, found, _, sent = asked(claude, ["a", "b"], HOT)
    assert found == [0, 1] and "temperature" not in facts and [body["temperature"] for body in sent] == [0.0, 0.7, 0.7]
    facts, found, reasons, _ = asked(claude, ["a"], Decoding(temperature=0.7, top_p=0.9, seed=3))
    assert not found and "cannot both be specified" in reasons[0] and "temperature" not in facts


# ------------------------------------------------------------ errors that a gateway hands on

WRAPPED = [
    lambda words: {"message": "Provider returned error", "code": 400,
                   "metadata": {"raw": json.dumps({"error": {"message": words}}), "provider_name": "OpenAI"}},  # OpenRouter
    lambda words: {"message": "Provider returned error", "metadata": {"raw": words}},
    lambda words: {"message": "Bad request", "details": [{"reason": words}]},
    lambda words: {"message": f"{'litellm.BadRequestError: ' * 12}{words}"},
]  # fmt: skip


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_the_words_of_the_provider_behind_a_gateway_are_read(wrapped: Any) -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        if "max_tokens" in body:
            return Said({"error": wrapped("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")}, 400)
        return Said({"error": wrapped(UNSUPPORTED)}, 400) if "temperature" in body else reply()

    facts, found, reasons, _ = asked(behave, ["a"])
    assert found == [0] and not reasons and "temperature" in facts


@pytest.mark.parametrize("wrapped", WRAPPED[:3])
def test_the_reason_of_a_provider_behind_a_gateway_is_said(wrapped: Any) -> None:
    _, _, reasons, _ = asked(lambda body, count: Said({"error": wrapped("image too large")}, 400), ["a"])
    assert "image too large" in reasons[0]
