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
    images = [normalised(torch.randint(0, 256, (1, 2, 3, 112, 112), generator=made)) for _ in range(3)]
    kept = [packer.pack({"pixel_values": pixels, "image_sizes": torch.tensor([[112, 112]])}) for pixels in images]
    for pixels, packed in zip(images, kept, strict=True):  # after all are packed: none lies in the memory of another
        back = packed.whole()
        assert torch.equal(back["pixel_values"].view(torch.int32), pixels.view(torch.int32))
        assert back["pixel_values"].stride() == pixels.stride() and back["image_sizes"].tolist() == [[112, 112]]
        assert packed.n_bytes == 2 * 3 * 112 * 112 + 3 * 256 * 4 + 2 * 8  # codes, tables, sizes


def image_of(*first: int, then: tuple[int, ...]) -> torch.Tensor:
    """(1, 3, 80, 80): in each channel 4,096 pixels of the first levels in turn, then as many of the others as fit."""
    levels = torch.tensor([first[n % len(first)] for n in range(4096)] + [then[n % len(then)] for n in range(80 * 80 - 4096)])
    return normalised(levels.view(1, 1, 80, 80).expand(1, 3, 80, 80)).contiguous()


def test_neighbouring_levels_far_into_an_image_are_packed_once_the_spacing_is_known() -> None:
    """Two levels 190 apart among the values that are looked at would give 10 and 11 one code."""
    late = image_of(10, 200, then=(11, 199))
    assert Packer().pack({"pixel_values": late}).whole()["pixel_values"] is late
    packer = Packer()
    packer.pack({"pixel_values": image_of(*range(256), then=(0,))})
    packed = packer.pack({"pixel_values": late})
    assert packed.n_bytes < late.nbytes / 3 and torch.equal(packed.whole()["pixel_values"], late)


def test_an_image_whose_values_differ_in_the_last_bit_from_8_bit_ones_stays_as_it_is() -> None:
    """Where codes would lose a bit, nothing is packed, however close the values are."""
    odd = image_of(*range(256), then=(7, 8))
    odd[0, 1, -1, -1] = torch.nextafter(odd[0, 1, -1, -1], torch.tensor(9.0))
    assert Packer().pack({"pixel_values": odd}).whole()["pixel_values"] is odd


def test_values_that_are_no_8_bit_ones_stay_as_they_are() -> None:
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    patches = torch.randn(100, 1176, generator=torch.Generator().manual_seed(0))
    broken = normalised(torch.zeros(1, 1, 3, 8, 8, dtype=torch.long)).fill_(float("nan"))
    packed = Packer().pack({"noise": noise, "patches": patches, "nan": broken})
    assert packed.whole()["noise"] is noise and packed.whole()["patches"] is patches
    assert torch.equal(packed.whole()["nan"].isnan(), broken.isnan())
