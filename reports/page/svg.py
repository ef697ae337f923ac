"""Small SVG plots drawn by hand: axes, lines, points with intervals, bars.

Not matplotlib: a figure here takes its colours from the page's style sheet (light, dark, print), its text stays text,
and the same values give the same bytes. Every figure of the report needs no more than this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """About `n` round numbers from low to high."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """The range of the values with some air; never empty."""
    low, high = min(values), max(values)
    air = (high - low) * share or abs(high) * share or 1.0
    return low - air, high + air


def tick_text(value: float) -> str:
    """3e-05 -> '3e-5', 0.5 -> '0.5', 1200 -> '1,200'."""
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits.removesuffix('.0')}e{int(power)}".replace("-", "\u2212")
    return f"{value:,.6g}".replace("-", "\u2212")


@dataclass
class Plot:
    """A drawing in the making; `svg()` is its text. Data coordinates go in, y points up."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 320
    height: int = 200
    left: int = 44
    right: int = 12
    top: int = 12
    bottom: int = 34
    parts: list[Markup] = field(default_factory=list)

    def px(self, x: float) -> float:
        span = self.width - self.left - self.right
        return round(self.left + (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1) * span, 1)

    def py(self, y: float) -> float:
        span = self.height - self.top - self.bottom
        return round(self.height - self.bottom - (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1) * span, 1)

    def add(self, template: str, **values: object) -> None:
        self.parts.append(Markup(template).format(**values))

    def axes(self, x_label: str = "", y_label: str = "", x_ticks: int = 4, y_ticks: int = 4) -> None:
        """Light grid, tick numbers, labels; no frame."""
        bottom, right = self.height - self.bottom, self.width - self.right
        for v in ticks(*self.y, y_ticks):
            self.add('<path class="grid" d="M{a} {b}H{c}"/>', a=self.left, b=self.py(v), c=right)
            self.text(self.left - 6, self.py(v) + 3.5, tick_text(v), "tick end")
        for v in ticks(*self.x, x_ticks):
            self.text(self.px(v), bottom + 15, tick_text(v), "tick middle")
        self.add('<path class="axis" d="M{a} {b}H{c}"/>', a=self.left, b=bottom, c=right)
        if x_label:
            self.text((self.left + right) / 2, self.height - 3, x_label, "label middle")
        if y_label:
            self.text(0, 9, y_label, "label")

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        self.add('<text x="{x}" y="{y}" class="{s}">{w}</text>', x=round(x, 1), y=round(y, 1), s=style, w=words)

    def line(self, xs: Sequence[float], ys: Sequence[float], style: str) -> None:
        points = [f"{self.px(x)} {self.py(y)}" for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
        if points:
            self.add('<path class="line {s}" d="M{d}"/>', s=style, d="L".join(points))

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], style: str) -> None:
        there = [f"{self.px(x)} {self.py(y)}" for x, y in zip(xs, highs, strict=True)]
        back = [f"{self.px(x)} {self.py(y)}" for x, y in zip(reversed(xs), reversed(lows), strict=True)]
        if there:
            self.add('<path class="band {s}" d="M{d}Z"/>', s=style, d="L".join(there + back))

    def segment(self, x0: float, y0: float, x1: float, y1: float, style: str) -> None:
        a, b, c, d = self.px(x0), self.py(y0), self.px(x1), self.py(y1)
        self.add('<path class="{s}" d="M{a} {b}L{c} {d}"/>', s=style, a=a, b=b, c=c, d=d)

    def bar(self, x0: float, x1: float, y: float, style: str) -> None:
        left, top = self.px(x0), self.py(y)
        height = round(self.py(self.y[0]) - top, 1)
        self.add('<rect class="{s}" x="{x}" y="{y}" width="{w}" height="{h}"/>',
                 s=style, x=left, y=top, w=round(self.px(x1) - left, 1), h=height)  # fmt: skip

    def point(self, x: float, y: float, index: int, size: float = 5) -> None:
        """A mark whose shape and colour both tell the column."""
        self.parts.append(mark(self.px(x), self.py(y), index, size))

    def put_aside(self, first: int, pixels: float) -> None:
        """Move all parts from the `first` on to the right; to the left where `pixels` is negative."""
        moved = Markup("").join(self.parts[first:])
        self.parts[first:] = [Markup('<g transform="translate({} 0)">{}</g>').format(pixels, moved)] if pixels else [moved]

    def svg(self, title: str, style: str = "plot") -> Markup:
        """The finished figure; `title` is read by screen readers."""
        size = Markup('viewBox="0 0 {} {}" width="{}" height="{}"').format(self.width, self.height, self.width, self.height)
        opened = Markup('<svg class="{}" {} role="img" aria-label="{}">').format(style, size, title)
        return opened + Markup("").join(self.parts) + Markup("</svg>")


def mark(x: float, y: float, index: int, size: float = 5) -> Markup:
    """The mark of column `index` at pixel (x, y)."""
    s = size
    shape = SHAPES[(index + index // len(SHAPES)) % len(SHAPES)]  # shape and colour together come round after 36
    outlines = {
        "square": f"M{x - s} {y - s}h{2 * s}v{2 * s}h{-2 * s}Z",
        "triangle": f"M{x} {y - 1.2 * s}L{x + 1.2 * s} {y + s}H{x - 1.2 * s}Z",
        "diamond": f"M{x} {y - 1.4 * s}L{x + 1.4 * s} {y}L{x} {y + 1.4 * s}L{x - 1.4 * s} {y}Z",
        "cross": f"M{x - s} {y - s}L{x + s} {y + s}M{x - s} {y + s}L{x + s} {y - s}",
    }
    style = escape(f"mark c{index % 6} {shape}")
    if shape in outlines:
        return Markup('<path class="{}" d="{}"/>').format(style, outlines[shape])
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(style, x, y, s)
