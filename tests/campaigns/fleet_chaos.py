"""A fleet of three hosts under random kills: no answer lost, none given twice, the report's bytes those of one process.

    python tests/campaigns/fleet_chaos.py                      # as root, in a network namespace that it makes; 20 kills
    python tests/campaigns/fleet_chaos.py --kills 4 --seed 7

Three real Ray nodes in network namespaces that a bridge joins (`tests/fleet/hosts.py`), the driver on the first. A sweep of
the miniature world is under way, in small waves that take a while; at random numbers of stored answers something is killed: a
worker (SIGKILL), a node with all its processes (it is started again later), the driver (its command is given again), or the
link of a host is taken down and put back later. Sweep after sweep, until all kills are done; one that does not end fails too.
At last one image kills every worker that is asked about it: its wave must be set aside, named, and answered by the next run.
Printed: every kill, then the figures. Exit code 1 where a claim fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from harness.fleet.local_ray.open_ports import descendants  # noqa: E402
from harness.miniworld.world.write import write_world  # noqa: E402
from tests.fleet.hosts import HEAD, PORT, Host, environment, hosts  # noqa: E402
from tests.fleet.in_own_network import enter  # noqa: E402
from tests.small_world import SMALL  # noqa: E402

DRIVER = Path(__file__).parents[1] / "fleet" / "chaos_driver.py"
WORKER = b"ray::SlowWaves"
KINDS = ("worker", "raylet", "driver", "link")
QUESTIONS, PATIENCE_S = 180, 600.0
DOWN_S, NOTICED_S = (3.0, 15.0, 30.0), 12.0  # a host is taken for dead after about ten seconds


class Round:
    """One sweep with a few kills at random numbers of stored answers."""

    def __init__(self, place: Path, settings: dict[str, Any], found: list[Host], chance: random.Random) -> None:
        place.mkdir()
        self.file, self.output, self.hosts, self.chance = place / "settings.json", place / "out", found, chance
        self.settings = {**settings, "output": str(self.output)}
        self.log = place / "said.txt"
        self.down: list[tuple[float, Host, str]] = []  # until when, which host, what was done to it
        self.did: Counter[str] = Counter()
        self.left: list[str] = []  # kills that were not possible before the sweep ended
        self.began = time.monotonic()

    def start(self) -> subprocess.Popen[str]:
        self.file.write_text(json.dumps(self.settings))
        command = [sys.executable, str(DRIVER), str(self.file)]
        with self.log.open("a") as log:
            return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)

    def answers(self) -> int:
        try:
            with sqlite3.connect(f"file:{self.output / 'store.sqlite'}?mode=ro", uri=True, timeout=5) as db:
                return int(db.execute("SELECT count(*) FROM answers").fetchone()[0])
        except sqlite3.Error:
            return 0

    def run(self, kills: list[str], total: int) -> dict[str, Any]:
        """What the driver printed at last. Raises AssertionError where it fails, or does not end."""
        at = sorted(self.chance.sample(range(6, max(7 + len(kills), int(total * 0.8))), len(kills)))
        plan, driver = list(zip(at, kills, strict=True)), self.start()
        while True:
            self.put_back()
            if plan and self.answers() >= plan[0][0] and driver.poll() is None and self.can(plan[0][1]):
                _, kind = plan.pop(0)
                if self.kill(kind, driver):
                    driver = self.start()
            if driver.poll() is not None:
                said = driver.stdout.read() if driver.stdout else ""
                assert driver.returncode == 0, f"exit {driver.returncode}: {self.log.read_text()[-3000:]}"
                found: dict[str, Any] = json.loads(said.splitlines()[-1])
                self.put_back(now=True)
                self.left = [kind for _, kind in plan]
                return found
            if time.monotonic() - self.began > PATIENCE_S:
                driver.send_signal(signal.SIGUSR1)  # it writes where its threads are
                time.sleep(2)
                raise AssertionError(f"does not end: {self.log.read_text()[-9000:]}")
            time.sleep(0.2)

    def up(self) -> list[Host]:
        """Hosts beside the head's that nothing was done to, or whose time is over."""
        return [host for host in self.hosts[1:] if host not in [h for _, h, _ in self.down]]

    def can(self, kind: str) -> bool:
        """One of the other hosts has to stay."""
        return len(self.up()) > 1 if kind in ("raylet", "link") else kind == "driver" or bool(workers_of(self.hosts))

    def kill(self, kind: str, driver: subprocess.Popen[str]) -> bool:
        """Do it; True where the driver has to be started again."""
        where, down_s = "", self.chance.choice(DOWN_S)
        if kind == "driver":
            driver.kill()
            driver.wait()
        elif kind == "worker":
            os.kill(self.chance.choice(workers_of(self.hosts)), signal.SIGKILL)
        else:
            host = self.chance.choice(self.up())
            where = f"{host.name} for {down_s:.0f} s"
            host.stop_ray() if kind == "raylet" else host.cut_off()
            self.down.append((time.monotonic() + down_s, host, kind))
        self.did[kind] += 1
        print(f"  {time.monotonic() - self.began:6.1f} s  {self.answers()} answers: {kind} {where}", flush=True)
        return kind == "driver"

    def put_back(self, now: bool = False) -> None:
        """Links whose time is over come up; Ray ends a node that it took for dead, which is started again then."""
        for one in [d for d in self.down if now or time.monotonic() > d[0]]:
            self.down.remove(one)
            _, host, kind = one
            if kind == "link":
                host.put_back()
                self.down.append((time.monotonic() + NOTICED_S, host, "was down"))
            elif kind == "raylet" or host.ray is None or host.ray.poll() is not None:
                host.stop_ray()
                host.start_ray()
        if now and self.down:  # a link that has just come up
            time.sleep(NOTICED_S)
            self.put_back(now)


def workers_of(found: list[Host]) -> list[int]:
    """LocalProcesses of workers on all hosts; Ray's own agents have names alike, and a node ends with them."""
    pids = []
    for pid in [pid for host in found if host.ray is not None for pid in descendants(host.ray.pid)]:
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(WORKER):
                pids.append(pid)
        except OSError:
            continue
    return pids


def outcome(folder: Path) -> dict[str, Any]:
    """Report without its timings, and every stored answer."""
    report = json.loads(next(folder.glob("chaos-*/report.json")).read_text())
    report.pop("timings")
    with sqlite3.connect(folder / "store.sqlite") as db:
        answers = dict(db.execute("SELECT key, text FROM answers").fetchall())
        hosts_of = Counter(host for (host,) in db.execute("SELECT host FROM answers"))
        missing = [text for (text,) in db.execute("SELECT value FROM by_products WHERE kind = 'missing_items'")]
    return {"report": json.dumps(report, sort_keys=True), "answers": answers, "hosts": hosts_of, "missing": missing}


def poisoned(place: Path, settings: dict[str, Any], found: list[Host], alone: dict[str, Any]) -> dict[str, bool]:
    """A wave that kills its workers is set aside and named; without the poison the same command ends in the same bytes."""
    image = json.loads((Path(settings["data"]) / "pope/coco_pope_random.json").read_text().splitlines()[30])["image"]
    own = Round(place, settings | {"poison": Path(image).name, "wave_s": 0.0}, found, random.Random(0))
    own.run([], 1)
    named = [text for text in outcome(own.output)["missing"] if "lost 3 workers and is set aside" in text]
    own.settings["poison"] = ""
    own.run([], 1)
    return {
        "a wave that kills its workers is set aside and named": bool(named),
        "the next run answers it": outcome(own.output)["report"] == alone["report"],
    }


def campaign(kills: int, seed: int, wave_s: float) -> bool:
    chance, claims, did = random.Random(seed), dict[str, bool](), Counter[str]()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_world(folder / "world", SMALL)
        settings: dict[str, Any] = {"data": str(folder / "world"), "study": "sweep", "questions": QUESTIONS, "poison": ""}
        settings |= {"workers": None, "wave_s": wave_s, "address": ""}
        alone_round = Round(folder / "alone", settings, [], chance)
        alone_round.run([], 1)
        alone = outcome(alone_round.output)
        settings["address"] = f"{HEAD}:{PORT}"
        left = [KINDS[n % len(KINDS)] for n in range(kills)]
        chance.shuffle(left)
        began, rounds = time.monotonic(), 0
        with hosts([1, 1, 1]) as found:
            while left:
                now, left = left[:4], left[4:]
                print(f"sweep with {', '.join(now)}", flush=True)
                rounds += 1
                own = Round(folder / f"sweep{rounds}", settings, found, chance)
                own.run(now, len(alone["answers"]))
                left = own.left + left  # those for which no host could be spared
                got = outcome(own.output)
                did += own.did
                for claim, holds in checks(got, alone).items():
                    claims[claim] = claims.get(claim, True) and holds
                print(
                    f"  {time.monotonic() - own.began:6.1f} s  {checks(got, alone)}; by host {dict(got['hosts'])}", flush=True
                )
            claims |= poisoned(folder / "poisoned", settings, found, alone)
    figures = ", ".join(f"{kind} {n}" for kind, n in sorted(did.items()))
    print(
        f"{sum(did.values())} kills ({figures}) in {time.monotonic() - began:,.0f} s, {len(alone['answers'])} answers a sweep"
    )
    for claim, holds in claims.items():
        print(f"{'yes' if holds else 'NO '}  {claim}")
    return all(claims.values())


def checks(got: dict[str, Any], alone: dict[str, Any]) -> dict[str, bool]:
    return {
        "no answer is lost": alone["answers"].keys() <= got["answers"].keys(),
        "none is given twice or differs": got["answers"] == alone["answers"],
        "the report has the bytes of one process": got["report"] == alone["report"],
    }


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--wave", type=float, default=1.0, help="least seconds of a wave")
    given = words.parse_args()
    enter()
    sys.exit(0 if campaign(given.kills, given.seed, given.wave) else 1)
