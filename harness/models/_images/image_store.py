"""The images of a checkpoint, processed: the last few stay in memory, the next few are made ahead where there are workers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from harness.models._images.image_inputs import ImageInputs
from harness.models._images.workers import ImageWorkers, Process


class ImageStore:
    """Path -> `ImageInputs`, a bounded memory.

    Args:
        process: makes them in this process.
        workers: make them ahead; None for no such processes.
        keep: images that stay in memory.
    """

    def __init__(self, process: Process, workers: ImageWorkers | None = None, keep: int = 64) -> None:
        self._process, self._workers, self._keep = process, workers, keep
        self._kept: OrderedDict[Path, ImageInputs] = OrderedDict()

    def __deepcopy__(self, memo: object) -> ImageStore:
        """Copies of a model see the same images."""
        return self

    def of(self, path: Path) -> ImageInputs:
        """Raises ImageError for an image that cannot be read, or that ends the process which reads it."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        made = (self._workers.take(path) if self._workers is not None else None) or self._process(path)
        self._kept[path] = made
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return made

    def forget(self, keep: int) -> None:
        """Drop all but the last few."""
        while len(self._kept) > keep:
            self._kept.popitem(last=False)

    def expect(self, paths: Iterable[Path | None]) -> None:
        """These images are asked for next, in this order; it replaces what was expected before."""
        if self._workers is not None:
            self._workers.expect(p for p in dict.fromkeys(paths) if p is not None and p not in self._kept)
