"""CPU seconds of short commands, in turns with those of other trees: what a command line costs before it does anything.

    python tests/speed/benchmarks/startup.py [--turns 7] [--beside ../released-version] [--dry-run]

Each command is a process of its own in an empty folder; the figure is user + system, the smallest and the median of the turns.
The path that leads nowhere must be refused in under 1 s. `--dry-run` adds the default study's, first time and again.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = {
    "--help": ["--help"],
    "--version": ["--version"],
    "list": ["list"],
    "a path that leads nowhere": ["run", "model.path=/nowhere"],
    "a wrong option": ["run", "arms.0.pairs.rho=0.9"],
}


def cpu_s(tree: Path, words: list[str], folder: Path) -> float:
    """User and system seconds of `python -m harness WORDS` with a tree's own code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = os.environ | {"PYTHONPATH": str(tree)}
    subprocess.run([sys.executable, "-m", "harness", *words], cwd=folder, env=env, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--beside", type=Path, action="append", default=[], help="another checkout")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    chosen = {"run --dry-run": ["run", "--dry-run"]} if args.dry_run else COMMANDS
    for name, words in chosen.items():
        taken: dict[Path, list[float]] = {tree: [] for tree in (ROOT, *args.beside)}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(args.turns):
                for tree, seconds in taken.items():
                    seconds.append(cpu_s(tree.resolve(), words, Path(folder)))
        for tree, seconds in taken.items():
            print(f"{name:28} {tree.resolve().name:18} least {min(seconds):.3f} s, median {statistics.median(seconds):.3f} s")


if __name__ == "__main__":
    main()
