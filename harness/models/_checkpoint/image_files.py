"""Image files -> RGB, whatever the file holds; and the words for a file that holds none."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from harness.core.errors import ImageError

MAX_PIXELS = 89_478_485  # Pillow's own line between an image and a decompression bomb: 256 MiB as RGB
MAX_ASPECT = 200  # a processor that scales the shorter side would need gigabytes for a thinner strip

_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")


def open_image(path: Path) -> Image.Image:
    """Read an image as 8-bit RGB: the first frame of an animated one, 16-bit grey scaled, CMYK converted.

    Raises ImageError, which names the file and what to do, for a file that is missing, truncated or no image, has
    more than 89 million pixels (asked before any is decoded), or is a strip thinner than 1:200.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused here, and of harmless metadata
            with Image.open(path) as image:
                _check_shape(path, image.size)
                return _rgb(path, image)
    except FileNotFoundError as error:
        raise ImageError(path, "does not exist. Check the image folder of the benchmark or the pairs.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(path, f"has more than {MAX_PIXELS:,} pixels. Scale it down.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        # The path stands in Pillow's own words too; once is enough.
        why = str(error).replace(repr(str(path)), "the file") or type(error).__name__
        raise ImageError(path, f"cannot be read ({why}). Fetch it again or leave it out.") from error


def _check_shape(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(path, f"is {width:,} x {height:,}, more than {MAX_PIXELS:,} pixels. Scale it down.")
    if max(size) > MAX_ASPECT * min(size):
        raise ImageError(
            path, f"is a strip of {width:,} x {height:,}; at most 1:{MAX_ASPECT} is read. Crop it or leave it out."
        )


def _rgb(path: Path, image: Image.Image) -> Image.Image:
    """Pillow cuts samples wider than 8 bits at 255, which turns 16-bit images white; these are scaled instead."""
    if image.mode not in (*_SIXTEEN, "I", "F"):
        return image.convert("RGB")
    samples = np.asarray(image)
    low, high = float(samples.min()), float(samples.max())
    sixteen = image.mode in _SIXTEEN or (image.mode == "I" and high > 255)
    if not (low >= 0 and high <= (65535 if sixteen else 255)):  # nan too
        raise ImageError(path, f"has samples from {low:g} to {high:g}, which are no grey levels. Save it as an 8-bit PNG.")
    levels = samples / 257 if sixteen else samples
    return Image.fromarray(levels.round().astype(np.uint8)).convert("RGB")
