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
round before, which is trained on and is the reference; with `reference: fixed` what the first round begins with stays the
reference of all. Each round is swept like any arm. With a grid every point has its rounds.

`seeds: [0, 1, 2]` trains an arm (every point of its grid) once a seed, "bdhs-seed0" to "bdhs-seed2"; the report puts them
together. An arm with seeds that goes on `after` another one goes on from that one's checkpoint of the same seed. A benchmark's
`wordings: [{style: official}, {style: llava}]` asks it in each, "pope-wording1" and "pope-wording2", put together likewise.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.core.digests import text_digest
from harness.core.nearest import did_you_mean

KEY, ROUNDS, SEEDS, WORDINGS = "grid", "rounds", "seeds", "wordings"
MOST = 1_000  # arms that an arm may be written out to
MOST_LETTERS = 80  # of a name
REFERENCES = ("moving", "fixed")  # of an arm with rounds
_NOT_WORDING = ("name", "label", "judge", "judge_repeats", "limit", "limit_images", "items", "splits", WORDINGS)


def expand(tree: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The configuration with every grid written out; what is wrong with one is added to `faults`."""
    tree = {**tree, "sweep": _worded(tree["sweep"], faults)} if isinstance(tree.get("sweep"), list) else tree
    arms = tree.get("arms")
    if not isinstance(arms, list):
        return dict(tree)
    seeded = [_with_seeds(arm, f"arms.{i}", faults) for i, arm in enumerate(arms)]
    points = [point for i, arm in enumerate(seeded) for point in _points(arm, f"arms.{i}", faults)]
    rounds = [one for i, point in enumerate(points) for one in _rounds(point, f"arms.{i}", faults)]
    return {**tree, "arms": _after_the_same_seed(rounds)}


def _with_seeds(arm: Any, where: str, faults: list[str]) -> Any:  # Any: what stands in the file
    """The arm with its seeds as the last setting of its grid."""
    if not isinstance(arm, Mapping) or SEEDS not in arm:
        return arm
    seeds, plain = arm[SEEDS], {k: v for k, v in arm.items() if k != SEEDS}
    own = plain.get(KEY, {})
    whole = isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) and s >= 0 for s in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        faults.append(f"{where}.seeds is {seeds!r}; give a list of different whole numbers of at least 0, e.g. [0, 1, 2]")
        return plain
    if "seed" in plain or (isinstance(own, Mapping) and "seed" in own):
        faults.append(f"{where}: `seeds` and `seed` contradict each other; give one of them")
        return plain
    return {**plain, KEY: {**own, "seed": seeds}} if isinstance(own, Mapping) else plain


def _worded(sweep: Sequence[Any], faults: list[str]) -> list[Any]:
    """Every benchmark with `wordings` as one entry a wording, "pope-wording1" and so on; the report puts them together."""
    made = list[Any]()
    for i, spec in enumerate(sweep):
        if not isinstance(spec, Mapping) or WORDINGS not in spec:
            made.append(spec)
            continue
        wordings, plain = spec[WORDINGS], {k: v for k, v in spec.items() if k != WORDINGS}
        mappings = isinstance(wordings, list) and all(isinstance(one, Mapping) and one for one in wordings)
        if not mappings or len(wordings) < 2 or any(one in wordings[:n] for n, one in enumerate(wordings)):
            faults.append(
                f"sweep.{i}.wordings: give two or more different mappings, e.g. [{{style: official}}, {{style: llava}}]: "
                "fewer do not show how far results scatter over wordings"
            )
            made.append(plain)
            continue
        own = sorted({str(key) for one in wordings for key in one if key in _NOT_WORDING})
        faults += [f"sweep.{i}.wordings: {key} is not how a question is worded" for key in own]
        title = str(plain.get("label", plain.get("name", "")))
        faults += (long := _too_long(title, f"-wording{len(wordings)}", f"sweep.{i}.wordings", "benchmark a shorter label"))
        if long:
            made.append(plain)
            continue
        made += [{**copy.deepcopy(plain), **one, "label": f"{title}-wording{n}"} for n, one in enumerate(wordings, 1)]
    return made


def _after_the_same_seed(arms: Sequence[Any]) -> list[Any]:
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


def order_faults(arms: Sequence[Follows], reward_models: Sequence[Follows]) -> list[str]:
    """What is wrong with the order: an arm goes on from one that stands before it."""
    faults = [f"reward_models: {m.name} cannot go on `after` an arm" for m in reward_models if m.after is not None]
    faults += [f"reward_models: {m.name} has no reference" for m in reward_models if m.reference is not None]
    before = list[str]()
    for arm in arms:
        if arm.after is not None and arm.after not in before:
            faults.append(
                f"arms: {arm.name} goes on after {arm.after!r}, which is not an arm before it{_near(arm.after, before)}"
            )
        if arm.reference not in (None, "base", *before):
            near = _near(arm.reference, ["base", *before])
            faults.append(
                f"arms: the reference of {arm.name} is {arm.reference!r}, which is neither base nor an arm before it{near}"
            )
        before.append(arm.name)
    return faults


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


_SEED = re.compile(r"-seed-?\d+(?=$|-round\d+$)")


def without_seed(name: str) -> str:
    """ "dpo" of the arm "dpo-seed1", "dpo-round2" of "dpo-seed1-round2"."""
    return _SEED.sub("", name)


def _rounds(arm: Any, where: str, faults: list[str]) -> list[Any]:
    """The rounds of an arm, each after the one before; the first after the arm's own `after`."""
    if not isinstance(arm, Mapping) or ROUNDS not in arm:
        return [arm]
    n, plain = arm[ROUNDS], {k: v for k, v in arm.items() if k != ROUNDS}
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        faults.append(f"{where}.rounds is {n!r}; give a whole number of at least 1, at most {MOST:,}")
        return [plain]
    reference = plain.pop("reference", "moving")
    if reference not in REFERENCES:
        faults.append(f"{where}.reference is {reference!r}; with rounds, choose one of: {', '.join(REFERENCES)}")
    plain |= {"reference": plain.get("after") or "base"} if reference == "fixed" else {}
    name, made = str(plain.get("name", "arm")), list[Any]()
    faults += (long := _too_long(name, f"-round{n}", f"{where}.rounds", "arm a shorter name"))
    if long:
        return [plain]
    for number in range(1, n + 1):
        before = {"after": f"{name}-round{number - 1}"} if number > 1 else {}
        made.append({**copy.deepcopy(plain), **before, "name": f"{name}-round{number}"})
    return made


def _points(arm: Any, where: str, faults: list[str]) -> list[Any]:
    if not isinstance(arm, Mapping) or KEY not in arm:
        return [arm]
    grid, plain = arm[KEY], {k: v for k, v in arm.items() if k != KEY}
    values_of = grid.items() if isinstance(grid, Mapping) else ()
    if not values_of or not all(isinstance(path, str) and isinstance(given, list) and given for path, given in values_of):
        faults.append(f"{where}.grid: give each setting a list of values, e.g. {{align.beta: [0.1, 0.5]}}")
        return [plain]
    if (n := math.prod(map(len, grid.values()))) > MOST:
        faults.append(f"{where}.grid has {n:,} points, each of them an arm; give at most {MOST:,}")
        return [plain]
    points = []
    for values in itertools.product(*grid.values()):
        point = copy.deepcopy(plain)
        outer_first = sorted(zip(grid, values, strict=True), key=lambda setting: setting[0].count("."))
        for path, value in outer_first:  # a mapping, then the keys inside it
            if not _put(point, path, value):
                faults.append(f"{where}.grid: {path} is not a setting of an arm (pairs.*, align.* or seed)")
                return [plain]
        parts = [f"{path.rsplit('.', 1)[-1]}{_word(value)}" for path, value in zip(grid, values, strict=True)]
        point["name"] = _name_of_point(plain, parts, list(grid)[-1] == "seed")
        points.append(point)
    return points


def _name_of_point(arm: Mapping[str, Any], parts: Sequence[str], by_seed: bool) -> str:
    """The arm's name and its settings; what is too long ends in a digest of all of it, behind which the seed still stands."""
    own, rounds = str(arm.get("name", "arm")), arm.get(ROUNDS)
    *_, last = parts
    whole, seed = "-".join([own, *(parts[:-1] if by_seed else parts)]), f"-{last}" if by_seed else ""
    room = MOST_LETTERS - len(seed) - (len(f"-round{rounds}") if rounds is not None else 0)
    if len(whole) <= room or len(own) > MOST_LETTERS:  # an arm's own name that is too long is refused by itself
        return whole + seed
    mark = f"-{text_digest(whole)[:8]}"
    return f"{whole[: room - len(mark)].rstrip('-._')}{mark}{seed}"


def _too_long(name: str, ending: str, where: str, instead: str) -> list[str]:
    """The fault of a name that an ending makes too long."""
    if len(name) > MOST_LETTERS or len(name + ending) <= MOST_LETTERS:
        return []
    return [f"{where}: the name {name + ending!r} has more than {MOST_LETTERS} characters; give the {instead}"]


def _put(point: dict[str, Any], path: str, value: Any) -> bool:
    *parents, last = path.split(".")
    if parents[:1] not in (["pairs"], ["align"]) and path != "seed":
        return False
    place: Any = point
    for key in parents:
        place = place.setdefault(key, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        return False
    place[last] = copy.deepcopy(value)  # another path of the grid may go inside it
    return True


def _word(value: Any) -> str:
    """A value as part of a name; the minus of a number stays (-0.5 is not 0.5), that of an exponent does not (1e_05)."""
    return _NOT_IN_NAMES.sub("_", str(value)).strip("_")


_SIGN = r"(?<![A-Za-z0-9._-])-(?=[.\d]|inf\b)"
_NOT_IN_NAMES = re.compile(rf"(?:(?!{_SIGN})[^A-Za-z0-9._])+")
