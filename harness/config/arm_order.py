"""Which arm goes on from which: `after` and `reference` name the base or an arm before.

Messages name arms as the file does. An arm with a grid, seeds or rounds is several arms once it is written out
(`grid.expand`), each under a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.core.nearest import did_you_mean

_MOST_NAMED = 4  # arms that a message lists
_SEED = re.compile(r"-seed-?\d+(?=$|-round\d+$)")
_LAST = re.compile(r"-round\d+$")


@dataclass(frozen=True, slots=True)
class Written:
    """The arms as they are written out, and the file's: `places` of the latter, one for each of the former in its order."""

    places: tuple[int, ...] = ()
    in_file: tuple[str, ...] = ()  # names
    names: tuple[str, ...] = ()  # of those written out

    def in_the_file(self, faults: Iterable[str]) -> list[str]:
        """Faults that begin with an arm's place among those written out, with its name in the file; each once."""
        if self.places == tuple(range(len(self.in_file))):
            return list(faults)
        return list(dict.fromkeys(_ARM_PLACE.sub(self._named, fault) for fault in faults))

    def _named(self, found: re.Match[str]) -> str:
        place = self.places[int(found[1])] if int(found[1]) < len(self.places) else None
        if place is None:
            return found[0]
        name = self.in_file[place]
        return f"arms.{name if name and self.in_file.count(name) == 1 and '.' not in name else place}"

    def name_in_file(self, name: str) -> str:
        """ "dpo" of "dpo-seed0-round2"; the name itself where no arm has it."""
        return self.in_file[self.places[self.names.index(name)]] if name in self.names else name

    def family(self, name: str) -> list[str]:
        """What the file's arm of that name is written out to."""
        return [one for one, place in zip(self.names, self.places, strict=True) if self.in_file[place] == name]


_ARM_PLACE = re.compile(r"\barms\.(\d+)(?=[.:\s])")


def after_the_same_seed(arms: Sequence[Any]) -> list[Any]:
    """`after: sft` or `reference: sft` of the arm "dpo-seed1" means "sft-seed1" where there is no arm "sft"."""
    names = {str(arm.get("name")) for arm in arms if isinstance(arm, Mapping)}  # names of other types are refused later

    def placed(arm: Any, key: str) -> Any:  # Any: what stands in the file
        before = str(arm.get(key) or "") if isinstance(arm, Mapping) else ""
        found = _SEED.search(str(arm["name"])) if before and before not in names and "name" in arm else None
        return {**arm, key: f"{before}{found.group()}"} if found and f"{before}{found.group()}" in names else arm

    return [placed(placed(arm, "after"), "reference") for arm in arms]


class Follows(Protocol):
    """An arm, as far as its place in the order goes."""

    name: str
    after: str | None
    reference: str | None


def order_faults(arms: Sequence[Follows], reward_models: Sequence[Follows], written: Written) -> list[str]:
    """What is wrong with the order: an arm goes on from one that stands before it. Each fault once, by the file's names."""
    faults = [f"reward_models: {m.name} cannot go on `after` an arm" for m in reward_models if m.after is not None]
    faults += [f"reward_models: {m.name} has no reference" for m in reward_models if m.reference is not None]
    before = list[str]()
    for arm in arms:
        own = written.name_in_file(arm.name)
        if arm.after is not None and arm.after not in before:
            several = _several(arm.after, own, before, written)
            near = _near(arm.after, before)
            faults.append(f"arms: {own} goes on after {arm.after!r}, which is {several or f'not an arm before it{near}'}")
        if arm.reference not in (None, "base", *before):
            several = _several(arm.reference, own, before, written)
            near = _near(arm.reference, ["base", *before])
            faults.append(
                f"arms: the reference of {own} is {arm.reference!r}, which is "
                f"{several or f'neither base nor an arm before it{near}'}"
            )
        before.append(arm.name)
    return list(dict.fromkeys(faults))


def _several(name: str | None, own: str, before: Sequence[str], written: Written) -> str:
    """What to name for an arm of the file that is several arms, all of them before this one; "" where it is not."""
    family = written.family(name) if name and name != own else []
    if len(family) < 2 or not set(family) <= set(before):
        return ""
    shown = f"{', '.join(family[:_MOST_NAMED])}{', ...' if len(family) > _MOST_NAMED else ''}"
    if all(_SEED.search(one) for one in family):
        return f"{len(family)} arms: {shown}. Give {own} the same `seeds`, or name one of them"
    if all(_LAST.search(one) for one in family):
        return f"{len(family)} arms: {shown}. Name one of them; {family[-1]} is the last round"
    return f"{len(family)} arms: {shown}. Name one of them"


def _near(name: str | None, known: Iterable[str]) -> str:
    """`did_you_mean` behind a sentence that has no full stop."""
    hint = did_you_mean(name or "", known)
    return f".{hint}" if hint else ""


def baseline_faults(baseline: str | None, arms: Sequence[Follows]) -> list[str]:
    """The baseline is the base, an arm, or all seeds of an arm ("dpo" of "dpo-seed0" and "dpo-seed1")."""
    names = [arm.name for arm in arms]
    known = list(dict.fromkeys(["base", *names, *(without_seed(name) for name in names)]))
    if baseline is None or baseline in known:
        return []
    return [f"baseline: no arm is named {baseline!r}.{did_you_mean(baseline, known)} Known: {', '.join(known)}"]


def without_seed(name: str) -> str:
    """ "dpo" of the arm "dpo-seed1", "dpo-round2" of "dpo-seed1-round2"."""
    return _SEED.sub("", name)
