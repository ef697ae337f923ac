"""A checkpoint shows on drawn images that its numbers can be believed, before a sweep or a training is begun with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from harness.core.capabilities import OK, WRONG, ChecksItself, Finding
from harness.core.errors import ModelError

_SIZES = ((96, 96), (160, 80), (80, 140))


def drawn_images(folder: Path, n: int = len(_SIZES)) -> list[Path]:
    """Up to three drawn images of different shapes."""
    import numpy as np
    from PIL import Image

    paths = []
    for number, (width, height) in enumerate(_SIZES[:n]):
        down, across = np.mgrid[0:height, 0:width]
        levels = np.stack([down * 2, across, (down // 16 + across // 16) % 2 * 200 + number * 25], -1) % 256
        paths.append(folder / f"{number}.png")
        Image.fromarray(levels.astype(np.uint8)).save(paths[-1])
    return paths


def said_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same findings; a note or a fault in the words of an earlier one names that in their place."""
    first = dict[str, str]()
    for finding in findings:
        before = first.setdefault(finding.words, finding.what) if finding.state != OK else finding.what
        yield finding if before == finding.what else replace(finding, words=f"see {before}")


def require_sound(label: str, model: object, say: Callable[[str], None], training: bool = False) -> None:
    """Raises ModelError where a checkpoint fails a check that its options do not name in `despite`; says so where they do.

    One image and one question: two passes of the model for a sweep, three for a training.
    """
    if not isinstance(model, ChecksItself):
        return
    with tempfile.TemporaryDirectory() as folder:
        found = list(model.checks(drawn_images(Path(folder), 1), training))
    for finding in (f for f in found if f.state == WRONG):
        if finding.what in model.despite:
            say(f"{label}: the checkpoint fails the check of its {finding.what}, and goes on as asked: {finding.words}")
            continue
        if finding.no_pass:  # whatever goes on needs such a pass
            raise ModelError(f"{label}: the checkpoint cannot be asked: {finding.words.rstrip('.')}.")
        raise ModelError(
            f"{label}: the checkpoint fails the check of its {finding.what}: {finding.words.rstrip('.')}. Its numbers cannot "
            f"be believed. Fix it (`python -m harness doctor` shows all checks), or go on with model.despite=[{finding.what}]."
        )
