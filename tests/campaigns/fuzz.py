"""Mutated files, settings, replies and images against every loader: only the project's own errors may come out.

    python -m tests.campaigns.fuzz --seconds 600 [--seed 0]
    python -m tests.campaigns.fuzz --seed 0 --only checkpoints --number 1051      one input again

Each input takes at most 10 s of CPU and 2 GiB (`fuzzing/limits.py`). A fault prints target, seed, number and the traceback. The
suite runs a slice (tests/core/edge/test_fuzz_slice.py).
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from harness.core.errors import HarnessError
from tests.campaigns.fuzzing.folders import Target, folder_targets
from tests.campaigns.fuzzing.limits import Note, is_out_of_memory, limited
from tests.campaigns.fuzzing.readers import reader_targets
from tests.campaigns.fuzzing.sets import set_targets
from tests.campaigns.mutations import ODD, WORDS, damaged, mutated, text_of

FOUND = "FAULT "
OFTEN, QUICK_S = 10, 0.05  # inputs of one target a round, at most, and CPU seconds after which the next target has its turn


def _questions(name: str) -> Target:
    from tests.core.edge.test_strangers_files import FILES, OPTIONS

    file, good = FILES[name]

    def run(draw: random.Random, folder: Path) -> None:
        from harness.config.schema import BenchmarkConfig
        from harness.evaluation.asked_items import items_of
        from harness.evaluation.scoring import unjudged
        from harness.storage.data_folder import DataFolder

        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text_of(mutated(good, draw), draw))
        spec = BenchmarkConfig.model_validate({"name": name, **OPTIONS.get(name, {})})
        items_of(spec, unjudged(spec), DataFolder(folder))

    return run


def _source(name: str) -> Target:
    from tests.core.edge.test_strangers_files import SOURCES

    file, good = SOURCES[name]

    def run(draw: random.Random, folder: Path) -> None:
        from harness.core import registry
        from harness.storage.data_folder import DataFolder

        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text_of(mutated(good, draw), draw))
        registry.make("source", name, {"part": "desc"} if name == "ha_dpo" else {}).check(DataFolder(folder), 0)

    return run


def pairs(draw: random.Random, folder: Path) -> None:
    from alignment.data.pairs import read_pairs, read_trl

    row = {"id": "1", "image": "", "prompt": "p", "chosen": "a", "rejected": ["b"], "meta": {}}
    (folder / "p.jsonl").write_bytes(text_of(mutated([row, {**row, "id": "2"}], draw), draw))
    draw.choice([read_pairs, read_trl])(folder / "p.jsonl")


def study(draw: random.Random, folder: Path) -> None:
    import yaml

    from harness.config import schema

    tree = mutated(schema.read_tree(None), draw, 0.1)
    raw = yaml.safe_dump(json.loads(json.dumps(tree)), allow_unicode=True).encode("utf-8", "replace")
    (folder / "run.yaml").write_bytes(damaged(raw, draw) if draw.random() < 0.5 else raw)
    paths = ["seed", "arms.0.align.beta", "sweep.pope.limit", "model.path", "arms", "a.b.c", "sweep.0"]
    schema.load(folder / "run.yaml", [f"{draw.choice(paths)}={draw.choice(ODD)}" for _ in range(draw.randrange(3))])


def options(draw: random.Random, folder: Path) -> None:
    from harness.core import registry

    kind = draw.choice(["source", "aligner", "benchmark"])
    name = draw.choice(registry.names(kind))
    known = registry.options(kind, name)
    chosen = {draw.choice(known).name: draw.choice(ODD) for _ in range(draw.randrange(1, 4))} if known else {"x": 1}
    registry.make(kind, name, chosen, judge=None, reward=None)


def replies(draw: random.Random, folder: Path) -> None:
    from benchmarks import llava_bench, mmvet
    from benchmarks._judged.mmhal import PARSERS
    from benchmarks._judged.object_list import object_list

    reply = "".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 14)))
    readers: list[Callable[[str], object]] = [*mmvet.PARSERS.values(), *PARSERS.values(), llava_bench.official_scores]
    for read in (*readers, lambda text: object_list(text, "tolerant"), lambda text: object_list(text, "official")):
        read(reply)


def served(draw: random.Random, folder: Path) -> None:
    from harness.core.evaluation import Decoding
    from harness.models._server.chat_format import read_reply
    from harness.models._server.refusals import Again, Unanswerable

    good = {"choices": [{"finish_reason": "stop", "message": {"content": "Yes"}}], "usage": {"prompt_tokens": 3}}
    try:
        read_reply(mutated(good, draw, 0.4), Decoding(stop=(".",)), 0.1)
    except (Again, Unanswerable):
        pass  # what the client turns into a reason


def image(draw: random.Random, folder: Path) -> None:
    from PIL import Image

    from harness.core.edge.images import open_image

    packed = io.BytesIO()
    mode = draw.choice(["RGB", "L", "P", "RGBA"])
    kind = draw.choice(["PNG", "GIF", "TIFF", "WEBP", "BMP"] + (["JPEG", "PPM"] if mode in ("RGB", "L") else []))
    Image.effect_noise((draw.randrange(1, 40), draw.randrange(1, 40)), 90).convert(mode).save(packed, kind)
    (folder / "a.jpg").write_bytes(damaged(packed.getvalue(), draw))
    open_image(folder / "a.jpg")


def revision(draw: random.Random, folder: Path) -> None:
    from harness.storage.label_revisions import loads

    edit = dict.fromkeys(("benchmark", "item_id", "field", "old", "reviewer", "reason", "at"), "x") | {"new": "right"}
    lines = [mutated({"revision": "r", "format": 1, "source": "s", "control": {"sample": 3}}, draw), mutated(edit, draw)]
    raw = "\n".join(map(json.dumps, lines)).encode()
    loads((damaged(raw, draw) if draw.random() < 0.3 else raw).decode("utf-8", "replace"), "r.jsonl")


def sheet(draw: random.Random, folder: Path) -> None:
    from harness.audit.review_sheet import votes_of

    rows = [["benchmark", "item_id", "field", "label", "word", "comment"]]
    rows += [[str(draw.choice(ODD)) for _ in range(6)] for _ in range(draw.randrange(4))]
    raw = "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")
    votes_of(damaged(raw, draw), "sheet.csv", "Ada", "now")


def targets() -> dict[str, Target]:
    from tests.core.edge.test_strangers_files import FILES, SOURCES

    plain = {f.__name__: f for f in (pairs, study, options, replies, served, image, revision, sheet)}
    files = {f"questions {n}": _questions(n) for n in FILES} | {f"source {n}": _source(n) for n in SOURCES}
    return plain | files | set_targets() | reader_targets() | folder_targets()


def crashes(
    seconds: float, seed: int, only: Collection[str] = (), rounds: int = sys.maxsize, note: Note | None = None
) -> Iterator[str]:
    """Run the targets in turn; yield a description of every input that anything but our own errors came out of, or that took
    too much time or memory. With a note, quick targets get several inputs a round, and an excess may end this process."""
    known = {name: run for name, run in targets().items() if not only or name in only}
    count, seen, warm, ends = Counter(note.counts if note else {}), Counter[str](), set[str](), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about odd values
        for name in (name for _ in range(rounds) for name in known):
            spent_s = 0.0
            for _ in range(OFTEN if note else 1):
                number, count[name] = count[name], count[name] + 1
                if note:
                    note.write(name, number, count)
                with limited(deadly=note is not None) as spent:
                    faults = _faults(known[name], random.Random(f"{seed}/{name}/{number}"), Path(folder))
                faults += spent.excesses() if name in warm else []  # the first one imports libraries
                warm.add(name)
                for what, text in faults:
                    seen[f"{name}: {what}"] += 1
                    if seen[f"{name}: {what}"] == 1:
                        yield f"{name}: {what} (seed {seed}, number {number})\n{text}"
                spent_s += spent.seconds
                if spent_s > QUICK_S or time.monotonic() >= ends:
                    break
            if time.monotonic() >= ends:
                break
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{count.total():,} inputs to {len(count)} targets, {len(seen)} kinds of fault, {gib:.1f} GiB", file=sys.stderr)


def _faults(run: Target, draw: random.Random, folder: Path) -> list[tuple[str, str]]:
    """What came out of one input that should not: (kind, traceback)."""
    try:
        run(draw, folder)
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        if is_out_of_memory(error) and "in _render\n" not in text:  # a template has 512 MiB and is refused beyond
            return [(f"memory was refused to it, {type(error).__name__}", text)]
        if not isinstance(error, HarnessError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            return [(f"{type(error).__name__} in {place.filename}:{place.lineno}", text)]
    return []


def guarded(seconds: float, seed: int, only: Sequence[str]) -> int:
    """The campaign in a process of its own, which starts again after an input that ended it; returns how many faults."""
    ends, found = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        note = Note(Path(folder) / "input")
        while (left := ends - time.monotonic()) > 0:
            words = ["--seconds", str(left), "--seed", str(seed), "--note", str(note.path)]
            words += [word for name in only for word in ("--only", name)]
            with subprocess.Popen(
                [sys.executable, "-m", "tests.campaigns.fuzz", *words], stdout=subprocess.PIPE, text=True
            ) as one:
                for line in one.stdout or ():
                    found += line.startswith(FOUND)
                    print(line, end="", flush=True)
            if one.returncode >= 0:
                return found + (one.returncode > 1)
            name, number = note.last
            found += 1
            print(f"{FOUND}{name}: signal {-one.returncode} ended it (seed {seed}, number {number})", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], metavar="TARGET")
    parser.add_argument("--number", type=int, help="this input of the one target alone")
    parser.add_argument("--note", type=Path, help="run in this process, and note each input in a file first")
    args = parser.parse_args()
    if args.note is None and args.number is None:
        sys.exit(1 if guarded(args.seconds, args.seed, args.only) else 0)
    with tempfile.TemporaryDirectory() as folder:
        note = Note(args.note or Path(folder) / "input")
        if args.number is not None:
            note.write(args.only[0], args.number, {args.only[0]: args.number})
            args.seconds = 0.0  # ends after the first
        faults = list(map(_shown, crashes(args.seconds, args.seed, args.only, note=note)))
    sys.exit(1 if faults else 0)


def _shown(fault: str) -> None:
    print(f"{FOUND}{fault}", flush=True)


if __name__ == "__main__":
    main()
