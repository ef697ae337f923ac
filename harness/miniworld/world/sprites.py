"""Icons as small images: the shapes of a drawing painted with Pillow, cropped and outlined."""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np
from PIL import Image, ImageDraw

from harness.miniworld.world.drawings.shapes import COLOURS, RGB, Icon, Shape

_CANVAS = 256  # side of the sheet an icon is drawn on; its coordinates run 0..100
_OUTLINE = 3  # pixels of an icon's outline
_SPRITE = 96  # longest side kept; the largest object in an image is smaller


def aspect(icon: Icon) -> float:
    """Width over height of an icon's drawing."""
    sprite = draw_icon(icon, icon.colours[0])
    return sprite.width / sprite.height


@lru_cache(maxsize=512)
def draw_icon(icon: Icon, colour: str) -> Image.Image:
    """An icon in one of its colours, cropped and outlined: RGBA, longest side 96 px."""
    sheet = Image.new("RGBA", (_CANVAS + 16, _CANVAS + 16))
    brush = ImageDraw.Draw(sheet)
    for shape in icon.shapes:
        _draw_shape(brush, shape, COLOURS[colour])
    outline = Image.new("RGBA", sheet.size, (30, 26, 30, 255))
    outline.putalpha(_widened(sheet.getchannel("A")))
    outline.alpha_composite(sheet)
    cropped = outline.crop(outline.getbbox())
    scale = _SPRITE / max(cropped.size)
    return cropped.resize((round(cropped.width * scale), round(cropped.height * scale)), Image.Resampling.LANCZOS)


def _widened(alpha: Image.Image) -> Image.Image:
    """Every pixel the largest of the 7 x 7 around it, as Pillow's MaxFilter(7), which takes 30 times as long."""
    pixels = np.asarray(alpha)
    for _ in range(2):  # rows, then columns
        padded = np.pad(pixels, ((_OUTLINE, _OUTLINE), (0, 0)))
        pixels = reduce(np.maximum, (padded[i : i + len(pixels)] for i in range(2 * _OUTLINE + 1))).T
    return Image.fromarray(pixels)


def _draw_shape(brush: ImageDraw.ImageDraw, shape: Shape, own: RGB) -> None:
    scale = _CANVAS / 100
    points = [value * scale + 8 for value in shape.points]
    fill = _shade(shape.fill, own)
    width = max(1, round(shape.size * scale))
    if shape.form == "box":
        brush.rounded_rectangle(points, shape.size * scale, fill)
    elif shape.form == "oval":
        brush.ellipse(points, fill)
    elif shape.form == "poly":
        brush.polygon(points, fill)
    elif shape.form == "arc":
        brush.arc(points, *shape.angles, fill=fill, width=width)
    else:
        brush.line(points, fill, width, joint="curve")


def _shade(fill: str, own: RGB) -> RGB:
    """An RGB for a fill: own colour, own lighter or darker, a named colour or #rrggbb."""
    if fill.startswith("#"):
        return int(fill[1:3], 16), int(fill[3:5], 16), int(fill[5:7], 16)
    if not fill.startswith("@"):
        return COLOURS[fill]
    if fill == "@":
        return own
    other, share = ((255, 255, 255), 0.4) if fill == "@+" else ((0, 0, 0), 0.28)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(own, other, strict=True))
    return red, green, blue
