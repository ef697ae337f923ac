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

A later round draws other rejected answers, other answers in training and another order than the one before: its arm has the
key `round`. Which prompts a `limit` takes stays as it is.

`seeds: [0, 1, 2]` trains an arm (every point of its grid) once a seed, "bdhs-seed0" to "bdhs-seed2"; the report puts them
together. An arm with seeds that goes on `after` another one goes on from that one's checkpoint of the same seed. A benchmark's
`wordings: [{style: official}, {style: llava}]` asks it in each, "pope-wording1" and "pope-wording2", put together likewise.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.arm_order import Written, after_the_same_seed
from harness.core.digests import text_digest

KEY, ROUNDS, SEEDS, WORDINGS = "grid", "rounds", "seeds", "wordings"
MOST = 1_000  # arms that an arm may be written out to
MOST_LETTERS = 80  # of a name
REFERENCES = ("moving", "fixed")  # of an arm with rounds
_NOT_WORDING = ("name", "label", "judge", "judge_repeats", "limit", "limit_images", "items", "splits", WORDINGS)
_WORDED = re.compile(r"(.+)-wording\d+$")


def expand(tree: Mapping[str, Any], faults: list[str]) -> tuple[dict[str, Any], Written]:
    """The configuration with every grid written out, and which arm of the file each is of; what is wrong with a grid is added
    to `faults`, once however many points it has."""
    tree = {**tree, "sweep": _worded(tree["sweep"], faults)} if isinstance(tree.get("sweep"), list) else tree
    arms = tree.get("arms")
    if not isinstance(arms, list):
        return dict(tree), Written()
    made, places, found = list[Any](), list[int](), list[str]()
    for i, arm in enumerate(arms):
        where = f"arms.{i}"
        points = _points(_with_seeds(arm, where, found), where, found)
        made += (own := [one for point in points for one in _rounds(point, where, found)])
        places += [i] * len(own)
    faults += dict.fromkeys(found)
    names = tuple(str(arm.get("name")) if isinstance(arm, Mapping) else "" for arm in arms)
    written = tuple(str(arm.get("name")) if isinstance(arm, Mapping) else "" for arm in made)
    return {**tree, "arms": after_the_same_seed(made)}, Written(tuple(places), names, written)


def _with_seeds(arm: Any, where: str, faults: list[str]) -> Any:  # Any: what stands in the file
    """The arm with its seeds as the last setting of its grid."""
    if not isinstance(arm, Mapping) or SEEDS not in arm:
        return arm
    seeds, plain = arm[SEEDS], {k: v for k, v in arm.items() if k != SEEDS}
    own = plain.get(KEY, {})
    whole = isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        faults.append(f"{where}.seeds is {seeds!r}; give a list of different whole numbers, e.g. [0, 1, 2]")
        return plain
    if "seed" in plain or (isinstance(own, Mapping) and "seed" in own):
        faults.append(f"{where}: `seeds` and `seed` contradict each other; give one of them")
        return plain
    faults += _fixed_seeds(plain, where, SEEDS, ("align.seed", "align.training.seed"))
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
        unused = [key for key in plain if key not in _NOT_WORDING and all(key in one for one in wordings)]
        faults += [f"sweep.{i}.{key}: every one of `wordings` sets its own. Leave one of them out" for key in unused]
        title = str(plain.get("label", plain.get("name", "")))
        faults += (long := _too_long(title, f"-wording{len(wordings)}", f"sweep.{i}.wordings", "benchmark a shorter label"))
        if long:
            made.append(plain)
            continue
        made += [{**copy.deepcopy(plain), **one, "label": f"{title}-wording{n}"} for n, one in enumerate(wordings, 1)]
    faults += _reserved(made)
    return made


def _reserved(sweep: Sequence[Any]) -> list[str]:
    """Labels as `wordings` makes them, on benchmarks that are not one benchmark in several wordings: the report would put other
    items together. A study as a run keeps it has such labels, and no `wordings`; one of them alone is put together with
    nothing."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for spec in sweep:
        if isinstance(spec, Mapping) and (found := _WORDED.match(str(spec.get("label")))):
            groups.setdefault(found[1], []).append(spec)
    kept = [key for key in _NOT_WORDING if key != "label"]
    return [
        f"sweep: the label {spec['label']!r} is kept for `wordings`. Give another one, or write `wordings` in one benchmark"
        for group in groups.values()
        if any(spec.get(key) != group[0].get(key) for spec in group for key in kept)
        for spec in group
    ]


def _rounds(arm: Any, where: str, faults: list[str]) -> list[Any]:
    """The rounds of an arm, each after the one before; the first after the arm's own `after`."""
    if not isinstance(arm, Mapping) or ROUNDS not in arm:
        return [arm]
    n, plain = arm[ROUNDS], {k: v for k, v in arm.items() if k != ROUNDS}
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        faults.append(f"{where}.rounds is {n!r}; give a whole number of at least 1, at most {MOST:,}")
        return [plain]
    if "round" in plain:
        faults.append(f"{where}: `rounds` and `round` contradict each other; give one of them")
        return [plain]
    faults += _fixed_seeds(plain, where, ROUNDS, ("align.training.seed",))
    reference = plain.pop("reference", "moving")
    if reference not in REFERENCES:
        faults.append(f"{where}.reference is {reference!r}; with rounds, choose one of: {', '.join(REFERENCES)}")
    plain |= {"reference": plain.get("after") or "base"} if reference == "fixed" else {}
    name, made = str(plain.get("name", "arm")), list[Any]()
    faults += (long := _too_long(name, f"-round{n}", f"{where}.rounds", "arm a shorter name"))
    if long:
        return [plain]
    for number in range(1, n + 1):
        before = {"after": f"{name}-round{number - 1}", "round": number} if number > 1 else {}
        made.append({**copy.deepcopy(plain), **before, "name": f"{name}-round{number}"})
    return made


def _fixed_seeds(arm: Mapping[str, Any], where: str, key: str, places: Sequence[str]) -> list[str]:
    """Seeds of the aligner and its training that would be the same in every arm that `key` makes."""
    align = one if isinstance(one := arm.get("align"), Mapping) else {}
    training = one if isinstance(one := align.get("training"), Mapping) else {}
    seeds = {"align.seed": align.get("seed"), "align.training.seed": training.get("seed")}
    paths = [path for path in places if seeds[path] is not None]
    return [f"{where}: `{key}` and `{path}`, which would draw the same in each of them; leave `{path}` out" for path in paths]


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
