"""Is a judge fit? Pairs of answers of which people preferred one, in VL-RewardBench's form; pure functions.

Li et al. 2024, arXiv:2411.17451; rules as in vl-rewardbench/VL_RewardBench cal.py: each pair is judged k times, with the
answers in either order; a pair counts as right or wrong where more than half of its judgements are; pairs without such a
majority leave the denominator. overall is pooled over pairs, macro the mean of three groups. Chance is 50 %.

Unreadable judgements are thereby rewarded, so the share of undecided pairs belongs beside every accuracy. Kept as it is: a
judge that answers "Answer 3" agrees, because only the worse answer's number is a disagreement.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

AGREE, REJECT, UNREAD, NONE = "agree", "reject", "doesntMatch", "other"
GROUPS = ("general", "hallucination", "reasoning")
_SOURCES = {"RLAIF": "hallucination", "RLHF": "hallucination", "hallucination": "hallucination", "mathverse": "reasoning",
            "mmmu": "reasoning"}  # fmt: skip
_JUDGEMENT = re.compile(
    r"(?:overall judgment|therefore).*answer\s*(\d+)\s*is\s*(?:the)?\s*(?:slightly)?\s*better", re.IGNORECASE
)


def group_of(pair_id: str) -> str:
    """The group of a pair, by its id's prefix up to the first "_" or "-"; everything unknown is general."""
    return _SOURCES.get(re.split("[_-]", pair_id, maxsplit=1)[0], "general")


def stated_number(reply: str) -> int | None:
    """The number of the answer that a reply calls better; None where it states none. The last such statement counts."""
    found = _JUDGEMENT.search(reply.replace("\n", "").replace("*", ""))
    return int(found[1]) if found else None


class Judgement(NamedTuple):
    """What one reply to a pair is, AGREE, REJECT or UNREAD, and whether it was shown with its answers swapped."""

    word: str
    swapped: bool


def judgement(number: int | None, first_is_better: bool, swapped: bool) -> Judgement:
    """The judgement of one reply; `number` is that of the answer as shown."""
    worse = 2 if first_is_better != swapped else 1
    return Judgement(UNREAD if number is None else REJECT if number == worse else AGREE, swapped)


def majority(judgements: Sequence[str]) -> str:
    """What more than half of the judgements of a pair are; NONE where there is no such thing."""
    return next((word for word, n in Counter(judgements).items() if 2 * n > len(judgements)), NONE)


@dataclass(frozen=True, slots=True)
class Fitness:
    """How often a judge agrees with people: shares, None where nothing was decided.

    undecided: share of pairs without a majority for either answer. consistent: share of pairs that all judgements judge
    the same way, among those judged in both orders and read at all.
    """

    groups: Mapping[str, float | None]
    overall: float | None
    macro: float | None
    pairs: int
    undecided: float | None
    consistent: float | None

    def words(self) -> str:
        """One sentence for a report."""
        if self.overall is None:
            return f"no pair of {self.pairs:,} was decided"
        same = "" if self.consistent is None else f", {self.consistent:.1%} judged alike in both orders"
        undecided = f"{self.undecided or 0:.1%} of {self.pairs:,} undecided"
        return f"agrees with people on {self.overall:.1%} of the decided pairs ({undecided}{same})"


def fitness(judgements: Mapping[str, Sequence[Judgement]]) -> Fitness:
    """From the judgements of each pair, by its id."""
    words = {pair: [one.word for one in own] for pair, own in judgements.items()}
    decided = {pair: majority(own) for pair, own in words.items()}
    groups = {group: _share([w for pair, w in decided.items() if group_of(pair) == group]) for group in GROUPS}
    known = [share for share in groups.values() if share is not None]
    both = [words[pair] for pair, own in judgements.items() if len({one.swapped for one in own}) > 1]
    read = [own for own in both if any(word != UNREAD for word in own)]
    undecided = sum(word not in (AGREE, REJECT) for word in decided.values())
    return Fitness(
        groups,
        _share(list(decided.values())),
        sum(known) / len(known) if len(known) == len(GROUPS) else None,
        len(decided),
        undecided / len(decided) if decided else None,
        sum(len(set(own)) == 1 for own in read) / len(read) if read else None,
    )


def _share(words: Sequence[str]) -> float | None:
    agreed, rejected = words.count(AGREE), words.count(REJECT)
    return agreed / (agreed + rejected) if agreed + rejected else None
