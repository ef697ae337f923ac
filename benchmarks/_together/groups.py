"""Metrics over several items: a pair, a figure, a group. Its addends stand on the score of its last member; those of a group
with a member that is not judged stand on that member's.

A group counts only where all of its members are scored; `size` is how many it has in the question file, so that a limit, a
missing answer or an unjudged one leaves the group out instead of completing it. Left-out groups are counted.

    joint/pair/n 1, joint/pair/all 1            both questions about the image are right
    joint/pair/incomplete 1                     one of them has no score
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from harness.core.evaluation import Formula, Item, Score, ratio
from harness.core.flags import JOINT

PREFIX = JOINT  # of all addends that `with_addends` puts and takes away again


class Group(NamedTuple):
    """The members of one group that are scored, by their places, and how many it has in the question file."""

    places: list[int]
    size: int

    def is_whole(self, scores: Sequence[Score]) -> bool:
        return len(self.places) == self.size and all(scores[place].correct is not None for place in self.places)


def groups(items: Sequence[Item], name: str) -> dict[str, Group]:
    """Groups in order of appearance. An item's truth has {"groups": {name: [key, size]}}; items without `name` are in none."""
    found: dict[str, Group] = {}
    for place, item in enumerate(items):
        if name in item.truth["groups"]:
            key, size = item.truth["groups"][name]
            found.setdefault(key, Group([], size)).places.append(place)
    return found


def sized(members: Sequence[Mapping[str, str]]) -> list[dict[str, list[object]]]:
    """For each row's {group name: key} its truth: {group name: [key, number of rows with that key]}."""
    counts: dict[tuple[str, str], int] = {}
    for row in members:
        for pair in row.items():
            counts[pair] = counts.get(pair, 0) + 1
    return [{name: [key, counts[name, key]] for name, key in row.items()} for row in members]


def all_right(
    items: Sequence[Item], scores: Sequence[Score], name: str, slices: Callable[[Item], Sequence[str]] = lambda item: ("",)
) -> dict[int, dict[str, float]]:
    """Addends by place: "{slice}joint/{name}/n", "/all", "/none" and "/share" of whole groups, "/incomplete" of others."""
    added: dict[int, dict[str, float]] = {}
    for group in groups(items, name).values():
        at = group.places[-1]
        if not group.is_whole(scores):
            at = next((place for place in group.places if scores[place].correct is None), at)
            values = {"incomplete": 1.0}
        else:
            right = sum(bool(scores[place].correct) for place in group.places)
            values = {"n": 1.0, "all": float(right == group.size), "none": float(not right), "share": right / group.size}
        for piece in slices(items[at]):
            into = added.setdefault(at, {})
            into |= {f"{PREFIX}{piece}{name}/{key}": value for key, value in values.items() if value or key != "none"}
    return added


def with_addends(scores: Sequence[Score], *added: Mapping[int, Mapping[str, float]]) -> list[Score]:
    """The scores with these addends by place, in the place of those that an earlier call put there."""
    made = []
    for place, score in enumerate(scores):
        own = {name: value for name, value in score.values.items() if not name.startswith(PREFIX)}
        for values in added:
            own |= values.get(place, {})
        made.append(score if own == score.values else replace(score, values=own))
    return made


def share_of_groups(name: str, what: str, piece: str = "", **about: Any) -> Formula:
    """The share of whole groups with every member right; `what` is the groups' name, `piece` a slice of them."""
    addend = f"{PREFIX}{piece}{what}"
    return ratio(name, [f"{addend}/all"], [f"{addend}/n"], **{"unknown": f"no {what} with all its answers", **about})


def share_incomplete(what: str) -> Formula:
    """The share of groups that were left out because a member has no score."""
    counted = [f"{PREFIX}{what}/incomplete", f"{PREFIX}{what}/n"]
    about = f"{what}s of which an answer is missing; they are in no metric over {what}s"
    return ratio(f"incomplete_{what}s", counted[:1], counted, better="neither", unknown="no answers", about=about)
