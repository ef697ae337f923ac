"""Image files -> RGB, the one way in which every part of the harness decodes them; and the words for a file that holds none.

An image is decoded as viewers show it: EXIF orientation applied, transparent pixels on white, the first frame of an
animation, 16-bit grey is scaled, CMYK converted. Servers are sent these pixels too. Formats are an allow-list:
Pillow would start Ghostscript for an EPS behind any name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from harness.core.edge.foreign import words_of
from harness.core.errors import ImageError

MAX_PIXELS = 89_478_485  # Pillow's own line between an image and a decompression bomb: 256 MiB as RGB
MAX_ASPECT = 200  # a processor that scales the shorter side would need gigabytes for a thinner strip
MAX_BYTES = 256 << 20
DECODING = "2: EXIF orientation applied, transparency on white"  # part of what an answer is remembered under

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF")  # MPO comes with JPEG
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_NEVER_WIDER = ("PNG", "PPM")  # their samples above 8 bits have 16, which Pillow opens as "I"; a dark image has none above 255
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(path: Path) -> Image.Image:
    """Read an image as 8-bit RGB, as a person would see it.

    Raises ImageError, which names the file and what to do, for a file that is missing, truncated or no image of an
    allowed format, has more than 89 million pixels (asked before any is decoded), or is a strip thinner than 1:200.
    """
    with opened(path) as image:
        image.load()  # Pillow turns a TIFF here, and takes its orientation away
        turn = orientation(image)
        seen = _rgb(path, image)
        return seen.transpose(_TURNS[turn]) if turn in _TURNS else seen


def shows_as_stored(path: Path) -> str:
    """The format of a file whose own bytes show every reader what `open_image` reads ("JPEG" or "PNG"); else ""."""
    with opened(path) as image:
        plain = image.mode in ("RGB", "L") and "transparency" not in image.info and getattr(image, "n_frames", 1) == 1
        format = str(image.format or "")
        return format if plain and orientation(image) == 1 and format in ("JPEG", "PNG") else ""


def as_seen(image: Image.Image) -> Image.Image:
    """An opened image as RGB, turned and laid on white; for small copies of images that were decoded before."""
    image.load()
    turn = orientation(image)
    seen = on_white(image)
    return seen.transpose(_TURNS[turn]) if turn in _TURNS else seen


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """An image of an allowed format, its shape checked. Raises ImageError for all that goes wrong, inside the block too."""
    path = source if isinstance(source, Path) else Path("(bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused here, and of harmless metadata
            if isinstance(source, Path):
                _check_file(source)
            with Image.open(source if isinstance(source, Path) else BytesIO(source), formats=FORMATS) as image:
                _check_shape(path, image.size)
                yield image
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(path, "does not exist. Check the image folder of the benchmark or the pairs.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(path, f"has more than {MAX_PIXELS:,} pixels. Scale it down.") from error
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise ImageError(path, f"cannot be read (not an image of {known}). Fetch it again or leave it out.") from error
    except Exception as error:  # decoders raise whatever they like: RuntimeError, struct.error, NotImplementedError
        why = words_of(error).replace(repr(str(path)), "the file")
        raise ImageError(path, f"cannot be read ({why}). Fetch it again or leave it out.") from error


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that can be read."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata does not make an image unreadable
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def on_white(image: Image.Image) -> Image.Image:
    """RGB, with what is transparent laid on white."""
    if not (image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info):
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _check_file(path: Path) -> None:
    """A pipe or a device would never end."""
    if path.exists() and not path.is_file():
        raise ImageError(path, "is not a file. Check the image folder of the benchmark or the pairs.")
    if path.stat().st_size > MAX_BYTES:
        raise ImageError(path, f"has more than {MAX_BYTES >> 20} MiB. Save it smaller.")


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
        return on_white(image)
    samples = np.asarray(image)
    low, high = float(samples.min()), float(samples.max())
    sixteen = image.mode in _SIXTEEN or (image.mode == "I" and (high > 255 or image.format in _NEVER_WIDER))
    shares = (
        image.mode == "F" and 0 < high <= 1 and not np.isin(samples, (0, 1)).all()
    )  # of white, or a mask: all would be black
    if shares or not (low >= 0 and high <= (65535 if sixteen else 255)):  # nan too
        raise ImageError(path, f"has samples from {low:g} to {high:g}, which are not grey levels. Save it as an 8-bit PNG.")
    levels = samples.astype(np.float32)  # half the memory of float64; no level lies near a half
    if sixteen:
        levels /= 257
    levels[samples == image.info.get("transparency", -1)] = 255
    return Image.fromarray(levels.round(out=levels).astype(np.uint8)).convert("RGB")
