"""Keys and values on shelves: what moves, and how often."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.core.evaluation import Decoding, Request
from harness.models._engine import kv_shelves
from harness.models._engine.grouping import group
from harness.models._engine.kv_shelves import Place, Shelf, arranged, merged
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models.transformers import TransformersModel


def shelf(rows: int, width: int, first: float) -> Shelf:
    """One layer; each slot of a row holds the row's number from `first` on."""
    numbers = torch.arange(first, first + rows)[:, None, None, None].expand(rows, 1, width, 2).contiguous()
    return Shelf(list(range(rows)), width, {0: (numbers, -numbers)})


def test_slots_behind_rows_that_move_to_a_wider_shelf_are_zero_and_not_what_memory_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda t, *shape: torch.full(shape, float("nan")))
    short, long = shelf(2, 3, 1.0), shelf(1, 5, 7.0)
    (made,) = arranged([Place(short, 1), Place(long, 0), Place(short, 0)], [6, 6, 6])
    keys, values = made.layers[0]
    assert keys[:, 0, :, 0].tolist() == [[2, 2, 2, 0, 0, 0], [7, 7, 7, 7, 7, 0], [1, 1, 1, 0, 0, 0]]
    assert torch.equal(values, -keys)


def test_a_row_without_keys_has_zeros_beside_one_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda t, *shape: torch.full(shape, float("nan")))
    (made,) = arranged([Place(shelf(1, 2, 3.0), 0), Place(Shelf([0], 2), 0)], [2, 2])
    assert made.layers[0][0][:, 0, :, 0].tolist() == [[3, 3], [0, 0]]


def test_rows_that_join_one_after_the_other_are_arranged_once_by_the_step_that_follows(
    llava_folder: Path, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noted(name: str) -> None:
        own = getattr(SharedPrefixKVCache, name)

        def method(self: SharedPrefixKVCache, *words: Any) -> Any:
            done.append(name)
            return own(self, *words)

        monkeypatch.setattr(SharedPrefixKVCache, name, method)

    for name in ("join", "step", "_arrange"):
        noted(name)
    model = TransformersModel(str(llava_folder), device="cpu")
    copies = [Path(shutil.copy(images[0], tmp_path / f"{n}.png")) for n in range(34)]  # 32 are read at once
    requests = [Request(image, f"Is there a dog {n}?", Decoding(2)) for image in copies for n in range(2)]
    assert sum(len(part) for part in model.generate(requests)) == 68
    assert done == ["join", "join", "step", "_arrange"]


def test_rows_are_read_to_where_their_next_tokens_fit_and_are_not_copied(
    llava_folder: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []
    monkeypatch.setattr(kv_shelves, "_copy", lambda whole, held, own, at: copied.append(len(own)))
    model = TransformersModel(str(llava_folder), device="cpu")
    requests = [Request(image, f"Is it{' a' * n}?", Decoding(2)) for image in images for n in range(17)]
    assert sum(len(part) for part in model.generate(requests)) == len(requests) and not copied


def numbers(shelf: Shelf) -> list[float]:
    """What the first slot of each row holds."""
    keys, values = shelf.of_layer(0, (torch.empty(1, 1, 1, 2),) * 2)
    assert torch.equal(values, -keys)
    return keys[:, 0, 0, 0].tolist()


def test_the_last_rows_take_the_places_of_those_that_leave() -> None:
    own = shelf(7, 4, 10.0)
    own.keep({row: n for n, row in enumerate([0, 2, 3, 5, 6])})
    assert numbers(own) == [10, 15, 12, 13, 16]
    assert own.rows == [0, 3, 1, 2, 4]  # the numbers of these rows now
    assert (own.spare, own.slots) == (2, 7 * 4)


def test_places_of_rows_that_left_are_given_back_when_they_are_half_of_all() -> None:
    own = shelf(6, 4, 10.0)
    own.keep({0: 0, 2: 1, 4: 2, 5: 3})
    assert own.slots == 6 * 4 and len(own.layers[0][0]) == 6
    own.keep({0: 0, 2: 1, 3: 2})
    assert sorted(numbers(own)) == [10, 14, 15]  # 2 and 3 are the numbers of what were rows 4 and 5
    assert own.slots == 3 * 4 and len(own.layers[0][0]) == 3


def test_rows_that_join_one_by_one_are_copied_a_few_times_and_stay_on_few_shelves(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    real = kv_shelves._copy
    monkeypatch.setattr(kv_shelves, "_copy", lambda whole, held, own, at: (copied.append(len(own)), real(whole, held, own, at)))
    shelves: list[Shelf] = []
    for row in range(128):
        new = shelf(1, 1024, float(row))
        new.rows = [row]
        shelves = merged([*shelves, new], 1024)
        assert len(shelves) <= 8
    assert sorted(row for s in shelves for row in s.rows) == list(range(128))
    assert all(numbers(s) == s.rows for s in shelves)
    assert sum(copied) <= 128 * 7  # all on one shelf: 128 * 129 / 2


def test_small_shelves_of_one_width_become_one() -> None:
    first, second = shelf(12, 16, 0.0), shelf(1, 16, 12.0)
    second.rows = [12]
    (made,) = merged([first, second], 16)
    assert numbers(made) == made.rows == list(range(13))


def test_a_layer_is_not_held_twice_while_the_next_ones_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    old = shelf(3, 4, 0.0)
    old.layers |= {1: shelf(3, 4, 0.0).layers[0]}
    held: list[list[int]] = []
    room = Shelf.room

    def seen(self: Shelf, like: Any) -> Any:
        held.append(list(old.layers))
        return room(self, like)

    monkeypatch.setattr(Shelf, "room", seen)
    (made,) = merged([old], 6)
    assert held == [[0, 1], [1]] and old.layers == {} and list(made.layers) == [0, 1]


def test_an_only_question_is_read_in_one_pass_and_shares_nothing(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    rows = [model.prompts.row(0, Request(images[0], "Is it red?", Decoding(2)))]
    assert [g.shared for g in group(rows, model.prompts.image_token_id)] == [0]
    two = [*rows, model.prompts.row(1, Request(images[0], "Is it blue?", Decoding(2)))]
    (both,) = group(two, model.prompts.image_token_id)
    assert both.shared > model.prompts.row(0, rows[0].request).ids.count(model.prompts.image_token_id)
