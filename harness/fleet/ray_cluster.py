"""A Ray cluster: a local one started and ended here, or a running one that is joined. Ray Train is in `ray_train`.

Ray restarts, schedules and transports; a worker that is lost is replaced by a new one instead of being restarted, since calls
to an actor whose host was cut off may wait without end.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from harness.core.edge.foreign import imported
from harness.core.errors import ConfigError, ModelError
from harness.fleet.local_ray.environment import environment, keep_signal_handlers
from harness.fleet.local_ray.raylet_watch import Say, exit_with_message, watch_raylet
from harness.fleet.local_ray.start import QUIET, one_line, start_local_ray
from harness.fleet.worker import Worker

_RAY_ENDED = "Ray on this machine, to which this command belongs, has ended. {} the same command; what was done is kept."
_CONNECT_TIMEOUT_S = 10.0
_SETTINGS_FRAME = b"\x04"  # kind of an HTTP/2 frame; its header has 9 bytes: length (3), kind, flags, stream (4)
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS_FRAME + bytes(5)


class WorkerLost(Exception):
    """A call that will have no result: the worker died, or raised what is not a HarnessError. `why` in one line."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RayCluster:
    """A Ray that this process talks to. `close` ends it where it was started here."""

    def __init__(self, address: str | None, workers: int | None) -> None:
        """Raises ConfigError where ray is not installed or cannot be imported, or the address is not reachable."""
        ray = imported(
            "ray",
            "--fleet needs Ray, which is not installed: pip install 'mm-align-harness[ray]'. Without --fleet everything runs "
            "in this process.",
        )
        self._ray, self._at_end = ray, ExitStack()
        self.ended = ""  # once this host's Ray is gone: what happened and what to do; nothing is asked of it any more
        self._blocked, self._closed = list[Say](), False  # calls that do not come back then: how each would say it
        if not ray.is_initialized():  # by whoever calls us from Python
            try:
                with keep_signal_handlers():
                    ray._private.worker._worker_logs_enabled = False  # of faults: `log_to_driver` does not silence them
                    if address is None:
                        start_local_ray(ray, workers, self._at_end)
                    else:
                        self._join(address)
            except BaseException:
                self._at_end.close()
                raise
        self.driver_node = str(ray.get_runtime_context().get_node_id())  # Ray's id of the driver's host
        why = _RAY_ENDED.format("Give" if address is None else "Start it again and give")
        watch_raylet(ray._private.worker.global_worker.node.raylet_socket_name, lambda: self._on_ray_end(why))

    def _join(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(f"The fleet's address {address!r} is not of the form HOST:PORT, such as 10.0.0.1:6379.")
        try:
            why = _why_not_ray(host, int(port))
        except OSError as error:
            why = str(error.strerror or error)
        if why:
            raise ConfigError(
                f"No Ray answers at {address} ({why}; waited at most {_CONNECT_TIMEOUT_S:.0f} s). Start it with `ray start "
                "--head` there, and give the address that it prints. The command must run on a host of the cluster."
            )
        self._at_end.callback(self._ray.shutdown)
        try:
            with environment({}):
                self._ray.init(address=address, **QUIET)
        except Exception as error:  # of Ray, of many classes
            first = str(error).strip().splitlines() or [type(error).__name__]
            raise ConfigError(f"The Ray at {address} cannot be joined: {first[0]}") from error

    def close(self) -> None:
        """End what was started here, or leave the cluster."""
        self._closed = True
        with keep_signal_handlers():
            self._at_end.close()

    # ------------------------------------------------------------ nodes

    def total(self, resource: str) -> float:
        """ "GPU" or "CPU" of all hosts together, those in use too."""
        return float(self._alive.cluster_resources().get(resource, 0))

    def alive_nodes(self) -> set[str]:
        """Ray's ids of the hosts that answer."""
        return {str(node["NodeID"]) for node in self._alive.nodes() if node["Alive"]}

    # ------------------------------------------------------------ workers

    def start_worker(self, gpus: float, node: str = "") -> Any:  # Any: a handle of Ray's actor, which is not typed
        """The handle of a new worker on that node, or on any; calls may be submitted before it is up."""
        where: Any = "SPREAD"
        if node:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            where = NodeAffinitySchedulingStrategy(node, soft=False)
        made = self._alive.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0, scheduling_strategy=where)
        return made(_RayWorker).remote()

    def dashboard_address(self) -> str:
        """The address of Ray's dashboard, "" where it has none."""
        return str(getattr(self._ray._private.worker.global_worker.node, "webui_url", "") or "")

    def kill_worker(self, worker: Any) -> None:
        """End a worker now, also one with a call in progress."""
        if not self.ended:
            self._ray.kill(worker, no_restart=True)

    def submit(self, worker: Any, method: str, *args: Any) -> Any:  # Any: a reference to a result
        """Call a method of a worker without waiting for the result."""
        self.require_alive()
        return getattr(worker, method).remote(*args)

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        """The calls that have ended, with a result or by the loss of their worker; waits for the first one."""
        found, _ = self._alive.wait(list(calls), num_returns=1, timeout=timeout_s)
        more, _ = self._alive.wait(list(calls), num_returns=len(calls), timeout=0)
        return list({*found, *more})

    def result(self, call: Any) -> Any:  # Any: what the method returns
        """The result of a call that has ended. Raises WorkerLost where there will be none."""
        wrong = self._alive.exceptions
        try:
            return self._alive.get(call, timeout=_CONNECT_TIMEOUT_S)
        except wrong.RayTaskError as error:
            raise WorkerLost(one_line(error.cause if error.cause is not None else error)) from error
        except wrong.OutOfMemoryError as error:
            raise WorkerLost("its host ran out of memory, and Ray ended it. Give fewer workers, or hosts with more") from error
        except (wrong.RayError, TimeoutError) as error:
            self.require_alive()
            raise WorkerLost(one_line(error)) from error

    # ------------------------------------------------------------ the end of Ray on this host

    def _on_ray_end(self, why: str) -> None:
        if self._closed:
            return
        self.ended = why
        if self._blocked:
            exit_with_message(self._blocked[0], why)

    @contextmanager
    def exits_if_ray_ends(self, say: Say) -> Iterator[None]:
        """Inside, calls of Ray that do not come back where this host's Ray ends, or end this process without a word: it says
        why and ends."""
        self.require_alive()
        self._blocked.append(say)
        try:
            yield
        finally:
            self._blocked.remove(say)

    @property
    def _alive(self) -> Any:  # Any: the module, which is not typed
        self.require_alive()
        return self._ray

    def require_alive(self) -> None:
        """Raises ModelError where this host's Ray has ended."""
        if self.ended:
            raise ModelError(self.ended)


class _RayWorker(Worker):
    """The worker as Ray's actor: it knows the node that it runs on."""

    def __init__(self) -> None:
        import ray

        super().__init__(ray.get_runtime_context().get_node_id())


def _why_not_ray(host: str, port: int) -> str:
    """Why the server there is no Ray, "" where it may be one: gRPC greets with settings of HTTP/2. Ray would wait for minutes.

    Raises OSError where nothing listens.
    """
    with socket.create_connection((host, port), _CONNECT_TIMEOUT_S) as server:
        if os.environ.get("RAY_USE_TLS") == "1":  # which greets in its own way
            return ""
        server.settimeout(_CONNECT_TIMEOUT_S)
        server.sendall(_HTTP2_PREFACE)
        try:
            greeting = server.recv(9)
        except OSError:
            return "something listens there and says nothing"
    return "" if greeting[3:4] == _SETTINGS_FRAME else "something else listens there, such as Redis"
