"""Images kept for a training: a quarter of the memory, and the same bits."""

from __future__ import annotations

import torch

from alignment.batching.packed_pixels import Packer


def normalised(codes: torch.Tensor) -> torch.Tensor:
    """As a processor makes it of 8-bit values, (1, tiles, 3, H, W)."""
    mean, std = torch.tensor([0.48, 0.46, 0.41]), torch.tensor([0.27, 0.26, 0.28])
    return (codes / 255 - mean[:, None, None]) / std[:, None, None]


def test_pixels_of_8_bit_images_come_back_bit_for_bit_from_a_quarter_of_their_bytes() -> None:
    made = torch.Generator().manual_seed(0)
    packer = Packer()
    for _ in range(3):
        pixels = normalised(torch.randint(0, 256, (1, 2, 3, 112, 112), generator=made))
        packed = packer.pack({"pixel_values": pixels, "image_sizes": torch.tensor([[112, 112]])})
        back = packed.whole()
        assert torch.equal(back["pixel_values"].view(torch.int32), pixels.view(torch.int32))
        assert back["pixel_values"].stride() == pixels.stride() and back["image_sizes"].tolist() == [[112, 112]]
        assert packed.n_bytes == 2 * 3 * 112 * 112 + 3 * 256 * 4 + 2 * 8  # codes, tables, sizes


def test_an_image_of_few_colours_is_packed_once_the_spacing_is_known() -> None:
    flat = normalised(
        torch.tensor([10, 200]).repeat(3 * 32)[None, None, :, None].view(1, 1, 3, 64, 1).expand(-1, -1, -1, -1, 64)
    )
    packer = Packer()
    packer.pack({"pixel_values": normalised(torch.arange(256).repeat(3, 16).view(1, 1, 3, 64, 64))})
    packed = packer.pack({"pixel_values": flat.contiguous()})
    assert packed.n_bytes < flat.nbytes / 3 and torch.equal(packed.whole()["pixel_values"], flat)


def test_values_that_are_no_8_bit_ones_stay_as_they_are() -> None:
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    patches = torch.randn(100, 1176, generator=torch.Generator().manual_seed(0))
    broken = normalised(torch.zeros(1, 1, 3, 8, 8, dtype=torch.long)).fill_(float("nan"))
    packed = Packer().pack({"noise": noise, "patches": patches, "nan": broken})
    assert packed.whole()["noise"] is noise and packed.whole()["patches"] is patches
    assert torch.equal(packed.whole()["nan"].isnan(), broken.isnan())
