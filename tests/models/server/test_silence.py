"""A server that holds its replies back is named after a while, long before its time limit is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.evaluation import Request
from harness.models._server import concurrency
from harness.models._server.concurrency import SAY_EVERY_S, SILENT_S, Silence
from harness.models.openai import OpenAIModel
from tests.models.fake_server import reply, serving


def test_silence_is_said_again_and_again_with_what_is_under_way() -> None:
    heard: list[tuple[float, int]] = []
    silence = Silence(lambda *said: heard.append(said))
    for _ in range(6):
        silence.waited(SILENT_S / 2, ended=0, under_way=3)
    assert heard == [(SILENT_S, 3), (SILENT_S + SAY_EVERY_S, 3)]


def test_a_reply_ends_it() -> None:
    heard: list[float] = []
    silence = Silence(lambda waited_s, _: heard.append(waited_s))
    for ended in (0, 1, 0, 0):
        silence.waited(SILENT_S / 2, ended, under_way=1)
    assert heard == [SILENT_S]


def test_a_slow_server_is_named_with_its_limit(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(concurrency, "SILENT_S", 0.2)
    with serving(lambda body, count: replace(reply(), wait_s=1.5)) as server:
        answers = dict(next(iter(OpenAIModel(server.url, timeout_s=30).generate([Request(None, "Is it day?")]))))
    assert answers[0].text == "Yes."
    (said,) = caplog.messages
    assert said.startswith(f"{server.url}: no reply for 1 s, 1 request under way; each waits for up to 30 s")
