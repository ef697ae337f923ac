"""Which requests are batched together: waves of a request list, groups that see the same image, and the budget they fit in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.evaluation import Request
from harness.models._checkpoint.prompt_builder import Row

GroupKey = tuple[Any, ...]
_WAVE_ROWS, _WAVE_GROUPS = 512, 128
_log = logging.getLogger("harness")


@dataclass(slots=True)
class Budget:
    """How much is in work at once.

    tokens: slots of the key/value cache, those that running answers may still fill counted; rows: answers in work. Half
    of both is left when memory runs out.
    """

    tokens: int = 32_768
    rows: int = 256
    halved: bool = False

    def halve(self) -> None:
        """Work in smaller batches from now on; the first time a warning is logged."""
        self.tokens, self.rows = max(self.tokens // 2, 1), max(self.rows // 2, 1)
        if not self.halved:
            _log.warning(
                "Memory ran out. The batches are halved (now %d tokens, %d answers) as often as is needed, and the work goes "
                "on; nothing is lost. Set the model's `tokens` lower to avoid this.",
                self.tokens,
                self.rows,
            )
        self.halved = True


@dataclass(slots=True)
class Group:
    """Rows whose first `shared` tokens are the same, read once; of row r the states of its last `wanted[r]` tokens are read."""

    rows: list[Row]
    shared: int
    wanted: list[int] = field(default_factory=list)


def waves(requests: Sequence[Request]) -> list[list[list[int]]]:
    """Indices by visible image tokens, in waves that are worked through one after the other.

    A function of the requests alone. Inside a wave long answers come first, so that short ones fill the places beside
    them; a wave's end is where a run that was stopped takes up its work without looking back.
    """
    whole = by_image(requests, range(len(requests)))
    parts = [m[s : s + _WAVE_ROWS] for m in whole for s in range(0, len(m), _WAVE_ROWS)]
    found: list[list[list[int]]] = [[]]
    rows = 0
    for part in parts:
        if found[-1] and (rows + len(part) > _WAVE_ROWS or len(found[-1]) >= _WAVE_GROUPS):
            found.append([])
            rows = 0
        found[-1].append(part)
        rows += len(part)
    return [sorted(wave, key=lambda part: -max(requests[i].decoding.max_new_tokens for i in part)) for wave in found]


def by_image(requests: Sequence[Request], indices: Iterable[int]) -> list[list[int]]:
    """Indices grouped by the same visible image tokens, in the order in which they come first."""
    groups: dict[GroupKey, list[int]] = {}
    for i in indices:
        groups.setdefault(seen(requests[i]), []).append(i)
    return list(groups.values())


def seen(request: Request) -> GroupKey:
    """The visible part of an image: requests with the same one can share a prefix."""
    return (request.image, request.hidden_image, request.noise)


def group(rows: list[Row], image_token_id: int, wanted: list[int] | None = None) -> list[Group]:
    """Rows with the same visible tokens as one group; each on its own where a template puts the question before the image.

    A row alone shares nothing: what it reads is its own, and is attended to in one pass in place of two.
    """
    wanted = wanted or [1] * len(rows)
    shared = _common_length(rows, wanted) if len(rows) > 1 else 0
    if len(rows) > 1 and image_token_id in rows[0].ids[shared:]:
        return [Group([row], 0, [n]) for row, n in zip(rows, wanted, strict=True)]
    return [Group(rows, shared, wanted)]


def _common_length(rows: list[Row], wanted: list[int]) -> int:
    """Length of the rows' shared prefix; at least the tokens whose states are wanted are left over for each row.

    It contains every image token: rows of one group share the image and the mask. 0 where it would end inside tokens
    that have to be read in one piece.
    """
    most = min(len(r.ids) - n for r, n in zip(rows, wanted, strict=True))
    first, last = (min(rows, key=lambda r: r.ids).ids, max(rows, key=lambda r: r.ids).ids)  # these two differ the earliest
    common = next((i for i in range(most) if first[i] != last[i]), most)
    return common if common >= max(r.whole for r in rows) else 0
