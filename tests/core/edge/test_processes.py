"""Python's search for cyclic garbage: when it is done, and over what; how a process ended."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from harness.core.edge.processes import how_it_ended, imports_that_stay, without_collecting

CYCLE = """
class Noted:
    def __del__(self):
        print("collected")
a = Noted()
a.itself = a
del a
"""


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_without_collecting_ends_with_what_was_set_before() -> None:
    assert gc.isenabled()
    with without_collecting():
        with without_collecting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), without_collecting():
        raise KeyError
    assert gc.isenabled()


def test_imports_that_stay_free_what_is_garbage_before_and_are_not_looked_through_again() -> None:
    gc.unfreeze()
    garbage = weakref.ref(Cycle())
    try:
        with imports_that_stay():
            assert garbage() is None and not gc.isenabled()
            made = [[]] * 3
        assert gc.isenabled() and gc.get_freeze_count() > 1000 and made
    finally:
        gc.unfreeze()


def test_a_process_that_is_started_does_not_hear_ctrl_c_from_its_first_moment_on() -> None:
    code = """
import multiprocessing, os, signal, time
from harness.core.edge.processes import nothing_to_repeat
with nothing_to_repeat():
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0.2,))
    process.start()
os.kill(process.pid, signal.SIGINT)
process.join()
print(process.exitcode, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 set()\n" and done.stderr == ""


@pytest.mark.parametrize(("first", "said"), [("", "collected\n"), ("end_without_collecting()", "")])
def test_a_process_ends_without_a_last_search_where_that_is_asked_for(first: str, said: str) -> None:
    code = f"from harness.core.edge.processes import end_without_collecting\n{first}\n{CYCLE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == said


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (0, "ended with exit code 0"),
        (137, "ended with exit code 137"),
        (-9, "was ended by SIGKILL (out of memory?)"),
        (-15, "was ended by SIGTERM"),
        (-40, "was ended by signal 40"),
    ],
)
def test_how_a_process_ended_is_said_with_its_signal(code: int, how: str) -> None:
    assert how_it_ended(code) == how
