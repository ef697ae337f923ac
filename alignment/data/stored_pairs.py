"""What all sources of ready-made pairs do after reading: find the images, leave out what cannot train, sample, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from alignment.data.image_names import find_image, refuse_unusable
from alignment.data.invalid_pairs import Dropped, image_list, left_out, validate
from alignment.data.noun_counts import Vocabulary
from alignment.data.sampling import drawn
from alignment.data.yield_report import yield_report
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data
from harness.core.preference import PreferencePair, names_of, together

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
    Raises DataError as `usable` and `require_same_images` do.
    """
    kept, unfit = usable(read, dropped, data, options, unpaired)
    kept = [kept[i] for i in drawn([p.id for p in kept], options.get("limit"), seed)]
    require_same_images(kept, data)
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
    places = {name: find_image(data, folder, name) for name in dict.fromkeys(name for pair in read for name in pair.images)}
    there = {place for place in places.values() if place is not None}
    kept, unfit = validate([_found(pair, places) for pair in read], there.__contains__, unpaired)
    unfit = [*dropped, *(replace(one, what=one.what.removeprefix(_MISSING)) for one in unfit)]
    refuse_unusable(data, str(options["file"]), folder, kept, unfit, len(read) + len(dropped))
    return kept, unfit


def require_same_images(pairs: Sequence[PreferencePair], data: Data) -> None:
    """Raise DataError where an image is not the one whose digest its pair has: it was replaced after the pair was made."""
    known = [(n, d) for pair in pairs for n, d in zip(pair.images, names_of(pair.image_digest))]
    other = {name: None for name, digest in known if digest and data.digest(name) != digest}
    if other:
        raise DataError(
            f"{len(other):,} of {len({name for name, _ in known}):,} images are not those that the pairs were made with: the "
            f"sha256 of {image_list(other)} is not the `image_digest` of the pairs. Put these files back, or, if the pairs are "
            "meant for the new ones, remove `image_digest` from the rows."
        )


def _found(pair: PreferencePair, places: Mapping[str, str | None]) -> PreferencePair:
    image = together(tuple(places[name] or _MISSING + name for name in pair.images))
    return pair if image == pair.image else replace(pair, image=image)


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


@runtime_checkable
class NotesPairs(Protocol):
    """An aligner that has something to say of pairs that it takes."""

    @staticmethod
    def notes_on(pairs: Sequence[PreferencePair]) -> tuple[str, ...]: ...


@runtime_checkable
class ChecksRejected(Protocol):
    """An aligner that can refuse pairs by their numbers of rejected answers, with a TrainingError."""

    @staticmethod
    def check_rejected(numbers: Sequence[int], options: Mapping[str, Any]) -> None: ...  # options of the aligner


@runtime_checkable
class TellsRejected(Protocol):
    """A source that makes pairs and tells ahead how many rejected answers every one of them has; None where it cannot."""

    rejected_each: int | None


def nouns(data: Data, name: str = NOUNS) -> Vocabulary | None:
    """The data folder's vocabulary, if it has one. Raises ConfigError for an empty name."""
    if not name:
        raise ConfigError("`vocabulary` is empty. Name a file of nouns in the data folder, or leave it out (nouns.txt).")
    return Vocabulary.parse(data.read_text(name), name) if data.has(name) else None
