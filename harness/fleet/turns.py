"""What the crew's own thread does: hire, hand out, take what is there, let go of what is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from harness.core.errors import HarnessError, ModelError
from harness.fleet.cluster import Cluster, WorkerLost
from harness.fleet.hands import Deeds, Hand
from harness.fleet.jobs import Job, next_checkpoint, wanted
from harness.fleet.messages import Loaded, Reply, Spec, own_versions
from harness.fleet.processes import Processes
from harness.fleet.same_hosts import check_loaded, check_versions
from harness.fleet.status import Show, status_of

BUSY_S = 1.0
_IDLE_S, _LOOK_S, _SHOW_S = 0.05, 5.0, 2.0
_START_S, _LOAD_S, _LEAST_HOLD_S = 300.0, 3600.0, 2.0
_HOPELESS = 6  # workers lost one after the other before any did something; or all of a crew twice, since a host takes many


class Turns:
    """Workers, the jobs that wait for them, and a turn after the other. Threads that ask for work share it under `_changed`."""

    def __init__(self, cluster: Cluster | Processes, size: int, gpus: float, say: Callable[[str], None], show: Show) -> None:
        self.cluster, self.size, self._gpus = cluster, size, gpus
        self._say, self._show, self._shown, self._worked_s = say, show, 0.0, 0.0
        self.deeds = Deeds()
        self._hands, self._jobs = list[Hand](), list[Job]()
        self._open: dict[int, Spec] = {}  # thread -> the checkpoint that it works with
        self._known: dict[str, Loaded] = {}
        self._failed: dict[str, HarnessError] = {}
        self._load_s = 0.0  # the longest that loading a checkpoint took
        self._versions, self._in_vain, self._looked = own_versions(), 0, 0.0
        self._changed, self._closed = threading.Condition(), False
        self._error: Exception | None = None

    def _run(self) -> None:
        try:
            while not self._closed:
                began = time.monotonic()
                self._turn()
                self._show_now_and_then(began)
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
                self._changed.wait(BUSY_S if not self._open else _IDLE_S)
                return
        done = self.cluster.ready(list(busy), BUSY_S if all_busy else _IDLE_S)
        with self._changed:
            for asked in done:
                if busy[asked] in self._hands and busy[asked].asked is asked:
                    self._take(busy[asked])
            if done:
                self._changed.notify_all()

    def _show_now_and_then(self, began: float) -> None:
        now = time.monotonic()
        self._worked_s += now - began if self._jobs else 0.0
        if now - self._shown > _SHOW_S and self._open:
            self._shown = now
            with self._changed:
                status = status_of(self._hands, self._jobs, self.deeds, self._worked_s, now)
            self._show(status)

    def _hire_and_hand_out(self, now: float) -> None:
        self._let_go_of_the_lost(now)
        while len(self._hands) < self.size:
            hand = Hand(self.cluster.hire(self._gpus), now)
            hand.asked = self.cluster.ask(hand.actor, "hello")
            self._hands.append(hand)
        for hand in self._hands:
            if hand.asked is None and not self._given_a_unit(hand, now):
                self._change_checkpoint(hand, now)

    def _given_a_unit(self, hand: Hand, now: float) -> bool:
        for job in self._jobs:
            unit = job.leases.take(now) if job.spec == hand.spec else None
            if unit is not None:
                hand.doing, hand.job, hand.unit, hand.since, hand.what = "work", job, unit, now, job.what
                hand.asked = self.cluster.ask(hand.actor, *job.calls[unit])
                return True
        return False

    def _change_checkpoint(self, hand: Hand, now: float) -> None:
        specs = [spec for spec in self._open.values() if spec.digest not in self._failed]
        choice = wanted(specs, self._jobs, [h.spec for h in self._hands], now)
        spec = next_checkpoint(hand.spec, now - hand.since, max(self._load_s, _LEAST_HOLD_S), choice)
        if spec is not None:
            hand.spec, hand.doing, hand.since = spec, "load", now
            hand.asked = self.cluster.ask(hand.actor, "load", spec)

    def _take(self, hand: Hand) -> None:
        """What a call came to. Raises ModelError where a host does not fit the driver."""
        now = time.monotonic()
        try:
            reply: Reply = self.cluster.result(hand.asked)
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
            self._load_s, hand.device = max(self._load_s, took), loaded.device
            self.deeds.loads += 1
        except HarnessError as error:
            hand.spec = None
            self._failed[spec.digest] = error

    # ------------------------------------------------------------ losses

    def _let_go_of_the_lost(self, now: float) -> None:
        """Workers on hosts that do not answer any more, and those that are busy for much too long.

        Raises ModelError where the driver's own node is lost: Ray then starts no worker for it any more, on no host.
        """
        if now - self._looked < _LOOK_S:
            return
        self._looked, alive = now, self.cluster.nodes()
        if self.cluster.home not in alive:
            raise ModelError(
                "The Ray node of this host, to which this command belongs, has ended. Start it again and run the same command; "
                "what was answered is stored."
            )
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
        self.cluster.dismiss(hand.actor)
        self.deeds.lost += 1
        self._in_vain += 1
        words = f"a worker on {hand.name} was lost while it did {hand.doing}: {why}"
        self._say(f"fleet: {words}")
        if hand.job is not None and hand.job in self._jobs and not hand.job.leases.lost(hand.unit, hand.since, why):
            self.deeds.retried += 1
        self._changed.notify_all()
        if hand.doing != "work" and self._in_vain >= max(_HOPELESS, 2 * self.size):
            raise ModelError(
                f"The fleet does not get to work: {self._in_vain} workers were lost one after the other. The last: {words}."
            )
