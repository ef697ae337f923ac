"""Where and in which numbers a model computes: device, dtype and CPU threads, by the options of these names."""

from __future__ import annotations

import os

import torch

from harness.core.errors import ModelError
from harness.core.nearest import did_you_mean
from harness.models._device.sdpa_kernels import of_any_shape

MOST_THREADS = 1024
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """ "auto" is float32 on a CPU and bfloat16 elsewhere. Raises ModelError for another name."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if name not in _DTYPES:
        near = did_you_mean(name, _DTYPES)
        raise ModelError(f"There is no dtype {name!r}.{near} Choose auto, {', '.join(_DTYPES)}.")
    return _DTYPES[name]


def use_threads(number: int | None) -> None:
    """Let torch compute with so many CPU threads; None: as it is. Raises ModelError for a number that no machine can use: torch
    takes it and ends the process later."""
    if number is not None:
        torch.set_num_threads(checked_threads(number))


def checked_threads(number: int) -> int:
    if not 1 <= number <= MOST_THREADS:
        raise ModelError(f"model.threads is {number:,}; give 1 to {MOST_THREADS:,}, at most the cores of this machine.")
    return number


def device_of(name: str) -> torch.device:
    """ "auto" is this process's own GPU where several train together, the GPU where there is one, else the CPU. It also
    chooses the kernels that this process computes with there.

    Raises ModelError for a device that torch does not know or that this machine does not have.
    """
    if name == "auto":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    device = named_device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ModelError(
            f"model.device is {name}, and torch {torch.__version__} sees {count or 'no'} GPU{'s' * (count > 1)} here. Set "
            "model.device=auto or cpu, or install a torch built for this GPU and its driver."
        )
    of_any_shape(device)
    return device


def named_device(name: str) -> torch.device:
    """A device by its name, whether this machine has it or not."""
    try:
        return torch.device(name)
    except RuntimeError:
        raise ModelError(f"There is no device {name!r}. Set model.device to auto, cpu, cuda or cuda:N.") from None
