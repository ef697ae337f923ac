"""Which official files a benchmark needs, so that `fetch` can say where they come from and put them in place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One file (or folder) of the data folder that a benchmark reads.

    `url` is "" where only a person may or can fetch it; `member` names the part of the archive at `url` that is the
    file, with a closing slash where it is a folder. `sha256` (of the file, not of its archive) is "" where it is not
    known; `how` tells in one line how to get it by hand; `needed` False: only for an option.
    """

    name: str
    origin: str
    licence: str
    how: str
    sha256: str = ""
    needed: bool = True
    url: str = ""
    member: str = ""


VAL_IMAGES = OfficialFile(
    "coco/val2014",
    "COCO 2014 validation images, 6 GB",
    "Flickr terms",
    "unpack val2014.zip in coco/",
    url="http://images.cocodataset.org/zips/val2014.zip",
    member="val2014/",
)
