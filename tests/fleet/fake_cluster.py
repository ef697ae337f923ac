"""A cluster in this process: every call ends at once, or its worker is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.edge.images import open_image
from harness.core.evaluation import Answer, Request
from harness.core.run_record import Checkpoint
from harness.fleet.ray_cluster import WorkerLost
from harness.fleet.worker import Worker


class Toy:
    """A model with waves of two requests, which opens the images it is asked about."""

    def __init__(self, digest: str = "d", facts: Mapping[str, str] | None = None) -> None:
        self.checkpoint = Checkpoint("toy", "toy", "", digest)
        self._facts = dict(facts or {})

    def facts(self) -> dict[str, str]:
        return dict(self._facts)

    def engine(self) -> Toy:
        return self

    def waves(self, requests: Sequence[Request]) -> list[list[list[int]]]:
        return [[[i] for i in range(s, min(s + 2, len(requests)))] for s in range(0, len(requests), 2)]

    def wave(
        self, requests: Sequence[Request], parts: Sequence[list[int]], done: Mapping[int, Answer]
    ) -> Iterator[list[tuple[int, Answer]]]:
        for i in (i for part in parts for i in part if i not in done):
            image = requests[i].image
            if image is not None:
                open_image(image)
            yield [(i, Answer("", f"{requests[i].text}!", 1, "end"))]

    def generate(
        self, requests: Sequence[Request], done: Mapping[int, Answer] | None = None
    ) -> Iterator[list[tuple[int, Answer]]]:
        for parts in self.waves(requests):
            yield from self.wave(requests, parts, done or {})

    def yes_no_log_odds(self, requests: Sequence[Request]) -> list[float]:
        return [float(len(request.text)) for request in requests]


class FakeCluster:
    """`deadly(method, args)` says why a call costs its worker, "" where it does not. `made`: what is done to a new worker."""

    def __init__(self, gpus: float = 0, cpus: float = 8) -> None:
        self.gpus, self.cpus = gpus, cpus
        self.deadly: Callable[[str, Sequence[Any]], str] = lambda method, args: ""
        self.made: Callable[[Worker, int], None] = lambda worker, number: None
        self.started, self.closed = 0, False
        self.driver_node, self.hosts = "node", {"node"}

    def __call__(self, address: str | None, workers: int | None) -> FakeCluster:
        return self

    def total(self, resource: str) -> float:
        return self.gpus if resource == "GPU" else self.cpus

    def alive_nodes(self) -> set[str]:
        return self.hosts

    def dashboard_address(self) -> str:
        return ""

    def require_alive(self) -> None:
        pass

    def start_worker(self, gpus: float, node: str = "node") -> Worker:
        worker = Worker(node)
        self.started += 1
        self.made(worker, self.started)
        return worker

    def kill_worker(self, worker: Worker) -> None:
        pass

    def submit(self, worker: Worker, method: str, *args: Any) -> Any:
        why = self.deadly(method, args)
        return [WorkerLost(why) if why else getattr(worker, method)(*args)].__iter__()

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        return list(calls)

    def result(self, call: Any) -> Any:
        found = next(call)
        if isinstance(found, WorkerLost):
            raise found
        return found

    def close(self) -> None:
        self.closed = True


def image(path: Path, colour: int) -> Path:
    from PIL import Image

    Image.new("RGB", (8, 8), (colour, 0, 0)).save(path)
    return path
