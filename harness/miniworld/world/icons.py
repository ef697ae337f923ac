"""The object classes of the miniature world: 42 of COCO's 80 categories, each a small drawing.

Names, category ids and supercategories are COCO's own (cocodataset.org, instances_val2014.json). "bus" and "wine glass" are
left out on purpose: CHAIR's singulariser does not know their singular.
"""

from __future__ import annotations

from functools import cache

from harness.miniworld.world.drawings import indoor, outdoor
from harness.miniworld.world.drawings.shapes import Icon


@cache
def all_icons() -> dict[str, Icon]:
    """Every kind by name, in the order of COCO's category ids."""
    icons = sorted((*outdoor.ICONS, *indoor.ICONS), key=lambda icon: icon.category_id)
    return {icon.name: icon for icon in icons}


def with_article(name: str) -> str:
    """ "a dog", "an oven": the article POPE's question file uses (an before a, e, i, o, u)."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
