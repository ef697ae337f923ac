"""What all sources of ready-made pairs do after reading: find the images, leave out what cannot train, sample, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from alignment.data.image_names import find_image, refuse_unusable
from alignment.data.invalid_pairs import Dropped, left_out, validate
from alignment.data.noun_counts import Vocabulary
from alignment.data.sampling import drawn
from alignment.data.yield_report import yield_report
from harness.core.plugins import Data
from harness.core.preference import ImageNames, PreferencePair, together

NOUNS = "nouns.txt"
_MISSING = "(missing) "  # in front of a name that is in no place: no such file, whatever the name


def from_rows(
    read: Sequence[PreferencePair],
    dropped: Sequence[Dropped],
    data: Data,
    options: Mapping[str, Any],
    seed: int,
    unpaired: bool = False,
) -> tuple[list[PreferencePair], dict[str, Any]]:
    """(pairs, yield report). Options used: `image_folder` in front of every image, `limit` pairs by seed. `unpaired`: rated
    answers without a counterpart are kept.

    The limit is drawn from the pairs that can train, so that a run gets as many as it asked for where there are enough.
    """
    kept, unfit = usable(read, dropped, data, options, unpaired)
    kept = [kept[i] for i in drawn([p.id for p in kept], options.get("limit"), seed)]
    pairs = [replace(p, image_digest=together(tuple(map(data.digest, p.images)))) if p.image else p for p in kept]
    report = yield_report(dict(options), len(read) + len(dropped), pairs, [], unfit, nouns(data))
    return pairs, report


def usable(
    read: Sequence[PreferencePair],
    dropped: Sequence[Dropped],
    data: Data,
    options: Mapping[str, Any],
    unpaired: bool = False,
) -> tuple[list[PreferencePair], list[Dropped]]:
    """The pairs that can train, their images found, and all others, after those that reading `dropped`.

    Raises DataError where most images are missing, and where no pair is left.
    """
    folder = str(options.get("image_folder") or "")
    found = [replace(p, image=_found(p, data, folder)) if p.image else p for p in read]
    kept, unfit = validate(found, data.has, unpaired)
    unfit = [*dropped, *(replace(one, what=one.what.removeprefix(_MISSING)) for one in unfit)]
    refuse_unusable(data, str(options["file"]), folder, kept, unfit, len(read) + len(dropped))
    return kept, unfit


def _found(pair: PreferencePair, data: Data, folder: str) -> ImageNames:
    return together(tuple(find_image(data, folder, name) or _MISSING + name for name in pair.images))


def would_train(
    read: Sequence[PreferencePair],
    dropped: Sequence[Dropped],
    data: Data,
    options: Mapping[str, Any],
    seed: int,
    unpaired: bool = False,
) -> tuple[list[PreferencePair], str]:
    """The pairs that `from_rows` would give, without digests, and a line on what is left out of the file, "" where nothing is.

    Reads no image; raises as `from_rows`.
    """
    kept, unfit = usable(read, dropped, data, options, unpaired)
    few = [kept[i] for i in drawn([p.id for p in kept], options.get("limit"), seed)]
    return few, f"{options['file']}: {left_out(unfit, len(read) + len(dropped))}." if unfit else ""


@runtime_checkable
class ChecksPairs(Protocol):
    """An aligner that can refuse pairs before a model is loaded, with the TrainingError that its training would raise."""

    @staticmethod
    def check_pairs(pairs: Sequence[PreferencePair], options: Mapping[str, Any]) -> None: ...  # those of the aligner


def nouns(data: Data, name: str = NOUNS) -> Vocabulary | None:
    """The data folder's vocabulary, if it has one."""
    return Vocabulary.parse(data.read_text(name), name) if data.has(name) else None
