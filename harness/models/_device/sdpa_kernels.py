"""Which of torch's attention kernels a GPU computes with."""

from __future__ import annotations

import torch


def of_any_shape(device: torch.device) -> None:
    """Leave out cuDNN's kernels, which torch tries first on Hopper and newer GPUs (2.11).

    They need a plan for every shape that they have not seen, and building one takes half a second (forward and backward each,
    on a B200: modelscope/FunASR issue 3704; pytorch/pytorch pull request 155958). Prompts and packed answers have other lengths
    in every step. Torch's own flash and memory-efficient kernels take any shape.
    """
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
