"""Whatever an image file holds becomes 8-bit RGB, or one sentence that names the file and says what to do."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.edge.images import open_image
from harness.core.errors import ImageError
from harness.core.evaluation import Decoding, Request
from harness.models._server.chat_format import data_url
from harness.models.transformers import TransformersModel

Turn = Image.Transpose
UNDO: dict[int, tuple[Turn, ...]] = {  # orientation -> how the camera stored what is to be seen upright
    1: (),
    2: (Turn.FLIP_LEFT_RIGHT,),
    3: (Turn.ROTATE_180,),
    4: (Turn.FLIP_TOP_BOTTOM,),
    5: (Turn.TRANSPOSE,),
    6: (Turn.ROTATE_90,),
    7: (Turn.TRANSVERSE,),
    8: (Turn.ROTATE_270,),
}


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


@pytest.mark.parametrize("header", [b"P5 4 1 65535\n", b"P2 4 1 65535\n"])
def test_a_dark_image_of_sixteen_bits_stays_dark(tmp_path: Path, header: bytes) -> None:
    """0, 60, 128 and 129 of 65,535 are levels 0, 0, 0 and 1 of 255 (0.23, 0.498 and 0.502 before rounding)."""
    levels = (0, 60, 128, 129)
    body = struct.pack(">4H", *levels) if header.startswith(b"P5") else " ".join(map(str, levels)).encode()
    (tmp_path / "dark.pgm").write_bytes(header + body)
    assert pixels(tmp_path / "dark.pgm")[0, :, 0].tolist() == [0, 0, 0, 1]


def test_wide_samples_that_are_no_grey_levels_are_told(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-5.0, 3e6]], dtype=np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(ImageError, match=r"depth\.tif has samples from -5 to 3e\+06, .* Save it as an 8-bit PNG"):
        open_image(tmp_path / "depth.tif")


def test_samples_from_0_to_1_are_no_black_image(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0.5, dtype=np.float32)).save(tmp_path / "share.tif")
    with pytest.raises(ImageError, match=r"share\.tif has samples from 0.5 to 0.5, .* Save it as an 8-bit PNG"):
        open_image(tmp_path / "share.tif")


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp", "turned.tif", "turned.avif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_format_and_orientation_is_seen_as_it_is_shown(name: str, turn: int, tmp_path: Path) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = 255  # white in the corner at the top left, as it is to be seen
    stored = Image.fromarray(upright)
    for undo in UNDO[turn]:
        stored = stored.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = turn
    stored.save(tmp_path / name, exif=exif, quality=100)
    seen = pixels(tmp_path / name)
    assert seen.shape == upright.shape and np.abs(seen.astype(int) - upright).mean() < 3


def test_grey_that_sixteen_bits_call_transparent_is_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    rows = b"".join(b"\0" + struct.pack(">4H", 500, 500, 0, 65535) for _ in range(2))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 16, 0, 0, 0, 0)), (b"tRNS", struct.pack(">H", 500))]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert pixels(path)[0, :, 0].tolist() == [255, 255, 0, 255]


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


def quarters(path: Path, orientation: int | None = None, **options: object) -> Path:
    """Red, green / blue, white, 16 pixels wide, lossless; turned by its EXIF orientation if one is given."""
    levels = np.zeros((16, 16, 3), dtype=np.uint8)
    levels[:8, :8], levels[:8, 8:], levels[8:, :8], levels[8:, 8:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(levels).save(path, exif=exif, **options)
    return path


# where the four quarters (red R, green G, blue B, white W) are seen, row by row
SEEN = {1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB", 99: "RGBW"}


@pytest.mark.parametrize(("turn", "seen"), SEEN.items())
def test_an_image_is_turned_as_its_exif_says(tmp_path: Path, turn: int, seen: str) -> None:
    shown = pixels(quarters(tmp_path / "a.png", turn))
    names = {(255, 0, 0): "R", (0, 255, 0): "G", (0, 0, 255): "B", (255, 255, 255): "W"}
    assert "".join(names[tuple(shown[y, x].tolist())] for y in (4, 12) for x in (4, 12)) == seen


def test_a_wide_image_that_is_turned_is_high(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 10)).save(tmp_path / "a.jpg", exif=exif)
    assert open_image(tmp_path / "a.jpg").size == (10, 30)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_on_white(tmp_path: Path, mode: str) -> None:
    black = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    black.putpixel((0, 0), (0, 0, 0, 255))
    black.convert(mode).save(tmp_path / "a.png")
    path = next(tmp_path.iterdir())
    assert pixels(path)[0, 0].tolist() == [0, 0, 0] and pixels(path)[2, 2].tolist() == [255, 255, 255]


def test_a_colour_or_a_palette_entry_that_is_transparent_is_white_too(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (10, 20, 30)).save(tmp_path / "rgb.png", transparency=(10, 20, 30))
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([value for n in range(256) for value in (n, n, 40)])
    palette.save(tmp_path / "p.png", transparency=3)
    Image.new("L", (4, 4), 7).save(tmp_path / "l.png", transparency=7)
    for path in sorted(tmp_path.iterdir()):
        assert pixels(path)[1, 1].tolist() == [255, 255, 255], path.name


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "clear.png", "palette.png", "plain.png", "plain.jpg"])
def test_a_server_is_sent_the_pixels_that_a_local_model_sees(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("turned"):
        quarters(path, 6, quality=95) if name.endswith("jpg") else quarters(path, 6)
    elif name == "clear.png":
        Image.new("RGBA", (8, 8), (255, 0, 0, 90)).save(path)
    elif name == "palette.png":
        Image.new("P", (8, 8), 3).save(path, transparency=3)
    else:
        quarters(path)
    with Image.open(BytesIO(base64.b64decode(data_url(path).partition(",")[2]))) as sent:
        assert sent.mode == "RGB" and sent.getexif().get(0x0112, 1) == 1
        assert (np.asarray(sent) == pixels(path)).all()


def test_postscript_behind_the_name_of_an_image_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("Ghostscript was started"))
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(ImageError, match="cannot be read"):
        open_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("content", [
    b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf" + b"\x00" * 64,
    b"DDS " + struct.pack("<I", 124) + b"\xff" * 120,
    b"RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00" + b"\xff" * 24,
    b"II*\x00\x08\x00\x00\x00\xff\xff" + b"\x01" * 200,
    b"P5 99999 1 65535\n",
], ids=["avif", "dds", "webp", "tiff", "ppm"])  # fmt: skip
def test_whatever_a_decoder_raises_is_an_image_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="cannot be read|is a strip"):
        open_image(tmp_path / "a.jpg")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="is not a file"):
        open_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a" * 5000 + ".jpg", "a\0b.jpg"])
def test_a_name_that_no_file_can_have_is_an_image_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError):
        open_image(tmp_path / name)
