"""Reading rows end to end: what the last layer leaves out, and where keys and values are kept."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from harness.models._engine import packed_reading
from harness.models._engine.kv_shelves import Shelf, capacity, reserved
from harness.models._engine.packed_reading import PackedRows
from harness.models._engine.shared_prefix import SharedPrefixes

LENGTHS, OWNER = [20, 3, 300, 5, 20], [0, 0, 1, 2, 1]  # of the groups, the third has no common beginning
HEADS, SIZE = 4, 8


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def before() -> SharedPrefixes:
    layer = drawn(2, 2, 7, SIZE), drawn(1, 2, 7, 2 * SIZE).view(2, 2, 7, SIZE)
    return SharedPrefixes([7, 5, 0], OWNER, [Shelf([0, 1], 7, {0: layer})])


def attended(wanted: list[int], prefixes: SharedPrefixes | None) -> Tensor:
    """Attention of the last layer, (N, heads, d)."""
    rows = PackedRows(LENGTHS, reserved([capacity(n) for n in LENGTHS]), wanted, prefixes, OWNER, torch.device("cpu"))
    layer, n = SimpleNamespace(layer_idx=0, is_last_of_segments=True), sum(LENGTHS)
    out: Tensor = rows(layer, drawn(1, HEADS, n, SIZE), drawn(1, 2, n, SIZE), drawn(2, 1, n, SIZE).view(1, 2, n, SIZE), 0.3)[0]
    return out


@pytest.mark.parametrize("prefixes", [None, before()], ids=["no beginning", "common beginnings"])
def test_the_last_layer_attends_for_the_tokens_that_are_read_and_they_see_what_they_saw(
    prefixes: SharedPrefixes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = attended([2, 1, 1, 1, 1], prefixes)  # two states of a row are read: all tokens attend
    queries, own = list[int](), packed_reading.attend

    def noted(query: Tensor, *rest: Tensor, **more: bool) -> object:
        queries.append(query.shape[0] * query.shape[2])
        return own(query, *rest, **more)

    monkeypatch.setattr(packed_reading, "attend", noted)
    ends = attended([1] * 5, prefixes)
    at = torch.tensor(LENGTHS).cumsum(0) - 1
    torch.testing.assert_close(ends[at], whole[at], rtol=1e-5, atol=1e-6)
    assert sum(queries) == 5 and ends.abs().sum((1, 2)).nonzero()[:, 0].tolist() == at.tolist()


def test_where_no_state_is_read_the_last_layer_keeps_keys_and_values_alone() -> None:
    held = reserved([capacity(n) for n in LENGTHS])
    rows = PackedRows(LENGTHS, held, [0] * 5, None, (), torch.device("cpu"))
    key, n = drawn(1, 2, sum(LENGTHS), SIZE), sum(LENGTHS)
    out = rows(SimpleNamespace(layer_idx=3, is_last_of_segments=True), drawn(1, HEADS, n, SIZE), key, 2 * key, 0.3)
    assert not out.any()
    kept, values = held[3].shelf.layers[3]
    assert torch.equal(kept[held[3].at, :, :5], key[0, :, 323:328])
    assert torch.equal(values[held[3].at, :, :5], 2 * key[0, :, 323:328])


def test_slots_behind_what_was_read_are_zero_and_not_what_memory_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda t, *shape: torch.full(shape, float("nan")))
    held = reserved([16, 32, 16])
    assert [(place.shelf.width, place.at) for place in held] == [(16, 0), (32, 0), (16, 1)]
    key = drawn(2, 2, 5, SIZE)
    keys, values = held[0].shelf.write(0, slice(0, 2), key, key)
    assert torch.equal(keys, key) and torch.equal(values, key)
    assert not held[0].shelf.layers[0][0][:, :, 5:].any()
