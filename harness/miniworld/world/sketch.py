"""The miniature world for a look at it: a file is written, an image drawn, when it is asked for.

Drawing all 2,500 images takes most of half a minute; a dry run reads a few files and shows a few images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from harness.miniworld.question_files.choice_files import Made
from harness.miniworld.world.coco_files import Box, Label, labels_of
from harness.miniworld.world.contents import PARTS, draw, files_of, plan, second_set
from harness.miniworld.world.scenes import Scene, WorldSettings
from harness.storage.data_folder import DataFolder

_ONLY_ON_DEMAND = ("coco/annotations/instances_train2014.json", "coco/annotations/captions_train2014.json")


class SketchedWorld(DataFolder):
    """The world's data folder over an empty one. All is as in the whole world, except the boxes and areas of its labels,
    which are those of the plan: how much of an object can be seen is only known of drawn images."""

    def __init__(self, folder: Path, settings: WorldSettings | None = None) -> None:
        super().__init__(folder)
        self._settings = settings or WorldSettings()
        scenes = plan(self._settings)
        labels = {part: [label for scene in scenes[part] for label in self._labels(scene)] for part in PARTS}
        self._val, self._files = scenes["val"], files_of(scenes, labels, self._settings)

    def _labels(self, scene: Scene) -> list[Label]:
        boxes = [_planned(thing.box) for thing in scene.things]
        return labels_of(scene, boxes, [width * height for _, _, width, height in boxes], self._settings)

    def has(self, name: str) -> bool:
        """Whether a file is there. Benchmarks about val read the annotations of train too where they are there: half a second
        for labels of images that nobody asks about, so these are made for those alone who cannot do without."""
        if name in _ONLY_ON_DEMAND:
            return False
        return self._text(name) is not None or self._scene(name) is not None or super().has(name)

    @cached_property
    def _more(self) -> Made:
        return second_set(self._val, self._settings)

    def _scene(self, name: str) -> Scene | None:
        """What an image shows."""
        return self._files.images.get(name) or self._more.copied.get(name) or self._more.painted.get(name)

    def _text(self, name: str) -> Callable[[], str] | None:
        if name in self._files.texts or name in self._files.images:
            return self._files.texts.get(name)  # the second set is made where it is asked for alone
        return partial(str, self._more.texts[name]) if name in self._more.texts else None

    def where_files_belong(self) -> str:
        return "the miniature world, which has its own files alone. Correct its name, or give a data folder (`data=FOLDER`)."

    def path(self, name: str) -> Path:
        """Path of a file, which is made now. Raises DataError where the world has no such file."""
        if not (self.folder / name).is_file():
            self._make(name, self.folder / name)
        return super().path(name)

    def _make(self, name: str, place: Path) -> None:
        if (text := self._text(name)) is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text(), encoding="utf-8", newline="\n")
        elif (scene := self._scene(name)) is not None:
            draw(scene, place, self._settings)


def _planned(box: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = map(round, box)
    return left, top, right - left, bottom - top
