"""Drawings of people, vehicles, street furniture, animals and outdoor objects."""

from __future__ import annotations

from harness.miniworld.world.drawings.shapes import Icon, arc, box, line, oval, poly, ring

_PAINT = ("red", "blue", "green", "yellow", "white", "black")

PEOPLE = (
    Icon(
        "person", 1, "person", "people", 44, "floor", ("red", "blue", "green", "yellow", "purple", "white"), (
            box("#3a3f5c", 37, 58, 48, 96), box("#3a3f5c", 52, 58, 63, 96),
            box("#222222", 33, 93, 48, 99), box("#222222", 52, 93, 67, 99),
            line("#e0ac7e", 8, 31, 34, 24, 60), line("#e0ac7e", 8, 69, 34, 76, 60),
            box("@", 32, 27, 68, 62, radius=8), oval("#e8b88a", 38, 3, 62, 28),
            arc("#4a2f1b", 7, 180, 360, 39, 3, 61, 26),
        ), tells_colour=False, synonyms=("man", "woman"),
    ),
)  # fmt: skip

VEHICLES = (
    Icon(
        "bicycle", 2, "vehicle", "bicycles", 36, "floor", ("red", "blue", "green", "black"), (
            ring("#222222", 5, 3, 45, 43, 85), ring("#222222", 5, 57, 45, 97, 85),
            line("@", 5, 23, 65, 38, 38, 70, 38, 50, 66, 23, 65), line("@", 5, 38, 38, 50, 66),
            line("@", 5, 77, 65, 68, 26), line("#222222", 5, 60, 24, 76, 26),
            box("#222222", 28, 28, 46, 35, radius=3),
        ), synonyms=("bike",),
    ),
    Icon(
        "car", 3, "vehicle", "cars", 42, "floor", _PAINT, (
            poly("@", 20, 50, 32, 28, 68, 28, 82, 50), box("@", 3, 48, 97, 74, radius=8),
            poly("#bfe3f5", 27, 49, 36, 33, 49, 33, 49, 49), poly("#bfe3f5", 53, 49, 53, 33, 65, 33, 74, 49),
            oval("#1c1c1c", 14, 62, 36, 84), oval("#1c1c1c", 64, 62, 86, 84),
            oval("#bbbbbb", 20, 68, 30, 78), oval("#bbbbbb", 70, 68, 80, 78), oval("#ffe98a", 89, 54, 97, 62),
        ), synonyms=("sedan",),
    ),
    Icon(
        "motorcycle", 4, "vehicle", "motorcycles", 36, "floor", ("red", "blue", "black", "yellow"), (
            oval("#1c1c1c", 2, 52, 36, 86), oval("#1c1c1c", 64, 52, 98, 86),
            oval("#bbbbbb", 11, 61, 27, 77), oval("#bbbbbb", 73, 61, 89, 77),
            poly("#777777", 32, 70, 38, 52, 62, 52, 66, 70), oval("@", 38, 34, 70, 56),
            poly("#222222", 10, 40, 42, 40, 46, 50, 20, 50), line("#444444", 6, 80, 68, 66, 26, 56, 24),
            line("#999999", 6, 20, 74, 54, 74), oval("#ffe98a", 68, 28, 78, 40),
        ), synonyms=("motorbike",),
    ),
    Icon(
        "truck", 8, "vehicle", "trucks", 50, "floor", _PAINT, (
            box("@", 2, 20, 64, 72), box("@-", 2, 64, 64, 72), poly("@+", 66, 36, 86, 36, 98, 54, 98, 74, 66, 74),
            poly("#bfe3f5", 72, 41, 84, 41, 92, 54, 72, 54), line("@-", 2, 22, 22, 22, 63),
            line("@-", 2, 43, 22, 43, 63),
            oval("#1c1c1c", 10, 62, 32, 84), oval("#1c1c1c", 70, 62, 92, 84),
            oval("#bbbbbb", 16, 68, 26, 78), oval("#bbbbbb", 76, 68, 86, 78),
        ), synonyms=("lorry",),
    ),
    Icon(
        "boat", 9, "vehicle", "boats", 42, "sky", ("red", "blue", "white", "brown", "green"), (
            line("#6b4a2b", 4, 50, 6, 50, 72), poly("#f8f5ea", 54, 8, 54, 60, 90, 60),
            poly("#e6dfc8", 46, 18, 46, 60, 16, 60), poly("@", 4, 68, 96, 68, 80, 92, 20, 92),
            poly("@-", 16, 84, 86, 84, 80, 92, 20, 92),
        ), synonyms=("sailboat",),
    ),
)  # fmt: skip

STREET = (
    Icon(
        "traffic light", 10, "outdoor", "traffic lights", 38, "floor", ("black", "yellow"), (
            box("#555555", 46, 60, 54, 100), box("@", 34, 2, 66, 64, radius=7),
            oval("#f03c32", 42, 6, 58, 22), oval("#f5c93a", 42, 25, 58, 41), oval("#37c05a", 42, 44, 58, 60),
        ), tells_colour=False,
    ),
    Icon(
        "fire hydrant", 11, "outdoor", "fire hydrants", 24, "floor", ("red", "yellow"), (
            box("@", 24, 86, 76, 96), box("@", 33, 34, 67, 88), oval("@", 33, 16, 67, 50), box("@-", 28, 34, 72, 42),
            oval("@-", 44, 6, 56, 20), box("@-", 16, 50, 34, 66), box("@-", 66, 50, 84, 66),
            oval("@+", 40, 50, 60, 70), oval("@-", 45, 55, 55, 65),
        ), synonyms=("hydrant",),
    ),
    Icon(
        "stop sign", 13, "outdoor", "stop signs", 38, "floor", ("red",), (
            box("#888888", 46, 52, 54, 100),
            poly("white", 36, 2, 64, 2, 80, 18, 80, 46, 64, 62, 36, 62, 20, 46, 20, 18),
            poly("@", 38, 6, 62, 6, 76, 20, 76, 44, 62, 58, 38, 58, 24, 44, 24, 20),
            line("white", 3, 35, 26, 29, 26, 29, 32, 35, 32, 35, 38, 29, 38), line("white", 3, 38, 26, 46, 26),
            line("white", 3, 42, 26, 42, 39), ring("white", 3, 48, 25, 57, 39),
            line("white", 3, 62, 39, 62, 26, 69, 26, 69, 32, 62, 32),
        ), tells_colour=False,
    ),
    Icon(
        "bench", 15, "outdoor", "benches", 40, "floor", ("brown", "green", "gray"), (
            box("@", 4, 30, 96, 38), box("@", 4, 42, 96, 50), box("@-", 2, 58, 98, 68),
            line("#333333", 5, 14, 30, 14, 90), line("#333333", 5, 86, 30, 86, 90),
        ),
    ),
)  # fmt: skip

ANIMALS = (
    Icon(
        "bird", 16, "animal", "birds", 20, "sky", ("blue", "red", "black", "yellow"), (
            poly("@-", 4, 46, 30, 50, 26, 66), oval("@", 18, 34, 72, 78), oval("@", 56, 18, 86, 48),
            poly("#f5a623", 84, 30, 98, 35, 84, 41), oval("white", 70, 26, 80, 36), oval("#111111", 74, 29, 79, 34),
            poly("@-", 30, 46, 60, 46, 34, 76), line("#c97b1a", 4, 42, 76, 40, 94),
            line("#c97b1a", 4, 52, 76, 52, 94),
        ), synonyms=("pigeon",),
    ),
    Icon(
        "cat", 17, "animal", "cats", 28, "floor", ("gray", "black", "brown", "white"), (
            arc("@", 8, 270, 90, 66, 40, 96, 92), oval("@", 26, 44, 78, 98), oval("@", 24, 14, 72, 58),
            poly("@", 26, 30, 26, 2, 46, 17), poly("@", 70, 30, 70, 2, 50, 17),
            poly("#f0a0a8", 30, 20, 29, 9, 38, 16), poly("#f0a0a8", 66, 20, 67, 9, 58, 16),
            oval("#a8d84a", 33, 28, 43, 39), oval("#a8d84a", 53, 28, 63, 39), oval("#111111", 37, 29, 40, 38),
            oval("#111111", 57, 29, 60, 38), poly("#f07a8a", 45, 42, 51, 42, 48, 46),
            line("#dddddd", 1.5, 40, 46, 20, 42), line("#dddddd", 1.5, 56, 46, 76, 42), oval("@+", 36, 86, 48, 98),
            oval("@+", 52, 86, 64, 98),
        ), synonyms=("kitten",),
    ),
    Icon(
        "dog", 18, "animal", "dogs", 32, "floor", ("brown", "white", "black"), (
            line("@", 7, 10, 52, 2, 30), box("@", 8, 44, 66, 70, radius=11), box("@", 12, 60, 22, 94),
            box("@-", 25, 60, 34, 94),
            box("@", 54, 60, 64, 94), box("@-", 44, 60, 52, 94), oval("@", 54, 18, 86, 54),
            box("@+", 74, 34, 99, 50, radius=7),
            oval("#111111", 92, 33, 100, 41), oval("@-", 52, 18, 66, 52), oval("white", 72, 25, 80, 33),
            oval("#111111", 74, 27, 79, 32), line("red", 4, 56, 52, 72, 56),
        ), synonyms=("puppy",),
    ),
    Icon(
        "horse", 19, "animal", "horses", 42, "floor", ("brown", "black", "white"), (
            line("#3b2413", 7, 10, 42, 3, 72), oval("@", 6, 34, 70, 66), line("@", 7, 14, 58, 12, 97),
            line("@-", 7, 24, 60, 26, 97),
            line("@", 7, 62, 58, 62, 97), line("@-", 7, 52, 60, 50, 97), poly("@", 50, 48, 72, 8, 84, 14, 70, 58),
            poly("@", 70, 6, 98, 28, 93, 36, 70, 26), poly("#3b2413", 48, 46, 66, 6, 74, 6, 56, 50),
            poly("@", 70, 10, 73, 0, 77, 10), oval("#111111", 78, 15, 83, 20),
        ), synonyms=("pony",),
    ),
    Icon(
        "sheep", 20, "animal", "sheep", 30, "floor", ("white", "gray"), (
            box("#333333", 22, 62, 29, 92), box("#333333", 34, 62, 41, 92), box("#333333", 54, 62, 61, 92),
            box("#333333", 66, 62, 73, 92),
            oval("@", 6, 34, 36, 66), oval("@", 20, 24, 50, 58), oval("@", 42, 24, 74, 58), oval("@", 56, 34, 82, 68),
            oval("@", 16, 42, 46, 76), oval("@", 40, 44, 72, 76), oval("#3a3434", 70, 30, 94, 58),
            oval("#3a3434", 64, 34, 76, 42),
            oval("@", 72, 24, 90, 38), oval("white", 80, 38, 86, 44), oval("#111111", 82, 40, 85, 43),
        ), tells_colour=False, synonyms=("lamb",),
    ),
    Icon(
        "cow", 21, "animal", "cows", 42, "floor", ("white", "brown"), (
            line("@-", 4, 8, 40, 3, 70), box("@", 6, 34, 72, 68, radius=10), box("@", 12, 60, 21, 94),
            box("@-", 25, 60, 33, 94),
            box("@", 60, 60, 69, 94), box("@-", 48, 60, 56, 94), oval("#2b2320", 14, 36, 36, 56),
            oval("#2b2320", 44, 44, 60, 64),
            oval("#f0b0b0", 38, 64, 52, 74), poly("#e8dcc0", 70, 24, 66, 10, 76, 20),
            poly("#e8dcc0", 90, 24, 94, 10, 84, 20),
            box("@", 68, 20, 92, 52, radius=9), box("#f0b0b0", 68, 42, 94, 58, radius=7), oval("@-", 60, 24, 70, 33),
            oval("#111111", 72, 28, 77, 34), oval("#111111", 83, 28, 88, 34), oval("#7a4040", 73, 48, 77, 52),
            oval("#7a4040", 85, 48, 89, 52),
        ), tells_colour=False, synonyms=("calf",),
    ),
)  # fmt: skip

LEISURE = (
    Icon(
        "umbrella", 28, "accessory", "umbrellas", 40, "floor", ("red", "blue", "yellow", "green", "purple"), (
            line("#6b4a2b", 4, 50, 6, 50, 92), arc("#6b4a2b", 4, 0, 180, 36, 84, 52, 98),
            poly("@", 2, 50, 6, 34, 18, 18, 34, 9, 50, 6, 66, 9, 82, 18, 94, 34, 98, 50, 82, 44, 66, 50, 50, 44, 34, 50,
                 18, 44),
            poly("@+", 34, 50, 40, 24, 50, 6, 60, 24, 66, 50, 50, 44),
        ),
    ),
    Icon(
        "kite", 38, "sports", "kites", 26, "sky", ("red", "blue", "yellow", "purple", "green"), (
            poly("@", 50, 2, 80, 34, 50, 72, 20, 34), poly("@+", 50, 2, 80, 34, 50, 34),
            poly("@-", 50, 72, 20, 34, 50, 34),
            line("#555555", 2.5, 50, 72, 44, 80, 54, 88, 46, 98), poly("@", 38, 78, 44, 81, 38, 86),
            poly("@", 58, 84, 53, 88, 60, 92),
        ),
    ),
    Icon(
        "skateboard", 41, "sports", "skateboards", 28, "floor", ("black", "red", "blue", "purple"), (
            line("@", 9, 4, 42, 16, 52, 84, 52, 96, 42), box("#888888", 22, 56, 32, 62),
            box("#888888", 68, 56, 78, 62),
            oval("#f2d04a", 18, 60, 34, 76), oval("#f2d04a", 66, 60, 82, 76), oval("#555555", 23, 65, 29, 71),
            oval("#555555", 71, 65, 77, 71),
        ),
    ),
    Icon(
        "surfboard", 42, "sports", "surfboards", 42, "floor", ("blue", "red", "yellow", "white", "pink"), (
            oval("@", 36, 2, 64, 98), poly("@", 38, 40, 50, 1, 62, 40), line("white", 3, 50, 8, 50, 92),
            poly("@-", 38, 58, 62, 44, 62, 52, 38, 66), poly("@-", 44, 88, 50, 76, 56, 88),
        ),
    ),
)  # fmt: skip

ICONS = (*PEOPLE, *VEHICLES, *STREET, *ANIMALS, *LEISURE)
