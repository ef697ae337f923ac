"""Official files that several benchmarks read."""

from __future__ import annotations

from harness.core.capabilities import OfficialFile

__all__ = ["VAL_IMAGES", "OfficialFile"]

VAL_IMAGES = OfficialFile(
    "coco/val2014",
    "COCO 2014 validation images, 6 GB",
    "Flickr terms",
    "unpack val2014.zip in coco/",
    url="http://images.cocodataset.org/zips/val2014.zip",
    member="val2014/",
)
