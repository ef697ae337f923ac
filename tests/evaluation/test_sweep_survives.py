"""A sweep that is killed, runs out of memory, meets broken images or new weights: nothing is lost, doubled or mixed up."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
import yaml
from PIL import Image

from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core.evaluation import Answer
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models.scripted import Scripted
from harness.run import pipeline
from harness.storage.artifacts import MissingItems
from harness.storage.run_store import Store, StoredResult
from tests.core.edge.test_images import png_that_claims

ROOT = Path(__file__).resolve().parents[2]


def study(model: Path, data: Path, output: Path, limit: int, **options: Any) -> RunConfig:
    """POPE on a checkpoint, a few answers at a time."""
    pope = {"name": "pope", "splits": ["random"], "limit": limit, "log_odds": False, "max_new_tokens": 12}
    chosen = {"name": "transformers", "path": str(model), "device": "cpu", "threads": 1, "rows": 3, **options}
    return config.parse({"name": "only", "model": chosen, "sweep": [pope], "data": str(data), "output": str(output)})


def swept(chosen: RunConfig) -> StoredResult:
    done = pipeline.run(chosen, "test")
    assert done is not None
    with Store(done.folder.parent / "store.sqlite") as store:
        (result,) = store.results(done.run_id)
    return result


def texts(chosen: RunConfig, result: StoredResult) -> list[str | None]:
    with Store(Path(chosen.output) / "store.sqlite") as store:
        known = store.texts([key for key in result.answer_keys if key])
    return [known[key] if key else None for key in result.answer_keys]


def stored(chosen: RunConfig) -> set[str]:
    """Keys of all stored answers, also while another process writes."""
    path = Path(chosen.output) / "store.sqlite"
    if not path.is_file():
        return set()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        try:
            return {key for (key,) in file.execute("select key from answers")}
        except sqlite3.OperationalError:  # no table yet
            return set()


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Keys of the answers that this process stores, in order."""
    keys: list[str] = []
    add = Store.add_answers

    def noted(self: Store, checkpoint: str, answers: Mapping[str, Answer]) -> None:
        keys.extend(answers)
        add(self, checkpoint, answers)

    monkeypatch.setattr(Store, "add_answers", noted)
    yield keys


def test_killed_at_any_moment_it_asks_no_stored_answer_again_and_leaves_none_out(
    llava_folder: Path, world: Path, tmp_path: Path, added: list[str]
) -> None:
    chosen = study(llava_folder, world, tmp_path / "killed", limit=60)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(chosen.model_dump(exclude_none=True)))
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "sweep", str(tmp_path / "study.yaml"), "--output", chosen.output],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    enough = random.randint(1, 30)
    while process.poll() is None and len(stored(chosen)) < enough:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = stored(chosen)
    result = swept(chosen)
    assert enough <= len(before) < len(set(result.answer_keys)), "it was killed in the middle"
    assert not before & set(added) and len(added) == len(set(added))
    assert before | set(added) == set(result.answer_keys) == stored(chosen)
    undisturbed = study(llava_folder, world, tmp_path / "undisturbed", limit=60)
    assert texts(chosen, result) == texts(undisturbed, swept(undisturbed))


def test_weights_overwritten_at_the_same_path_get_no_answer_of_the_old_ones(
    llava_folder: Path, world: Path, tmp_path: Path, added: list[str]
) -> None:
    folder = Path(shutil.copytree(llava_folder, tmp_path / "model"))
    chosen = study(folder, world, tmp_path / "runs", limit=12)
    old = swept(chosen)
    before = list(added)
    tiny_models.save_llava(folder, seed=1)
    new = swept(chosen)
    assert len(added) == 2 * len(before) and not set(old.answer_keys) & set(new.answer_keys)
    assert old.checkpoint.digest != new.checkpoint.digest and texts(chosen, old) != texts(chosen, new)
    assert swept(chosen).answer_keys == new.answer_keys and len(added) == 2 * len(before)


def test_memory_that_runs_out_in_the_middle_of_a_sweep_changes_no_answer(
    llava_folder: Path, world: Path, tmp_path: Path, added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study(llava_folder, world, tmp_path / "whole", limit=30, rows=16)
    expected = texts(whole, swept(whole))
    added.clear()
    calls = {"n": 0}
    step = SharedPrefixKVCache.step

    def tight(self: SharedPrefixKVCache, tokens: list[int], known: bool = False) -> Any:
        calls["n"] += 1
        if calls["n"] in (5, 17):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return step(self, tokens, known)

    monkeypatch.setattr(SharedPrefixKVCache, "step", tight)
    short = study(llava_folder, world, tmp_path / "short", limit=30, rows=16)
    result = swept(short)
    assert calls["n"] > 17 and texts(short, result) == expected
    assert len(added) == len(set(added)) == len(set(result.answer_keys))


def test_every_kind_of_bad_image_is_answered_or_listed_with_what_to_do(llava_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/coco/val2014"
    folder.mkdir(parents=True)
    noise = Image.effect_noise((40, 40), 90)
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    noise.convert("CMYK").save(folder / "cmyk.jpg")
    noise.convert("I;16").save(folder / "sixteen.png")
    noise.convert("RGB").save(folder / "moving.webp", save_all=True, append_images=[noise.convert("RGB").rotate(90)])
    noise.save(folder / "whole.png")
    (folder / "truncated.png").write_bytes((folder / "whole.png").read_bytes()[:300])
    png_that_claims(folder / "huge.png", 20_000, 20_000)
    names = sorted(path.name for path in folder.iterdir())
    rows = [{"question_id": n, "image": name, "text": "Is there a dog?", "label": "no"} for n, name in enumerate(names)]
    (tmp_path / "data/pope").mkdir()
    (tmp_path / "data/pope/coco_pope_random.json").write_text("\n".join(map(json.dumps, rows)))
    chosen = study(llava_folder, tmp_path / "data", tmp_path / "runs", limit=len(names))
    result = swept(chosen)
    said = dict(zip((Path(item.image).name for item in result.items), texts(chosen, result), strict=True))
    assert {name for name, text in said.items() if text is None} == {"huge.png", "truncated.png"}
    with Store(tmp_path / "runs/store.sqlite") as store:
        (run,) = store.runs()
        why = " ".join(store.get(MissingItems, run.id, "base", "pope").reasons.values())
    assert "Scale it down." in why and "Fetch it again or leave it out." in why


def test_a_family_that_shares_nothing_says_so_before_the_first_question(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    sharing = "requests go one by one"
    monkeypatch.setattr(Scripted, "unshared", sharing, raising=False)
    chosen = study(tmp_path, world, tmp_path / "runs", limit=3).model_copy(
        update={"model": config.parse({"model": {"name": "scripted"}, "sweep": [{"name": "pope"}]}).model}
    )
    pipeline.run(chosen, "test", say=told.append)
    lines = [n for n, line in enumerate(told) if sharing in line]
    assert len(lines) == 1 and lines[0] < next(n for n, line in enumerate(told) if "items answered" in line)
