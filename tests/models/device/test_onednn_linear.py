"""Linear layers by oneDNN: torch's numbers up to rounding, and only where it is the faster one."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
import torch
from torch import Tensor, nn

from harness.core.evaluation import Decoding, Request
from harness.models._device import onednn_linear
from harness.models._device.onednn_linear import OneDNNLinear, by_onednn
from harness.models.transformers import TransformersModel

pytestmark = pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this torch has no oneDNN")


@pytest.fixture
def from_two_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """oneDNN from two rows on, whatever the machine; noted are the rows of each of its products."""
    rows, own = list[int](), onednn_linear._product

    def noted(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows.append(input.shape[:-1].numel())
        return own(input, weight, bias)

    monkeypatch.setattr(onednn_linear, "least_rows", lambda: 2)
    monkeypatch.setattr(onednn_linear, "_product", noted)
    yield rows


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def pair(bias: bool = True) -> tuple[nn.Linear, nn.Linear]:
    """torch's layer and ours, of the same weights."""
    torch.manual_seed(0)
    plain = nn.Linear(48, 20, bias=bias)
    return plain, by_onednn(copy.deepcopy(plain))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 48), (3, 5, 48), (2, 3, 4, 48)])
def test_outputs_and_gradients_are_those_of_torch(from_two_rows: list[int], shape: tuple[int, ...], bias: bool) -> None:
    found = []
    for layer in pair(bias):
        given = drawn(*shape).requires_grad_()
        out = layer(given)
        (out * drawn(*out.shape)).sum().backward()
        found.append([out.detach(), given.grad, *(p.grad for p in layer.parameters())])
    assert from_two_rows[0] == torch.Size(shape[:-1]).numel() and len(from_two_rows) == 3  # output, both gradients
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_transposed_and_sliced_inputs_are_read_as_they_lie(from_two_rows: list[int]) -> None:
    plain, ours = pair()
    for given in (drawn(48, 9).t(), drawn(9, 60)[:, 5:53], drawn(4, 9, 48).transpose(0, 1)):
        with torch.inference_mode():
            torch.testing.assert_close(ours(given), plain(given), rtol=1e-5, atol=1e-5)
    assert len(from_two_rows) == 3


@pytest.mark.parametrize("shape", [(3, 48), (2, 9, 48), (5, 1, 48), (16, 48), (127, 48), (200, 48)])
def test_few_rows_without_gradients_are_filled_up_to_a_multiple_of_16(from_two_rows: list[int], shape: tuple[int, ...]) -> None:
    plain, ours = pair()
    given, rows = drawn(*shape), torch.Size(shape[:-1]).numel()
    with torch.inference_mode():
        found = ours(given)
        torch.testing.assert_close(found, plain(given), rtol=1e-5, atol=1e-5)
    assert found.shape == (*shape[:-1], 20) and from_two_rows == [rows if rows > 128 else -(-rows // 16) * 16]


def test_only_gradients_that_are_asked_for_are_computed(from_two_rows: list[int]) -> None:
    ours = pair()[1].requires_grad_(False)
    given = drawn(7, 48).requires_grad_()
    ours(given).sum().backward()
    assert from_two_rows == [7, 7] and given.grad is not None


def test_other_types_few_rows_and_autocast_are_computed_by_torch(from_two_rows: list[int]) -> None:
    plain, ours = pair()
    assert torch.equal(ours(drawn(1, 48)), plain(drawn(1, 48)))
    assert torch.equal(ours(drawn(48)), plain(drawn(48)))
    assert ours(drawn(0, 48)).shape == (0, 20)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(drawn(7, 48)), plain(drawn(7, 48)))
    assert torch.equal(ours.double()(drawn(7, 48).double()), plain.double()(drawn(7, 48).double()))
    assert from_two_rows == []


def _as_torch(plain: nn.Linear, ours: nn.Linear, given: Tensor) -> None:
    found = []
    for layer in (plain, ours):
        one = given.clone().requires_grad_() if given.is_contiguous() else given
        out = layer(one)
        out.sum().backward()
        found.append([out.detach(), *(p.grad for p in layer.parameters())])
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-5)


def test_a_bias_that_does_not_lie_in_one_piece_and_one_of_another_shape_are_left_to_torch(from_two_rows: list[int]) -> None:
    plain, ours = pair()
    for bias in (torch.arange(40.0)[::2], torch.ones(1).expand(20), torch.full((1, 20), 2.0), torch.ones(1)):
        plain.bias, ours.bias = nn.Parameter(bias), nn.Parameter(bias)
        _as_torch(plain, ours, drawn(9, 48))
    assert from_two_rows == []


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_windows_over_an_input_and_layers_without_inputs_or_outputs_are_those_of_torch(from_two_rows: list[int]) -> None:
    _as_torch(*pair(), drawn(200).unfold(0, 48, 3))
    for sizes in ((0, 20), (48, 0)):
        plain = nn.Linear(*sizes)
        _as_torch(plain, by_onednn(copy.deepcopy(plain)), drawn(9, sizes[0]))


def test_wrong_sizes_and_places_are_refused_in_torchs_words(from_two_rows: list[int]) -> None:
    ours = pair()[1]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ours(drawn(9, 47))
    with pytest.raises(RuntimeError, match="device"):
        ours.to("meta")(drawn(9, 48))
    assert from_two_rows == []


def test_only_what_gradients_need_is_kept_for_them(from_two_rows: list[int]) -> None:
    """As torch does: an adapter's frozen base keeps no input, and may be handed one that is changed afterwards."""
    ours = pair()[1].requires_grad_(False)
    hidden = drawn(9, 48).requires_grad_() * 2
    out = ours(hidden)
    hidden.add_(1)
    out.sum().backward()
    saved = list[int]()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (saved.append(t.numel()), t)[1], lambda t: t):
        ours(drawn(9, 48).requires_grad_())
    assert saved == [48 * 20], "the weight alone"


@pytest.mark.parametrize("rows", [7, 9, 16])
def test_outputs_without_gradients_own_their_memory(from_two_rows: list[int], rows: int) -> None:
    with torch.no_grad():
        out = pair()[1](drawn(rows, 48))
    assert out._base is None and out.untyped_storage().nbytes() == 4 * rows * 20


def test_layers_of_classes_of_their_own_are_left_alone(from_two_rows: list[int]) -> None:
    class Own(nn.Linear):
        pass

    module = by_onednn(nn.Sequential(nn.Linear(4, 4), Own(4, 4), nn.Conv1d(4, 4, 1)))
    assert [type(part) for part in module] == [OneDNNLinear, Own, nn.Conv1d]
    assert set(module.state_dict()) == {f"{i}.{name}" for i in range(3) for name in ("weight", "bias")}


@pytest.mark.parametrize(
    ("amd", "uses", "least"), [(True, "AVX512", 8), (True, "AVX2", 64), (True, "DEFAULT", None), (False, "AVX512", None)]
)
def test_it_is_used_on_amd_cpus_with_vector_instructions(
    amd: bool, uses: str, least: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onednn_linear, "_is_amd", lambda: amd)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: uses)
    found = onednn_linear.least_rows.__wrapped__()
    monkeypatch.setattr(onednn_linear, "least_rows", lambda: found)
    assert (found if found < 1 << 40 else None) == least
    assert type(by_onednn(nn.Linear(4, 4))) is (OneDNNLinear if least else nn.Linear)


_MANY_SHAPES = """
import torch
from torch import nn
from harness.models._device import onednn_linear

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

onednn_linear.least_rows = lambda: 2
torch.set_num_threads(1)
layer, given = onednn_linear.by_onednn(nn.Linear(256, 704)), torch.randn(1500, 256)
with torch.inference_mode():
    layer(given)
    before = resident()
    for rows in range(2, 1500, 4):
        layer(given[:rows])
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_many_shapes_do_not_fill_the_memory() -> None:
    free = {name: value for name, value in os.environ.items() if name not in onednn_linear._CODE_KEPT}
    done = subprocess.run([sys.executable, "-c", _MANY_SHAPES], capture_output=True, text=True, check=True, env=free)
    assert int(done.stdout) < 200 << 20  # 90 MB; 800 where the code for every shape is kept


def test_answers_are_the_same_with_it(images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tiny_models.save_llava(tmp_path / "model"))
    requests = [Request(image, question, Decoding(9)) for image in images for question in ("Is there a car?", "Why?")]
    texts, rows, own = [], list[int](), onednn_linear._product

    def noted(*given: Tensor) -> Tensor:
        rows.append(given[0].shape[:-1].numel())
        return own(*given)

    monkeypatch.setattr(onednn_linear, "_product", noted)
    for least in (1 << 62, 1):
        assert not rows
        monkeypatch.setattr(onednn_linear, "least_rows", lambda least=least: least)
        model = TransformersModel(folder, device="cpu")
        tiny_models.far_apart(model.module)
        texts.append([answer.text for _, answer in sorted(pair for part in model.generate(requests) for pair in part)])
    assert texts[0] == texts[1] and len(rows) > 100 and len(set(texts[0])) > 3
