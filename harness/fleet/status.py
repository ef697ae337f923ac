"""The state of a fleet as plain values: for the terminal, for logs, and as a file that the run browser reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.core.edge.text import count
from harness.fleet.messages import Reply
from harness.fleet.work_queue import WorkQueue
from harness.fleet.worker_handle import WorkerHandle
from reports.text.formatting import duration

HEADER = ("host", "device", "checkpoint", "benchmark", "state", "answers", "answers/s")


@dataclass(slots=True)
class FleetCounters:
    """Totals over all workers of a pool, lost ones too. `loads`: checkpoints loaded by workers."""

    units_by_host: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    loads: int = 0
    workers_lost: int = 0
    units_retried: int = 0

    def count_unit(self, worker: WorkerHandle, reply: Reply) -> None:
        """A unit is done."""
        host = worker.info.host if worker.info is not None else "?"
        self.units_by_host[host] = self.units_by_host.get(host, 0) + 1
        self.answers += len(reply.answers)
        worker.answers += len(reply.answers)

    def __str__(self) -> str:
        hosts = ", ".join(f"{host} {n:,}" for host, n in sorted(self.units_by_host.items()))
        return (
            f"units of work by host: {hosts or 'none'}; checkpoints loaded {self.loads}, workers lost {self.workers_lost}, "
            f"units retried {self.units_retried}"
        )


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker; `state_s`: seconds since it is in this state."""

    host: str
    device: str
    checkpoint: str
    benchmark: str
    state: str
    state_s: float
    answers: int
    per_s: float | None

    def cells(self) -> tuple[str, ...]:
        state = f"{self.state} for {self.state_s:,.0f} s" if self.state_s >= 10 else self.state
        per_s = f"{self.per_s:.1f}" if self.per_s is not None else ""
        return self.host, self.device, self.checkpoint, self.benchmark, state, f"{self.answers:,}", per_s


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """All workers, and the work that is known so far. `left_s`: by the units so far; None before the first one is done."""

    workers: tuple[WorkerRow, ...]
    answers: int
    per_s: float | None
    units_done: int
    units_left: int
    lost: int
    retried: int
    left_s: float | None

    @property
    def summary(self) -> str:
        hosts = len({row.host for row in self.workers})
        speed = f"{self.per_s:.1f} answers/s" if self.per_s is not None else "no answers yet"
        left = f"about {duration(self.left_s)}" if self.left_s is not None else "unknown time"
        if not self.workers:  # while arms train: workers make room for them
            return (
                f"no worker is up; {count(self.answers, 'answer')} so far, units done {self.units_done:,}, workers lost "
                f"{self.lost}, units retried {self.retried}"
            )
        return (
            f"{count(len(self.workers), 'worker')} on {count(hosts, 'host')}, {count(self.answers, 'answer')}, {speed}, "
            f"units {self.units_done:,} of "
            f"{self.units_done + self.units_left:,}, workers lost {self.lost}, units retried {self.retried}, {left} left"
        )

    def as_values(self) -> dict[str, Any]:
        return {"header": HEADER, "rows": [row.cells() for row in self.workers], "summary": self.summary, **asdict(self)}


Show = Callable[[FleetStatus], None]


def status_of(
    workers: Sequence[WorkerHandle], queues: Sequence[WorkQueue], counters: FleetCounters, busy_s: float, now: float
) -> FleetStatus:
    """`busy_s`: seconds in which there was work to do."""
    done = sum(counters.units_by_host.values())
    left = sum(queue.leases.remaining for queue in queues)
    return FleetStatus(
        workers=tuple(_row(worker, busy_s, now) for worker in workers),
        answers=counters.answers,
        per_s=counters.answers / busy_s if counters.answers and busy_s > 0 else None,
        units_done=done,
        units_left=left,
        lost=counters.workers_lost,
        retried=counters.units_retried,
        left_s=left * busy_s / done if done else None,
    )


def _row(worker: WorkerHandle, busy_s: float, now: float) -> WorkerRow:
    return WorkerRow(
        host=worker.info.host if worker.info is not None else "(not up yet)",
        device=worker.device,
        checkpoint=worker.spec.name if worker.spec is not None else "",
        benchmark=worker.label,
        state=worker.state,
        state_s=now - worker.since,
        answers=worker.answers,
        per_s=worker.answers / busy_s if worker.answers and busy_s > 0 else None,
    )
