"""Mutated values, texts and bytes, drawn from a generator: what the fuzz campaign changes its inputs with."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: list[Any] = [None, True, 0, -1, 7, 1e308, -1.5, 10**18, "", "x", "No", "../../x", "a" * 5000, "\ud800", "a\u2028b",
                  "\x1b[2J", [], [[]], ["a", 3], {}, {"a": [1]}, "{{ 1 }}", "<image>", "1/2", "=1+1"]  # fmt: skip
WORDS = ["Rating: ", "5", "0,8", "1/2", "3-4", "\n", "8 9", "[", "]", "{", "}", '"', "score", ":", "yes", "No",
         "**", "1e999", "9" * 4400,
         "<think>", "</think>", "()", "[" * 3000, "\u2028", "\x00", "of 10", "-1", "NaN", "I cannot", "["]  # fmt: skip


def mutated(value: Any, draw: random.Random, share: float = 0.15) -> Any:
    """A JSON value with some parts replaced, dropped or repeated."""
    if draw.random() < share / 3:
        return draw.choice(ODD)
    if isinstance(value, dict):
        made = {key: mutated(one, draw, share) for key, one in value.items() if draw.random() > share / 4}
        return {**made, draw.choice(["x", "id", "name"]): draw.choice(ODD)} if draw.random() < share / 2 else made
    if isinstance(value, list):
        made_list = [mutated(one, draw, share) for one in value if draw.random() > share / 4]
        return made_list + made_list[:1] if draw.random() < share / 2 else made_list
    return value


def text_of(value: Any, draw: random.Random) -> bytes:
    """JSON text of a value, sometimes as lines, sometimes with bytes changed, cut or nested without end."""
    lines = isinstance(value, list) and draw.random() < 0.3
    raw = "\n".join(map(json.dumps, value)).encode() if lines else json.dumps(value).encode()
    return damaged(raw, draw) if draw.random() < 0.3 else raw


def damaged(raw: bytes, draw: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(draw.randrange(1, 12)):
        place = draw.randrange(len(data) + 1)
        what = draw.randrange(5)
        if what == 0:
            del data[place:]
        elif what == 1:
            data[place:place] = draw.randbytes(draw.randrange(1, 9))
        elif what == 2 and place < len(data):
            data[place] ^= 1 << draw.randrange(8)
        elif what == 3:
            data[place:place] = draw.choice([b"[" * 5000, b"\xff\xfe", b"9" * 5000, b"\x00", b"\r\n", b"\xe2\x80\xa8", b'"'])
        else:
            data[place:place] = data[place : place + 40]
    return bytes(data)
