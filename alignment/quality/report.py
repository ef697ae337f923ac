"""What is to be known of preference data before anyone trains on it, as values and as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from alignment.data.noun_counts import n_words
from alignment.quality.near_duplicates import difference_hash, near_pairs, repeated
from alignment.quality.text_probe import Probe, text_probe
from harness.core.edge.files import is_file
from harness.core.plugins import Progress, no_progress
from harness.core.preference import PreferencePair

SHOWN = 5
BINS = 12  # of a histogram of answer lengths


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts are of pairs unless said; lengths in words; examples are ids or names, some of them."""

    pairs: int
    images: int
    without_image: int
    mean_words: tuple[float, float] | None  # chosen, rejected
    chosen_longer: float | None  # share; ties count half
    lengths: tuple[tuple[int, int, int], ...]  # (up to so many words, chosen answers, rejected answers)
    same_answers: int  # pairs with an equal chosen answer to the same prompt and image as another
    near_images: tuple[tuple[str, str], ...]
    repeated_prompts: tuple[tuple[str, int], ...]
    overlap: Mapping[str, tuple[tuple[str, str], ...]]  # benchmark -> (image of the pairs, image of the benchmark)
    unreadable: tuple[str, ...]
    probe: Probe | None
    folder: str = ""  # where the images were looked for
    missing: tuple[str, ...] = ()  # those of the unreadable that are no file there

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def quality(
    pairs: Sequence[PreferencePair],
    image_root: Path,
    benchmarks: Mapping[str, Sequence[Path]] | None = None,
    progress: Progress = no_progress,
) -> Quality:
    """`benchmarks`: the images of each benchmark that the pairs should not show."""
    shown = {name: image_root / name for p in pairs for name in p.images}
    hashes, unreadable = _hashes(shown, "images of the pairs", progress)
    overlap = {}
    for name, paths in (benchmarks or {}).items():
        theirs, _ = _hashes({str(path): path for path in paths}, f"images of {name}", progress)
        overlap[name] = tuple(near_pairs(hashes, theirs))
    sided = [(n_words(p.chosen), n_words(r)) for p in pairs if p.chosen for r in p.rejected]
    keys = [(p.shown, p.prompt, p.context, p.chosen) for p in pairs]
    return Quality(
        pairs=len(pairs),
        images=len(shown),
        without_image=sum(not p.image for p in pairs),
        mean_words=(fmean(c for c, _ in sided), fmean(r for _, r in sided)) if sided else None,
        chosen_longer=fmean((c > r) + 0.5 * (c == r) for c, r in sided) if sided else None,
        lengths=_histogram(sided),
        same_answers=len(keys) - len(set(keys)),
        near_images=tuple(near_pairs(hashes)),
        repeated_prompts=tuple(repeated(p.prompt for p in pairs)),
        overlap=overlap,
        unreadable=tuple(unreadable),
        probe=text_probe(pairs),
        folder=str(image_root),
        missing=tuple(name for name in unreadable if not is_file(shown[name])),
    )


def lines(found: Quality) -> list[str]:
    """The report as lines for a terminal."""
    told = [f"{found.pairs:,} pairs about {found.images:,} images; {found.without_image:,} without one"]
    if found.mean_words and found.chosen_longer is not None:
        chosen, rejected = found.mean_words
        told.append(
            f"words: {chosen:.1f} chosen, {rejected:.1f} rejected; the chosen answer is longer in {found.chosen_longer:.0%}"
        )
        most = max((max(c, r) for _, c, r in found.lengths), default=1)
        told += [
            f"  up to {top:>4} words  {_bar(c, most)} {c:>6} chosen   {_bar(r, most)} {r:>6} rejected"
            for top, c, r in found.lengths
        ]
    told += _probe(found.probe)
    told.append(f"equal pairs (image, prompt, chosen answer): {found.same_answers:,}")
    told += _some("images that are nearly the same", [f"{a} and {b}" for a, b in found.near_images])
    told += _some("prompts that occur several times", [f"{n} x {text[:80]!r}" for text, n in found.repeated_prompts])
    for name, same in found.overlap.items():
        told += _some(f"images that {name} shows too", [f"{a} is {Path(b).name}" for a, b in same])
    return told + (_unreadable(found) if found.unreadable else [])


def _unreadable(found: Quality) -> list[str]:
    told = _some("images that cannot be read", list(found.unreadable))
    if not found.missing:
        return told
    return [
        *told,
        f"  {len(found.missing):,} of them are not there: names are paths in the data folder {found.folder}, so that the first "
        f"would be {Path(found.folder) / found.missing[0]}. Give the folder that the names begin in: --data FOLDER",
    ]


def _probe(probe: Probe | None) -> list[str]:
    if probe is None:
        return ["text-only probe: too few pairs or images to say anything"]
    told = f"text-only probe: words alone tell the chosen answer in {probe.accuracy:.1%} ({probe.low:.1%} to {probe.high:.1%})"
    words = [f"  {word}: {c} chosen, {r} rejected" for word, c, r in probe.giveaways[:SHOWN]]
    return [told, *words, *([f"WARNING: {probe.warning}"] if probe.warning else [])]


def _some(what: str, found: Sequence[str]) -> list[str]:
    more = [f"  and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
    return [f"{what}: {len(found):,}", *(f"  {one}" for one in found[:SHOWN]), *more]


def _bar(n: int, most: int) -> str:
    return ("#" * round(20 * n / max(1, most))).ljust(20)


def _histogram(sided: Sequence[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    longest = max((max(two) for two in sided), default=0)
    width = max(1, -(-(longest + 1) // BINS))
    counts = [[0, 0] for _ in range(-(-(longest + 1) // width))]
    for two in sided:
        for side, length in enumerate(two):
            counts[length // width][side] += 1
    return tuple(((n + 1) * width - 1, c, r) for n, (c, r) in enumerate(counts)) if sided else ()


def _hashes(images: Mapping[str, Path], what: str, progress: Progress) -> tuple[dict[str, int], list[str]]:
    found, unreadable = dict[str, int](), list[str]()
    for done, (name, path) in enumerate(images.items(), start=1):
        value = difference_hash(path)
        if value is None:
            unreadable.append(name)
        else:
            found[name] = value
        progress(what, done, len(images))
    return found, unreadable
