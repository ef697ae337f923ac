"""Keys and values on shelves: what moves, and how often."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.core.evaluation import Decoding, Request
from harness.models._engine import kv_shelves
from harness.models._engine.kv_shelves import Place, Shelf, arranged
from harness.models._engine.shared_kv_cache import SharedMemory
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
        own = getattr(SharedMemory, name)

        def method(self: SharedMemory, *words: Any) -> Any:
            done.append(name)
            return own(self, *words)

        monkeypatch.setattr(SharedMemory, name, method)

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
