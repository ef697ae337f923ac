"""Shares of labels: their intervals are over images, however many labels an image has."""

from __future__ import annotations

import pytest

from harness.labels.estimates.proportions import Share, clustered, drawn


@pytest.mark.parametrize("hit", [True, False])
@pytest.mark.parametrize("images", [3, 200])
def test_all_alike_is_as_sure_as_its_images_not_as_their_labels(hit: bool, images: int) -> None:
    share = clustered([hit] * images * 2, [n // 2 for n in range(images * 2)])  # two of each image
    alone = drawn(images if hit else 0, images)  # 200 of 200: from 0.025 ** (1/200) = 0.9817 to 1
    assert (share.n, share.of, share.value) == (2 * images * hit, 2 * images, float(hit))
    assert (share.low, share.high) == pytest.approx((alone.low, alone.high))


def test_nothing_has_no_share() -> None:
    assert clustered([], []) == Share(0, 0, None)
