"""How a fleet goes, as plain values: for the terminal, for logs, and as a file that the run browser reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.edge.text import count
from harness.fleet.hands import Deeds, Hand
from harness.fleet.jobs import Job
from reports.text.formatting import duration

HEADER = ("host", "device", "checkpoint", "benchmark", "does", "answers", "answers/s")


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker; `for_s` is how long it has been doing what it does."""

    host: str
    device: str
    checkpoint: str
    benchmark: str
    does: str
    for_s: float
    answers: int
    per_s: float | None

    def cells(self) -> tuple[str, ...]:
        does = f"{self.does} for {self.for_s:,.0f} s" if self.for_s >= 10 else self.does
        per_s = f"{self.per_s:.1f}" if self.per_s is not None else ""
        return self.host, self.device, self.checkpoint, self.benchmark, does, f"{self.answers:,}", per_s


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


def status_of(hands: Sequence[Hand], jobs: Sequence[Job], deeds: Deeds, worked_s: float, now: float) -> FleetStatus:
    """`worked_s`: time in which there was work to do."""
    done = sum(deeds.units.values())
    left = sum(job.leases.left for job in jobs)
    return FleetStatus(
        workers=tuple(_row(hand, worked_s, now) for hand in hands),
        answers=deeds.answers,
        per_s=deeds.answers / worked_s if deeds.answers and worked_s > 0 else None,
        units_done=done,
        units_left=left,
        lost=deeds.lost,
        retried=deeds.retried,
        left_s=left * worked_s / done if done else None,
    )


def _row(hand: Hand, worked_s: float, now: float) -> WorkerRow:
    return WorkerRow(
        host=hand.host.name if hand.host is not None else "(not up yet)",
        device=hand.device,
        checkpoint=hand.spec.name if hand.spec is not None else "",
        benchmark=hand.what,
        does={"hello": "starts", "load": "loads", "work": "answers", "idle": "waits"}[hand.doing],
        for_s=now - hand.since,
        answers=hand.answers,
        per_s=hand.answers / worked_s if hand.answers and worked_s > 0 else None,
    )
