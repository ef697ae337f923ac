"""One worker as the driver sees it, and what all of them did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.fleet.jobs import Job
from harness.fleet.messages import Host, Reply, Spec


@dataclass(eq=False)
class Hand:
    """A worker, and the call it is busy with."""

    actor: Any
    since: float  # when the call under way, or else its idleness, began
    asked: Any = None  # the reference of the call under way
    doing: str = "hello"  # "hello", "load", "work" or "idle"
    job: Job | None = None  # whose unit it has
    unit: int = -1
    host: Host | None = None
    spec: Spec | None = None  # what it has loaded, or is loading
    answers: int = 0
    device: str = ""
    what: str = ""  # what its last unit was for, in words

    @property
    def name(self) -> str:
        if self.host is None:
            return "a host that is not up yet"
        return f"{self.host.name} (process {self.host.pid})" if self.host.name else f"process {self.host.pid}"

    def is_free(self, now: float) -> None:
        self.asked, self.job, self.unit, self.doing, self.since = None, None, -1, "idle", now


@dataclass(slots=True)
class Deeds:
    """What the crew did: units brought by host, and what was lost. `loads`: checkpoints loaded by workers, all together."""

    units: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    loads: int = 0
    lost: int = 0
    retried: int = 0
    doubled: int = 0

    def brought(self, hand: Hand, reply: Reply) -> None:
        name = hand.host.name if hand.host is not None else "?"
        self.units[name] = self.units.get(name, 0) + 1
        self.answers += len(reply.answers)
        hand.answers += len(reply.answers)

    def __str__(self) -> str:
        hosts = ", ".join(f"{host} {n:,}" for host, n in sorted(self.units.items()))
        return (
            f"units of work by host: {hosts or 'none'}; checkpoints loaded {self.loads}, workers lost {self.lost}, "
            f"units retried {self.retried}"
        )
