"""Writes the miniature world to a data folder, laid out as the real data are.

coco/annotations/{instances,captions}_{train,val}2014.json   coco/{train,val}2014/COCO_*.jpg
pope/coco_pope_{random,popular,adversarial}.json             mmhal/mmhal_bench.json
llava_bench/{questions,context,answers_gpt4}.jsonl           nouns.txt
amber/, gqa/, mmvet/, textvqa/       question files and the images they ask about; object_halbench/ uses coco/
hallusionbench/, mme/, mmstar/, mmvp/, naturalbench/, dash_b/, beaf/, over_refusal/       the same; hallucinogen/ uses coco/
instruct/llava_instruct.json         what the tiny model was trained on, faults included
instruct/preference_prompts.json     prompts with clean chosen answers, for alignment
proofs/faults.json                   which val labels are wrong; no part of the harness may read it
world.json                           settings and digest; its presence says that the world is whole
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.core.edge.processes import cores, nothing_to_repeat
from harness.core.errors import DataError
from harness.core.files import write_text_whole
from harness.miniworld.world.coco_files import Label, image_path, labels_of
from harness.miniworld.world.contents import PARTS, draw, files_of, plan, second_set
from harness.miniworld.world.scenes import Scene, WorldSettings, plan_scene

WORLD_VERSION = 2  # raise it whenever the same settings would write other bytes
_WITHOUT_SECOND_SET = 1  # a world of this version lacks the files of `choice_files` and `yes_no_files` alone
MARKER = "world.json"
_MANY, _AT_ONCE, _MOST_JOBS = 400, 50, 8  # images from which on processes pay; those a process gets at a time; processes


def write_world(folder: Path, settings: WorldSettings | None = None) -> None:
    """Write the world into `folder`, which must be absent, empty, or hold this very world (then nothing is done).

    The world is written beside the folder and renamed when whole, so a killed write leaves no half world.
    Raises DataError where the folder holds something else.
    """
    settings = settings or WorldSettings()
    folder = Path(folder)
    if _is_there(folder, settings):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / "world"
        whole.mkdir()
        _fill(whole, settings)
        _take_place(whole, folder, settings)


def _take_place(whole: Path, folder: Path, settings: WorldSettings) -> None:
    """Rename; another process that wrote the same world in the meantime wins without harm."""
    try:
        os.replace(whole, folder)  # replaces an absent or an empty folder only
    except OSError:
        if not _is_there(folder, settings):
            raise


def _is_there(folder: Path, settings: WorldSettings) -> bool:
    """Whether this world is already in the folder; DataError if something else is."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if _as_now(found.get("settings")) == _settings_row(settings):
        if found.get("version") == _WITHOUT_SECOND_SET:
            _add_second_set(folder, [plan_scene(settings, "val", index) for index in range(settings.val_images)], settings)
            _write_marker(folder, settings)
            return True
        if found.get("version") == WORLD_VERSION:
            return True
    what = "another miniature world" if found else "other files"
    raise DataError(f"{folder} holds {what}; remove the folder or choose another one for the miniature world.")


def _as_now(stored: Any) -> Any:  # Any: a JSON value
    """Stored settings by the current names: version 0.1 wrote `train_pictures` for `train_images`, and so on."""
    return {name.replace("pictures", "images"): value for name, value in stored.items()} if isinstance(stored, dict) else None


def _settings_row(settings: WorldSettings) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return row


def _fill(folder: Path, settings: WorldSettings) -> None:
    scenes = plan(settings)
    painted = {part: _paint_all(folder, scenes[part], settings) for part in PARTS}
    files = files_of(scenes, painted, settings)
    for name, text in files.texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text(), encoding="utf-8", newline="\n")
    _copy(folder, files.images)
    _add_second_set(folder, scenes["val"], settings)
    _write_marker(folder, settings)


def _copy(folder: Path, images: Mapping[str, Scene]) -> None:
    """Drawn images under other names too."""
    for name, scene in images.items():
        if name != image_path(scene):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / image_path(scene), folder / name)


def _add_second_set(folder: Path, val: Sequence[Scene], settings: WorldSettings) -> None:
    """The files of the benchmarks that came with version 2 of the world; what is there is left alone."""
    made = second_set(val, settings)
    for name, text in made.texts.items():
        write_text_whole(folder / name, text)
    _copy(folder, made.copied)
    for name, scene in made.painted.items():
        draw(scene, folder / name, settings)


def _write_marker(folder: Path, settings: WorldSettings) -> None:
    (folder / MARKER).unlink(missing_ok=True)
    marker = {"version": WORLD_VERSION, "settings": _settings_row(settings), "digest": _digest(folder)}
    write_text_whole(folder / MARKER, json.dumps(marker, indent=1) + "\n")


def _paint_all(folder: Path, scenes: Sequence[Scene], settings: WorldSettings) -> list[Label]:
    """Draw and save the images of one part, many of them on all cores; returns all their true labels."""
    if (jobs := min(cores(), _MOST_JOBS)) == 1 or len(scenes) < _MANY:
        return _paint(folder, settings, scenes)
    parts = [scenes[start : start + _AT_ONCE] for start in range(0, len(scenes), _AT_ONCE)]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            with nothing_to_repeat():  # here the processes are started
                found = [pool.submit(_paint, folder, settings, part) for part in parts]
            return [label for part in found for label in part.result()]
        except BaseException:
            # `map` would cancel them here, which the pool's thread cannot bear where its processes were ended with this one:
            # the exit then waits for a pipe that nobody reads (Python 3.11).
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _paint(folder: Path, settings: WorldSettings, scenes: Sequence[Scene]) -> list[Label]:
    labels: list[Label] = []
    for scene in scenes:
        painted = draw(scene, folder / image_path(scene), settings)
        labels += labels_of(scene, painted.boxes, painted.areas, settings)
    return labels


def _digest(folder: Path) -> str:
    """sha256 over names and contents of all files, in order of name."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
