"""What the miniature world holds, name by name; nothing is drawn or written out before it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.edge.foreign import system_errors
from harness.miniworld.question_files.choice_files import Made, choice_files
from harness.miniworld.question_files.yes_no_files import yes_no_files
from harness.miniworld.world.benchmark_files import json_text, llava_files, mmhal_rows, nouns_text, pope_files
from harness.miniworld.world.coco_files import Label, captions_file, file_name, image_path, instances_file, put_faults
from harness.miniworld.world.instruction_files import preference_caption, preference_yes_no, row, training_turns
from harness.miniworld.world.more_benchmark_files import question_files
from harness.miniworld.world.painter import JPEG_OPTIONS, PaintedScene, paint
from harness.miniworld.world.scenes import Scene, WorldSettings, plan_scene

PARTS = ("train", "val")
Scenes = Mapping[str, Sequence[Scene]]  # by part


@dataclass(frozen=True, slots=True)
class Files:
    """`texts`: name in the data folder -> its text; `images`: name -> the scene that it shows."""

    texts: Mapping[str, Callable[[], str]]
    images: Mapping[str, Scene]


def plan(settings: WorldSettings) -> dict[str, list[Scene]]:
    """The scenes of both parts."""
    numbers = {"train": settings.train_images, "val": settings.val_images}
    return {part: [plan_scene(settings, part, index) for index in range(numbers[part])] for part in PARTS}


def draw(scene: Scene, path: Path, settings: WorldSettings) -> PaintedScene:
    """Draw a scene into a file."""
    painted = paint(scene, settings.noise)
    path.parent.mkdir(parents=True, exist_ok=True)
    with system_errors(path):
        painted.image().save(path, "JPEG", **JPEG_OPTIONS)
    return painted


def files_of(scenes: Scenes, labels: Mapping[str, Sequence[Label]], settings: WorldSettings) -> Files:
    """Every file of the world but its marker and the second set; `labels` are the true ones of each part."""
    train, val = scenes["train"], scenes["val"]
    val_labels, faults = put_faults(labels["val"], settings)
    names = {scene.image_id: image_path(scene) for scene in val}
    questions, shown = question_files(val, settings)
    made: dict[str, Callable[[], str]] = {
        "coco/annotations/instances_train2014.json": lambda: json_text(instances_file(train, labels["train"])),
        "coco/annotations/instances_val2014.json": lambda: json_text(instances_file(val, val_labels)),
        "coco/annotations/captions_train2014.json": lambda: json_text(captions_file(train, settings)),
        "coco/annotations/captions_val2014.json": lambda: json_text(captions_file(val, settings)),
        "mmhal/mmhal_bench.json": lambda: json_text(mmhal_rows(val, names, settings)),
        "instruct/llava_instruct.json": lambda: json_text(_training_rows(train, settings)),
        "instruct/preference_prompts.json": lambda: json_text(_preference_rows(train, settings)),
        "nouns.txt": nouns_text,
        "proofs/faults.json": lambda: json_text({"faults": faults}),
    }
    pope = pope_files(_pope_images(val, val_labels), settings.seed)
    made |= {name: partial(str, text) for name, text in {**pope, **llava_files(val, names, settings), **questions}.items()}
    return Files(made, {image_path(scene): scene for part in PARTS for scene in scenes[part]} | shown)


def second_set(val: Sequence[Scene], settings: WorldSettings) -> Made:
    """The files of the benchmarks that came with version 2 of the world."""
    made = choice_files(val, settings.seed)
    made.add(yes_no_files(val, settings.seed))
    return made


def _pope_images(scenes: Sequence[Scene], labels: Sequence[Label]) -> list[tuple[str, list[str]]]:
    """(file name, distinct labelled objects in list order) of every image."""
    objects: dict[int, list[str]] = {scene.image_id: [] for scene in scenes}
    for label in labels:
        if label.kind not in objects[label.image_id]:
            objects[label.image_id].append(label.kind)
    return [(file_name(scene), objects[scene.image_id]) for scene in scenes]


def _training_rows(scenes: Sequence[Scene], settings: WorldSettings) -> list[dict[str, Any]]:
    return [row(str(scene.image_id), image_path(scene), training_turns(scene, settings)) for scene in scenes]


def _preference_rows(scenes: Sequence[Scene], settings: WorldSettings) -> list[dict[str, Any]]:
    """Captions about the first images, yes/no about the last ones."""
    captions = [(s, "caption", preference_caption(s, settings)) for s in scenes[: settings.preference_captions]]
    asked = scenes[-settings.preference_yes_no :] if settings.preference_yes_no else []
    questions = [(s, "yes-no", preference_yes_no(s, settings)) for s in asked]
    return [row(f"{s.image_id}-{kind}", image_path(s), [turn]) for s, kind, turn in captions + questions]
