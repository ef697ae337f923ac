"""What `judges check` found, kept beside the runs and stated by reports beside what these judges measured."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from harness.core.files import write_text_whole
from harness.core.run_record import JUDGE_CHECK, ProtocolRecord, judge_named
from harness.labels.estimates.judge_fitness import Fitness

FILE = "judge_checks.json"  # in the output folder: {judge with its settings: the fields of `Fitness`, its sentence as "words"}
RATERS = ("annotator", "reward", "reward digest")  # keys of a checkpoint's provenance: who rated answers in training
_HOW = "python -m harness judges check PAIRS"
_JUDGE = "judge "  # in front of a judge that is a reward
_TEXTS = re.compile(r", (?:own texts|given texts for \w+(?:, \w+)*) [0-9a-f]+(?=,|$)")
_TASK = re.compile(r", task version \d+$")


def keep(output: Path, judge: str, found: Fitness) -> str:
    """Remember the result of a judge, named as protocols name it, beside the runs.

    A result over more pairs stays: then nothing is written. Returns why, "" where the result was kept.
    """
    known = kept(output)
    key = key_of(judge)
    before = known.get(key, {}).get("pairs")
    if isinstance(before, int) and before > found.pairs:
        return (
            f"Not kept: the result on {before:,} pairs stays, and this one is on {found.pairs:,}. To replace it, remove "
            f"{key!r} from {output / FILE} and run the same command again."
        )
    known[key] = {**asdict(found), "words": found.words()}
    write_text_whole(output / FILE, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return ""


def kept(output: Path) -> dict[str, dict[str, object]]:
    """Results by judge; empty where none was checked."""
    try:
        found = json.loads((output / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}


def key_of(judge: str) -> str:
    """A judge as protocols name it, without the texts of its tasks: "chat gpt-4o 1a2b3c, temperature 0".

    Older files have its name alone, "chat gpt-4o 1a2b3c": with which settings it was checked is not known.
    """
    return _TASK.sub("", _TEXTS.sub("", judge, count=1)).strip()


def reward_key(digest: str) -> str:
    """A reward model as results name it: by its weights, wherever they lie and whatever a study calls it."""
    return f"reward model {digest}"


def _words(known: Mapping[str, Mapping[str, object]], key: str, how: str) -> str:
    """The sentence on a judge or a reward model. One with other settings is another judge: it is named, not claimed."""
    if words := known.get(key, {}).get("words"):
        return str(words)
    name = key.split(",", maxsplit=1)[0]
    alike = [other for other in known if other != key and other.split(",", maxsplit=1)[0] == name]
    others = [other.removeprefix(name).strip(" ,") for other in alike]
    if not others:
        return f"not checked: {how}"
    settings = "; ".join(other or "settings that were not kept" for other in others)
    return f"not checked with these settings, only with {settings}: {how}"


def training_checks(run: Path, digests: Mapping[str, str], rated_by: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The fitness of everything that rated answers in a run's training: who -> a sentence.

    Args:
        run: the run's folder. digests: reward model -> digest of its weights. rated_by: arm -> see `RATERS`.
    """
    known = kept(run.parent)

    def words(key: str) -> str:
        return _words(known, key, f"{_HOW} --run {run.name}")

    found = {name: words(reward_key(digest)) for name, digest in digests.items()}
    for arm, raters in rated_by.items():
        reward = raters.get("reward", "")
        judge = raters.get("annotator") or (reward.removeprefix(_JUDGE) if reward.startswith(_JUDGE) else "")
        if judge:
            found[f"{judge} in {arm}"] = words(key_of(judge))
        elif reward and reward not in found and (digest := raters.get("reward digest")):
            found[reward] = words(reward_key(digest))
    return found


def with_judge_check(protocol: ProtocolRecord, output: Path) -> ProtocolRecord:
    """The protocol with the fitness of the judge that it names; as it is where no judge was asked."""
    judge = judge_named(protocol.facts)
    if not judge:
        return protocol
    words = _words(kept(output), key_of(judge), f"{_HOW} --judge NAME")
    return replace(protocol, facts={**protocol.facts, JUDGE_CHECK: words})
