"""A verdict is found again only by a judge of the same settings: what moves a reply stands in the judge's version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks._judged import mmhal
from benchmarks.judges.chat import Chat
from harness.config.schema import JudgeConfig
from harness.core.judging import Unreached, Withheld
from harness.evaluation.cached_judge import CachedJudge
from harness.evaluation.scoring import make_judge
from harness.models.openai import OpenAIModel
from harness.storage.run_store import Store
from tests.benchmarks.judges.test_judges import FACTS, Model
from tests.models.fake_server import Said, refused, reply, serving

DEFAULTS = {  # of a checkpoint in a folder, as its facts state them
    "engine": "6", "generation config": "bends nothing", "dtype": "bfloat16", "attention": "sdpa", "device": "cuda",
}  # fmt: skip


class Stating(Model):
    """States the facts it is given."""

    def __init__(self, facts: dict[str, str]) -> None:
        super().__init__("Rating: 4")
        self._facts = facts

    def facts(self) -> dict[str, str]:
        return self._facts


def by_effort(body: dict[str, Any], count: int) -> Said:
    return reply(f"Rating: {6 if body.get('reasoning_effort') == 'high' else 1}")


def rated(store: Store, url: str, options: dict[str, Any], **model: Any) -> tuple[float | None, str]:
    spec = {"name": "chat", "model": {"name": "openai", "url": url, **model}, **options}
    judge = make_judge(JudgeConfig.model_validate(spec), store)
    assert isinstance(judge, CachedJudge)
    return judge.judge(mmhal.TASK, "Q?", "a", FACTS, None).value, judge.version


def test_a_judge_of_other_options_is_asked_anew_and_the_same_one_is_not(tmp_path: Path) -> None:
    efforts = [{"extra": {"reasoning_effort": effort}} for effort in ("low", "high", "high")]
    with serving(by_effort) as server, Store(tmp_path / "store.sqlite") as store:
        plain = rated(store, server.url, {})
        assert [rated(store, server.url, {}, **effort)[0] for effort in efforts] == [1, 6, 6] and len(server.asked) == 3
        assert rated(store, server.url, {"max_new_tokens": 900})[1] == f"{plain[1]}, max_new_tokens 900"
        assert rated(store, server.url, {}, thinking_tokens=64)[1].startswith(f"{plain[1]}, thinking tokens 64")
        assert len(server.asked) == 5 and rated(store, server.url, {}) == plain


def test_a_judge_that_turns_out_to_draw_its_replies_leaves_no_verdict_under_temperature_0(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        if count == 0:
            return refused(503, "loading")
        return refused(400, "`temperature` is not taken here") if "temperature" in body else reply("Rating: 6")

    with serving(behave, models=[{"id": "gpt"}]) as server, Store(tmp_path / "store.sqlite") as store:
        first, version = rated(store, server.url, {}, retries=0)
        assert (first, version.endswith("temperature 0")) == (None, True)
        second, version = rated(store, server.url, {}, retries=0)
    assert (second, version.endswith("temperature the server's own")) == (6, True)


@pytest.mark.parametrize("facts", [{}, DEFAULTS, {**DEFAULTS, "device": "cpu, 2 threads", "dtype": "float32"}])
def test_a_model_without_settings_adds_nothing(facts: dict[str, str]) -> None:
    assert Chat(Stating(facts)).version.endswith("temperature 0")


@pytest.mark.parametrize(("fact", "value"), [
    ("dtype", "float16"),
    ("attention", "eager"),
    ("generation config", "ignored: repetition_penalty 1.05"),
    ("enable_thinking", "False"),
    ("template date", "2024-07-26, whatever day it is"),
    ("server arguments", "--quantization fp8"),
])  # fmt: skip
def test_each_setting_that_moves_replies_is_stated(fact: str, value: str) -> None:
    assert Chat(Stating({**DEFAULTS, fact: value})).version.endswith(f"temperature 0, {fact} {value}")


def test_a_server_that_refuses_a_temperature_is_not_said_to_judge_at_0() -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        return refused(400, "Unsupported value: temperature") if "temperature" in body else reply("Rating: 3")

    with serving(behave, [{"id": "o3"}]) as server:
        judge = Chat(OpenAIModel(server.url))
        assert judge.version.endswith("temperature the server's own")
        assert judge.judge(mmhal.TASK, "Q?", "a", FACTS, None).value == 3


@pytest.mark.parametrize(("said", "held"), [
    (reply("x", "content_filter"), True),
    (refused(403, "your input was flagged"), True),
    (Said({"error": {"message": "filtered", "code": "content_filter"}}, 400), True),
    (refused(400, "too long"), False),
    (refused(503, "loading"), False),
])  # fmt: skip
def test_a_verdict_says_whether_a_filter_holds_the_reply_back(said: Said, held: bool) -> None:
    with serving(lambda body, count: said if count else reply(), [{"id": "gpt"}]) as server:
        verdict = Chat(OpenAIModel(server.url, retries=0)).rank("Q?", ("a", "b"), {}, None)
    assert isinstance(verdict, Unreached) and isinstance(verdict, Withheld) is held


def test_a_server_that_refuses_the_first_word_leaves_its_items_unjudged() -> None:
    with serving(lambda body, count: refused(401, "no"), [{"id": "gpt"}]) as server:
        verdict = Chat(OpenAIModel(server.url)).judge(mmhal.TASK, "Q?", "a", FACTS, None)
    assert verdict.value is None and "refuses the key" in verdict.reading and len(server.asked) == 1
