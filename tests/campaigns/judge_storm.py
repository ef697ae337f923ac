"""A judge behind a server that fails and limits its rate: the same verdicts, most of the capacity used, the cap kept.

    python tests/campaigns/judge_storm.py                      # 10,000 verdicts, 30 % faults, 100 requests a second
    python tests/campaigns/judge_storm.py --verdicts 500

The server, a process of its own on the loopback, admits --rate requests a second (a token bucket; more are refused with 429 and
a Retry-After), takes 0.1 s for each, and 30 % of what it admits goes wrong: HTTP 500, a cut connection, half a reply. Printed:
whether every verdict is that of a server without faults, whether they come in the order of the items, the share of the admitted
rate that was used, and what was charged beside a cap that is too small. Exit code 1 where one of the four fails.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[2])]

from benchmarks.judges.chat import Chat  # noqa: E402
from harness.core.evaluation import Answer, Item, Score  # noqa: E402
from harness.core.judging import JudgeTask  # noqa: E402
from harness.evaluation.cached_judge import CachedJudge  # noqa: E402
from harness.evaluation.judging_ahead import Judging  # noqa: E402
from harness.models.openai import OpenAIModel  # noqa: E402
from harness.storage.run_store import Store  # noqa: E402
from tests.models.fake_server import CUT, Said, refused, reply, serving  # noqa: E402

PRICES = {"price_in": 1.0, "price_out": 2.0}
LATENCY_S, FAULTS = 0.1, 0.3
TASK = JudgeTask("storm", "Rate: {answer}", read=lambda text: float(text) if text.isdigit() else None)


class Bucket:
    """Admits `rate` requests a second, `rate`/5 at once; counts those it admitted and what they would be charged."""

    def __init__(self, rate: float) -> None:
        self.rate, self.level, self.at = rate, rate / 5, time.monotonic()
        self.admitted, self.refused, self.charged = 0, 0, 0.0
        self.lock = threading.Lock()

    def admits(self) -> bool:
        with self.lock:
            now = time.monotonic()
            self.level = min(self.rate / 5, self.level + (now - self.at) * self.rate)
            self.at = now
            if self.level < 1:
                self.refused += 1
                return False
            self.level -= 1
            self.admitted += 1
            return True


def verdict_of(text: str) -> int:
    """What the server says of an answer, with or without faults."""
    return sum(text.encode()) % 10


def serve(rate: float, pipe: Connection) -> None:
    """The server's process: its address is sent once, its counts whenever they are asked for."""
    bucket, chance = Bucket(rate), random.Random(0)

    def behave(body: dict[str, Any], count: int) -> Said | str:
        if not bucket.admits():
            return refused(429, "slow down", Retry_After="0.1")
        text = body["messages"][0]["content"][-1]["text"]
        fault = chance.random()
        if fault < FAULTS / 3:
            return Said(refused(500).data, 500, wait_s=LATENCY_S)
        with bucket.lock:
            bucket.charged += (40 * 1.0 + 3 * 2.0) / 1e6
        if fault < FAULTS:
            return CUT if fault < FAULTS * 2 / 3 else Said(raw=b"{", wait_s=LATENCY_S)
        return Said(reply(str(verdict_of(text)), tokens=(40, 3, 0)).data, wait_s=LATENCY_S)

    with serving(behave) as server:
        pipe.send(server.url)
        while pipe.recv():
            pipe.send((bucket.admitted, bucket.refused, bucket.charged))


class Bench:
    """A benchmark of one judged question."""

    judge_tasks = (TASK,)

    def __init__(self, judge: CachedJudge) -> None:
        self.judge = judge

    def score(self, item: Item, answer: Answer) -> Score:
        verdict = self.judge.judge(TASK, item.question, answer.text, {}, None)
        return Score(item.id, {"value": -1.0 if verdict.value is None else verdict.value}, verdict.reading, verdict=verdict)


def storm(url: str, pipe: Connection, place: Path, verdicts: int, rate: float, cap: float | None) -> dict[str, Any]:
    """One benchmark's judging, and what the server counted meanwhile."""
    pipe.send(True)
    before = pipe.recv()
    items = tuple(Item(str(i), None, f"question {i}", {}) for i in range(verdicts))
    answers = {item.id: Answer(item.id, f"answer {item.id}", 3, "end", 0.0) for item in items}
    model = OpenAIModel(url, max_cost=cap, **PRICES)  # type: ignore[arg-type]
    with Store(place) as store:
        judge = CachedJudge(Chat(model, max_new_tokens=16), store)
        started = time.monotonic()
        judging = Judging(Bench(judge), items, answers, judge, lambda *_: None, "storm")  # type: ignore[arg-type]
        scores = judging.scores()
        seconds = time.monotonic() - started
    pipe.send(True)
    admitted, refusals, charged = (now - then for now, then in zip(pipe.recv(), before, strict=True))
    expected = [float(verdict_of(f"Rate: answer {i}")) for i in range(verdicts)]
    return {
        "seconds": seconds,
        "used": admitted / (rate * seconds),
        "refused": refusals,
        "charged": charged,
        "judged": sum(s.values["value"] >= 0 for s in scores),
        "wrong": sum(s.values["value"] not in (-1.0, e) for s, e in zip(scores, expected, strict=True)),
        "ordered": [s.item_id for s in scores] == [item.id for item in items],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100.0)
    chosen = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(chosen.rate, there), daemon=True)
    server.start()
    url = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        whole = storm(url, here, Path(folder) / "a.sqlite", chosen.verdicts, chosen.rate, None)
        cap = 1e-6 * 46 * chosen.verdicts / 10
        capped = storm(url, here, Path(folder) / "b.sqlite", chosen.verdicts // 4, chosen.rate, cap)
    here.send(False)
    print(f"{whole['judged']:,} of {chosen.verdicts:,} verdicts in {whole['seconds']:.0f} s")
    print(f"verdicts that differ from those without faults: {whole['wrong']}")
    print(f"in the order of the items: {'yes' if whole['ordered'] else 'NO'}; refused for the rate: {whole['refused']:,}")
    print(f"{whole['used']:.0%} of the {chosen.rate:g} requests a second that the server admits")
    print(f"cap ${cap:.5f}: charged ${capped['charged']:.5f}, {capped['judged']:,} of {chosen.verdicts // 4:,} judged")
    good = whole["judged"] == chosen.verdicts and not whole["wrong"] and whole["ordered"] and whole["used"] >= 0.8
    return 0 if good and capped["charged"] <= cap and not capped["wrong"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
