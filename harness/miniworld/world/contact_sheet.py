"""One image that shows the world: python -m harness.miniworld.world.contact_sheet docs/miniworld.png."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.painter import paint
from harness.miniworld.world.scenes import PLACES, SIZE_PX, Scene, WorldSettings, plan_scene
from harness.miniworld.world.sprites import draw_icon

_CELL = 100
_COLUMNS = 11
_ZOOM = 2


def contact_sheet(settings: WorldSettings) -> Image.Image:
    """All icons with their names, above one image of each place."""
    icons = list(all_icons().values())
    rows = -(-len(icons) // _COLUMNS)
    side = SIZE_PX * _ZOOM
    per_row = _COLUMNS * _CELL // side
    height = rows * _CELL + -(-len(PLACES) // per_row) * side
    sheet = Image.new("RGB", (_COLUMNS * _CELL, height), (214, 219, 214))
    brush = ImageDraw.Draw(sheet)
    for number, icon in enumerate(icons):
        x, y = number % _COLUMNS * _CELL, number // _COLUMNS * _CELL
        sprite = draw_icon(icon, icon.colours[0])
        sprite = sprite.resize((sprite.width * 3 // 4, sprite.height * 3 // 4), Image.Resampling.LANCZOS)
        sheet.paste(sprite, (x + (_CELL - sprite.width) // 2, y + 4 + (72 - sprite.height) // 2), sprite)
        brush.text((x + _CELL // 2, y + 88), icon.name, fill=(20, 20, 20), anchor="mm")
    for number, scene in enumerate(_one_of_each_place(settings)):
        tile = paint(scene, settings.noise).image().resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(tile, (number % per_row * side + 28, rows * _CELL + number // per_row * side))
    return sheet


def _one_of_each_place(settings: WorldSettings) -> list[Scene]:
    first: dict[str, Scene] = {}
    index = 0
    while len(first) < len(PLACES):
        scene = plan_scene(settings, "val", index)
        if len(scene.things) >= 5:
            first.setdefault(scene.place.name, scene)
        index += 1
    return list(first.values())


if __name__ == "__main__":
    contact_sheet(WorldSettings()).quantize(96).save(Path(sys.argv[1]), optimize=True)
