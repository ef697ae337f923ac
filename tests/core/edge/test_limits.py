"""Time and memory that a stranger's template may take."""

from __future__ import annotations

import os
import resource
import signal
import threading

import pytest

from harness.core.edge.limits import limited


def test_a_loop_without_end_is_stopped() -> None:
    with pytest.raises(TimeoutError), limited(0.1, 512):
        while True:
            pass


def test_memory_is_refused_beyond_the_limit_alone() -> None:
    with limited(5, 256):
        assert len(bytearray(64 << 20)) == 64 << 20
        with pytest.raises(MemoryError):
            bytearray(2 << 30)


def test_nothing_of_a_limit_is_left_behind() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(KeyError), limited(5, 64):
        raise KeyError
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_limit_leaves_no_file_open() -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with limited(5, 64):
            pass
    assert os.listdir("/proc/self/fd") == before


def test_other_threads_are_limited_in_memory_alone() -> None:
    seen = []

    def work() -> None:
        with limited(0.01, 256):
            seen.append(sum(range(2_000_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen
