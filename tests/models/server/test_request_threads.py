"""The threads that send requests hold the model that asks no longer than its requests."""

from __future__ import annotations

import gc
import weakref

import pytest

from harness.models._server import concurrency


class Model:
    def ask(self, index: int) -> int:
        return index


def test_a_thread_that_has_not_ended_yet_holds_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server would go on beside the training that comes next."""
    made = list[concurrency._RequestThreads[int]]()

    class Slow(concurrency._RequestThreads[int]):
        def __init__(self, *words: object) -> None:
            super().__init__(*words)  # type: ignore[arg-type]
            made.append(self)

        def stop(self) -> None:
            self._size, size = 0, self._size  # nobody tells the threads to end
            super().stop()
            self._size = size

    monkeypatch.setattr(concurrency, "_RequestThreads", Slow)
    model = Model()
    held = weakref.ref(model)
    assert sorted(r for done in concurrency.ask_all([[0, 1], [2]], model.ask, lambda: 2) for r in done) == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]
    del model
    gc.collect()
    assert made and held() is None
    made[0].stop()
    for _ in range(made[0]._size):
        made[0]._todo.put(None)
