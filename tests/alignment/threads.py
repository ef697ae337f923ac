"""Processes that train together, played by threads: any number of them, without a start. `two_processes.py` has real ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import torch

from alignment.weights.workers import Workers, workers

T = TypeVar("T")
_PATIENCE_S = 10.0  # a process that does not come to a gather breaks it for the others


class _Played(Workers):
    """One at a time has the turn, between two gathers: layers and image processors are not made for several threads."""

    def __init__(self, rank: int, values: list[Any], met: threading.Barrier, turn: threading.Lock) -> None:
        super().__init__(rank, len(values))
        self._values, self._met, self._turn = values, met, turn

    def gather(self, value: Any) -> list[Any]:
        self._values[self.rank] = value
        self._turn.release()
        try:
            self._met.wait(_PATIENCE_S)
            found = list(self._values)
            self._met.wait(_PATIENCE_S)
        finally:
            self._turn.acquire()
        return found

    def wait(self) -> None:
        self.gather(None)

    def sum_gradients(self, weights: Any) -> None:
        for weight in weights:
            every = self.gather(None if weight.grad is None else weight.grad.clone())
            weight.grad = sum((grad for grad in every if grad is not None), torch.zeros_like(weight))


def in_processes(monkeypatch: pytest.MonkeyPatch, count: int, work: Callable[[], T]) -> list[T | Exception]:
    """What `work` returned or raised in each of `count` processes; where one fails alone, the others do not wait forever."""
    values, met, turn, here = [None] * count, threading.Barrier(count), threading.Lock(), threading.local()

    def played(rank: int) -> T | Exception:
        here.workers = _Played(rank, values, met, turn)
        with turn:
            try:
                return work()
            except Exception as error:
                return error

    with monkeypatch.context() as patch, ThreadPoolExecutor(count) as threads:
        for module in list(sys.modules.values()):
            if getattr(module, "workers", None) is workers:
                patch.setattr(module, "workers", lambda: here.workers)
        return list(threads.map(played, range(count)))
