"""A cap on cost holds whatever replies cost and whichever are lost."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from harness.core.errors import ConfigError, Unanswered
from harness.core.evaluation import Answer, Decoding, Request
from harness.models._server import client as _client
from harness.models._server.spend_cap import IMAGE_TOKENS, CapReached, SpendCap
from harness.models._server.usage import Spent, token_counts
from harness.models.openai import OpenAIModel
from tests.models.fake_server import CUT, Said, refused, reply, serving

HI = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 744}]}], "max_tokens": 500}  # 1,000 + 500


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


def test_the_most_that_a_request_can_cost_is_set_aside_before_it_is_sent() -> None:
    cap = SpendCap(0.0029, 1.0, 2.0)  # the request costs at most (1,000 x $1 + 500 x $2) a million
    with cap.hold(HI):
        pass  # no reply: counted in full, $0.002
    with pytest.raises(
        CapReached, match=r"max_cost of \$0.0029 is reached: \$0.0020 are spent, the next request may cost \$0.0020"
    ):
        cap.hold(HI).__enter__()


def test_what_is_free_on_one_side_alone_is_set_aside_too() -> None:
    cap = SpendCap(0.0019, 0.0, 2.0)  # the request costs at most 500 x $2 a million
    with cap.hold(HI) as held:
        assert held.cost == pytest.approx(0.001)
    with pytest.raises(CapReached):
        cap.hold(HI).__enter__()


def test_what_a_reply_did_cost_is_counted_once_it_is_known() -> None:
    cap = SpendCap(0.0029, 1.0, 2.0)
    for _ in range(9):  # $0.0001 each
        with cap.hold(HI) as held:
            cap.settle(held, {"usage": {"prompt_tokens": 80, "completion_tokens": 10}})
    with cap.hold(HI):
        pass
    with pytest.raises(CapReached):
        cap.hold(HI).__enter__()


@pytest.mark.parametrize(("usage", "prompt", "out"), [
    ({"prompt_tokens": 100, "completion_tokens": 910, "total_tokens": 1010,
      "completion_tokens_details": {"reasoning_tokens": 900}}, 100, 910),  # OpenAI: reasoning is a part of the completion
    ({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 1010}, 100, 910),  # Gemini behind a gateway
    ({"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 399,
      "completion_tokens_details": {"reasoning_tokens": 386}}, 12, 387),  # xAI
    ({"prompt_tokens": 12, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 386}}, 12, 387),
    ({"prompt_tokens": 100, "completion_tokens": 500, "total_tokens": 986,
      "completion_tokens_details": {"reasoning_tokens": 386}}, 100, 886),
    ({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 3}, 100, 10),
    ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None, 0),  # no prompt has 0 tokens
])  # fmt: skip
def test_reasoning_that_is_counted_beside_the_completion_is_charged_for(
    usage: dict[str, Any], prompt: int | None, out: int
) -> None:
    used = token_counts({"usage": usage})
    assert (used.prompt, used.charged) == (prompt, out)


def test_totals_add_up_what_arrived_and_what_was_lost_and_begin_anew() -> None:
    spent = Spent(price_in=1.0, price_out=2.0)
    for _ in range(2):
        spent.add(
            token_counts(
                {"usage": {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 60}}}
            )
        )
    spent.add_lost(0.5)
    assert (spent.requests, spent.lost, spent.tokens_in, spent.tokens_cached, spent.tokens_out) == (3, 1, 200, 120, 20)
    assert spent.cost == pytest.approx((200 * 1 + 20 * 2) / 1e6 + 0.5, abs=1e-12)
    assert spent.added_to({"requests": 4, "cost": 1.0})["requests"] == 7 and spent.added_to({"cost": None})["cost"] is None
    spent.clear()
    assert spent == Spent(price_in=1.0, price_out=2.0) and spent.cost == 0.0


def test_the_cap_holds_where_reasoning_is_counted_in_the_total_alone() -> None:
    said = reply("Yes.")
    said.data["usage"] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 1010}  # $0.0092
    with serving(lambda body, count: said) as server:
        model = OpenAIModel(server.url, price_in=1.0, price_out=10.0, max_cost=0.1)
        with pytest.raises(Unanswered):
            list(model.generate([Request(None, f"q{i}", Decoding(max_new_tokens=1000)) for i in range(60)]))
        assert len(server.asked) == 10  # an eleventh may cost 1,000 tokens and its prompt, $0.0103: more than the $0.008 left
        assert model.spent().cost == pytest.approx(10 * 0.0092)


def test_counts_of_zero_beside_a_text_are_no_cost_of_zero() -> None:
    with serving(lambda body, count: reply(tokens=(0, 0, 0))) as server:
        model = OpenAIModel(server.url, price_in=1.0, price_out=10.0)
        list(model.generate([Request(None, "q")]))
    assert model.spent().cost is None


def test_a_reply_beyond_its_limit_raises_what_is_set_aside_for_the_next() -> None:
    cap = SpendCap(0.0099, 1.0, 2.0)  # HI costs at most $0.0020
    with cap.hold(HI) as held:
        cap.settle(held, {"usage": {"prompt_tokens": 1000, "completion_tokens": 2000}})  # $0.005
    with pytest.raises(CapReached, match=r"\$0.0050 are spent, the next request may cost \$0.0050"):
        cap.hold(HI).__enter__()


LONG = {"usage": {"prompt_tokens": 1000, "completion_tokens": 2000}}  # $0.005, $0.003 more than HI can cost by its limit


def test_what_is_set_aside_beyond_the_limit_is_the_most_of_one_reply_however_many_were_under_way() -> None:
    cap = SpendCap(0.0201, 1.0, 2.0)
    with cap.hold(HI) as one, cap.hold(HI) as two, cap.hold(HI) as three:
        for held in (one, two, three):
            cap.settle(held, LONG)
    with cap.hold(HI) as fourth:  # $0.015 are spent, and $0.005 more fit
        assert fourth.cost == pytest.approx(0.005)


def test_what_one_reply_cost_beyond_its_limit_is_set_aside_for_those_under_way_too() -> None:
    cap, sent = SpendCap(0.0149, 1.0, 2.0), threading.Event()

    def one_more() -> None:
        with pytest.raises(CapReached), cap.hold(HI):
            sent.set()

    later = threading.Thread(target=one_more)
    with cap.hold(HI) as slow:
        with cap.hold(HI) as fast:
            cap.settle(fast, LONG)
        later.start()
        assert slow.cost == pytest.approx(0.005)  # with the $0.005 spent and $0.005 for one more: beyond the cap
        assert not sent.wait(0.1)
        cap.settle(slow, LONG)
    later.join()
    assert not sent.is_set()


def test_a_lost_reply_counts_with_what_another_cost_beyond_its_limit_meanwhile() -> None:
    cap, spent = SpendCap(1.0, 1.0, 2.0), Spent(1.0, 2.0)
    with cap.hold(HI) as lost:
        with cap.hold(HI) as other:
            cap.settle(other, LONG)
        lost.count(spent)
    assert spent.cost == pytest.approx(0.005)


def test_images_several_answers_and_limits_under_other_names_are_counted() -> None:
    image = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    body: dict[str, Any] = {"messages": [{"role": "user", "content": image}], "max_tokens": 1, "extra_body": {"n": 3}}
    assert SpendCap(1.0, 1e6, 0.0)._most(body) == IMAGE_TOKENS + 256
    assert SpendCap(1.0, 0.0, 1e6)._most(body) == 3
    assert SpendCap(1.0, 0.0, 1e6)._most({**body, "extra_body": {"max_completion_tokens": 70}}) == 70


@pytest.mark.parametrize("options", [{"max_cost": 1.0}, {"max_cost": -1.0, "price_in": 1.0, "price_out": 1.0}])
def test_a_cap_needs_prices_and_a_positive_amount(options: dict[str, Any]) -> None:
    with serving() as server, pytest.raises(ConfigError, match="max_cost"):
        OpenAIModel(server.url, **options)


@pytest.mark.parametrize(
    ("cap", "prices"), [(0.0, (1.0, 1.0)), (float("inf"), (1.0, 1.0)), (1.0, (None, 1.0)), (1.0, (1.0, None))]
)
def test_a_cap_of_nothing_or_of_no_end_or_with_half_a_price_is_refused(cap: float, prices: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="max_cost"):
        SpendCap(cap, *prices)


def test_a_refusal_is_no_reply_that_was_lost_and_half_a_count_is_no_cost() -> None:
    cap, spent = SpendCap(1.0, 1.0, 2.0), Spent(1.0, 2.0)
    with cap.hold(HI) as held:
        held.is_free()
    held.count(spent)
    assert (spent.requests, spent.lost, spent.cost) == (0, 0, 0.0)
    with cap.hold(HI) as held:
        cap.settle(held, {"usage": {"prompt_tokens": 80}})
    held.count(spent)
    assert held.cost == pytest.approx(0.002) and (spent.requests, spent.lost, spent.cost) == (1, 0, None)


def test_a_storm_of_faults_never_passes_the_cap_and_keeps_every_answer_that_was_paid() -> None:
    lucky = random.Random(0)
    charged = [0.0]

    def storm(body: dict[str, Any], count: int) -> Said | str:
        tokens_in, tokens_out = 40, lucky.randint(1, 100)
        fault = lucky.random()
        if fault < 0.1:
            return refused(500)
        charged[0] += (tokens_in * 1.0 + tokens_out * 2.0) / 1e6
        if fault < 0.3:
            return CUT if fault < 0.2 else Said(raw=b"{")
        return reply("Yes.", tokens=(tokens_in, tokens_out, 0))

    with serving(storm) as server:
        model = OpenAIModel(server.url, concurrency=8, price_in=1.0, price_out=2.0, max_cost=0.02)
        answers: dict[int, Answer] = {}
        with pytest.raises(Unanswered) as lost:
            for batch in model.generate([Request(None, f"q{i}", Decoding(max_new_tokens=100)) for i in range(400)]):
                answers.update(batch)
    assert 0.008 < charged[0] <= 0.02  # a lost reply counts as the most it can cost, three times what it did
    assert len(answers) + len(lost.value.reasons) == 400 and len(answers) > 50
    assert all("max_cost" in why for why in lost.value.reasons.values())


def test_a_second_opening_of_the_same_server_spends_from_the_same_cap() -> None:
    with serving(lambda body, count: reply(tokens=(300, 50, 0))) as server:
        options: dict[str, Any] = {"price_in": 1.0, "price_out": 1.0, "max_cost": 0.0009}
        for n, expected in ((1, 1), (2, 1), (3, 0)):  # $0.00035 each; at most (2 + 256 + 100) tokens are set aside
            model, found = OpenAIModel(server.url, **options), 0
            try:
                found = sum(len(b) for b in model.generate([Request(None, f"q{n}", Decoding(max_new_tokens=100))]))
            except Unanswered:
                assert n == 3
            assert found == expected
