"""The quality of a file of preference pairs, beside the images of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignment.data.pairs import read_pairs
from alignment.quality.report import Quality, lines, quality
from harness.config.schema import BenchmarkConfig
from harness.core.plugins import Data, Progress, no_progress
from harness.evaluation.scoring import unjudged


def pairs_quality(
    file: Path, image_root: Path, data: Data | None, benchmarks: Sequence[str] = (), progress: Progress = no_progress
) -> Quality:
    """Raises DataError for a file that holds no pairs, and what a benchmark raises whose files are missing."""
    shown = {name: _images(name, data) for name in benchmarks if data is not None}
    return quality(read_pairs(file), image_root, shown, progress)


def told(found: Quality) -> list[str]:
    """The report as lines."""
    return lines(found)


def _images(name: str, data: Data) -> list[Path]:
    """The image files of a benchmark."""
    items = unjudged(BenchmarkConfig.model_validate({"name": name})).load(data)
    return sorted({data.path(item.image) for item in items if item.image})
