"""What `judges check` found, kept beside the runs and stated by reports beside what these judges measured."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from harness.core.files import write_text_whole
from harness.core.run_record import ProtocolRecord
from harness.labels.estimates.judge_fitness import Fitness

FILE = "judge_checks.json"  # in the output folder: {judge: the fields of `Fitness`, and its sentence under "words"}
FACT = "judge on pairs that people ranked"
_NOT_CHECKED = "not checked: python -m harness judges check PAIRS --judge NAME"


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


def with_judge_check(protocol: ProtocolRecord, output: Path) -> ProtocolRecord:
    """The protocol with the fitness of the judge that it names; as it is where no judge was asked."""
    judge = protocol.facts.get("judge", "")
    if not judge or judge.startswith(("none", "answer files")):
        return protocol
    words = kept(output).get(key_of(judge), {}).get("words", _NOT_CHECKED)
    return replace(protocol, facts={**protocol.facts, FACT: str(words)})
