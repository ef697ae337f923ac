"""What `judges check` found, kept beside the runs and stated by reports beside what these judges measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from harness.core.files import write_text_whole
from harness.core.run_record import ProtocolRecord
from harness.labels.estimates.judge_fitness import Fitness

FILE = "judge_checks.json"  # in the output folder: {judge: the fields of `Fitness`, and its sentence under "words"}
RATERS = ("annotator", "reward", "reward digest")  # keys of a checkpoint's provenance: who rated answers in training
FACT = "judge on pairs that people ranked"
_NOT_CHECKED = "not checked: python -m harness judges check PAIRS --judge NAME"
_JUDGE = "judge "  # in front of a judge that is a reward


def keep(output: Path, judge: str, found: Fitness) -> None:
    """Remember the result of a judge, named as protocols name it, beside the runs."""
    known = kept(output)
    known[key_of(judge)] = {**asdict(found), "words": found.words()}
    write_text_whole(output / FILE, json.dumps(known, indent=1, sort_keys=True) + "\n")


def kept(output: Path) -> dict[str, dict[str, object]]:
    """Results by judge; empty where none was checked."""
    try:
        found = json.loads((output / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def key_of(judge: str) -> str:
    """A judge as protocols name it, without the texts of its tasks: "chat gpt-4o 1a2b3c"."""
    return judge.split(",", maxsplit=1)[0].strip()


def reward_key(digest: str) -> str:
    """A reward model as results name it: by its weights, wherever they lie and whatever a study calls it."""
    return f"reward model {digest}"


def training_checks(run: Path, digests: Mapping[str, str], rated_by: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The fitness of everything that rated answers in a run's training: who -> a sentence.

    Args:
        run: the run's folder. digests: reward model -> digest of its weights. rated_by: arm -> see `RATERS`.
    """
    known = kept(run.parent)

    def words(key: str) -> str:
        return str(known.get(key, {}).get("words", f"not checked: python -m harness judges check PAIRS --run {run.name}"))

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
    judge = protocol.facts.get("judge", "")
    if not judge or judge.startswith(("none", "answer files")):
        return protocol
    words = kept(output).get(key_of(judge), {}).get("words", _NOT_CHECKED)
    return replace(protocol, facts={**protocol.facts, FACT: str(words)})
