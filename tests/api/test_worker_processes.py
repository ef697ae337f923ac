"""Worker processes and threads of a notebook: runs and errors come back from them, and none waits without end."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path
from typing import Any, cast

import pytest

import harness
from harness.api import turns
from harness.api.changes import as_texts, folder_of, plain
from harness.api.progress import both_of
from harness.core import errors
from harness.core.errors import ConfigError, HarnessError
from tests.api.test_changes import STUDY
from tests.api.test_stored import kept


@pytest.fixture
def store(tmp_path: Path) -> Any:
    kept(tmp_path, json.dumps(STUDY))
    return harness.open_store(tmp_path)


def test_a_run_comes_back_from_another_process_as_it_is_stored(store: Any) -> None:
    run = store["one"]
    vars(run)["comparison"] = lambda: None  # what was read of it, formulas among it, stays behind
    sent = pickle.loads(pickle.dumps(run))
    assert (sent.id, sent.status, len(sent.items())) == (run.id, run.status, len(run.items()))


@pytest.mark.parametrize(
    "error",
    [
        errors.ImageError(Path("a.jpg"), "is broken"), errors.Unanswered({0: "busy"}, [0]), errors.LostProcess(),
        errors.FactsChanged({"a": "1"}, {"a": "2"}), errors.UnknownItems("none", ["7"]), errors.TooLong("long", (None, "?")),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_comes_back_from_another_process(error: HarnessError) -> None:
    """A pool of processes waits without end for one that cannot be made again."""
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), str(sent), vars(sent)) == (type(error), str(error), vars(error))


def test_runs_of_a_store_are_gone_through_counted_and_looked_for(store: Any) -> None:
    (run,) = store
    assert len(store) == 1 and run.id in store and "one" in store and run in store and "two" not in store


def test_a_call_inside_a_callback_may_take_long_while_another_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "CALLBACK_S", 0.05)
    monkeypatch.setattr(turns, "_LOOKS_EVERY", 0.02)
    told, begun = list[str](), threading.Event()

    def other() -> None:
        try:
            with turns.in_turn(lambda line: begun.set()):
                told.append("computed")
        except HarnessError as error:
            told.append(str(error))

    thread = threading.Thread(target=other)

    def calls_again(what: str, done: int, total: int) -> None:
        with turns.in_turn(lambda line: None):
            thread.start()
            begun.wait(30)
            thread.join(0.3)

    shown, _ = both_of(calls_again)
    with turns.in_turn(lambda line: None):
        shown("answers", 1, 2)
    thread.join(30)
    assert told == ["computed"]


def test_a_call_that_the_callback_of_another_waits_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "CALLBACK_S", 0.1)
    monkeypatch.setattr(turns, "_LOOKS_EVERY", 0.05)
    told = list[str]()

    def inner() -> None:
        try:
            with turns.in_turn(lambda line: None):
                told.append("computed")
        except HarnessError as error:
            told.append(str(error))

    def waits_for_another_thread(what: str, done: int, total: int) -> None:
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join(30)

    shown, _ = both_of(waits_for_another_thread)
    with turns.in_turn(lambda line: None):
        shown("answers", 1, 2)
    assert len(told) == 1 and "progress callback has not come back for" in told[0]
    inner()
    assert told[1:] == ["computed"]


def test_changes_of_a_generator_are_made() -> None:
    assert as_texts(cast(Any, (text for text in ("seed=1", "name=b")))) == ["seed=1", "name=b"]
    with pytest.raises(ConfigError, match="changes is None"):
        as_texts(cast(Any, None))


def test_a_mapping_that_holds_itself_is_refused() -> None:
    study: dict[str, Any] = {}
    study["arms"] = [study]
    with pytest.raises(ConfigError, match="the study is nested too deep"):
        plain(study, "the study")


def test_a_home_folder_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="output is ~nobody.of.that.name/x: there is no user 'nobody.of.that.name' here"):
        folder_of("~nobody.of.that.name/x", "output")


@pytest.mark.parametrize("output", [3, ["x"], True])
def test_an_output_that_is_no_path_makes_no_folder_of_its_text(
    output: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="output is "):
        harness.run(STUDY, output=output)
    assert not list(tmp_path.iterdir())
