"""The control set: labels drawn at random from all, so that the error rate of all labels can be estimated."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from math import ceil

from harness.core.digests import text_digest
from harness.core.files import storable

LabelId = tuple[str, str]  # item id, field
FEWEST = 30  # decided labels of a control sample, from which on a rate is estimated
_SHARE = 0.9


def control_order(ids: Iterable[LabelId], sample: int, seed: int = 0) -> list[LabelId]:
    """`sample` labels, drawn without replacement, in the order of the draw: every prefix is itself a random sample.

    A larger sample begins with the smaller ones, and labels that come or go do not change whether others are drawn:
    each label has its own random number, and the smallest are taken. Reviewers get them in this order.
    """
    return sorted(ids, key=lambda id: text_digest(storable(f"{seed}/{id[0]}/{id[1]}")))[:sample]


def decided_control(
    ids: Iterable[LabelId], drawn_with: Mapping[str, int], is_decided: Callable[[LabelId], object]
) -> tuple[list[LabelId], frozenset[LabelId]]:
    """The control sample of a revision (`drawn_with`: its size and seed, {} without one) and its part that a rate may use."""
    order = control_order(ids, drawn_with.get("sample", 0), drawn_with.get("seed", 0))
    return order, frozenset(decided_prefix(order, {id for id in order if is_decided(id)}))


def decided_prefix(drawn: Sequence[LabelId], decided: Container[LabelId]) -> list[LabelId]:
    """The decided labels of the longest prefix of the draw that is as good as decided (nine in ten).

    What is decided beyond it may have been looked at because it is suspicious, so it does not represent all labels. Empty
    below `FEWEST` decided ones, unless the whole sample is decided.
    """
    kept, best = list[LabelId](), 0
    for n, id in enumerate(drawn, 1):
        kept += [id] if id in decided else []
        if len(kept) >= _SHARE * n:
            best = len(kept)
    enough = best >= FEWEST or (0 < best == len(drawn))
    return kept[:best] if enough else []


def missing_for_rate(drawn: Sequence[LabelId], decided: Container[LabelId]) -> tuple[int, int]:
    """(n, more): with `more` further labels of the first `n` of the draw decided, `decided_prefix` is not empty.

    Of all n the one that takes fewest, then the shortest. (0, 0) for an empty draw.
    """
    done, found = 0, list[tuple[int, int]]()
    for n, id in enumerate(drawn, 1):
        done += id in decided
        if n >= min(FEWEST, len(drawn)):
            wanted = n if len(drawn) < FEWEST else max(FEWEST, ceil(_SHARE * n))
            found.append((max(0, wanted - done), n))
    more, n = min(found, default=(0, 0))
    return n, more
