"""`doctor --fleet`: whether every host gives the same answers. One worker on each is probed; the host that differs is named."""

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
from harness.fleet.host_checks import THIS_COMMAND, agreement
from harness.fleet.messages import CheckpointSpec, LoadedCheckpoint, Reply, WorkerInfo, own_versions
from harness.fleet.ray_cluster import RayCluster, WorkerLost
from harness.fleet.worker_pool import pool_size

_TOKENS, _ANSWERS = 24, 12
_TIMEOUT_S, _POLL_S = 900.0, 1.0


def diagnose_hosts(settings: FleetConfig, spec: CheckpointSpec, data: Path | None) -> Iterator[Finding]:
    """Versions, data folder, checkpoint, device, memory and twelve answers of all hosts.

    Raises ConfigError as `WorkerPool` does.
    """
    cluster = RayCluster(settings.address, settings.workers)
    try:
        _, gpus = pool_size(settings, cluster)
        workers = {node: cluster.start_worker(gpus, node) for node in sorted(cluster.alive_nodes())}
        yield from _Diagnosis(cluster, workers).findings(spec, data)
    finally:
        cluster.close()


class _Diagnosis:
    """Calls a worker on each host; those that cannot answer are reported once and called no more."""

    def __init__(self, cluster: RayCluster, workers: dict[str, Any]) -> None:
        self._cluster, self._workers, self._names = cluster, workers, {node: node[:8] for node in workers}

    def findings(self, spec: CheckpointSpec, data: Path | None) -> Iterator[Finding]:
        hosts: dict[str, WorkerInfo] = {}
        yield from self._call_all(hosts, "hello")
        self._names |= {node: f"{info.host} ({node[:6]})" for node, info in hosts.items()}
        if not hosts:
            return
        yield Finding("hosts", OK, ", ".join(sorted(self._names[node] for node in hosts)))
        versions = {node: _versions(host.versions) for node, host in hosts.items()}
        yield self._agree("versions", {**versions, "": _versions(own_versions())})
        if data is not None:
            digests: dict[str, str] = {}
            yield from self._call_all(digests, "data_digest", data)
            yield from [self._agree("data folder", digests)] if digests else []
        loaded: dict[str, LoadedCheckpoint] = {}
        yield from self._call_all(loaded, "load", spec)
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
        yield from self._call_all(found, "probe", sent, asked)
        if not found:
            return
        free = ", ".join(f"{self._names[node]} {value / 2**30:.1f} GiB" for node, (value, _) in found.items())
        yield Finding("memory", OK, f"free beside the checkpoint: {free}")
        yield self._agree(f"{len(asked)} answers", {node: " | ".join(texts) for node, (_, texts) in found.items()})

    def _agree(self, what: str, values: Mapping[str, str]) -> Finding:
        names = {**self._names, "": THIS_COMMAND}
        return agreement(what, {names[node]: value for node, value in values.items()})

    def _call_all(self, into: dict[str, Any], method: str, *args: Any) -> Iterator[Finding]:
        """The values of all hosts' replies; a finding for each host that has none, which is called no more."""
        waiting = {self._cluster.submit(worker, method, *args): node for node, worker in self._workers.items()}
        began = time.monotonic()
        while waiting and time.monotonic() - began < _TIMEOUT_S:
            alive = self._cluster.alive_nodes()
            for call in self._cluster.wait(list(waiting), _POLL_S):
                node = waiting.pop(call)
                try:
                    reply: Reply = self._cluster.result(call)
                    into[node] = reply.unwrap()
                except (WorkerLost, HarnessError) as error:
                    yield self._dropped(node, method, str(error))
            for call, node in [(c, n) for c, n in waiting.items() if n not in alive]:
                del waiting[call]
                yield self._dropped(node, method, "it does not answer any more")
        for node in waiting.values():
            yield self._dropped(node, method, f"no reply for {_TIMEOUT_S:.0f} s")

    def _dropped(self, node: str, method: str, why: str) -> Finding:
        del self._workers[node]
        return Finding(f"host {self._names[node]}", WRONG, f"{method}: {why}")


def _versions(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
