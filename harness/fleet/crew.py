"""The workers of a run: hired, kept at work, replaced when they are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core.errors import ConfigError, ModelError
from harness.fleet.cluster import Cluster, WorkerLost
from harness.fleet.leases import Leases
from harness.fleet.messages import Host, Loaded, Reply, Spec, WaveUnit, own_versions

Call = tuple[Any, ...]  # name of a worker's method, and its arguments

_POLL_S, _LOOK_S = 1.0, 5.0
_START_S, _LOAD_S = 600.0, 3600.0
_AHEAD = 4  # units a worker may be ahead of the first that is not there
_HOPELESS = 6  # workers lost one after the other before any did something


@dataclass(eq=False)
class _Hand:
    """A worker, and the call it is busy with."""

    actor: Any
    since: float
    asked: Any = None  # the reference of the call under way
    doing: str = "hello"
    work: Leases | None = None  # whose unit it has
    unit: int = -1
    host: Host | None = None
    spec: Spec | None = None  # what it has loaded, or is loading

    @property
    def name(self) -> str:
        return f"{self.host.name} (process {self.host.pid})" if self.host is not None else "a host that is not up yet"


@dataclass(slots=True)
class Deeds:
    """What the crew did: units brought by host, and what was lost."""

    units: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    retried: int = 0
    doubled: int = 0

    def brought(self, host: Host | None) -> None:
        name = host.name if host is not None else "?"
        self.units[name] = self.units.get(name, 0) + 1

    def __str__(self) -> str:
        hosts = ", ".join(f"{host} {n:,}" for host, n in sorted(self.units.items()))
        return f"units of work by host: {hosts or 'none'}; workers lost {self.lost}, units retried {self.retried}"


class Crew:
    """Workers that load one checkpoint at a time and take one unit after the other."""

    def __init__(self, settings: FleetConfig, say: Callable[[str], None]) -> None:
        """Raises ConfigError where Ray or the resources asked for are not there."""
        self._say = say
        self._cluster = Cluster(settings.address, settings.workers)
        self.deeds = Deeds()
        self._hands: list[_Hand] = []
        self._known: dict[str, Loaded] = {}
        self._versions, self._in_vain, self._looked = own_versions(), 0, 0.0
        try:
            self.size, self._gpus = self._sized(settings)
        except ConfigError:
            self._cluster.close()
            raise
        say(f"fleet: {self.size} workers with {self._gpus:g} GPUs each on {len(self._cluster.nodes())} hosts")

    def _sized(self, settings: FleetConfig) -> tuple[int, float]:
        cpus, there = self._cluster.total("CPU"), self._cluster.total("GPU")
        gpus = settings.gpus if settings.gpus is not None else min(there, 1.0)
        size = settings.workers or (int(there / gpus) if gpus else len(self._cluster.nodes()))
        if size * gpus > there or size < 1:
            raise ConfigError(
                f"The fleet asks for {max(size, 1)} workers with {gpus:g} GPUs each, and its hosts have {there:g} GPUs. Give "
                "fewer `--workers`, or fewer `fleet.gpus`."
            )
        if size > cpus:
            raise ConfigError(f"The fleet asks for {size} workers, and its hosts have {cpus:g} CPUs: one a worker is needed.")
        return size, gpus

    def close(self) -> None:
        """End the workers, and the Ray that was started for them."""
        self.rest()
        self._cluster.close()

    def rest(self) -> None:
        """End the workers, so that their memory is free; new ones come when they are needed."""
        for hand in self._hands:
            self._cluster.dismiss(hand.actor)
        self._hands = []

    @property
    def bases(self) -> tuple[Loaded, ...]:
        """All checkpoints that the workers have loaded so far."""
        return tuple(self._known.values())

    # ------------------------------------------------------------ work

    def load(self, spec: Spec) -> Loaded:
        """Have the checkpoint loaded by all workers; returns when the first one has it. Raises what loading raises."""
        while spec.digest not in self._known:
            self._turn(spec, None, ())
        return self._known[spec.digest]

    def one(self, spec: Spec, *call: Any) -> Any:  # Any: what the worker's method returns
        """One call of one worker; the value of its reply. Raises ModelError where it kills its workers."""
        (reply,) = self.work(spec, [call])
        return reply.given()

    def work(self, spec: Spec, calls: Sequence[Call]) -> Iterator[Reply]:
        """The replies to calls, in their order. Raises ModelError for a call that was set aside when its turn has come.

        Calls are asked for again when a worker is lost, so they must be such that a second answer is as good as the first.
        """
        leases = Leases(len(calls), max(self.size, 1) * _AHEAD)
        replies: dict[int, Reply] = {}
        for n, call in enumerate(calls):
            while n not in replies and n not in leases.aside:
                replies.update(self._turn(spec, leases, calls))
            if n in leases.aside:
                yield _set_aside(call, leases.losses[n])
            else:
                yield replies.pop(n)

    def _turn(self, spec: Spec, leases: Leases | None, calls: Sequence[Call]) -> dict[int, Reply]:
        """Hire, hand out, wait a moment, and take what is there."""
        self._let_go_of_the_lost(leases)
        while len(self._hands) < self.size:
            hand = _Hand(self._cluster.hire(self._gpus), time.monotonic())
            hand.asked = self._cluster.ask(hand.actor, "hello")
            self._hands.append(hand)
        for hand in self._hands:
            if hand.asked is None:
                self._hand_out(hand, spec, leases, calls)
        busy = {hand.asked: hand for hand in self._hands if hand.asked is not None}
        found: dict[int, Reply] = {}
        for asked in self._cluster.ready(list(busy), _POLL_S) if busy else ():
            found.update(self._take(busy[asked], leases))
        return found

    def _hand_out(self, hand: _Hand, spec: Spec, leases: Leases | None, calls: Sequence[Call]) -> None:
        hand.since = time.monotonic()
        if hand.spec != spec:
            hand.spec, hand.doing, hand.asked = spec, "load", self._cluster.ask(hand.actor, "load", spec)
            return
        unit = leases.take(hand.since) if leases is not None else None
        if unit is not None:
            hand.doing, hand.work, hand.unit = "work", leases, unit
            hand.asked = self._cluster.ask(hand.actor, *calls[unit])

    def _take(self, hand: _Hand, leases: Leases | None) -> dict[int, Reply]:
        """What a call came to. Raises ModelError where a host does not fit the others, or what loading raises."""
        doing, unit, work, took = hand.doing, hand.unit, hand.work, time.monotonic() - hand.since
        try:
            reply: Reply = self._cluster.result(hand.asked)
        except WorkerLost as lost:
            self._lose(hand, lost.why, leases)
            return {}
        hand.asked, hand.work, hand.unit = None, None, -1
        if doing == "hello":
            hand.host = reply.given()
            self._check_versions(hand.host)
        elif doing == "load" and hand.spec is not None:
            self._check_loaded(hand.name, hand.spec, reply.given())
        elif work is not None and work is leases:
            if work.brought(unit, took):
                self._in_vain = 0
                self.deeds.brought(hand.host)
                return {unit: reply}
            self.deeds.doubled += 1
        return {}

    def _check_loaded(self, worker: str, spec: Spec, loaded: Loaded) -> None:
        """All workers must have the same weights and the same facts."""
        first = self._known.setdefault(spec.digest, loaded)
        if loaded.checkpoint.digest != first.checkpoint.digest:
            raise ModelError(
                f"Host {worker} has other weights under the same path than the first worker: digest "
                f"{loaded.checkpoint.digest[:12]}, not {first.checkpoint.digest[:12]}. Give all hosts the same files."
            )
        if other := {k: (v, first.facts.get(k)) for k, v in loaded.facts.items() if v != first.facts.get(k)}:
            what = "; ".join(f"{name}: {own!r}, not {theirs!r}" for name, (own, theirs) in other.items())
            raise ModelError(f"Host {worker} would answer under other conditions than the first worker: {what}.")

    def _check_versions(self, host: Host) -> None:
        wrong = {k: (v, self._versions.get(k)) for k, v in host.versions.items() if v != self._versions.get(k)}
        if wrong:
            what = "; ".join(f"{name} {theirs}, here {ours}" for name, (theirs, ours) in wrong.items())
            raise ModelError(f"Host {host.name} has other versions than this one: {what}. Install the same ones on all hosts.")

    # ------------------------------------------------------------ losses

    def _let_go_of_the_lost(self, leases: Leases | None) -> None:
        """Workers on hosts that do not answer any more, and those that are busy for much too long."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked, alive = now, self._cluster.nodes()
        for hand in list(self._hands):
            patience = {"hello": _START_S, "load": _LOAD_S}.get(
                hand.doing, 4 * (hand.work.patience_s if hand.work else _LOAD_S)
            )
            if hand.host is not None and hand.host.node not in alive:
                self._lose(hand, "its host does not answer any more", leases)
            elif hand.asked is not None and now - hand.since > patience:
                self._lose(hand, f"no reply for {now - hand.since:,.0f} s ({hand.doing})", leases)

    def _lose(self, hand: _Hand, why: str, leases: Leases | None) -> None:
        """Raises ModelError where worker after worker is lost before any did something."""
        self._hands.remove(hand)
        self._cluster.dismiss(hand.actor)
        self.deeds.lost += 1
        self._in_vain += 1
        words = f"a worker on {hand.name} was lost while it did {hand.doing}: {why}"
        self._say(f"fleet: {words}")
        if hand.work is not None and hand.work is leases and not leases.lost(hand.unit, hand.since, why):
            self.deeds.retried += 1
        if hand.doing != "work" and self._in_vain >= _HOPELESS:
            raise ModelError(
                f"The fleet does not get to work: {self._in_vain} workers were lost one after the other. The last: {words}."
            )


def _set_aside(call: Call, losses: Sequence[str]) -> Reply:
    what = str(call[1]) if isinstance(call[1], WaveUnit) else f"the call {call[0]!r}"
    return Reply(None, aside=f"{what} lost {len(losses)} workers and is set aside; the last loss: {losses[-1]}")
