"""Where orange is a colour and where it is the fruit."""

from __future__ import annotations

import re

import pytest

from benchmarks._text.colours import joins_a_colour


@pytest.mark.parametrize(
    ("text", "is_colour"),
    [
        ("an orange and white cat", True),
        ("an orange, white cat", True),
        ("a red, orange, yellow kite", True),
        ("orange and green vegetables", True),
        ("an apple, an orange, red grapes", False),
        ("an apple, orange, red grapes", False),
        ("an orange, green apples and a knife", False),
        ("an orange, a red apple", False),
    ],
)
def test_orange_before_a_colour_is_one_unless_it_is_an_item_of_a_list(text: str, is_colour: bool) -> None:
    tokens = re.findall(r"\w+|,", text)
    assert joins_a_colour(tokens, tokens.index("orange")) is is_colour
