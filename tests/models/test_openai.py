"""A served model: everything a server can do wrong costs patience or one answer, never the night."""

from __future__ import annotations

import base64
import io
import itertools
import json
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.core.errors import ConfigError, FactsChanged, ModelError, Unanswered
from harness.core.evaluation import Answer, Decoding, HiddenImage, NoisyImage, Request
from harness.models._server import circuit_breaker, refusals
from harness.models._server import client as _server
from harness.models.openai import OpenAIModel
from tests.models.fake_server import CUT, Said, nobody, refused, reply, serving

KEY = "sk-very-secret-123"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server, "FIRST_WAIT_S", 0.01)


def ask(model: OpenAIModel, requests: list[Request]) -> tuple[dict[int, Answer], dict[int, str]]:
    """Answers and the reasons of those that are missing."""
    answers: dict[int, Answer] = {}
    try:
        for batch in model.generate(requests):
            answers.update(batch)
    except Unanswered as error:
        return answers, error.reasons
    return answers, {}


def questions(n: int) -> list[Request]:
    return [Request(None, f"q{i}") for i in range(n)]


# ------------------------------------------------------------ what is sent and what comes back


def test_an_image_and_a_question_get_their_answer_and_the_image_stands_first(images: list[Path]) -> None:
    with serving() as server:
        answers, _ = ask(OpenAIModel(server.url), [Request(images[0], "Is there a dog?", Decoding(max_new_tokens=7))])
    (body,) = server.asked
    image, text = body["messages"][0]["content"]
    assert base64.b64decode(image["image_url"]["url"].partition(",")[2]) == images[0].read_bytes()
    assert text == {"type": "text", "text": "Is there a dog?"}
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("tiny", 7, 0.0)
    assert (answers[0].text, answers[0].n_tokens, answers[0].stopped) == ("Yes.", 3, "end")


def test_a_prompt_without_an_image_is_sent_as_text_alone() -> None:
    with serving() as server:
        ask(OpenAIModel(server.url), questions(1))
    assert server.asked[0]["messages"][0]["content"] == [{"type": "text", "text": "q0"}]


def test_a_kind_of_file_that_servers_read_differently_is_sent_as_png(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    with serving() as server:
        ask(OpenAIModel(server.url), [Request(tmp_path / "red.jpg", "q")])
    url = server.asked[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
    assert sent.getpixel((4, 4))[0] > 200 and sent.mode == "RGB"  # type: ignore[index]


def test_the_seed_of_a_sampled_request_is_passed_on_and_a_greedy_one_has_none() -> None:
    with serving() as server:
        ask(
            OpenAIModel(server.url),
            [Request(None, "hot", Decoding(temperature=0.7, top_p=0.9, seed=11)), Request(None, "cold")],
        )
    hot, cold = sorted(server.asked, key=lambda body: -body["temperature"])
    assert (hot["temperature"], hot["top_p"], hot["seed"]) == (0.7, 0.9, 11)
    assert "seed" not in cold and cold["temperature"] == 0


@pytest.mark.parametrize(
    ("finish", "stopped"),
    [("stop", "end"), ("length", "length"), ("eos", "end"), ("STOP", "end"), ("eos_token", "end"), ("MAX_TOKENS", "length")],
)
def test_the_reason_it_stopped_is_kept(finish: str, stopped: str) -> None:
    with serving(lambda body, count: reply("A dog", finish)) as server:
        answers, _ = ask(OpenAIModel(server.url), questions(1))
    assert answers[0].stopped == stopped


@pytest.mark.parametrize(("tokens", "stopped"), [(7, "length"), (3, "end")])
def test_without_a_reason_the_number_of_tokens_tells_whether_it_was_cut(tokens: int, stopped: str) -> None:
    with serving(lambda body, count: reply("A dog", None, (100, tokens, 0))) as server:
        answers, _ = ask(OpenAIModel(server.url), [Request(None, "q", Decoding(max_new_tokens=7))])
    assert answers[0].stopped == stopped


def test_a_content_of_several_parts_is_their_text() -> None:
    parts = [{"type": "thinking", "thinking": "No?"}, {"type": "text", "text": "Yes, "}, {"type": "text", "text": "a dog."}]
    with serving(lambda body, count: reply(parts)) as server:
        answers, _ = ask(OpenAIModel(server.url), questions(1))
    assert answers[0].text == "<think>No?</think>\n\nYes, a dog."


def test_a_part_that_refuses_is_an_answer_as_a_refusal_beside_the_content_is() -> None:
    with serving(lambda body, count: reply([{"type": "refusal", "refusal": "I can't."}])) as server:
        answers, _ = ask(OpenAIModel(server.url), questions(1))
    assert answers[0].text == "I can't."


def test_of_several_choices_the_first_by_its_index_is_the_answer() -> None:
    choices = [{"index": n, "message": {"content": f"choice {n}"}, "finish_reason": "stop"} for n in (1, 0)]
    with serving(lambda body, count: Said({"choices": choices})) as server:
        answers, _ = ask(OpenAIModel(server.url), questions(1))
    assert answers[0].text == "choice 0"


def test_a_content_without_any_text_part_is_no_answer() -> None:
    with serving(lambda body, count: reply([{"type": "image_url"}])) as server:
        _, reasons = ask(OpenAIModel(server.url, retries=0), questions(1))
    assert reasons == {0: "the reply holds no answer"}


def test_a_server_that_refuses_a_temperature_is_asked_without_one_and_the_protocol_says_so() -> None:
    def reasoning(body: dict[str, Any], count: int) -> Said:
        if "temperature" in body:
            return refused(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        return reply()

    with serving(reasoning, models=[{"id": "gpt"}]) as server:
        model = OpenAIModel(server.url, concurrency=1)
        facts = model.facts()  # known before an answer is stored under them
        answers, reasons = ask(model, questions(3))
        assert model.facts() == facts
    assert len(answers) == 3 and not reasons and len(server.asked) == 5  # two for the first word, one a question
    assert facts["temperature"] == "the server's own: it refuses one, so answers may be drawn at random"


def refuses_words(body: dict[str, Any], how: Said) -> Said | None:
    """`how` for a prompt without an image; a refusal of a temperature for one that shows some."""
    if not any(part["type"] == "image_url" for part in body["messages"][0]["content"]):
        return how
    return refused(400, "'temperature' does not support 0 with this model") if "temperature" in body else None


def test_where_a_word_alone_is_refused_one_about_an_image_settles_whether_a_temperature_is_taken() -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refuses_words(body, refused(400, "An image is required")) or reply()

    with serving(behave, models=[{"id": "gpt"}]) as server:
        facts = OpenAIModel(server.url).facts()
    assert facts["temperature"].startswith("the server's own")


@pytest.mark.parametrize("withheld", [reply("no", "content_filter"), reply("half", "odd")])
def test_a_reply_that_is_no_answer_shows_all_the_same_that_a_temperature_is_taken(withheld: Said) -> None:
    with serving(lambda body, count: withheld, models=[{"id": "gpt"}]) as server:
        model = OpenAIModel(server.url, retries=0)
        assert "temperature" not in model.facts() and len(server.asked) == 1
        model.facts()
        assert len(server.asked) == 1  # known now


@pytest.mark.parametrize("kind", ["acme", "vllm"])
def test_no_answer_comes_under_facts_that_it_does_not_have(kind: str, images: list[Path]) -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refuses_words(body, refused(503, "loading")) or reply()

    asked = [Request(images[0], f"q{n}") for n in range(4)]
    with serving(behave, models=[{"id": "gpt", "owned_by": kind}]) as server:
        model = OpenAIModel(server.url, retries=0)
        before = model.facts()
        with pytest.raises(FactsChanged, match="temperature is \"the server's own.*, not '\\(none\\)'"):
            ask(model, asked)
        assert "temperature" not in before
        with pytest.raises(FactsChanged):  # until somebody asks for the new ones
            ask(model, asked)
        assert "temperature" in model.facts()
        answers, reasons = ask(model, asked)
    assert len(answers) == 4 and not reasons


def test_answers_that_came_with_a_temperature_stay_answers_when_it_is_refused_later() -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refused(400, "`temperature` is not taken here") if count > 3 and "temperature" in body else reply()

    with serving(behave, models=[{"id": "gpt"}]) as server:
        model, found = OpenAIModel(server.url, concurrency=1), list[int]()
        model.facts()
        with pytest.raises(FactsChanged):
            for batch in model.generate(questions(9)):
                found += [i for i, _ in batch]
    assert found == [0, 1, 2]


def test_a_server_that_takes_a_temperature_says_nothing_of_it() -> None:
    with serving(models=[{"id": "gpt"}]) as server:
        assert "temperature" not in OpenAIModel(server.url).facts()


def test_an_answer_ends_with_its_stop_string_as_everywhere_else() -> None:
    with serving(lambda body, count: reply("A dog. A cat.")) as server:
        answers, _ = ask(OpenAIModel(server.url), [Request(None, "q", Decoding(stop=(".",)))])
    assert (answers[0].text, answers[0].stopped) == ("A dog.", "stop")


def test_half_a_character_in_a_reply_becomes_the_replacement_character() -> None:
    said = reply("A dog \ud83d")
    said.data["choices"][0]["message"]["reasoning"] = "Hm \udfff"
    with serving(lambda body, count: said, models=[{"id": "tiny \ud83d"}]) as server:
        model = OpenAIModel(server.url)
        answers, _ = ask(model, questions(1))
    assert answers[0].text == "<think>Hm \ufffd</think>\n\nA dog \ufffd" and model.checkpoint.base == "tiny \ufffd"


def test_a_reason_it_stopped_for_that_a_terminal_would_obey_is_cleaned() -> None:
    with serving(lambda body, count: reply("A dog", "odd \x1b[31m\ud83d")) as server:
        _, reasons = ask(OpenAIModel(server.url, retries=0), questions(1))
    assert reasons == {0: "the reply stopped for an unknown reason (odd \ufffd[31m\ufffd)"}


@pytest.mark.parametrize(
    ("text", "tokens"), [("", (100, 3, 0)), (None, (100, 1, 0)), ([], (100, 0, 0)), (None, None), ("", None)]
)
def test_an_empty_answer_is_an_answer(text: Any, tokens: tuple[int, int, int] | None) -> None:
    with serving(lambda body, count: reply(text, tokens=tokens)) as server:
        answers, reasons = ask(OpenAIModel(server.url), questions(1))
    assert answers[0].text == "" and not reasons


@pytest.mark.parametrize("content", [None, []])
def test_tokens_that_are_counted_and_not_handed_over_are_no_answer(content: Any) -> None:
    with serving(lambda body, count: reply(content, tokens=(100, 3, 0))) as server:
        _, reasons = ask(OpenAIModel(server.url, retries=0), questions(1))
    assert reasons == {0: "the reply holds no text, though 3 tokens of it are counted"}


@pytest.mark.parametrize("call", [{"tool_calls": [{"id": "1", "type": "function"}]}, {"function_call": {"name": "f"}}])
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_a_call_of_a_tool_without_text_is_no_answer_and_one_beside_text_is(call: dict[str, Any], finish: str) -> None:
    for text, expected in ((None, "the reply calls a tool and holds no answer"), ("Yes.", None)):
        said = reply(text, finish, tokens=None)
        said.data["choices"][0]["message"] |= call
        with serving(lambda body, count, said=said: said) as server:
            answers, reasons = ask(OpenAIModel(server.url, retries=0), questions(1))
        assert (reasons.get(0), answers[0].text if answers else None) == (expected, text)


def test_a_server_that_knows_how_goes_on_with_a_given_beginning() -> None:
    with serving() as server:
        ask(OpenAIModel(server.url), [Request(None, "q", prefix="There is")])
    (body,) = server.asked
    assert body["messages"][1] == {"role": "assistant", "content": "There is"}
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(None, "q", hidden_image=HiddenImage(0.99, 0)), "cannot hide image tokens"),
        (Request(None, "q", noise=NoisyImage(500, 0)), "cannot add diffusion noise"),
        (Request(None, "q", prefix="There"), "is not known to go on with a given beginning"),
        (Request(None, "q", Decoding(min_new_tokens=3)), "is not known to keep to a least length"),
    ],
)
def test_what_a_server_cannot_do_is_refused_before_anything_is_asked(request_: Request, says: str) -> None:
    with serving(models=[{"id": "gpt"}]) as server:
        with pytest.raises(ModelError, match=says):
            list(OpenAIModel(server.url).generate([*questions(3), request_]))
        assert not server.asked


def test_a_provider_that_wants_the_limit_under_its_new_name_gets_it() -> None:
    def picky(body: dict[str, Any], count: int) -> Said:
        return refused(400, "'max_tokens' is not supported. Use 'max_completion_tokens'.") if "max_tokens" in body else reply()

    with serving(picky) as server:
        model = OpenAIModel(server.url, concurrency=1)
        answers, _ = ask(model, questions(3))
    assert len(answers) == 3 and len(server.asked) == 4


# ------------------------------------------------------------ order and number


def test_questions_about_one_image_go_together_and_its_first_one_goes_ahead(images: list[Path]) -> None:
    asked = [Request(p, f"{k}{n}") for n in range(3) for k, p in enumerate(images[:2])]
    with serving(lambda body, count: Said(reply().data, wait_s=0.02)) as server:
        ask(OpenAIModel(server.url, concurrency=4), asked)
        order = server.questions()
    assert sorted(order[:2]) == ["00", "10"]  # one of each image, before any second one
    with serving() as server:
        ask(OpenAIModel(server.url, concurrency=1), asked)
    assert server.questions() == ["00", "01", "02", "10", "11", "12"]


def test_no_more_requests_than_allowed_are_under_way() -> None:
    with serving(lambda body, count: Said(reply().data, wait_s=0.01)) as server:
        answers, _ = ask(OpenAIModel(server.url, concurrency=3), questions(20))
    assert len(answers) == 20 and 2 <= server.most_at_once <= 3


def test_answers_come_as_they_are_ready_and_not_at_the_end() -> None:
    gate = threading.Event()

    def later_ones_wait(body: dict[str, Any], count: int) -> Said:
        assert count < 2 or gate.wait(20)
        return reply()

    with serving(later_ones_wait) as server:
        answers = OpenAIModel(server.url, concurrency=2).generate(questions(8))
        first = next(answers)
        gate.set()
        assert len(first) + sum(len(batch) for batch in answers) == 8


def test_what_is_done_is_not_asked() -> None:
    with serving() as server:
        found = dict(p for batch in OpenAIModel(server.url).generate(questions(4), done={0, 2}) for p in batch)
    assert sorted(found) == [1, 3] and sorted(server.questions()) == ["q1", "q3"]


# ------------------------------------------------------------ trouble


def fails_once(trouble: Said | str) -> Any:
    return lambda body, count: trouble if count == 0 else reply()


@pytest.mark.parametrize(
    "trouble",
    [
        refused(500, "out of memory"),
        refused(503, "loading"),
        CUT,
        Said(raw=b'{"choices": [{"mess'),
        Said(raw=b"<html>Bad gateway</html>", headers={"content-type": "text/html"}),
        Said({"choices": []}),
        Said({"choices": [{"message": None, "finish_reason": "stop"}]}),
        Said([1, 2]),
        Said({"choices": [{"message": {"content": "half"}, "finish_reason": "abort"}]}),
        Said(reply().data, wait_s=3),
        Said(reply().data, drip_s=0.02),
    ],
    ids=["500", "503", "cut", "half JSON", "HTML", "no choices", "no message", "a list", "aborted", "hangs", "drips"],
)
def test_a_request_that_failed_once_is_asked_again_and_answered(trouble: Said | str) -> None:
    with serving(fails_once(trouble)) as server:
        model = OpenAIModel(server.url, timeout_s=1.5)
        answers, reasons = ask(model, questions(1))
    assert answers[0].text == "Yes." and not reasons
    assert len(server.asked) == 2 and model.spent().retries == 1


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (refused(500, "out\nof memory\x1b[31m"), "HTTP 500: out of memory [31m"),
        (CUT, "the connection failed"),
        (Said(raw=b"nonsense"), "the reply is not JSON"),
        (Said({"choices": []}), "the reply holds no answer"),
        (Said(reply().data, wait_s=3), "no reply within 1 s"),
    ],
)
def test_a_request_that_keeps_failing_is_left_out_with_its_reason_and_the_others_are_answered(
    trouble: Said | str, says: str
) -> None:
    def poison(body: dict[str, Any], count: int) -> Said | str:
        return trouble if body["messages"][0]["content"][-1]["text"] == "q1" else reply()

    with serving(poison) as server:
        answers, reasons = ask(OpenAIModel(server.url, timeout_s=1, retries=1), questions(4))
    assert sorted(answers) == [0, 2, 3] and list(reasons) == [1] and says in reasons[1]
    assert server.questions().count("q1") == 2


def test_a_question_that_the_server_cannot_take_is_asked_once() -> None:
    with serving(lambda body, count: refused(400, "context too long")) as server:
        _, reasons = ask(OpenAIModel(server.url), questions(1))
    assert reasons == {0: "HTTP 400: context too long"} and len(server.asked) == 1


def test_what_the_content_filter_withholds_is_missing_and_no_answer() -> None:
    with serving(lambda body, count: reply("half an ans", "content_filter")) as server:
        answers, reasons = ask(OpenAIModel(server.url), questions(1))
    assert not answers and reasons == {0: "the server's content filter withheld the answer (content_filter)"}
    assert len(server.asked) == 1


@pytest.mark.parametrize("finish", ["SAFETY", "RECITATION", "refusal"])
def test_an_answer_that_gemini_or_anthropic_withholds_is_not_asked_for_again(finish: str) -> None:
    with serving(lambda body, count: reply("half an ans", finish)) as server:
        answers, reasons = ask(OpenAIModel(server.url, retries=3), questions(1))
    assert not answers and "withheld the answer" in reasons[0] and len(server.asked) == 1


@pytest.mark.parametrize(("said", "why"), [
    (reply(None, "tool_calls"), "the reply calls a tool and holds no answer"),
    (reply("Let me look.", "tool_calls"), "the reply calls a tool and holds no answer"),
    (reply(7), "the content of the reply is no text (7)"),
    (reply({"a": 1}), "the content of the reply is no text ({'a': 1})"),
    (Said({**reply("Yes").data, "error": {"message": "failed midway", "code": 502}}), "HTTP 502: failed midway"),
])  # fmt: skip
def test_what_is_no_answer_is_said_by_its_own_reason(said: Said, why: str) -> None:
    with serving(lambda body, count: said) as server:
        answers, reasons = ask(OpenAIModel(server.url, retries=0), questions(1))
    assert not answers and reasons[0] == why


@pytest.mark.parametrize(("models", "says"), [
    (refused(429), "is not ready \\(HTTP 429\\). Try again later"),
    (Said({"error": {"message": "bad key", "code": 401}}), "refuses to list its models: bad key"),
])  # fmt: skip
def test_a_list_of_models_that_is_refused_is_said_with_the_reason(models: Said, says: str) -> None:
    with serving(models=models) as server, pytest.raises(ModelError, match=says):
        OpenAIModel(server.url)


def test_a_broken_image_leaves_its_questions_out_and_names_the_file(tmp_path: Path, images: list[Path]) -> None:
    (tmp_path / "broken.png").write_bytes(images[0].read_bytes()[:60])
    with serving() as server:
        answers, reasons = ask(OpenAIModel(server.url), [Request(tmp_path / "broken.png", "q"), Request(images[0], "q")])
    assert list(answers) == [1] and "broken.png cannot be read" in reasons[0]


def test_the_wait_a_busy_server_asks_for_holds_for_every_request() -> None:
    def busy(body: dict[str, Any], count: int) -> Said:
        return refused(429, "slow down", Retry_After="0.5") if count == 0 else reply()

    with serving(busy) as server:
        answers, _ = ask(OpenAIModel(server.url, concurrency=1), questions(3))
    assert len(answers) == 3
    assert server.times[1] - server.times[0] >= 0.5


def test_a_wait_is_read_in_seconds_milliseconds_or_as_a_date() -> None:
    assert refusals._retry_after({"retry-after": "7"}) == 7
    assert refusals._retry_after({"retry-after-ms": "250"}) == 0.25
    now = time.time()
    assert refusals._retry_after({"retry-after": formatdate(now + 100, usegmt=True)}) == pytest.approx(100, abs=2)
    assert refusals._retry_after({"retry-after": formatdate(now - 100, usegmt=True)}) == 0


NO_WAIT = [{}, {"retry-after": "soon"}, {"retry-after": "-"}, {"retry-after": "9" * 400}, {"retry-after-ms": "nan"}]


@pytest.mark.parametrize("headers", [*NO_WAIT, {"retry-after-ms": "inf", "retry-after": "2"}])
def test_a_wait_that_is_not_given_is_unknown(headers: dict[str, str]) -> None:
    assert refusals._retry_after(headers) is None


def test_busy_replies_do_not_use_up_the_retries() -> None:
    with serving(lambda body, count: refused(429, Retry_After="0") if count < 6 else reply()) as server:
        answers, _ = ask(OpenAIModel(server.url, retries=1), questions(1))
    assert len(answers) == 1


PAST = formatdate(1e9, usegmt=True)


@pytest.mark.parametrize(
    "headers", [{}, {"Retry_After": "0"}, {"Retry_After": PAST}, {"retry_after_ms": "nan"}, {"retry_after_ms": "1"}]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_and_asks_for_no_wait_is_waited_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(_server, "PATIENCE_S", 0.4)
    monkeypatch.setattr(_server, "LONGEST_WAIT_S", 0.1)
    with serving(lambda body, count: refused(status, "busy", **headers)) as server:
        _, reasons = ask(OpenAIModel(server.url, retries=5), questions(1))
    assert f"HTTP {status}: busy" in reasons[0] and len(server.asked) < 20


def test_waits_for_a_busy_server_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server.random, "uniform", lambda low, high: high)
    with serving(lambda body, count: refused(429) if count < 5 else reply()) as server:
        ask(OpenAIModel(server.url), questions(1))
    waits = [later - earlier for earlier, later in itertools.pairwise(server.times)]
    assert all(wait >= 0.01 * 2**n for n, wait in enumerate(waits))


def test_a_server_that_is_busy_for_long_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(circuit_breaker, "SAY_AFTER_S", 0.1)
    with serving(lambda body, count: refused(429, "slow \x1b[31mdown") if count < 6 else reply()) as server:
        ask(OpenAIModel(server.url), questions(1))
    (said,) = caplog.messages
    assert f"The server at {server.url} is busy (HTTP 429: slow [31mdown): no answer for 0 s" in said


def test_a_server_that_asks_to_wait_an_hour_is_not_waited_for() -> None:
    with serving(lambda body, count: refused(429, "daily limit", Retry_After="3600")) as server:
        _, reasons = ask(OpenAIModel(server.url), questions(1))
    assert "daily limit" in reasons[0] and "asks to wait 3600 s more" in reasons[0]


def test_an_account_that_is_used_up_ends_it_at_once() -> None:
    said = Said({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)
    with serving(lambda body, count: said) as server:
        with pytest.raises(ModelError, match="used up: You exceeded your quota. What is answered stays stored"):
            ask(OpenAIModel(server.url, concurrency=1), questions(5))
        assert len(server.asked) == 1


# ------------------------------------------------------------ a server that is gone


def test_no_server_at_all_is_one_sentence_that_says_what_to_do() -> None:
    with (
        nobody() as url,
        pytest.raises(ModelError, match=r"No server answers at .*\. Start it .* or correct the model's `url`"),
    ):
        OpenAIModel(url)


def test_a_server_that_goes_away_costs_few_tries_and_the_rest_is_listed_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "SUSPECT", 3)
    with serving() as server:
        model = OpenAIModel(server.url, concurrency=2, retries=1)
        assert len(ask(model, questions(2))[0]) == 2
    tries: list[object] = []
    (asked,) = model._reached().servers
    once = asked._once
    monkeypatch.setattr(asked, "_once", lambda body: (tries.append(body), once(body))[1])
    answers, reasons = ask(model, questions(500))
    assert not answers and len(reasons) == 500 and len(tries) < 12
    assert "the connection failed" in reasons[0] and "not asked, since the server at" in reasons[499]


def test_a_server_that_came_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "SUSPECT", 2)
    monkeypatch.setattr(circuit_breaker, "LOOK_EVERY_S", 0.0)
    with serving(lambda body, count: CUT if count < 12 else reply()) as server:
        model = OpenAIModel(server.url, concurrency=1, retries=0)
        server.models = Said(raw=b"", status=500)
        assert len(ask(model, questions(12))[1]) == 12
        assert len(ask(model, questions(3))[0]) == 3


def test_one_question_that_breaks_the_server_every_time_does_not_take_the_rest_with_it() -> None:
    def poison(body: dict[str, Any], count: int) -> Said | str:
        return CUT if int(body["messages"][0]["content"][-1]["text"][1:]) < 20 else reply()

    with serving(poison) as server:
        answers, reasons = ask(OpenAIModel(server.url, concurrency=2, retries=1), questions(40))
    assert sorted(reasons) == list(range(20)) and len(answers) == 20


# ------------------------------------------------------------ who is served, and the key


def test_a_web_page_is_told_from_a_server() -> None:
    with serving(models=Said(raw=b"<html>")) as server, pytest.raises(ModelError, match="is not an OpenAI-compatible server"):
        OpenAIModel(server.url)


def test_the_only_model_needs_no_name_and_of_several_one_must_be_named() -> None:
    with serving() as server:
        assert OpenAIModel(server.url).checkpoint.base == "tiny"
    several = pytest.raises(ConfigError, match=r"Which model of .*\? Add `model`. It serves: llava-7b, llava-13b")
    with serving(models=[{"id": "llava-7b"}, {"id": "llava-13b"}]) as server, several:
        OpenAIModel(server.url)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    told = pytest.raises(ModelError, match="serves no model 'tinny'. Did you mean 'tiny'")
    with serving(lambda body, count: refused(404, "no such model")) as server, told:
        OpenAIModel(server.url, "tinny")


def test_names_that_a_terminal_would_obey_are_cleaned_in_every_message() -> None:
    with serving(lambda body, count: refused(404, "no"), models=[{"id": "tiny\x1b[31m"}, {"id": "\x1b]0;b\x07"}]) as server:
        for said in (lambda: OpenAIModel(server.url), lambda: OpenAIModel(server.url, "tinny")):
            with pytest.raises((ConfigError, ModelError), match=r"serves: tiny \[31m, \]0;b") as caught:
                said()
            assert "\x1b" not in str(caught.value)
        with pytest.raises(
            ModelError, match=r"does not know what is asked of it: no. It serves: tiny \[31m, \]0;b\."
        ) as caught:
            ask(OpenAIModel(server.url, "tiny\x1b[31m"), questions(1))
    assert "\x1b" not in str(caught.value)


def test_a_name_that_is_not_listed_but_answers_is_taken() -> None:
    with serving() as server:
        assert OpenAIModel(server.url, "alias").checkpoint.base == "alias"


def test_the_identity_is_address_name_what_was_loaded_and_revision() -> None:
    with serving() as server:
        digests = {OpenAIModel(server.url, revision=r).checkpoint.digest for r in ("", "step 100", "step 200")}
        server.models = [{"id": "tiny", "root": "/models/other"}]
        digests.add(OpenAIModel(server.url).checkpoint.digest)
        assert "not known by content; revision not given" in OpenAIModel(server.url).facts()["weights"]
    assert len(digests) == 4


def test_the_key_comes_from_the_environment_and_stands_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(lambda body, count: refused(400, f"wrong key {KEY}?")) as server:
        model = OpenAIModel(server.url, api_key_env="MY_KEY")
        _, reasons = ask(model, questions(1))
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in json.dumps([model.facts(), str(model.checkpoint), reasons, str(model.spent())])
    assert "(key)" in reasons[0]


def test_without_an_option_no_key_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as server:
        ask(OpenAIModel(server.url), questions(1))
    assert KEY not in server.keys[0]


def test_no_account_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ORG_ID": KEY, "PROJECT_ID": KEY, "CUSTOM_HEADERS": f"X-Tok: {KEY}"}.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    with serving() as server:
        client = OpenAIModel(server.url)._reached().servers[0]._client
        ask(OpenAIModel(server.url), questions(1))
    assert KEY not in str({**client.default_headers, **client._custom_headers}) and len(server.asked) == 1


@pytest.mark.parametrize("key", [f"{KEY}\nsk-second", f"{KEY} x", "sk-s\u00e9cret", f"\u201c{KEY}\u201d", f"{KEY}\x7fx"])
def test_what_no_header_can_hold_is_no_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(ConfigError, match="holds no key: a space, a line break or a character beyond ASCII") as caught:
        OpenAIModel("http://127.0.0.1:9/v1", api_key_env="MY_KEY")
    assert KEY not in str(caught.value)


def test_a_key_in_a_reply_is_neither_stored_nor_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    said = reply(f"Bearer {KEY}")
    said.data["model"] = f"x-{KEY}"
    with serving(lambda body, count: said if count < 2 else reply("x", KEY)) as server:
        answers, reasons = ask(OpenAIModel(server.url, api_key_env="MY_KEY", concurrency=1, retries=0), questions(3))
    assert answers[0].text == "Bearer (key)" and answers[0].model == "x-(key)" and len(reasons) == 1
    assert KEY not in f"{answers} {reasons} {caplog.text}"


def test_a_short_key_is_a_word_that_an_answer_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "EMPTY")
    with serving(lambda body, count: reply("The glass is EMPTY.")) as server:
        answers, _ = ask(OpenAIModel(server.url, api_key_env="MY_KEY"), questions(1))
    assert answers[0].text == "The glass is EMPTY."


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_without_it(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(models=refused(status, f"bad {KEY}")) as server, pytest.raises(ModelError) as caught:
        OpenAIModel(server.url, api_key_env="MY_KEY")
    assert "refuses the key" in str(caught.value) and KEY not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"api_key_env": KEY},
        {"api_key_env": "NOT_SET_ANYWHERE"},
        {"url": f"http://user:{KEY}@127.0.0.1/v1"},
        {"url": f"http://127.0.0.1/v1?key={KEY}"},
        {"url": f"http://127.0.0.1/key/{KEY}/v1"},
        {"url": f"http://127.0.0.1/v1#{KEY}"},
        {"concurrency": 0},
        {"extra": {"headers": {"Authorization": f"Bearer {KEY}"}}},
    ],
)
def test_wrong_settings_are_told_and_no_secret_is_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIModel(**{"url": "http://127.0.0.1:9/v1", **options})
    assert KEY not in str(caught.value)


# ------------------------------------------------------------ what it cost


def test_tokens_and_cost_are_summed_and_an_unknown_price_is_no_price_of_zero() -> None:
    with serving() as server:
        priced, unpriced = OpenAIModel(server.url, price_in=1.0, price_out=10.0), OpenAIModel(server.url)
        ask(priced, questions(4))
        ask(unpriced, questions(1))
    assert (priced.spent().tokens_in, priced.spent().tokens_cached, priced.spent().tokens_out) == (400, 240, 12)
    assert priced.spent().cost == pytest.approx((400 * 1.0 + 12 * 10.0) / 1e6)
    assert unpriced.spent().cost is None and "cost unknown" in str(unpriced.spent())


@pytest.mark.parametrize("finish", ["weird", "content_filter"])
def test_a_reply_that_is_thrown_away_is_paid_for(finish: str) -> None:
    with serving(lambda body, count: reply(finish=finish)) as server:
        model = OpenAIModel(server.url, retries=1, price_in=1.0, price_out=10.0)
        ask(model, questions(1))
    assert model.spent().requests == len(server.asked)
    assert model.spent().cost == pytest.approx(len(server.asked) * 130 / 1e6)


@pytest.mark.parametrize("trouble", [CUT, Said(raw=b"{"), Said(reply().data, wait_s=1)])
def test_a_reply_that_is_lost_counts_as_the_most_it_can_cost(trouble: Said | str) -> None:
    with serving(fails_once(trouble)) as server:
        model = OpenAIModel(server.url, timeout_s=0.5, price_in=1.0, price_out=10.0)
        ask(model, [Request(None, "four", Decoding(max_new_tokens=7))])
    assert (model.spent().requests, model.spent().lost, model.spent().tokens_out) == (2, 1, 3)
    assert model.spent().cost == pytest.approx((100 + 3 * 10 + 4 + 256 + 7 * 10) / 1e6)
    assert "2 requests (1 without a whole reply), 1 retries" in str(model.spent())


def test_a_refusal_and_a_server_that_is_not_there_cost_nothing() -> None:
    with serving(lambda body, count: refused(500)) as server:
        model = OpenAIModel(server.url, retries=1, price_in=1.0, price_out=10.0)
        ask(model, questions(1))
    ask(model, questions(1))
    assert (model.spent().requests, model.spent().cost) == (0, 0.0)


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_price_that_cannot_be_is_refused(price: float) -> None:
    with pytest.raises(ConfigError, match="US dollars per million tokens, 0 or more"):
        OpenAIModel("http://127.0.0.1:9/v1", price_in=price)


def test_a_server_that_does_not_count_leaves_the_totals_unknown() -> None:
    with serving(lambda body, count: reply(tokens=None)) as server:
        model = OpenAIModel(server.url, price_in=1.0, price_out=1.0)
        answers, _ = ask(model, questions(1))
    assert model.spent().tokens_out is None and model.spent().cost is None and answers[0].n_tokens == -1


@pytest.mark.parametrize("count", ["1e999", "1" + "0" * 400, "NaN", "-5", "true", '"many"', "[1]", "2.5"])
def test_a_count_that_cannot_be_is_unknown_and_the_answer_is_kept(count: str) -> None:
    said = reply()
    said.raw = json.dumps(said.data).replace('"completion_tokens": 3', f'"completion_tokens": {count}').encode()
    with serving(lambda body, n: said) as server:
        model = OpenAIModel(server.url, price_in=1.0, price_out=1.0, max_cost=1.0)
        answers, reasons = ask(model, questions(1))
    assert (answers[0].text, answers[0].n_tokens, reasons) == ("Yes.", -1, {})
    assert (model.spent().tokens_in, model.spent().tokens_out, model.spent().cost) == (100, None, None)


def test_a_server_that_stays_busy_is_waited_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_server, "PATIENCE_S", 0.5)
    monkeypatch.setattr(_server, "LONGEST_WAIT_S", 0.05)
    with serving(lambda body, count: refused(429, "busy", retry_after_ms="100")) as server:
        model = OpenAIModel(server.url, concurrency=1)
        with pytest.raises(Unanswered) as caught:
            list(model.generate([Request(None, str(n)) for n in range(6)]))
    assert len(caught.value.reasons) == 6 and "HTTP 429: busy" in str(caught.value)
    assert len(server.asked) <= 6 + 8  # the first waits until its patience ends, the others do not
