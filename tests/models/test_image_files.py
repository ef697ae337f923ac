"""Whatever an image file holds becomes 8-bit RGB, or one sentence that names the file and says what to do."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import ImageError
from harness.core.evaluation import Decoding, Request
from harness.models._checkpoint.image_files import open_image
from harness.models.transformers import TransformersModel


def pixels(path: Path) -> np.ndarray:
    return np.asarray(open_image(path))


def png_that_claims(path: Path, width: int, height: int) -> Path:
    """A few bytes that promise any number of pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_sixteen_bit_grey_is_scaled_and_not_cut_to_white(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / name)
    assert pixels(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_wide_samples_that_are_no_grey_levels_are_told(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-5.0, 3e6]], dtype=np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(ImageError, match=r"depth\.tif has samples from -5 to 3e\+06, .* Save it as an 8-bit PNG"):
        open_image(tmp_path / "depth.tif")


def test_cmyk_becomes_the_colour_it_prints(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    assert pixels(tmp_path / "red.tif")[4, 4].tolist() == [255, 0, 0]


def test_an_animated_image_is_its_first_frame(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    for name in ("moving.gif", "moving.webp", "moving.png"):
        red.save(tmp_path / name, save_all=True, append_images=[blue], lossless=True)
        assert pixels(tmp_path / name)[4, 4].tolist() == pytest.approx([255, 0, 0], abs=2), name


def test_a_truncated_image_and_one_that_is_none_are_one_sentence_each(tmp_path: Path, images: list[Path]) -> None:
    (tmp_path / "half.png").write_bytes(images[3].read_bytes()[:2000])
    (tmp_path / "text.jpg").write_text("<html>404</html>")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("half.png", "text.jpg", "empty.jpg"):
        with pytest.raises(ImageError) as caught:
            open_image(tmp_path / name)
        assert str(caught.value).startswith(f"The image {tmp_path / name} cannot be read (")
        assert str(caught.value).endswith("). Fetch it again or leave it out.")
        assert caught.value.path == tmp_path / name
    with pytest.raises(ImageError, match="does not exist. Check the image folder"):
        open_image(tmp_path / "nowhere.png")


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000)])
def test_an_image_of_20_000_by_20_000_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=r"more than 89,478,485 pixels\. Scale it down"):
        open_image(png_that_claims(tmp_path / "huge.png", *size))


def test_a_strip_is_refused_since_scaling_its_short_side_would_take_gigabytes(tmp_path: Path) -> None:
    Image.new("RGB", (1, 201)).save(tmp_path / "strip.png")
    with pytest.raises(ImageError, match="is a strip of 1 x 201"):
        open_image(tmp_path / "strip.png")


@pytest.mark.parametrize("family", ["llava_folder", "llava_next_folder"])
def test_images_of_one_or_three_pixels_are_answered_like_any_other(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    asked = []
    for size in ((1, 1), (3, 3), (1, 3), (3, 1), (40, 1), (1, 40), (3, 40)):
        path = tmp_path / f"{size[0]}x{size[1]}.png"
        Image.new("RGB", size, (200, 30, 30)).save(path)
        asked.append(Request(path, "What is it?", Decoding(max_new_tokens=3)))
    model = TransformersModel(str(request.getfixturevalue(family)), device="cpu")
    answers = [answer for batch in model.generate(asked) for _, answer in batch]
    assert len(answers) == len(asked)
