"""How many steps a training has, and how large each is, at the edges."""

from __future__ import annotations

from typing import Any

import pytest

from alignment.settings import learning_rate_factor, make_settings
from alignment.training.loop import Loop
from alignment.weights.trainable import prepare
from tests.alignment.tiny import TinyPolicy


@pytest.mark.parametrize(("epochs", "pairs", "steps"), [
    (0.01, 10, 1), (0.5, 10, 1), (1.5, 10, 2), (2.5, 10, 3), (0.25, 100, 3), (3, 17, 6), (1.1, 100, 11), (0.7, 100, 7),
])  # fmt: skip
def test_parts_of_a_step_are_rounded_up(epochs: float, pairs: int, steps: int) -> None:
    settings = make_settings({"epochs": epochs, "batch_size": 10})
    assert settings.steps(pairs) == steps and settings.steps(pairs, repeats=2) == 2 * steps


def test_max_steps_ends_earlier() -> None:
    assert make_settings({"epochs": 2.5, "batch_size": 10, "max_steps": 2}).steps(10) == 2


@pytest.mark.parametrize(("ratio", "rates"), [(0.03, [0.5]), (0, [1.0])])
def test_a_single_step_is_one_of_warm_up_where_there_is_any(ratio: float, rates: list[float]) -> None:
    assert [learning_rate_factor(step, 1, "cosine", ratio) for step in range(1)] == rates


def batches(n: int, **options: int) -> list[list[int]]:
    """The prompts of the steps of three epochs, of so many prompts."""
    loop: Any = object.__new__(Loop)  # Any: what decides the order alone
    loop.supply, loop.settings, loop._orders = range(n), make_settings({"batch_size": 4, **options}), {}
    return [loop._indices(step) for step in range(3 * -(-n // 4))]


def test_each_epoch_has_every_prompt_once_in_an_order_of_its_own() -> None:
    found = batches(10)
    assert [len(batch) for batch in found] == [4, 4, 2] * 3
    epochs = [[i for batch in found[start : start + 3] for i in batch] for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 3 and epochs[0] != list(range(10))
    assert batches(10) == found != batches(10, seed=1)


def test_vectors_have_no_weight_decay_and_the_projector_has_a_rate_of_its_own(policy: TinyPolicy) -> None:
    """As transformers groups them, biases and norms being vectors."""
    settings = make_settings({"weight_decay": 0.1, "learning_rate": 1e-3, "projector_learning_rate": 1e-4})
    trained = prepare(policy.module, settings)
    groups = {id(weight): group for group in trained.groups(settings) for weight in group["params"]}
    assert groups.keys() == {id(weight) for weight in trained.weights.values()}
    for name, weight in trained.weights.items():
        projects = "multi_modal_projector" in name or "image_newline" in name
        found = groups[id(weight)]
        assert (found["weight_decay"], found["lr"]) == (0.1 * (weight.ndim > 1), 1e-4 if projects else 1e-3), name
