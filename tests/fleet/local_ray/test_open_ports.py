"""A Ray that a command starts by itself can be reached from this machine alone: a real one, about five seconds."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.fleet.local_ray import start
from harness.fleet.local_ray.open_ports import externally_reachable
from tests.fleet.in_own_network import ROOT, needs_ray

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="sockets are read from Linux's /proc")
_CLUSTER = """
import os, ray
from harness.fleet.ray_cluster import RayCluster
from harness.fleet.local_ray.open_ports import descendants, externally_reachable
cluster = RayCluster(None, 1)
worker = cluster.start_worker(0)
cluster.result(*cluster.wait([cluster.submit(worker, "hello")], 60))
print(len(descendants(os.getpid())) > 2, sorted(externally_reachable(os.getpid())))
cluster.close()
"""

_LISTENS = """
import socket, time
server = socket.create_server(("0.0.0.0", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""


def listening(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, 0), family=family)


@pytest.mark.parametrize(
    ("address", "open_"), [("127.0.0.1", False), ("0.0.0.0", True), ("::1", False), ("::", True), ("::ffff:127.0.0.1", False)]
)
def test_a_port_is_open_to_others_unless_it_is_on_the_loopback_interface(address: str, open_: bool) -> None:
    before = externally_reachable(os.getpid())
    try:
        server = listening(address)
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        new = externally_reachable(os.getpid()) - before
        assert new == ({f"{address}:{server.getsockname()[1]}"} if open_ else set())


def test_ports_of_processes_below_count() -> None:
    with subprocess.Popen([sys.executable, "-c", _LISTENS], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert f"0.0.0.0:{int(child.stdout.readline())}" in externally_reachable(os.getpid())
        child.kill()


@needs_ray
@pytest.mark.timeout(120)
def test_no_port_of_an_own_ray_and_its_workers_is_open_to_others() -> None:
    """Ray 2.60 puts the host's outer address in the place of 127.0.0.1."""
    command = [sys.executable, "-c", _CLUSTER]
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=110)
    assert told.stdout.strip() == "True []", told.stdout + told.stderr


@needs_ray
def test_a_ray_that_others_can_reach_is_ended_and_refused() -> None:
    opened = list[socket.socket]()

    def init(**options: Any) -> None:
        opened.append(listening("0.0.0.0"))

    fake = SimpleNamespace(init=init, shutdown=lambda: [server.close() for server in opened])
    with ExitStack() as at_end, pytest.raises(ConfigError, match=r"listens on 0\.0\.0\.0:\d+, where other machines could"):
        start.start_local_ray(fake, 1, at_end)
    assert opened[0].fileno() == -1
