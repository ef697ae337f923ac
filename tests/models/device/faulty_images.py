"""A stand-in for the processing of images, light to import for a worker."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from harness.core.errors import ImageError
from harness.models._images import workers as pool
from harness.models._images.image_inputs import ImageInputs


class Faulty:
    """Makes something of an image's name: some end the process that reads them, one never comes back."""

    def __call__(self, path: Path) -> ImageInputs:
        if "killer" in path.name:
            os.kill(os.getpid(), 9)
        if "endless" in path.name:
            time.sleep(600)
        if "broken" in path.name:
            raise ImageError(path, "cannot be read.")
        return ImageInputs(path.name, (1,), {"pid": torch.tensor([os.getpid()])})


def impatient() -> Faulty:
    pool.LONGEST_S = 1
    return Faulty()


def no_start() -> Faulty:
    raise RuntimeError("nothing to import")
