"""Ten reviewers at once on loopback: how long does a click take, and is anything lost or doubled?

python tests/speed/review.py [--reviewers 10] [--clicks 60] [--think 0.5]

The server is the real command over a store of 9,000 labels. Each reviewer is a thread with a connection of its own, who thinks
for `--think` seconds on average (people take longer), judges, and gets the case with all answers; every tenth click is sent
twice, as an impatient hand does. A click is timed from the sent form to the last byte of the page that follows. `--think 0`
measures what the server can do at most.
"""

from __future__ import annotations

import argparse
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from pope_runs import fill
from suspects import items, write_annotations

from harness.audit.review_desk import ReviewScope, open_desk
from harness.labels.cases import Case
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews
from reports.web.review.desk import case_id

CHECKPOINTS, IMAGES = 3, 500


def prepared(folder: Path) -> dict[str, Case]:
    """A store with a run; the cases of its queue by their ids in the page."""
    write_annotations(folder / "data", IMAGES)
    write_images(folder / "data/coco/val2014")
    with Store(folder / "store.sqlite") as store:
        fill(store, items(IMAGES), CHECKPOINTS, str(folder / "data"))
    with Store(folder / "store.sqlite") as store, Reviews(store.path) as reviews:
        return {case_id(case): case for case in open_desk(store, reviews, ReviewScope("pope", most=9_000)).cases}


def write_images(folder: Path) -> None:
    """Noise in COCO's size, the same under every name."""
    folder.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)).save(folder / "0.jpg")
    for n in range(1, IMAGES):
        (folder / f"{n}.jpg").hardlink_to(folder / "0.jpg")


def served(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The command itself; returns when it answers."""
    command = [sys.executable, "-m", "harness", "audit", "pope", "--output", str(folder), "--port", str(port)]
    server = subprocess.Popen([*command, "--most", "9000"], stdout=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
            return server
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


class Reviewer(threading.Thread):
    """Judges `clicks` cases of the shared queue; `took`: seconds a click; `kept`: case -> word that the server accepted."""

    def __init__(self, port: int, name: str, ids: list[str], think_s: float) -> None:
        super().__init__()
        self.name, self._ids, self._think_s = name, ids, think_s
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=60)
        self._random = random.Random(name)
        self.took: list[float] = []
        self.kept: dict[str, str] = {}

    def run(self) -> None:
        found = re.search(r'name="secret" value="(\w+)"', self._client.get("/").text)
        secret = found[1] if found else ""
        self._client.post("/reviewer", data={"secret": secret, "name": self.name})
        for n, case in enumerate(self._ids):
            time.sleep(self._random.uniform(0.5, 1.5) * self._think_s)
            word = self._random.choice(["right", "wrong", "ambiguous"])
            form = {"secret": secret, "case": case, "judgement": word, "form": f"{self.name} {n}"}
            for _ in range(2 if n % 10 == 9 else 1):
                began = time.perf_counter()
                answer = self._client.post("/vote", data=form)
                self.took.append(time.perf_counter() - began)
                if answer.status_code == 200 and 'aria-pressed="true"' in answer.text:
                    self.kept[case] = word


def told(reviewers: list[Reviewer], folder: Path, cases: dict[str, Case], cpu_s: float) -> str:
    """The figures, and what the store holds against what was accepted."""
    took = sorted(second * 1000 for one in reviewers for second in one.took)
    with Reviews(folder / "store.sqlite") as reviews:
        votes = [(vote.reviewer, vote.key, vote.judgement) for vote in reviews.votes()]
    accepted = {(one.name, cases[id].key, word) for one in reviewers for id, word in one.kept.items()}
    asked = sum(len(one._ids) for one in reviewers)
    return (
        f"{len(reviewers)} reviewers, {len(took):,} clicks: median {statistics.median(took):.1f} ms, "
        f"95th percentile {took[int(0.95 * len(took))]:.1f} ms, longest {took[-1]:.1f} ms; "
        f"{1000 * cpu_s / len(took):.1f} ms of CPU a click in the server\n"
        f"{asked:,} cases judged: {len(accepted):,} accepted, {len(accepted - set(votes))} of them lost, "
        f"{len(votes) - len(set(votes))} doubled, {len(set(votes) - accepted)} of unknown origin"
    )


def cpu_seconds(process: int) -> float:
    """Of another process, all threads (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviewers", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=60, help="by each reviewer")
    parser.add_argument("--think", type=float, default=0.5, help="seconds between clicks, on average")
    asked = parser.parse_args()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cases = prepared(folder)
        server = served(folder, port)
        try:
            ids = list(cases)[: asked.clicks]
            began = cpu_seconds(server.pid)
            reviewers = [Reviewer(port, f"reviewer {n}", ids, asked.think) for n in range(asked.reviewers)]
            for reviewer in reviewers:
                reviewer.start()
            for reviewer in reviewers:
                reviewer.join()
            print(told(reviewers, folder, cases, cpu_seconds(server.pid) - began))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
