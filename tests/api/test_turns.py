"""Calls of the Python interface in several threads: one computes at a time, and the process is left as it was."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
import transformers

import harness
from harness.api import actions, turns
from harness.api.turns import SET_BY_CALLS, environment_put_back, in_turn
from harness.core.errors import HarnessError
from harness.models._device import onednn_linear
from harness.run import pipeline


def no_words(text: str) -> None:
    pass


class Lines:
    """Keeps the lines that a call says."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.say = self.said.append

    def __call__(self, what: str, done: int, total: int) -> None:
        pass


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`harness.sweep` of this model in two threads; what it says. `work` is where a run would be."""
    monkeypatch.setattr(actions, "RunStore", lambda output: SimpleNamespace(run=lambda name: name))

    def sweeps(model: str, work: Callable[[], None]) -> list[str]:
        shown = Lines()
        monkeypatch.setattr(pipeline, "run", lambda *words: work() or SimpleNamespace(run_id="x"))
        threads = [threading.Thread(target=harness.sweep, args=(model, ["pope"]), kwargs={"progress": shown}) for _ in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return shown.said

    return sweeps


def test_calls_that_compute_take_turns_and_the_one_that_waits_says_so(call: Callable[..., list[str]]) -> None:
    inside, most = [0], [0]

    def work() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.2)
        inside[0] -= 1

    assert [text[:24] for text in call("miniworld", work)] == ["waiting for another call"]
    assert most == [1]


def test_calls_that_only_ask_servers_go_side_by_side(call: Callable[..., list[str]]) -> None:
    both = threading.Barrier(2, timeout=30)  # broken, with an error in both threads, where one waits for the other
    assert call("http://localhost:1/v1", lambda: both.wait() and None) == []
    assert not both.broken


def test_a_callback_may_call_again() -> None:
    with in_turn(no_words), in_turn(pytest.fail):
        pass


def test_a_forked_process_waits_for_no_thread_of_its_parent() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with in_turn(no_words):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    if (child := os.fork()) == 0:
        os._exit(0 if turns._calls.turn.acquire(timeout=5) else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(("threads", "refused"), [(1, False), (2, True)])
def test_a_process_forked_from_one_that_computed_with_several_threads_is_refused(
    threads: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_calls", turns._Calls())
    turns.note_threads(threads)
    if (child := os.fork()) == 0:
        try:
            with in_turn(no_words):
                os._exit(0)
        except HarnessError as error:
            os._exit(1 if "get_context('spawn')" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == refused


def test_a_call_notes_with_how_many_threads_it_computed(
    monkeypatch: pytest.MonkeyPatch, call: Callable[..., list[str]]
) -> None:
    monkeypatch.setattr(turns, "_calls", turns._Calls())
    call("miniworld", lambda: torch.set_num_threads(3))
    assert turns._calls.threads == 3


def test_the_environment_is_put_back_when_the_last_call_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SET_BY_CALLS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # the user's
    first, second = environment_put_back(), environment_put_back()
    first.__enter__()
    os.environ["LRU_CACHE_CAPACITY"] = "16"
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ["LRU_CACHE_CAPACITY"] == "16"
    second.__exit__(None, None, None)
    assert {name: os.environ[name] for name in SET_BY_CALLS if name in os.environ} == {"OMP_WAIT_POLICY": "ACTIVE"}


def test_all_that_calls_set_is_put_back(monkeypatch: pytest.MonkeyPatch, call: Callable[..., list[str]]) -> None:
    assert set(onednn_linear._CODE_KEPT) < set(SET_BY_CALLS)
    for name in SET_BY_CALLS:
        monkeypatch.delenv(name, raising=False)
    before, during = dict(os.environ), list[str]()
    transformers.utils.logging.enable_progress_bar()  # the command line, in other tests, has switched it off

    def work() -> None:
        during.append(os.environ["OMP_WAIT_POLICY"])
        transformers.utils.logging.disable_progress_bar()

    call("miniworld", work)
    assert dict(os.environ) == before and during == ["PASSIVE"] * 2
    assert transformers.utils.logging.is_progress_bar_enabled()
