"""POPE's official files: names, origin, licence, target."""

from __future__ import annotations

from benchmarks._files.official_files import VAL_IMAGES, OfficialFile

SPLITS = ("random", "popular", "adversarial")
_POPE = "github.com/AoiDragon/POPE, folder output/coco"
_OUTPUT = "https://raw.githubusercontent.com/AoiDragon/POPE/main/output"
_RAW, _SEEM = f"{_OUTPUT}/coco", f"{_OUTPUT}/seem"
FILES = (
    *(
        OfficialFile(f"pope/{n}", _POPE, "MIT", "copy the file of the same name", url=f"{_RAW}/{n}")
        for n in (f"coco_pope_{s}.json" for s in SPLITS)
    ),
    *(
        OfficialFile(
            f"pope/{flavour}_pope_{split}.json",
            f"github.com/AoiDragon/POPE, folder output/seem/{flavour}",
            "MIT",
            f"copy {flavour}_pope_seem_{split}.json under this name",
            needed=False,
            url=f"{_SEEM}/{flavour}/{flavour}_pope_seem_{split}.json",
        )
        for flavour in ("aokvqa", "gqa")
        for split in SPLITS
    ),
    VAL_IMAGES,
)
