"""The store: whole batches or nothing, answers by content, errors in words."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import StoreError
from harness.core.evaluation import Answer, Item, Score, Span, Verdict
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.artifacts import JudgeRepeats
from harness.storage.codec import dumps
from harness.storage.migrations import STEPS
from harness.storage.run_store import Store, StoredResult, StoredRun


def a_run(run_id: str = "mini-1a2b", name: str = "mini") -> StoredRun:
    return StoredRun(run_id, name, "2026-01-01T00:00:00", "running", "{}", "cmd", {"python": "3"}, "/data")


def test_an_answer_comes_back_as_it_was(store: Store) -> None:
    answer = Answer("", 'a "quoted"\ttext \u202e \x00 end', 7, "end", 0.5)
    store.add_answers("weights", {"k": answer})
    assert store.answers(["k", "unknown"]) == {"k": answer}


def test_a_lone_surrogate_does_not_lose_the_batch(store: Store) -> None:
    store.add_answers("weights", {"k": Answer("", "x\ud800y", 1, "end")})
    assert store.answers(["k"])["k"].text == "x?y"


def test_a_lone_surrogate_in_a_judges_reply_does_not_lose_the_verdict(store: Store) -> None:
    store.add_verdict("k", Verdict(1.0, "x\ud800y", "\udfff", "chat", "1"))
    assert (store.verdicts(["k"])["k"].reading, store.verdicts(["k"])["k"].raw) == ("x?y", "?")


def test_what_was_said_once_is_never_said_otherwise(store: Store) -> None:
    store.add_answers("w", {"k": Answer("", "first", 1, "end")})
    store.add_answers("w", {"k": Answer("", "second", 1, "end")})
    assert store.answers(["k"])["k"].text == "first"


def test_thousands_of_keys_are_one_question(store: Store) -> None:
    store.add_answers("w", {str(i): Answer("", str(i), 1, "end") for i in range(1500)})
    assert len(store.answers(str(i) for i in range(3000))) == 1500


def test_a_result_comes_back_as_it_was(store: Store) -> None:
    verdict = Verdict(3.0, "3", "raw", "keywords", "1")
    score = Score("1", {"tp": 1.0}, "yes", True, "unclear", (Span(0, 3, "found", "cat"),), "why", verdict)
    items = (Item("1", "a.png", "q", {"labels": {"random": "yes"}}, "g"), Item("2", "b.png", "q"))
    checkpoint = Checkpoint("c", "base", "", "digest")
    result = StoredResult(
        "base", "pope", checkpoint, {"name": "pope"}, ProtocolRecord({"a": "b"}), items, ("k", None), (score,)
    )
    store.begin(a_run())
    store.add_result("mini-1a2b", 0, result)
    assert store.results("mini-1a2b") == [result]


def test_stored_text_is_that_of_the_whole_value_with_sorted_keys() -> None:
    """The bytes of a store are those of `dataclasses.asdict`, however deep a value is and whatever is in it."""
    span, verdict = Span(0, 3, "found", "cat"), Verdict(None, "3", 'raw "\u00e9"', "keywords", "1")
    values: list[Any] = [
        Score("1", {"tp": 1.0, "b": 0.1}, "yes", True, "unclear", (span, span), "why", verdict),
        Item("1", "a.png", "q", {"labels": {"random": ["yes"]}, "tags": {"b", "a"}, "at": Path("x/y")}, "g"),
        JudgeRepeats((Score("2", {}), Score("3", {}, verdict=verdict))),
    ]
    for value in values:
        assert dumps([value]) == dumps([asdict(value)])
    assert dumps(span) == '{"end": 3, "kind": "found", "node": "cat", "start": 0}'


def test_a_run_is_found_by_id_name_or_beginning_and_the_nearest_is_named(store: Store) -> None:
    store.begin(a_run())
    assert store.run("mini").id == store.run("mini-1a").id == store.run("mini-1a2b").id
    with pytest.raises(StoreError, match="There is no run 'minni'.*Did you mean 'mini'") as told:
        store.run("minni")
    assert f"--output {store.path.parent}`" in str(told.value)


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={len(STEPS) + 1}")
    db.close()
    with pytest.raises(StoreError, match="written by a newer mm-align-harness"):
        Store(path)


def test_processes_that_start_together_make_one_store(tmp_path: Path) -> None:
    for n in range(10):
        gate, refused = threading.Barrier(4), list[StoreError]()

        def opened(path: Path = tmp_path / f"{n}.sqlite", gate: threading.Barrier = gate) -> None:
            gate.wait()
            try:
                with Store(path):
                    pass
            except StoreError as error:
                refused.append(error)

        starters = [threading.Thread(target=opened) for _ in range(4)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        assert not refused


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store(path)


def test_a_full_disk_is_named_and_keeps_what_is_stored(store: Store) -> None:
    store.add_answers("w", {"k": Answer("", "kept", 1, "end")})
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="The disk is full"):
        store.add_answers("w", {str(i): Answer("", "x" * 1000, 1, "end") for i in range(200)})
    store._db.execute("PRAGMA max_page_count=1000000")
    assert store.answers(["k", "0"]) == {"k": Answer("", "kept", 1, "end")}


def test_a_file_that_may_not_grow_is_told_as_a_limit(tmp_path: Path) -> None:
    """Under `ulimit -f` SQLite says "disk I/O error", as of a quota on some drives."""
    code = f"""if True:
        import resource, signal
        from pathlib import Path
        from harness.core.evaluation import Answer
        from harness.storage.run_store import Store
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Store(Path({str(tmp_path / "s.sqlite")!r})) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, 1 << 17))
            store.add_answers("w", {{str(i): Answer("", "x" * 1000, 1, "end") for i in range(2000)}})
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    last = done.stderr.splitlines()[-1]
    assert "disk I/O error. The disk may be full, or a quota or a limit on the size of files (`ulimit -f`) reached" in last
    with Store(tmp_path / "s.sqlite") as store:
        assert store.answers(["0"]) == {}


def test_a_batch_is_there_whole_or_not_at_all_after_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    code = f"""
import os, signal
from pathlib import Path
from harness.core.evaluation import Answer
from harness.storage.run_store import Store
store = Store(Path({str(path)!r}))
store.add_answers("w", {{"a": Answer("", "a", 1, "end")}})
class Dies(dict):
    def items(self):
        yield "b", Answer("", "b", 1, "end")
        os.kill(os.getpid(), signal.SIGKILL)
store.add_answers("w", Dies())
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    with Store(path) as store:
        assert set(store.answers(["a", "b"])) == {"a"}


def test_a_name_of_several_runs_is_the_newest_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Store(tmp_path / "names.sqlite")
    for run, day in (("x-1", "2026-01-01"), ("x-2", "2026-01-02"), ("y-1", "2026-01-03")):
        made.begin(StoredRun(run, run[0], day, "complete", "", "", {}, ""))
    assert [made.run(name).id for name in ("x", "x", "x-1", "y", "y-")] == ["x-2", "x-2", "x-1", "y-1", "y-1"]
    assert caplog.messages == ["x is the name of 2 runs; the newest is taken: x-2."]


def test_runs_stand_in_the_order_in_which_they_were_begun_whatever_the_clock_said(store: Store) -> None:
    begun = {"y-1": "02T00:00:01", "x-9": "02T00:00:01", "x-1": "02T00:00:01", "x-5": "01T23:00:00"}
    for run, at in begun.items():  # three in one second, then a clock that was put back
        store.begin(StoredRun(run, run[0], f"2026-01-{at}", "running", "", "", {}, ""))
    store.begin(StoredRun("y-1", "y", "2026-01-03T00:00:00", "running", "", "", {}, ""))  # goes on
    assert [run.id for run in store.runs()] == list(begun) and store.run("x").id == "x-5"
