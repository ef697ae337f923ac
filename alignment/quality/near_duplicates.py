"""Images and prompts of preference data that are the same or nearly so, and images that a benchmark shows too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image

from harness.core.edge.images import open_image
from harness.core.errors import ImageError
from harness.core.preference import PreferencePair

NEAR = 4  # of 64 bits; re-encoded and rescaled copies differ in a few
COPIES = 20  # one pair in so many may be a copy of another one without a word
_COPIED = (
    "are copies of another one (image, prompt and all answers): training counts each again. Remove them from the file if that "
    "is not meant."
)
_REPEATED = "list a rejected answer more than once: training counts it each time. Remove it from the file if that is not meant."
_CONTRADICTED = (
    "contradict another one (of the same two answers, each is chosen once and rejected once): nothing can be "
    "learned from both. Look at where the pairs come from."
)
_BANDS = 5  # two hashes that differ in at most 4 bits agree in one of 5 bands


def difference_hash(path: Path) -> int | None:
    """64 bits: whether each of 8 x 8 cells is brighter than its right neighbour (dHash); None for an unreadable image."""
    try:
        grey = open_image(path).convert("L").resize((9, 8), Image.Resampling.BILINEAR)
    except ImageError:
        return None
    cells = list(grey.tobytes())
    bits = [cells[9 * y + x] > cells[9 * y + x + 1] for y in range(8) for x in range(8)]
    return sum(bit << n for n, bit in enumerate(bits))


def near_pairs(hashes: Mapping[str, int], others: Mapping[str, int] | None = None) -> list[tuple[str, str]]:
    """Names whose hashes differ in at most NEAR bits: two of `hashes`, or one of them and one of `others`; sorted."""
    seats: dict[tuple[int, int], list[str]] = {}
    against = hashes if others is None else others
    for name, value in against.items():
        for band in _bands(value):
            seats.setdefault(band, []).append(name)
    found = set()
    for name, value in hashes.items():
        for other in {o for band in _bands(value) for o in seats.get(band, ())}:
            if (others is not None or other > name) and (value ^ against[other]).bit_count() <= NEAR:
                found.add((name, other))
    return sorted(found)


def repeated(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Texts that occur more than once but for case, punctuation and white space, the most frequent first: (text, how often)."""
    first: dict[str, str] = {}
    counts = Counter[str]()
    for text in texts:
        key = " ".join(re.findall(r"[^\W_]+", text.lower()))
        first.setdefault(key, text)
        counts[key] += 1
    return [(first[key], n) for key, n in counts.most_common() if n > 1]


def copies(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What a run says where more than one pair in twenty is a copy of another one, lists a rejected answer twice or
    contradicts another one; images by their names."""
    seen = {(p.image, p.prompt, p.context, p.chosen, p.rejected) for p in pairs}
    orders = [{(p.image, p.prompt, p.context, p.chosen.strip(), r.strip()) for r in p.rejected} for p in pairs]
    known = {order for of_pair in orders for order in of_pair}
    counts = (
        (len(pairs) - len(seen), _COPIED),
        (sum(len({r.strip() for r in p.rejected}) < len(p.rejected) for p in pairs), _REPEATED),
        (sum(any((*o[:3], o[4], o[3]) in known for o in of_pair) for of_pair in orders), _CONTRADICTED),
    )
    return tuple(f"{n:,} of {len(pairs):,} pairs {what}" for n, what in counts if n * COPIES > len(pairs))


def _bands(value: int) -> Sequence[tuple[int, int]]:
    """The 64 bits in 5 bands of 12 or 13 bits, with their places."""
    edges = [round(64 * n / _BANDS) for n in range(_BANDS + 1)]
    return [(n, (value >> start) & ((1 << (end - start)) - 1)) for n, (start, end) in enumerate(pairwise(edges))]
