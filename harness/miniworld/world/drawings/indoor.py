"""Drawings of furniture, appliances, electronics, dishes, food and small household objects."""

from __future__ import annotations

from harness.miniworld.world.drawings.shapes import Icon, arc, box, line, oval, poly, ring

_GLAZE = ("red", "blue", "green", "white", "purple", "yellow")

DISHES = (
    Icon(
        "bottle", 44, "kitchen", "bottles", 24, "top", ("green", "blue", "brown", "purple"), (
            box("#d8d8d8", 42, 1, 58, 12), box("@", 43, 10, 57, 36), oval("@", 32, 26, 68, 56),
            box("@", 32, 40, 68, 98, radius=6),
            box("#f6f0dc", 33, 54, 67, 80), line("@+", 4, 38, 44, 38, 52),
        ),
    ),
    Icon(
        "cup", 47, "kitchen", "cups", 18, "top", _GLAZE, (
            ring("@-", 8, 60, 34, 94, 72), poly("@", 12, 18, 72, 18, 66, 90, 18, 90), oval("@+", 12, 10, 72, 28),
            oval("#5a3420", 18, 14, 66, 25),
            line("@+", 5, 24, 38, 26, 76),
        ),
    ),
    Icon(
        "bowl", 51, "kitchen", "bowls", 24, "top", _GLAZE, (
            box("@-", 34, 82, 66, 94, radius=4),
            poly("@", 3, 40, 97, 40, 92, 62, 80, 78, 66, 88, 34, 88, 20, 78, 8, 62),
            oval("@+", 3, 27, 97, 53), oval("@-", 10, 31, 90, 49), line("@+", 4, 16, 60, 26, 74),
        ),
    ),
)  # fmt: skip

FOOD = (
    Icon(
        "banana", 52, "food", "bananas", 22, "top", ("yellow",), (
            poly("@", 10, 22, 18, 18, 26, 44, 46, 62, 74, 66, 92, 58, 97, 66, 80, 82, 52, 86, 26, 74, 12, 50),
            line("@-", 3, 18, 30, 26, 56, 46, 72, 74, 76, 90, 66), box("#6b4a1b", 9, 12, 18, 24),
            box("#4a3413", 90, 56, 98, 67),
        ), tells_colour=False,
    ),
    Icon(
        "apple", 53, "food", "apples", 17, "top", ("red", "green"), (
            oval("@", 8, 26, 58, 92), oval("@", 42, 26, 92, 92), oval("@+", 18, 38, 32, 56),
            line("#5a3a1a", 6, 50, 34, 54, 8),
            poly("#3fa34d", 54, 20, 70, 6, 86, 10, 74, 22),
        ),
    ),
    Icon(
        "pizza", 59, "food", "pizzas", 28, "top", ("yellow",), (
            poly("#f2c84b", 50, 98, 6, 20, 94, 20), line("#b5732e", 14, 8, 18, 30, 10, 70, 10, 92, 18),
            oval("#c2331f", 34, 28, 52, 46),
            oval("#c2331f", 60, 26, 76, 42), oval("#c2331f", 42, 56, 58, 72), oval("#4c8c3a", 54, 46, 62, 54),
            oval("#4c8c3a", 24, 26, 32, 33),
        ), tells_colour=False,
    ),
)  # fmt: skip

FURNITURE = (
    Icon(
        "chair", 62, "furniture", "chairs", 34, "floor", ("brown", "red", "blue", "green", "white"), (
            box("@", 22, 4, 32, 96), box("@", 22, 6, 36, 54), box("@+", 32, 10, 74, 20), box("@+", 32, 28, 74, 38),
            box("@", 66, 4, 76, 54),
            poly("@-", 18, 52, 78, 52, 86, 64, 14, 64), box("@", 16, 62, 24, 98), box("@", 76, 62, 84, 98),
            box("@-", 64, 62, 70, 90),
        ), synonyms=("seat",),
    ),
    Icon(
        "couch", 63, "furniture", "couches", 56, "floor", ("red", "blue", "green", "brown", "gray"), (
            box("#3b2a1a", 12, 80, 20, 92), box("#3b2a1a", 80, 80, 88, 92), box("@", 10, 26, 90, 66, radius=9),
            line("@-", 2.5, 50, 30, 50, 60),
            box("@+", 14, 54, 50, 72, radius=5), box("@+", 50, 54, 86, 72, radius=5),
            box("@-", 8, 68, 92, 84, radius=3),
            box("@", 1, 44, 17, 84, radius=7), box("@", 83, 44, 99, 84, radius=7),
        ), holds=True, synonyms=("sofa",),
    ),
    Icon(
        "potted plant", 64, "furniture", "potted plants", 32, "floor", ("brown", "red", "white", "blue"), (
            oval("#2e8b46", 8, 22, 50, 46), oval("#2e8b46", 50, 18, 94, 44), oval("#3fa457", 34, 2, 66, 52),
            oval("#257a3b", 18, 36, 52, 60),
            oval("#3fa457", 48, 36, 84, 60), line("#257a3b", 4, 50, 20, 50, 66),
            poly("@", 26, 60, 74, 60, 66, 98, 34, 98), box("@-", 23, 58, 77, 68),
        ), tells_colour=False, synonyms=("houseplant",),
    ),
    Icon(
        "bed", 65, "furniture", "beds", 60, "floor", ("blue", "red", "green", "purple", "pink"), (
            box("#7a5230", 2, 18, 10, 92, radius=3), box("#7a5230", 90, 42, 98, 92, radius=3),
            box("#8b6038", 4, 66, 96, 82),
            box("white", 10, 52, 92, 68, radius=4), box("#f4f4fa", 12, 40, 36, 56, radius=6),
            box("@", 36, 46, 94, 74, radius=6), box("@+", 36, 46, 48, 74, radius=4),
        ), holds=True,
    ),
    Icon(
        "dining table", 67, "furniture", "dining tables", 58, "floor", ("brown", "white", "gray"), (
            poly("@+", 12, 34, 88, 34, 98, 48, 2, 48), box("@", 2, 47, 98, 55), box("@-", 6, 54, 13, 94),
            box("@-", 87, 54, 94, 94),
            box("@-", 22, 54, 27, 82), box("@-", 73, 54, 78, 82),
        ), holds=True, synonyms=("table",),
    ),
)  # fmt: skip

ELECTRONICS = (
    Icon(
        "tv", 72, "electronic", "tvs", 38, "wall", ("black",), (
            box("#333333", 32, 80, 68, 87), box("#333333", 46, 72, 54, 82), box("@", 2, 14, 98, 76, radius=4),
            box("#5fa8d8", 7, 19, 93, 70),
            poly("#8fd0a0", 7, 70, 36, 44, 58, 60, 72, 50, 93, 66, 93, 70), oval("#f8e27a", 68, 24, 82, 38),
        ), tells_colour=False, synonyms=("monitor",),
    ),
    Icon(
        "laptop", 73, "electronic", "laptops", 30, "top", ("gray", "black", "white"), (
            box("@", 18, 18, 82, 64, radius=4), box("#3f6fb5", 23, 23, 77, 59), box("#dfe9f7", 29, 29, 56, 34),
            box("#dfe9f7", 29, 39, 48, 43),
            poly("@+", 14, 66, 86, 66, 98, 84, 2, 84), poly("#444444", 20, 69, 80, 69, 85, 77, 15, 77),
            box("@-", 2, 83, 98, 88, radius=2),
        ), tells_colour=False, synonyms=("computer",),
    ),
    Icon(
        "remote", 75, "electronic", "remotes", 17, "top", ("black",), (
            box("@", 34, 2, 66, 98, radius=9), oval("red", 44, 8, 56, 20), oval("#cccccc", 40, 28, 48, 36),
            oval("#cccccc", 52, 28, 60, 36),
            oval("#cccccc", 40, 42, 48, 50), oval("#cccccc", 52, 42, 60, 50), oval("#8fb4ff", 41, 60, 59, 78),
        ), tells_colour=False,
    ),
    Icon(
        "keyboard", 76, "electronic", "keyboards", 28, "top", ("gray", "black", "white"), (
            box("@", 1, 32, 99, 72, radius=5), *(box("#f7f7f7", 6 + 11 * i, 38, 14 + 11 * i, 46) for i in range(8)),
            *(box("#f7f7f7", 10 + 11 * i, 49, 18 + 11 * i, 57) for i in range(7)), box("#f7f7f7", 26, 60, 74, 67),
        ), tells_colour=False,
    ),
    Icon(
        "cell phone", 77, "electronic", "cell phones", 18, "top", ("black", "white", "pink"), (
            box("@", 28, 2, 72, 98, radius=8), box("#57b7e8", 33, 12, 67, 84), oval("#dddddd", 46, 87, 54, 95),
            box("#f5d35a", 38, 20, 46, 28),
            box("#e5625a", 54, 20, 62, 28), box("#6fcf70", 38, 36, 46, 44), box("white", 54, 36, 62, 44),
        ), tells_colour=False, synonyms=("phone",),
    ),
)  # fmt: skip

APPLIANCES = (
    Icon(
        "oven", 79, "appliance", "ovens", 42, "floor", ("gray", "white", "black"), (
            box("@", 10, 6, 90, 98, radius=3), box("@-", 10, 6, 90, 14), oval("#222222", 18, 18, 28, 28),
            oval("#222222", 34, 18, 44, 28),
            oval("#222222", 56, 18, 66, 28), oval("#222222", 72, 18, 82, 28),
            box("#2a1d18", 20, 44, 80, 82, radius=4), box("#e8822e", 26, 70, 74, 77),
            box("#cfcfcf", 20, 36, 80, 41),
        ), tells_colour=False, synonyms=("stove",),
    ),
    Icon(
        "refrigerator", 82, "appliance", "refrigerators", 54, "floor", ("white", "gray", "blue", "red"), (
            box("@", 26, 2, 74, 98, radius=4), line("#555555", 2.5, 26, 36, 74, 36),
            box("#666666", 31, 20, 36, 33), box("#666666", 31, 40, 36, 60),
            line("@-", 3, 71, 6, 71, 94), box("#333333", 30, 97, 38, 100), box("#333333", 62, 97, 70, 100),
        ), synonyms=("fridge",),
    ),
)  # fmt: skip

SMALL = (
    Icon(
        "book", 84, "indoor", "books", 22, "top", ("red", "blue", "green", "purple"), (
            poly("@", 2, 24, 50, 32, 98, 24, 98, 82, 50, 90, 2, 82), poly("#fbf6e6", 7, 18, 50, 28, 50, 84, 7, 75),
            poly("#f1ead2", 93, 18, 50, 28, 50, 84, 93, 75),
            line("#999999", 2.5, 14, 34, 43, 40), line("#999999", 2.5, 14, 46, 43, 52),
            line("#999999", 2.5, 14, 58, 43, 64),
            line("#999999", 2.5, 57, 40, 86, 34), line("#999999", 2.5, 57, 52, 86, 46),
            line("#999999", 2.5, 57, 64, 86, 58),
        ), tells_colour=False,
    ),
    Icon(
        "clock", 85, "indoor", "clocks", 24, "wall", ("brown", "black", "red", "green"), (
            oval("@", 3, 3, 97, 97), oval("#fdfcf4", 12, 12, 88, 88), line("#111111", 6, 50, 50, 50, 24),
            line("#111111", 6, 50, 50, 69, 60),
            box("#333333", 48, 14, 52, 22), box("#333333", 48, 78, 52, 86), box("#333333", 14, 48, 22, 52),
            box("#333333", 78, 48, 86, 52),
        ),
    ),
    Icon(
        "vase", 86, "indoor", "vases", 27, "top", ("blue", "purple", "white", "red", "pink"), (
            line("#2e8b46", 4, 50, 48, 34, 16), line("#2e8b46", 4, 50, 48, 50, 10),
            line("#2e8b46", 4, 50, 48, 68, 18), oval("#f25c7a", 24, 6, 42, 24),
            oval("#f6d64a", 41, 0, 59, 18), oval("#f25c7a", 60, 8, 78, 26),
            poly("@", 40, 44, 60, 44, 58, 54, 42, 54), oval("@", 28, 50, 72, 92),
            box("@", 36, 86, 64, 98), box("@-", 36, 42, 64, 48), line("@+", 4, 36, 62, 36, 78),
        ), tells_colour=False,
    ),
    Icon(
        "teddy bear", 88, "indoor", "teddy bears", 30, "floor", ("brown", "pink", "white"), (
            oval("@", 20, 4, 42, 26), oval("@", 58, 4, 80, 26), oval("@+", 25, 9, 37, 21),
            oval("@+", 63, 9, 75, 21), oval("@", 22, 46, 78, 94),
            oval("@", 6, 48, 32, 72), oval("@", 68, 48, 94, 72), oval("@", 14, 76, 42, 100),
            oval("@", 58, 76, 86, 100), oval("@+", 34, 56, 66, 88),
            oval("@", 24, 8, 76, 56), oval("@+", 36, 32, 64, 54), oval("#111111", 36, 24, 43, 31),
            oval("#111111", 57, 24, 64, 31),
            oval("#111111", 45, 34, 55, 42), arc("#111111", 2.5, 20, 160, 42, 36, 58, 48),
            oval("@+", 20, 84, 34, 97), oval("@+", 66, 84, 80, 97),
        ),
    ),
)  # fmt: skip

ICONS = (*DISHES, *FOOD, *FURNITURE, *ELECTRONICS, *APPLIANCES, *SMALL)
