"""What the session with a real Ray does, one function each; every one returns plain values for the tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.config import schema
from harness.core import registry
from harness.core.digests import file_digest
from harness.evaluation.cached_model import CachedModel
from harness.fleet import leases
from harness.fleet.status import FleetCounters
from harness.fleet.worker_pool import WorkerPool
from harness.miniworld.model.paths import checkpoint_folder
from harness.run import models, pipeline
from harness.run.on_fleet import sweeps
from harness.storage.artifacts import MissingItems
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store
from tests.fleet.hosts import Host
from tests.fleet.session_workers import PATIENCE_S, TWICE

MODEL = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
PAIRS = {"name": "bdhs", "limit": 4, "n_tries": 2, "max_new_tokens": 12}
STEPS = 4
TRAINING = {"batch_size": 2, "micro_batch": 1, "epochs": 5, "max_steps": STEPS, "save_every": 1, "learning_rate": 1.0e-4}
Outcome = dict[str, Any]


def study(data: str, output: Path, **more: Any) -> schema.RunConfig:
    pope = {"name": "pope", "splits": ["random"], "limit": 48}
    chair = {"name": "chair", "limit": 14, "max_new_tokens": 12}
    tree = {"name": "fleet", "model": MODEL, "data": data, "output": str(output), "sweep": [pope, chair]}
    return schema.parse(tree | more)


@contextmanager
def given(pool: WorkerPool | None) -> Iterator[None]:
    """All commands have this pool, since starting workers is what costs."""

    @contextmanager
    def shared(settings: Any, say: Any, shown: Any = None) -> Iterator[WorkerPool | None]:
        yield pool

    before = pipeline.worker_pool_of
    pipeline.worker_pool_of = sweeps.worker_pool_of = shared  # type: ignore[attr-defined,assignment]
    try:
        yield
    finally:
        pipeline.worker_pool_of = sweeps.worker_pool_of = before  # type: ignore[attr-defined]


def outcome(data: str, output: Path, pool: WorkerPool | None = None, **more: Any) -> Outcome:
    """A sweep, or a study with `more` keys, and what it left in the store."""
    said: list[str] = []
    before = counts_of(pool)
    with given(pool):
        done = pipeline.run(study(data, output, **more), "test", say=said.append)
    assert done is not None
    with Store(output / "store.sqlite") as store:
        keys = [key for result in store.results(done.run_id) for key in result.answer_keys]
        found = store.answers([key for key in keys if key is not None])
        status, missing = store.run(done.run_id).status, [i.reasons for i in missing_of(store, done.run_id)]
    answers = {key: [a.text, a.n_tokens, a.stopped, a.yes_nats] for key, a in found.items()}
    counts = {name: n - before[name] for name, n in counts_of(pool).items()}
    about = {"run": done.run_id, "status": status, "missing": missing, "keys": keys, "answers": answers, "said": said}
    return about | {"report": report_of(done), "counts": counts}


def report_of(done: Any) -> Any:
    report = json.loads((done.folder / "report.json").read_text())
    report.pop("timings")
    return report


def missing_of(store: Store, run: str) -> list[MissingItems]:
    found = [store.get(MissingItems, run, "base", name) for name in ("pope", "chair")]
    return [one for one in found if one is not None]


def counts_of(pool: WorkerPool | None) -> dict[str, int]:
    found = pool.counters if pool is not None else FleetCounters()
    return {"lost": found.workers_lost, "retried": found.units_retried, "units": sum(found.units_by_host.values())}


# ------------------------------------------------------------ what strikes a worker that has a wave


@contextmanager
def struck(folder: Path, names: Sequence[str], strike: Callable[[str, int], None]) -> Iterator[None]:
    """The first worker on these hosts that gets a wave holds it until `strike(host, process)` was called."""

    def wait_and_strike() -> None:
        until = time.monotonic() + PATIENCE_S
        while not (folder / "held").exists() and time.monotonic() < until:
            time.sleep(0.05)
        host, pid = (folder / "held").read_text().split()
        strike(host, int(pid))

    (folder / "hold").write_text(" ".join(names))
    thread = threading.Thread(target=wait_and_strike)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        (folder / "held").unlink()


def killed(data: str, folder: Path, pool: WorkerPool, found: Sequence[Host]) -> Outcome:
    """A worker is killed that has a wave; no other is started in its place."""

    def strike(name: str, pid: int) -> None:
        pool.size -= 1
        os.kill(pid, signal.SIGKILL)

    with struck(folder, [host.name for host in found], strike):
        return outcome(data, folder / "killed", pool)


def poisoned(data: str, folder: Path, pool: WorkerPool) -> tuple[Outcome, Outcome]:
    """A wave that kills whoever is asked it, once instead of three times; then the same command without the poison."""
    asked = json.loads((Path(data) / "pope/coco_pope_random.json").read_text().splitlines()[30])
    (folder / "poison").write_text(f"{asked['image']} {asked['text']}")
    leases.MAX_LOSSES = 1
    first = outcome(data, folder / "poisoned", pool)
    first["workers"] = len(pool.workers)
    (folder / "poison").unlink()
    leases.MAX_LOSSES = 3
    return first, outcome(data, folder / "poisoned", pool)


def cut_off(data: str, folder: Path, pool: WorkerPool, found: Sequence[Host]) -> Outcome:
    """The link of a host goes down, not the head's, whose worker has a wave; no other is started in its worker's place."""

    def strike(name: str, pid: int) -> None:
        pool.size -= 1
        next(host for host in found if host.name == name).cut_off()

    with struck(folder, [host.name for host in found[1:]], strike):
        return outcome(data, folder / "cut", pool)


# ------------------------------------------------------------ several checkpoints, pairs


def several(data: str, folder: Path, pool: WorkerPool) -> Outcome:
    """Two checkpoints in one command, and each alone in this process: reports, hosts and loads."""
    paths = ["miniworld", str(other_checkpoint(folder / "other"))]
    pope = {"name": "pope", "splits": ["random"], "limit": 24}
    chair = {"name": "chair", "limit": 6, "max_new_tokens": 12}

    def configs(output: Path) -> list[schema.RunConfig]:
        return [study(data, output, name=Path(p).name, model={**MODEL, "path": p}, sweep=[pope, chair]) for p in paths]

    alone = [pipeline.run_on(None, config, "test", lambda *_: None, lambda _: None) for config in configs(folder / "a")]
    loads = pool.counters.loads
    with given(pool):
        fleet = sweeps.sweep_all(configs(folder / "b"), "test")
    with Store(folder / "b" / "store.sqlite") as store:
        results = [result for done in fleet for result in store.results(done.run_id)]
        keys = [key for result in results for key in result.answer_keys if key is not None]
        hosts = store.hosts(keys)
    return {
        "alone": [report_of(done) for done in alone],
        "fleet": [report_of(done) for done in fleet],
        "loads": pool.counters.loads - loads,
        "answers": len(set(keys)),
        "with host": len(hosts),
    }


def other_checkpoint(folder: Path) -> Path:
    """The miniature world's checkpoint with other weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint_folder(), folder)
    (weights,) = folder.glob("*.safetensors")
    save_file({name: t * 1.01 for name, t in load_file(weights).items()}, weights, {"format": "pt"})
    return folder


def pairs(data: str, folder: Path, pool: WorkerPool | None) -> list[str]:
    """Preference pairs of BDHS, which asks its model in rounds."""
    source = registry.make("source", "bdhs", {"limit": 6, "n_tries": 2, "max_new_tokens": 12})
    folder.mkdir()
    with Store(folder / "store.sqlite") as store:
        model = CachedModel(models.load_model(study(data, folder), None, pool), store)
        return [repr(pair) for pair in source.pairs(DataFolder(Path(data)), model, 0)]


# ------------------------------------------------------------ arms


def arms(**resources: dict[str, Any]) -> list[dict[str, Any]]:
    """Arms of these names with these resources, none of which change what is computed."""
    dpo = {"name": "dpo", "training": TRAINING}
    betas = {"one": 0.1}
    return [
        {"name": name, "pairs": PAIRS, "align": {**dpo, "beta": betas.get(name, 0.3)}, **({"resources": own} if own else {})}
        for name, own in resources.items()
    ]


def trained(output: Path, arm: str) -> Outcome:
    """Losses of an arm's steps, and the digest of its weights."""
    (train,) = output.glob(f"fleet-*/arms/{arm}/train")
    (file,) = train.glob("checkpoint/*.safetensors")
    losses = [json.loads(line)["loss"] for line in (train / "log.jsonl").read_text().splitlines()]
    return {"losses": losses, "weights": file_digest(file)}


def sharded_beside(folder: Path, pairs_of: Path) -> Path:
    """A run's folder for the arm TWICE, with the pairs of another run; returns its parent."""
    (made,) = pairs_of.glob(f"fleet-*/arms/{TWICE}/pairs.jsonl")
    run = folder / "sharded" / "fleet-0"
    (run / "arms" / TWICE).mkdir(parents=True)
    shutil.copy(made, run / "arms" / TWICE / "pairs.jsonl")
    (folder / "beside").write_text(str(run))
    return run.parent
