"""The control set: labels drawn at random from all, so that the error rate of all labels can be estimated."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from harness.core.digests import text_digest
from harness.core.files import storable

LabelId = tuple[str, str]  # item id, field
FEWEST = 30  # decided labels of a control sample, from which on a rate is estimated
_SHARE = 0.9


def control(ids: Iterable[LabelId], sample: int, seed: int = 0) -> frozenset[LabelId]:
    """`sample` labels, drawn without replacement.

    A larger sample holds the smaller ones, and labels that come or go do not change whether others are drawn:
    each label has its own random number, and the smallest are taken.
    """
    return frozenset(control_order(ids, sample, seed))


def control_order(ids: Iterable[LabelId], sample: int, seed: int = 0) -> list[LabelId]:
    """The same in the order of the draw, in which reviewers get them: every prefix is itself a random sample."""
    return sorted(ids, key=lambda id: text_digest(storable(f"{seed}/{id[0]}/{id[1]}")))[:sample]


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
