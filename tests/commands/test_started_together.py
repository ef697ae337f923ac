"""Of processes that torchrun or accelerate started together one says what is wrong, and all end with the same code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from harness.cli import main
from harness.core.edge import launch


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """How long the process waited, in seconds; none of them pass."""
    waited = list[float]()
    monkeypatch.setattr(launch.time, "sleep", waited.append)
    monkeypatch.setenv("WORLD_SIZE", "2")
    before = signal.getsignal(signal.SIGTERM)
    yield waited
    signal.signal(signal.SIGTERM, before)


def ended(monkeypatch: pytest.MonkeyPatch, rank: int, *words: str) -> int | str | None:
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, str(rank))
    monkeypatch.setattr(sys, "argv", ["harness", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize("words", [("run", "nowhere.yaml"), ("run", "--nosuch"), ("sweep", "--limit", "many"), ("run", "a=")])
def test_the_first_says_it_and_gives_the_others_time(
    words: tuple[str, ...], started: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, 0, *words) == 2 and max(started, default=0) <= 1
    assert words[1].rstrip("=") in capsys.readouterr().err


@pytest.mark.parametrize("words", [("run", "nowhere.yaml"), ("run", "--nosuch"), ("sweep", "--limit", "many"), ("run", "a=")])
def test_another_one_is_ended_by_the_launcher_without_a_word(
    words: tuple[str, ...], started: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch.time, "sleep", lambda seconds: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(launch.os, "_exit", sys.exit)
    assert ended(monkeypatch, 1, *words) == 2
    said = capsys.readouterr()
    assert said.err == said.out == ""


def test_what_it_alone_has_found_it_says_after_a_while(
    started: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, 1, "run", "nowhere.yaml") == 2 and started == [10]
    assert "nowhere.yaml" in capsys.readouterr().err


def test_one_process_waits_for_nobody(
    started: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert ended(monkeypatch, 1, "run", "nowhere.yaml") == 2 and not started
    assert "nowhere.yaml" in capsys.readouterr().err
