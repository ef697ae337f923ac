"""The image processing of a checkpoint: in this process, and in workers, which build it from the checkpoint's folder alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from harness.core.errors import ConfigError
from harness.models._checkpoint.families import Family
from harness.models._checkpoint.loading import load_processor
from harness.models._images.image_inputs import ImageProcessing
from harness.models._images.image_store import ImageStore
from harness.models._images.pixel_cache import PixelCache, cache_folder, settings_of
from harness.models._images.workers import ImageWorkers, Process, workers_for


@dataclass(frozen=True)
class Recipe:
    """What a worker is sent: the checkpoint's folder and what is read off its module; cache: GiB of disk, 0 for none; folder:
    where they lie (a worker may have an older environment), None where the user has no folder for them."""

    source: str
    remote_code: bool
    family: Family
    image_token_id: int
    cache: float
    folder: Path | None = field(default_factory=cache_folder)

    def __call__(self) -> Process:
        """Called in a worker."""
        config = transformers.AutoConfig.from_pretrained(self.source, trust_remote_code=self.remote_code)
        return self.process(load_processor(self.source, config, self.remote_code))

    def process(self, processor: Any) -> Process:
        """With a processor that is loaded. Raises ConfigError for a cache of less than nothing, or nowhere."""
        plain = ImageProcessing(processor, self.family, self.image_token_id)
        if not checked_cache(self.cache):
            return plain
        if self.folder is None:
            raise ConfigError("model.pixel_cache: this user has no home folder. Set XDG_CACHE_HOME to a folder for the images.")
        settings = settings_of(plain, self.family, self.image_token_id, Path(self.source))
        return PixelCache(plain, settings, self.folder, int(self.cache * 2**30))


def checked_cache(gib: float) -> float:
    """Raises ConfigError below 0."""
    if gib < 0:
        raise ConfigError(f"model.pixel_cache is {gib}; give the GiB of disk for processed images, or 0 for none.")
    return gib


def image_store(recipe: Recipe, processor: Any, workers: int | None, device: torch.device) -> ImageStore:
    """The images of a loaded checkpoint. Raises ConfigError for numbers below 0."""
    size = workers_for(workers, device)
    return ImageStore(recipe.process(processor), ImageWorkers(recipe, size) if size else None)
