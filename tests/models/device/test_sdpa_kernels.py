"""Attention on a GPU is computed by kernels that take any shape."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from harness.models._device import placement


@pytest.fixture
def cudnn() -> Iterator[None]:
    """Torch's setting as it begins, and after the test."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    yield
    torch.backends.cuda.enable_cudnn_sdp(True)


@pytest.mark.parametrize(("device", "used"), [("cuda", False), ("cpu", True)])
def test_cudnn_which_plans_every_new_shape_is_left_out_on_a_gpu(
    device: str, used: bool, cudnn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert placement.device_of(device).type == device
    assert torch.backends.cuda.cudnn_sdp_enabled() is used
    assert torch.backends.cuda.flash_sdp_enabled() and torch.backends.cuda.mem_efficient_sdp_enabled()
