"""One Ray, several sweeps: `python tests/fleet/ray_session.py DATA FOLDER` prints what came of them as JSON.

Waves are made small, so that small sweeps have several. All sweeps share one crew, since starting workers is what costs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core import registry
from harness.evaluation.cached_model import RememberingModel
from harness.fleet import cluster
from harness.fleet.crew import Crew
from harness.fleet.hands import Deeds
from harness.fleet.messages import Reply, WaveUnit
from harness.miniworld.model.paths import checkpoint_folder
from harness.models._engine import grouping
from harness.run import models, pipeline
from harness.run.on_fleet import sweeps
from harness.storage.artifacts import MissingItems
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store

ROWS = 12
MODEL = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
Outcome = dict[str, Any]


class SmallWaves(cluster._Hired):
    """A worker with small waves, which dies of a wave about the image that the file `poison` names."""

    def __init__(self) -> None:
        super().__init__()
        grouping._WAVE_ROWS = ROWS

    def answer(self, unit: WaveUnit) -> Reply:
        poison = Path(os.environ["FLEET_TEST_FOLDER"]) / "poison"
        if poison.exists() and any(path.name == poison.read_text() for path in unit.images):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(unit)


def study(data: str, output: Path, **fleet: Any) -> Any:
    from harness.config import schema

    pope = {"name": "pope", "splits": ["random"], "limit": 48}
    chair = {"name": "chair", "limit": 14, "max_new_tokens": 12}
    tree = {"name": "fleet", "model": MODEL, "data": data, "output": str(output), "sweep": [pope, chair]}
    return schema.parse(tree | fleet)


def kill_a_busy_worker(crew: Crew | None) -> bool:
    """Whether there was one."""
    busy = [hand for hand in (crew._hands if crew is not None else ()) if hand.doing == "work" and hand.host is not None]
    if busy and busy[0].host is not None:
        os.kill(busy[0].host.pid, signal.SIGKILL)
    return bool(busy)


def outcome(
    data: str,
    output: Path,
    crew: Crew | None = None,
    kill_at: int = 0,
    strike: Callable[[Crew | None], bool] = kill_a_busy_worker,
    **more: Any,
) -> Outcome:
    """A sweep, or a study with `more` keys; `strike` when `kill_at` answers of a benchmark are there, until it returns True."""
    said: list[str] = []
    left = [kill_at] if kill_at else []

    @contextmanager
    def shared(settings: Any, say: Any, shown: Any = None) -> Iterator[Crew | None]:
        yield crew

    def progress(what: str, done: int, total: int) -> None:
        if left and done >= left[0] and strike(crew):
            left.clear()

    pipeline.crew_of = shared  # type: ignore[attr-defined]
    before = vars_of(crew)
    done = pipeline.run(study(data, output, **more), "test", progress, said.append)
    assert done is not None
    report = report_of(done)
    with Store(output / "store.sqlite") as store:
        results = store.results(done.run_id)
        keys = [key for result in results for key in result.answer_keys]
        found = store.answers([key for key in keys if key is not None])
        status, missing = store.run(done.run_id).status, [i.reasons for i in missing_of(store, done.run_id)]
    answers = {key: [a.text, a.n_tokens, a.stopped, a.yes_nats] for key, a in found.items()}
    deeds = {name: n - before[name] for name, n in vars_of(crew).items()}
    about = {"run": done.run_id, "status": status, "missing": missing, "keys": keys, "answers": answers, "said": said}
    return about | {"report": report, "deeds": deeds}


def other_checkpoint(folder: Path) -> Path:
    """The miniature world's checkpoint with other weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint_folder(), folder)
    (weights,) = folder.glob("*.safetensors")
    save_file({name: t * 1.01 for name, t in load_file(weights).items()}, weights, {"format": "pt"})
    return folder


def several(data: str, folder: Path, crew: Crew) -> Outcome:
    """Two checkpoints in one command, and each alone in this process: reports, hosts and loads."""
    paths = ["miniworld", str(other_checkpoint(folder / "other"))]
    pope = {"name": "pope", "splits": ["random"], "limit": 24}
    chair = {"name": "chair", "limit": 6, "max_new_tokens": 12}

    def configs(output: Path) -> list[Any]:
        return [study(data, output, name=Path(p).name, model={**MODEL, "path": p}, sweep=[pope, chair]) for p in paths]

    @contextmanager
    def shared(settings: Any, say: Any, shown: Any = None) -> Iterator[Crew | None]:
        yield crew

    alone = [pipeline.run_on(None, config, "test", lambda *_: None, lambda _: None) for config in configs(folder / "a")]
    sweeps.crew_of = shared  # type: ignore[attr-defined]
    loads, said = crew.deeds.loads, list[str]()
    fleet = sweeps.sweep_all(configs(folder / "b"), "test", say=said.append)
    with Store(folder / "b" / "store.sqlite") as store:
        results = [result for done in fleet for result in store.results(done.run_id)]
        keys = [key for result in results for key in result.answer_keys if key is not None]
        hosts = store.hosts(keys)
    return {
        "alone": [report_of(done) for done in alone],
        "fleet": [report_of(done) for done in fleet],
        "loads": crew.deeds.loads - loads,
        "answers": len(set(keys)),
        "with host": len(hosts),
    }


def report_of(done: Any) -> Any:
    report = json.loads((done.folder / "report.json").read_text())
    report.pop("timings")
    return report


def missing_of(store: Store, run: str) -> list[MissingItems]:
    found = [store.get(MissingItems, run, "base", name) for name in ("pope", "chair")]
    return [one for one in found if one is not None]


def vars_of(crew: Crew | None) -> dict[str, int]:
    deeds = crew.deeds if crew is not None else Deeds()
    return {"lost": deeds.lost, "retried": deeds.retried, "doubled": deeds.doubled, "units": sum(deeds.units.values())}


def pairs(data: str, folder: Path, crew: Crew | None) -> list[str]:
    """Preference pairs of BDHS, which asks its model in rounds."""
    source = registry.make("source", "bdhs", {"limit": 6, "n_tries": 2, "max_new_tokens": 12})
    folder.mkdir()
    with Store(folder / "store.sqlite") as store:
        model = RememberingModel(models.load_model(study(data, folder), None, crew), store)
        return [repr(pair) for pair in source.pairs(DataFolder(Path(data)), model, 0)]


def main(data: str, folder: Path) -> None:
    grouping._WAVE_ROWS = ROWS
    os.environ["FLEET_TEST_FOLDER"] = str(folder)
    cluster._Hired = SmallWaves  # type: ignore[misc]
    image = json.loads((Path(data) / "pope/coco_pope_random.json").read_text().splitlines()[30])["image"]
    found: dict[str, Any] = {"alone": outcome(data, folder / "alone")}
    alone = pairs(data, folder / "a", None)
    with models.crew_of(FleetConfig(workers=2), lambda text: print(text, file=sys.stderr, flush=True)) as crew:
        assert crew is not None
        crew.size = 1
        found["one"] = outcome(data, folder / "one", crew)
        crew.size = 2
        found["two"] = outcome(data, folder / "two", crew)
        found["pairs"] = {"alone": alone, "fleet": pairs(data, folder / "b", crew)}
        found["several"] = several(data, folder / "several", crew)
        found["killed"] = outcome(data, folder / "killed", crew, kill_at=12)
        (folder / "poison").write_text(Path(image).name)
        found["poisoned"] = outcome(data, folder / "poisoned", crew)
        (folder / "poison").unlink()
        found["after the poison"] = outcome(data, folder / "poisoned", crew)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
