"""What a whole study costs on this machine: wall time, CPU of all its processes, memory of all together.

    python tests/speed/benchmarks/study.py                          # the built-in study, in a temporary folder
    python tests/speed/benchmarks/study.py jobs=1 --beside jobs=2   # two ways in turns, and whether their reports are the same

Memory is the proportional set size (PSS) of the process and all that it started, the most of one look a second: pages that
several processes share count once. CPU is user and system of the same processes, as far as they were last seen.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="words of `harness run`: a study, changes")
    parser.add_argument("--beside", action="append", default=[], help="another change, measured after the first way")
    args = parser.parse_args()
    reports = []
    for words in [args.words, *([*args.words, change] for change in args.beside)]:
        with tempfile.TemporaryDirectory() as folder:
            cost = measured([sys.executable, "-m", "harness", "run", *words, f"output={folder}"])
            (report,) = Path(folder).glob("*/report.json")
            reports.append(compared(json.loads(report.read_text())))
        same = "the same report" if reports[-1] == reports[0] else "ANOTHER REPORT"
        print(f"{' '.join(words) or 'the built-in study'}: {cost}; {same}", flush=True)


def compared(report: dict[str, Any]) -> dict[str, Any]:
    """Without what may differ: times, and the command."""
    runs = [{k: v for k, v in run.items() if k != "command"} for run in report["runs"]]
    return {k: v for k, v in report.items() if k not in ("timings", "runs")} | {"runs": runs}


def measured(command: list[str]) -> str:
    began, cpu, most = time.perf_counter(), dict[int, float](), 0
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    while process.poll() is None:
        family = _family(process.pid)
        most = max(most, sum(map(_pss, family)))
        cpu |= {pid: used for pid in family if (used := _cpu(pid)) is not None}
        time.sleep(1)
    if process.returncode:
        assert process.stderr is not None
        raise SystemExit(process.stderr.read()[-3000:])
    return f"{time.perf_counter() - began:.0f} s of wall time, {sum(cpu.values()):.0f} s of CPU, {most / 2**20:.2f} GiB"


def _family(root: int) -> list[int]:
    """The process and all that it started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none where the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float | None:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else None


def _pss(pid: int) -> int:
    """KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
