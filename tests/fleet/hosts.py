"""Several hosts on one machine: network namespaces that are joined by a bridge, each with a Ray node and a name of its own.

The process that makes them must have a network namespace of its own (`in_own_network.run`): it is the head's host, the bridge
is its interface, and everything ends with it. Nothing outside is touched. `python tests/fleet/hosts.py SCRIPT WORDS...` runs a
script there by `accelerate launch`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.fleet.local_ray.open_ports import descendants

MARK = "HARNESS_OWN_NETWORK"  # set by `in_own_network`: there are other namespaces of network and host name than the machine's
HEAD = "10.77.0.1"
PORT = 6379
TOKEN = "0123456789abcdef" * 4
# A host that does not answer for about ten seconds is lost; Ray's own patience is about a minute.
HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
}
SAVING = {  # two cores for all hosts
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def environment(**more: str) -> dict[str, str]:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    return dict(os.environ) | token | HEALTH | SAVING | {"PYTHONPATH": str(Path(__file__).parents[2])} | more


def shell(command: str) -> None:
    """Raises AssertionError with what it said where a command fails."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass
class Host:
    """A host; `enter` begins a command that runs on it."""

    name: str
    address: str
    temp: Path
    enter: Sequence[str] = ()
    link: str = ""  # the bridge's end of its cable
    cpus: int = 1
    ray: subprocess.Popen[bytes] | None = None

    @property
    def interface(self) -> str:
        return "eth0" if self.link else "br0"

    def start_ray(self) -> None:
        """Start its Ray node; the call returns at once."""
        place = ["--head", f"--port={PORT}", "--include-dashboard=false"] if not self.link else [f"--address={HEAD}:{PORT}"]
        own = [f"--node-ip-address={self.address}", f"--num-cpus={self.cpus}", f"--temp-dir={self.temp}"]
        spare = ["--object-store-memory=100000000", "--disable-usage-stats", "--include-log-monitor=false", "--block"]
        ray = [str(Path(sys.executable).with_name("ray")), "start", *place, *own, *spare]
        said = (self.temp / "ray.log").open("wb")
        # gloo would take the address that the host's name stands for, which no name service knows
        named = environment(GLOO_SOCKET_IFNAME=self.interface)
        self.ray = subprocess.Popen([*self.enter, *ray], env=named, stdout=said, stderr=said, start_new_session=True)

    def wait_for_ray(self, timeout_s: float = 120) -> None:
        """Until its Ray node is up, the last time that it was started."""
        for _ in range(int(timeout_s / 0.5)):
            if "Ray runtime started" in (self.temp / "ray.log").read_text():
                return
            time.sleep(0.5)
        raise AssertionError(f"{self.name} has no Ray after {timeout_s:.0f} s: {(self.temp / 'ray.log').read_text()[-2000:]}")

    def stop_ray(self) -> None:
        """End its Ray node with all processes of it, as a machine that is switched off."""
        if self.ray is not None:
            end_session(self.ray.pid)
            self.ray.wait()
            self.ray = None

    def cut_off(self) -> None:
        shell(f"ip link set {self.link} down")

    def put_back(self) -> None:
        shell(f"ip link set {self.link} up")


def end_session(leader: int) -> None:
    """SIGKILL for a process and all that it started, also those with sessions of their own."""
    for pid in [*descendants(leader), leader]:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue


@contextmanager
def machines(cpus: Sequence[int]) -> Iterator[list[Host]]:
    """The first host, h0, where this process runs, and other hosts h1, h2, ..., each with a network of its own."""
    assert os.environ.get(MARK), "only in a network of its own: tests/fleet/in_own_network.py"
    base = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    sleepers: list[subprocess.Popen[bytes]] = []
    found: list[Host] = []
    try:
        shell(f"ip link add br0 type bridge && ip addr add {HEAD}/24 dev br0 && ip link set br0 up && hostname h0")
        found.append(Host("h0", HEAD, base / "h0", cpus=cpus[0]))
        for n, own in enumerate(cpus[1:], start=1):
            sleeper = subprocess.Popen(["unshare", "-n", "-u", "sleep", "100000"])
            sleepers.append(sleeper)
            time.sleep(0.3)  # until it has its namespaces
            enter = ["nsenter", "-t", str(sleeper.pid), "-n", "-u"]
            inside, address = " ".join(enter), f"10.77.0.{n + 1}"
            shell(f"ip link add v{n} type veth peer name eth0 netns {sleeper.pid} && ip link set v{n} master br0 up")
            shell(f"{inside} sh -c 'hostname h{n}; ip link set lo up; ip addr add {address}/24 dev eth0; ip link set eth0 up'")
            found.append(Host(f"h{n}", address, base / f"h{n}", enter, f"v{n}", own))
        for host in found:
            host.temp.mkdir()
        yield found
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def hosts(cpus: Sequence[int]) -> Iterator[list[Host]]:
    """Machines with that many CPUs each for Ray, which all have started when this returns; the first one is its head."""
    with machines(cpus) as found:
        try:
            for host in found:
                host.start_ray()
                if host is found[0]:
                    host.wait_for_ray()
            for host in found[1:]:
                host.wait_for_ray()
            yield found
        finally:
            for host in reversed(found):
                host.stop_ray()


def launch(words: Sequence[str], port: int = 29500, patience_s: float = 240) -> int:
    """A script by `accelerate launch` on two hosts, one process each, as a lab starts it by hand; the worst exit code."""
    with machines([1, 1]) as found:
        started = []
        for rank, host in enumerate(found):
            command = [
                sys.executable,
                "-m",
                "accelerate.commands.launch",
                "--multi_gpu",
                "--num_machines=2",
                "--num_processes=2",
            ]
            command += [f"--machine_rank={rank}", f"--main_process_ip={HEAD}", f"--main_process_port={port}"]
            own = {"GLOO_SOCKET_IFNAME": host.interface, "TP_SOCKET_IFNAME": host.interface}
            command += ["--mixed_precision=no", "--dynamo_backend=no", *words]
            started.append(subprocess.Popen([*host.enter, *command], env=os.environ | own))
        return max(abs(process.wait(patience_s)) for process in started)


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
