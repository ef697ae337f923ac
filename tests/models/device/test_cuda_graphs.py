"""Recorded decode steps: the answers of steps that are not, for rows that come and go. A stand-in records on a CPU."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from tiny_models import far_apart
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from harness.core.evaluation import Answer, Decoding, Request
from harness.models._device import cuda_graphs
from harness.models._device.adapted_linear import AdaptedLinear
from harness.models._device.cuda_graphs import CudaGraphSteps, padded_batch_size
from harness.models.transformers import TransformersModel
from tests.models.test_adapters import adapt

QUESTIONS = ("Is there a car in the image?", "Please describe this image in detail.", "Why?")


class Tape(TorchDispatchMode):
    """As a CUDA graph: it knows operations and places in memory, and writes into the same places when it is replayed."""

    replayed = 0

    def __init__(self) -> None:
        super().__init__()
        self._made: list[tuple[Any, Any, Any, Any]] = []
        self._records = False

    def capture_begin(self, pool: Any, capture_error_mode: str) -> None:
        self._records = True
        self.__enter__()

    def capture_end(self) -> None:
        if not self._records:
            raise RuntimeError("nothing is recorded")
        self._records = False
        self.__exit__(None, None, None)

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = operation(*args, **(kwargs or {}))
        self._made.append((operation, args, kwargs or {}, out))
        return out

    def replay(self) -> None:
        Tape.replayed += 1
        for operation, args, kwargs, out in self._made:
            again = iter(_tensors(operation(*args, **kwargs)))
            for place in _tensors(out):
                place.copy_(next(again))


def _tensors(value: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    tree_map_only(torch.Tensor, found.append, value)
    return found


@pytest.fixture
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(cuda_graphs, "DEVICES", ("cpu",))
    monkeypatch.setattr(cuda_graphs, "_new_graph", Tape)
    monkeypatch.setattr(cuda_graphs, "_new_pool", lambda: (0, 0))
    monkeypatch.setattr(cuda_graphs, "_aside", nullcontext)
    monkeypatch.setattr(cuda_graphs, "_AFTER", 3)
    monkeypatch.setattr(Tape, "replayed", 0)
    yield monkeypatch


def loaded(folder: Path) -> TransformersModel:
    """With logits that are far apart, so that rounding in other shapes moves no answer."""
    model = TransformersModel(str(folder), device="cpu", threads=1)
    far_apart(model.module)
    return model


def asked(images: list[Path]) -> list[Request]:
    """Rows that end at different times, 3 to 20 in work."""
    texts = [(image, text) for image in images for text in QUESTIONS] + [(None, "Hello?")]
    return [Request(p, text, Decoding(6 + 9 * (n % 4), min_new_tokens=6)) for n, (p, text) in enumerate(texts)]


def answers(model: TransformersModel, requests: list[Request]) -> list[tuple[int, ...]]:
    found: dict[int, Answer] = {i: a for part in model.generate(requests) for i, a in part}
    return [found[i].token_ids for i in range(len(requests))]


@pytest.fixture(scope="module", params=["llava", "qwen2_vl"])  # the second has three positions a token
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_families.save(request.param, tmp_path_factory.mktemp("family"))


def test_recorded_steps_give_the_answers_of_steps_that_are_not(folder: Path, images: list[Path], on_this_machine: Any) -> None:
    requests = asked(images)
    on_this_machine.setattr(cuda_graphs, "DEVICES", ())
    plain = answers(loaded(folder), requests)
    on_this_machine.setattr(cuda_graphs, "DEVICES", ("cpu",))
    model = loaded(folder)
    assert answers(model, requests) == plain
    assert len(model._steps.sizes) >= 2 and Tape.replayed > 20, "nothing was recorded"
    Tape.replayed = 0
    assert answers(model, requests[::-1]) == plain[::-1], "a second call of the same sizes"
    assert Tape.replayed > 40


def test_the_numbers_of_rows_are_filled_up_to_a_few_sizes() -> None:
    wanted = {1: 8, 8: 8, 9: 16, 25: 32, 33: 48, 49: 64, 65: 96, 97: 128, 129: 192, 200: 256, 256: 256}
    assert {rows: padded_batch_size(rows) for rows in wanted} == wanted
    assert len({padded_batch_size(rows) for rows in range(1, 257)}) == 10


def test_a_step_has_the_same_numbers_whether_it_is_recorded_or_not(
    folder: Path, images: list[Path], on_this_machine: Any
) -> None:
    """Else a run that was killed and goes on, and sees a size for the first time again, would end in other last bits."""
    requests, seen = asked(images), dict[str, list[torch.Tensor]]()
    real = CudaGraphSteps.step
    for name, after in (("never", 10_000), ("soon", 3)):
        on_this_machine.setattr(cuda_graphs, "_AFTER", after)
        kept = seen.setdefault(name, [])

        def step(self: CudaGraphSteps, *given: Any, kept: list[torch.Tensor] = kept) -> torch.Tensor:
            logits = real(self, *given)
            kept.append(logits.clone())
            return logits

        on_this_machine.setattr(CudaGraphSteps, "step", step)
        answers(loaded(folder), requests)
    assert len(seen["never"]) == len(seen["soon"]) > 20
    assert all(torch.equal(one, other) for one, other in zip(seen["never"], seen["soon"], strict=True))


def test_weights_that_change_in_place_are_seen_and_others_are_recorded_anew(
    llava_folder: Path, images: list[Path], on_this_machine: Any
) -> None:
    model, requests = loaded(llava_folder), asked(images)
    before = answers(model, requests)
    replayed, Tape.replayed = Tape.replayed, 0
    with torch.no_grad():
        model.head().weight.neg_()
    assert answers(model, requests) != before and Tape.replayed > replayed, "all steps are recorded by now"
    head = model.head()
    head.weight = torch.nn.Parameter(head.weight.detach().clone().neg_())
    assert answers(model, requests) == before


def test_what_cannot_be_recorded_is_computed_step_by_step_and_said_once(
    llava_folder: Path, images: list[Path], on_this_machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Refuses(Tape):
        def capture_end(self) -> None:
            super().capture_end()
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nCompile with ..")

    on_this_machine.setattr(cuda_graphs, "_new_graph", Refuses)
    model, requests = loaded(llava_folder), asked(images)
    with caplog.at_level(logging.WARNING, "harness"):
        found = answers(model, requests)
    assert [r.message for r in caplog.records] == [
        "Decode steps are not recorded as CUDA graphs: CUDA error: operation not permitted when stream is capturing"
    ]
    on_this_machine.setattr(cuda_graphs, "DEVICES", ())
    assert found == answers(loaded(llava_folder), requests) and model._steps.sizes == []


def test_a_copy_of_a_model_records_its_own(llava_folder: Path, images: list[Path], on_this_machine: Any) -> None:
    model = loaded(llava_folder)
    answers(model, asked(images))
    assert model._steps.sizes and copy.deepcopy(model)._steps.sizes == []


def test_nothing_is_recorded_in_training_under_autocast_or_on_a_cpu(llava_folder: Path, on_this_machine: Any) -> None:
    module, steps = loaded(llava_folder).module, CudaGraphSteps()
    assert steps.of(module) is steps
    with torch.autocast("cpu", torch.bfloat16):
        assert steps.of(module) is None
    assert steps.of(module.train()) is None
    on_this_machine.setattr(cuda_graphs, "DEVICES", ("cuda",))
    assert steps.of(module.eval()) is None


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_steps_with_an_adapter_beside_the_weights_are_recorded_too(
    llava_folder: Path, images: list[Path], tmp_path: Path, on_this_machine: Any
) -> None:
    adapter, _ = adapt(llava_folder, tmp_path / "adapter")
    requests = [Request(image, text, Decoding(12, min_new_tokens=12)) for image in images for text in QUESTIONS]

    def given(folder: Path) -> tuple[list[tuple[int, ...]], TransformersModel]:
        model = TransformersModel(str(folder), device="cpu", threads=1, dtype="bfloat16")
        far_apart(model.module)
        return answers(model, requests), model

    on_this_machine.setattr(cuda_graphs, "DEVICES", ())
    plain = given(adapter)[0]
    on_this_machine.setattr(cuda_graphs, "DEVICES", ("cpu",))
    found, model = given(adapter)
    assert found == plain and Tape.replayed > 5
    layer = next(part for part in model.module.modules() if isinstance(part, AdaptedLinear))
    layer.up.data = layer.up.data.clone()  # another adapter lies elsewhere: what is recorded is of the one before
    model._language()
    assert model._steps.sizes == []
