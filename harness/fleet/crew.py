"""The workers of a run: hired, kept at work, replaced when they are lost.

Any thread may ask for work; a thread of the crew hands units out and takes replies: checkpoints and benchmarks go on together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core.errors import ConfigError, HarnessError, ModelError
from harness.fleet.cluster import Cluster, WorkerLost
from harness.fleet.hands import Deeds, Hand
from harness.fleet.jobs import Call, Job, next_checkpoint, wanted
from harness.fleet.leases import Leases
from harness.fleet.messages import Loaded, Reply, Spec, own_versions
from harness.fleet.same_hosts import check_loaded, check_versions
from harness.fleet.sizing import sized

_BUSY_S, _IDLE_S, _LOOK_S = 1.0, 0.05, 5.0
_START_S, _LOAD_S, _LEAST_HOLD_S = 600.0, 3600.0, 2.0
_AHEAD = 4  # units a worker may be ahead of the first that is not there
_HOPELESS = 6  # workers lost one after the other before any did something


class Crew:
    """Workers that load one checkpoint at a time and take one unit after the other."""

    def __init__(self, settings: FleetConfig, say: Callable[[str], None]) -> None:
        """Raises ConfigError where Ray or the resources asked for are not there."""
        self._say = say
        self._cluster = Cluster(settings.address, settings.workers)
        self.deeds = Deeds()
        self._hands, self._jobs = list[Hand](), list[Job]()
        self._open: dict[int, Spec] = {}  # thread -> the checkpoint that it works with
        self._known: dict[str, Loaded] = {}
        self._failed: dict[str, HarnessError] = {}
        self._load_s = 0.0  # the longest that loading a checkpoint took
        self._versions, self._in_vain, self._looked = own_versions(), 0, 0.0
        self._changed, self._closed = threading.Condition(), False
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        try:
            self.size, self._gpus = sized(settings, self._cluster)
        except ConfigError:
            self._cluster.close()
            raise
        say(f"fleet: {self.size} workers with {self._gpus:g} GPUs each on {len(self._cluster.nodes())} hosts")

    def close(self) -> None:
        """End the workers, and the Ray that was started for them. Threads that wait for work get a ModelError."""
        with self._changed:
            self._closed = True
            self._error = self._error or ModelError("The fleet was closed.")
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.rest()
        self._cluster.close()

    def rest(self) -> None:
        """End the workers, so that their memory is free; new ones come when they are needed."""
        with self._changed:
            self._open.pop(threading.get_ident(), None)
            for hand in self._hands:
                self._cluster.dismiss(hand.actor)
            self._hands = []

    @property
    def bases(self) -> tuple[Loaded, ...]:
        """All checkpoints that the workers have loaded so far."""
        return tuple(self._known.values())

    # ------------------------------------------------------------ work, asked for by any thread

    def load(self, spec: Spec) -> Loaded:
        """Have the checkpoint loaded; returns when the first worker has it. Raises what loading raises.

        It is this thread's checkpoint from now on, until the thread asks for another one or `leave`s.
        """
        with self._changed:
            self._begin(spec)
            while spec.digest not in self._known or spec.digest in self._failed:
                self._wait(spec)
            return self._known[spec.digest]

    def leave(self) -> None:
        """This thread needs no worker any more: those with its checkpoint take others at once."""
        with self._changed:
            self._open.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def one(self, spec: Spec, *call: Any) -> Any:  # Any: what the worker's method returns
        """One call of one worker; the value of its reply. Raises ModelError where it kills its workers."""
        (reply,) = self.work(spec, [call])
        return reply.given()

    def work(self, spec: Spec, calls: Sequence[Call]) -> Iterator[Reply]:
        """The replies to calls, in their order; `Reply.aside` says why a call was set aside when its turn has come.

        Calls are asked for again when a worker is lost, so they must be such that a second answer is as good as the first.
        """
        with self._listed(Job(spec, calls, Leases(len(calls), max(self.size, 1) * _AHEAD))) as job:
            for n in range(len(calls)):
                with self._changed:
                    while n not in job.replies and n not in job.leases.aside:
                        self._wait(spec)
                    reply = job.replies.pop(n) if n in job.replies else job.set_aside(n)
                yield reply

    @contextmanager
    def _listed(self, job: Job) -> Iterator[Job]:
        with self._changed:
            self._begin(job.spec)
            self._jobs.append(job)
        try:
            yield job
        finally:
            with self._changed:
                self._jobs.remove(job)

    def _begin(self, spec: Spec) -> None:
        self._open[threading.get_ident()] = spec
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _wait(self, spec: Spec) -> None:
        if error := self._error or self._failed.get(spec.digest):
            self._open.pop(threading.get_ident(), None)
            raise error
        self._changed.wait(_BUSY_S)

    # ------------------------------------------------------------ the crew's own thread

    def _run(self) -> None:
        try:
            while not self._closed:
                self._turn()
        except Exception as error:  # whoever waits for work gets it
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _turn(self) -> None:
        """Hire, hand out, wait a moment, and take what is there."""
        with self._changed:
            if self._open:
                self._hire_and_hand_out(time.monotonic())
            busy = {hand.asked: hand for hand in self._hands if hand.asked is not None}
            all_busy = len(busy) == self.size
            if not busy:
                self._changed.wait(_BUSY_S if not self._open else _IDLE_S)
                return
        done = self._cluster.ready(list(busy), _BUSY_S if all_busy else _IDLE_S)
        with self._changed:
            for asked in done:
                if busy[asked] in self._hands and busy[asked].asked is asked:
                    self._take(busy[asked])
            if done:
                self._changed.notify_all()

    def _hire_and_hand_out(self, now: float) -> None:
        self._let_go_of_the_lost(now)
        while len(self._hands) < self.size:
            hand = Hand(self._cluster.hire(self._gpus), now)
            hand.asked = self._cluster.ask(hand.actor, "hello")
            self._hands.append(hand)
        for hand in self._hands:
            if hand.asked is None and not self._given_a_unit(hand, now):
                self._change_checkpoint(hand, now)

    def _given_a_unit(self, hand: Hand, now: float) -> bool:
        for job in self._jobs:
            unit = job.leases.take(now) if job.spec == hand.spec else None
            if unit is not None:
                hand.doing, hand.job, hand.unit, hand.since = "work", job, unit, now
                hand.asked = self._cluster.ask(hand.actor, *job.calls[unit])
                return True
        return False

    def _change_checkpoint(self, hand: Hand, now: float) -> None:
        specs = [spec for spec in self._open.values() if spec.digest not in self._failed]
        choice = wanted(specs, self._jobs, [h.spec for h in self._hands], now)
        spec = next_checkpoint(hand.spec, now - hand.since, max(self._load_s, _LEAST_HOLD_S), choice)
        if spec is not None:
            hand.spec, hand.doing, hand.since = spec, "load", now
            hand.asked = self._cluster.ask(hand.actor, "load", spec)

    def _take(self, hand: Hand) -> None:
        """What a call came to. Raises ModelError where a host does not fit the driver."""
        now = time.monotonic()
        try:
            reply: Reply = self._cluster.result(hand.asked)
        except WorkerLost as lost:
            self._lose(hand, lost.why)
            return
        doing, unit, job, took = hand.doing, hand.unit, hand.job, now - hand.since
        hand.is_free(now)
        if doing == "hello":
            hand.host = reply.given()
            check_versions(hand.host, self._versions)
        elif doing == "load" and hand.spec is not None:
            self._loaded(hand, hand.spec, reply, took)
        elif job is not None and job in self._jobs:
            if job.leases.brought(unit, took):
                self._in_vain = 0
                self.deeds.brought(hand, reply)
                job.replies[unit] = reply
            else:
                self.deeds.doubled += 1

    def _loaded(self, hand: Hand, spec: Spec, reply: Reply, took: float) -> None:
        """All workers must have the same weights and the same facts; else who works with this checkpoint gets the error."""
        try:
            loaded: Loaded = reply.given()
            check_loaded(hand.name, loaded, self._known.setdefault(spec.digest, loaded))
            self._load_s = max(self._load_s, took)
            self.deeds.loads += 1
        except HarnessError as error:
            hand.spec = None
            self._failed[spec.digest] = error

    # ------------------------------------------------------------ losses

    def _let_go_of_the_lost(self, now: float) -> None:
        """Workers on hosts that do not answer any more, and those that are busy for much too long."""
        if now - self._looked < _LOOK_S:
            return
        self._looked, alive = now, self._cluster.nodes()
        for hand in list(self._hands):
            patience = {"hello": _START_S, "load": _LOAD_S}.get(
                hand.doing, 4 * (hand.job.leases.patience_s if hand.job else _LOAD_S)
            )
            if hand.host is not None and hand.host.node not in alive:
                self._lose(hand, "its host does not answer any more")
            elif hand.asked is not None and now - hand.since > patience:
                self._lose(hand, f"no reply for {now - hand.since:,.0f} s ({hand.doing})")

    def _lose(self, hand: Hand, why: str) -> None:
        """Raises ModelError where worker after worker is lost before any did something."""
        self._hands.remove(hand)
        self._cluster.dismiss(hand.actor)
        self.deeds.lost += 1
        self._in_vain += 1
        words = f"a worker on {hand.name} was lost while it did {hand.doing}: {why}"
        self._say(f"fleet: {words}")
        if hand.job is not None and hand.job in self._jobs and not hand.job.leases.lost(hand.unit, hand.since, why):
            self.deeds.retried += 1
        self._changed.notify_all()
        if hand.doing != "work" and self._in_vain >= _HOPELESS:
            raise ModelError(
                f"The fleet does not get to work: {self._in_vain} workers were lost one after the other. The last: {words}."
            )
