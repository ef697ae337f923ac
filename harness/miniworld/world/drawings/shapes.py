"""The shapes of the miniature world's drawings: shapes on a canvas of 100 x 100, y pointing down.

`sprites.py` paints them in order, crops the result and gives it a dark outline. The colour "@" stands for the object's own
colour, "@+" a lighter and "@-" a darker shade of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {  # no "orange": CHAIR reads the word as the fruit
    "red": (208, 48, 48),
    "blue": (48, 92, 208),
    "green": (48, 150, 72),
    "yellow": (240, 204, 52),
    "purple": (134, 72, 178),
    "pink": (240, 138, 176),
    "white": (243, 243, 240),
    "black": (46, 46, 54),
    "brown": (134, 86, 50),
    "gray": (146, 148, 152),
}


class Shape(NamedTuple):
    """One painted shape. `points` are x, y, x, y, ...; `size` is a corner radius or a line width; angles in degrees."""

    form: str  # box, oval, poly, line, arc
    fill: str  # a colour name, "@", "@+", "@-" or #rrggbb
    points: tuple[float, ...]
    size: float = 0.0
    angles: tuple[float, float] = (0.0, 360.0)


@dataclass(frozen=True, slots=True)
class Icon:
    """One kind. `length_px`: usual long side in a 112 px image; `place`: floor, wall, sky or top (of furniture)."""

    name: str
    category_id: int
    supercategory: str
    plural: str
    length_px: int
    place: str
    colours: tuple[str, ...]
    shapes: tuple[Shape, ...]
    holds: bool = False  # objects with place "top" may be on it
    tells_colour: bool = True  # a question about its colour has one clear answer
    synonyms: tuple[str, ...] = ()  # other words that people use in captions; CHAIR maps them to `name`


def box(fill: str, *points: float, radius: float = 0.0) -> Shape:
    return Shape("box", fill, points, radius)


def oval(fill: str, *points: float) -> Shape:
    return Shape("oval", fill, points)


def poly(fill: str, *points: float) -> Shape:
    return Shape("poly", fill, points)


def line(fill: str, width: float, *points: float) -> Shape:
    return Shape("line", fill, points, width)


def arc(fill: str, width: float, start: float, end: float, *points: float) -> Shape:
    """Part of an ellipse's rim, clockwise from 3 o'clock; `points` are the ellipse's box."""
    return Shape("arc", fill, points, width, (start, end))


def ring(fill: str, width: float, *points: float) -> Shape:
    return Shape("arc", fill, points, width)
