"""A grid over an arm's settings, and its rounds: one arm in the file, one arm a point or a round in the run.

    arms:
      - name: bdhs
        pairs: {name: bdhs, rho_th: 0.99}
        align: {name: dpo, beta: 0.1}
        grid:
          pairs.rho_th: [0.98, 0.99, 1.0]
          align.beta: [0.1, 0.5]
          seed: [0, 1, 2]

makes eighteen arms, "bdhs-rho_th0.98-beta0.1-seed0" and so on. Each is trained, swept and compared like any other; answers,
pairs and reference values that points have in common are found in the store and the caches.

`rounds: 3` makes an arm "bdhs" into "bdhs-round1" to "bdhs-round3": the pairs of a round are made by the checkpoint of the
round before, which is trained on and is the reference. Each round is swept like any arm. With a grid every point has its
rounds.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.core.nearest import did_you_mean

KEY, ROUNDS = "grid", "rounds"


def expand(tree: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The configuration with every grid written out; what is wrong with one is added to `faults`."""
    arms = tree.get("arms")
    if not isinstance(arms, list):
        return dict(tree)
    points = [point for i, arm in enumerate(arms) for point in _points(arm, f"arms.{i}", faults)]
    rounds = [one for i, point in enumerate(points) for one in _rounds(point, f"arms.{i}", faults)]
    return {**tree, "arms": rounds}


class Follows(Protocol):
    """An arm, as far as its place in the order goes."""

    name: str
    after: str | None


def order_faults(arms: Sequence[Follows], reward_models: Sequence[Follows]) -> list[str]:
    """What is wrong with the order: an arm goes on from one that stands before it."""
    faults = [f"reward_models: {m.name} cannot go on `after` an arm" for m in reward_models if m.after is not None]
    before = list[str]()
    for arm in arms:
        if arm.after is not None and arm.after not in before:
            faults.append(f"arms: {arm.name} goes on after {arm.after!r}, which is not an arm before it")
        before.append(arm.name)
    return faults


def baseline_faults(baseline: str | None, arms: Sequence[Follows]) -> list[str]:
    """The baseline is the base, an arm, or all seeds of an arm ("dpo" of "dpo-seed0" and "dpo-seed1")."""
    names = [arm.name for arm in arms]
    known = list(dict.fromkeys(["base", *names, *(without_seed(name) for name in names)]))
    if baseline is None or baseline in known:
        return []
    return [f"baseline: no arm is named {baseline!r}.{did_you_mean(baseline, known)} Known: {', '.join(known)}"]


def without_seed(name: str) -> str:
    """ "dpo" of the arm "dpo-seed1"."""
    return re.sub(r"-seed\d+$", "", name)


def _rounds(arm: Any, where: str, faults: list[str]) -> list[Any]:
    """The rounds of an arm, each after the one before; the first after the arm's own `after`."""
    if not isinstance(arm, Mapping) or ROUNDS not in arm:
        return [arm]
    n, plain = arm[ROUNDS], {k: v for k, v in arm.items() if k != ROUNDS}
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        faults.append(f"{where}.rounds is {n!r}; give a whole number of at least 1")
        return [plain]
    name, made = str(plain.get("name", "arm")), list[Any]()
    for number in range(1, n + 1):
        before = {"after": f"{name}-round{number - 1}"} if number > 1 else {}
        made.append({**copy.deepcopy(plain), **before, "name": f"{name}-round{number}"})
    return made


def _points(arm: Any, where: str, faults: list[str]) -> list[Any]:
    if not isinstance(arm, Mapping) or KEY not in arm:
        return [arm]
    grid, plain = arm[KEY], {k: v for k, v in arm.items() if k != KEY}
    if not isinstance(grid, Mapping) or not grid or not all(isinstance(v, list) and v for v in grid.values()):
        faults.append(f"{where}.grid: give each setting a list of values, e.g. {{align.beta: [0.1, 0.5]}}")
        return [plain]
    points = []
    for values in itertools.product(*grid.values()):
        point = copy.deepcopy(plain)
        for path, value in zip(grid, values, strict=True):
            if not _put(point, path, value):
                faults.append(f"{where}.grid: {path} is not a setting of an arm (pairs.*, align.* or seed)")
                return [plain]
        parts = [f"{path.rsplit('.', 1)[-1]}{_word(value)}" for path, value in zip(grid, values, strict=True)]
        point["name"] = "-".join([str(plain.get("name", "arm")), *parts])
        points.append(point)
    return points


def _put(point: dict[str, Any], path: str, value: Any) -> bool:
    *parents, last = path.split(".")
    if parents[:1] not in (["pairs"], ["align"]) and path != "seed":
        return False
    place: Any = point
    for key in parents:
        place = place.setdefault(key, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        return False
    place[last] = value
    return True


def _word(value: Any) -> str:
    """A value as part of a name."""
    return re.sub(r"[^A-Za-z0-9._]+", "_", str(value)).strip("_")
