"""Is every host of a fleet fit for the same answers? One worker on each is asked the same; who differs is named."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core.capabilities import OK, WRONG, Finding
from harness.core.errors import HarnessError
from harness.core.evaluation import Decoding, Request
from harness.evaluation.checkpoint_checks import drawn_images
from harness.evaluation.doctor import QUESTIONS
from harness.fleet.cluster import Cluster, WorkerLost
from harness.fleet.crew import sized
from harness.fleet.messages import Host, Loaded, Reply, Spec, own_versions
from harness.fleet.same_hosts import THIS_COMMAND, agreement

_TOKENS, _ANSWERS = 24, 12
_PATIENCE_S, _POLL_S = 900.0, 1.0


def examine_hosts(settings: FleetConfig, spec: Spec, data: Path | None) -> Iterator[Finding]:
    """Versions, data folder, checkpoint, device, memory and twelve answers of all hosts. Raises ConfigError as `Crew` does."""
    cluster = Cluster(settings.address, settings.workers)
    try:
        _, gpus = sized(settings, cluster)
        hired = {node: cluster.hire(gpus, node) for node in sorted(cluster.nodes())}
        yield from _Examination(cluster, hired).findings(spec, data)
    finally:
        cluster.close()


class _Examination:
    """Asks all hosts; those that cannot answer are reported once and asked no more."""

    def __init__(self, cluster: Cluster, hired: dict[str, Any]) -> None:
        self._cluster, self._hired, self._names = cluster, hired, {node: node[:8] for node in hired}

    def findings(self, spec: Spec, data: Path | None) -> Iterator[Finding]:
        hosts: dict[str, Host] = {}
        yield from self._ask(hosts, "hello")
        self._names |= {node: f"{host.name} ({node[:6]})" for node, host in hosts.items()}
        if not hosts:
            return
        yield Finding("hosts", OK, ", ".join(sorted(self._names[node] for node in hosts)))
        versions = {node: _versions(host.versions) for node, host in hosts.items()}
        yield self._agree("versions", {**versions, "": _versions(own_versions())})
        if data is not None:
            digests: dict[str, str] = {}
            yield from self._ask(digests, "data_digest", data)
            yield from [self._agree("data folder", digests)] if digests else []
        loaded: dict[str, Loaded] = {}
        yield from self._ask(loaded, "load", spec)
        if loaded:
            yield self._agree("checkpoint", {node: one.checkpoint.digest for node, one in loaded.items()})
            yield self._agree("backend", {node: _versions(one.facts) for node, one in loaded.items()})
            yield self._agree("device", {node: one.device for node, one in loaded.items()})
            yield from self._answers()

    def _answers(self) -> Iterator[Finding]:
        found: dict[str, tuple[int, list[str]]] = {}
        with tempfile.TemporaryDirectory() as folder:
            paths = drawn_images(Path(folder))
            sent = [(path.name, path.read_bytes()) for path in paths]
        decoding, names = Decoding(max_new_tokens=_TOKENS), [Path(path.name) for path in paths]
        asked = [Request(name, question, decoding) for name in names for question in QUESTIONS][:_ANSWERS]
        yield from self._ask(found, "examined", sent, asked)
        if not found:
            return
        free = ", ".join(f"{self._names[node]} {value / 2**30:.1f} GiB" for node, (value, _) in found.items())
        yield Finding("memory", OK, f"free beside the checkpoint: {free}")
        yield self._agree(f"{len(asked)} answers", {node: " | ".join(texts) for node, (_, texts) in found.items()})

    def _agree(self, what: str, values: Mapping[str, str]) -> Finding:
        names = {**self._names, "": THIS_COMMAND}
        return agreement(what, {names[node]: value for node, value in values.items()})

    def _ask(self, into: dict[str, Any], method: str, *words: Any) -> Iterator[Finding]:
        """The values of all hosts' replies; a finding for each host that has none, which is asked no more."""
        waiting = {self._cluster.ask(worker, method, *words): node for node, worker in self._hired.items()}
        began = time.monotonic()
        while waiting and time.monotonic() - began < _PATIENCE_S:
            alive = self._cluster.nodes()
            for asked in self._cluster.ready(list(waiting), _POLL_S):
                node = waiting.pop(asked)
                try:
                    reply: Reply = self._cluster.result(asked)
                    into[node] = reply.given()
                except (WorkerLost, HarnessError) as error:
                    yield self._without(node, method, str(error))
            for asked, node in [(a, n) for a, n in waiting.items() if n not in alive]:
                del waiting[asked]
                yield self._without(node, method, "it does not answer any more")
        for node in waiting.values():
            yield self._without(node, method, f"no reply for {_PATIENCE_S:.0f} s")

    def _without(self, node: str, method: str, why: str) -> Finding:
        del self._hired[node]
        return Finding(f"host {self._names[node]}", WRONG, f"{method}: {why}")


def _versions(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
