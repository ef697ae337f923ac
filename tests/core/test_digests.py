"""The bytes behind stored answers, training states and random draws: another digest would lose them, or draw anew."""

from __future__ import annotations

from hashlib import sha256

from harness.core.digests import image_seed, parts_digest, round_seed, seed_of, subsample_seed, text_digest, value_digest


def test_digests_are_of_the_same_bytes_in_every_version() -> None:
    assert text_digest("\u00e9") == sha256(b"\xc3\xa9").hexdigest()
    assert text_digest("\ud800") == sha256(b"\xed\xa0\x80").hexdigest()  # half a character, as some replies hold
    assert value_digest({"b": "\u00e9", "a": [1, None]}) == sha256(b'{"a": [1, null], "b": "\xc3\xa9"}').hexdigest()
    assert parts_digest("\u00e9", {"b": 2.5, "a": 1}) == sha256(b'["\xc3\xa9",{"a":1,"b":2.5}]').hexdigest()


def test_a_seed_is_the_first_63_bits_of_its_parts_digest() -> None:
    assert seed_of("x", 3) == int.from_bytes(sha256(b'["x",3]').digest()[:8], "big") // 2
    assert seed_of("x", 3) != seed_of("x", 4) and max(seed_of(n) for n in range(100)) < 2**63


def test_a_later_round_draws_anew_from_the_rows_of_the_first() -> None:
    second, third = round_seed(7, 2), round_seed(7, 3)
    assert round_seed(7, None) == 7 and second == seed_of(7, "round", 2) and third == seed_of(7, "round", 3)
    assert [subsample_seed(seed) for seed in (7, second, third, round_seed(second, 3))] == [7] * 4


def test_the_first_image_of_a_prompt_is_drawn_as_if_it_were_alone() -> None:
    assert [image_seed(7, place) for place in range(3)] == [7, seed_of(7, "image", 1), seed_of(7, "image", 2)]
