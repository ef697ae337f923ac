"""Workers whose answers could differ from those of the others are refused, with their host's name."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.errors import ModelError
from harness.fleet.messages import Host, Loaded


def check_versions(host: Host, own: Mapping[str, str]) -> None:
    """Raises ModelError where a host has other versions than the driver."""
    wrong = {k: (v, own.get(k)) for k, v in host.versions.items() if v != own.get(k)}
    if wrong:
        what = "; ".join(f"{name} {theirs}, here {ours}" for name, (theirs, ours) in wrong.items())
        raise ModelError(f"Host {host.name} has other versions than this one: {what}. Install the same ones on all hosts.")


def check_loaded(worker: str, loaded: Loaded, first: Loaded) -> None:
    """Raises ModelError where a worker has other weights or other facts than the first one."""
    if loaded.checkpoint.digest != first.checkpoint.digest:
        raise ModelError(
            f"Host {worker} has other weights under the same path than the first worker: digest "
            f"{loaded.checkpoint.digest[:12]}, not {first.checkpoint.digest[:12]}. Give all hosts the same files."
        )
    if other := {k: (v, first.facts.get(k)) for k, v in loaded.facts.items() if v != first.facts.get(k)}:
        what = "; ".join(f"{name}: {own!r}, not {theirs!r}" for name, (own, theirs) in other.items())
        raise ModelError(f"Host {worker} would answer under other conditions than the first worker: {what}.")
