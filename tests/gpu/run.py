"""Everything that needs a GPU, in one command of at most nine minutes: checks, measures, one JSON file and a table.

    python tests/gpu/run.py --out results                       # on one H100 or H200
    python tests/gpu/run.py --out results --device cpu --tiny   # the same paths on a CPU, in minutes

Writes results.json and table.md (for docs/performance.md) into the folder after every section, and what each section printed
as an error into SECTION.log. Each section is a process of its own with a time limit, so that one that crashes or hangs costs no
other; what was skipped says why, and the log where it stood. On a GPU the checks run side by side, the measures one after
another, in the order of --only. A model of 13 GiB is written once into --scratch. Exit code 1 where a check failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONFAULTHANDLER": "1"}
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))  # image workers

CHECKS = ("engine", "precision", "budget", "workers", "training", "masters", "sharded", "graphs")
MEASURES = ("images", "model", "decode_step", "sweep", "captions", "dpo_step", "trl_step", "trl_plain_step", "hidden_prefill")
LIMIT_S = {"decode_step": 150, "sweep": 150, "captions": 150, "dpo_step": 120, "trl_step": 90, "trl_plain_step": 90}
CHECK_LIMIT_S = 90


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="tiny shapes and few steps, to try the command itself")
    parser.add_argument("--minutes", type=float, default=9, help="time for everything")
    parser.add_argument("--only", nargs="+", choices=(*CHECKS, *MEASURES), help="these sections only")
    parser.add_argument("--scratch", type=Path, help="folder for models, 15 GiB (/dev/shm is fast); a temporary one by default")
    parser.add_argument("--section", choices=(*CHECKS, *MEASURES), help=argparse.SUPPRESS)  # what the child processes get
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.section:
        (args.out / f"{args.section}.json").write_text(json.dumps(section(args)))
        return 0
    with tempfile.TemporaryDirectory() as place:
        args.scratch = args.scratch or Path(place)
        return everything(args)


def everything(args: argparse.Namespace) -> int:
    """All sections; what each came to is written as soon as it is known."""
    began, about, rows = time.monotonic(), machine(args.device), []
    names = args.only or (*CHECKS, *MEASURES)
    together = [name for name in names if name in CHECKS]

    def left() -> float:
        return 60 * args.minutes - (time.monotonic() - began)

    def keep(row: dict[str, Any]) -> None:
        rows.append(row)
        print(f"{row['section']}: {row['state']} ({row['seconds']} s) {row['why']}".rstrip(), flush=True)
        ordered = sorted(rows, key=lambda r: (*CHECKS, *MEASURES).index(r["section"]))
        report = {"machine": about, "date": date.today().isoformat(), "tiny": args.tiny, "sections": ordered}
        (args.out / "results.json").write_text(json.dumps(report, indent=1))
        (args.out / "table.md").write_text(table(report))

    with ThreadPoolExecutor(len(CHECKS) if args.device == "cuda" else 1) as pool:  # a GPU has room for all of them
        for done in as_completed([pool.submit(lambda name=name: one(name, args, left())) for name in together]):
            keep(done.result())
    for name in names:
        if name not in together:
            keep(one(name, args, left()))
    print(f"{args.out / 'results.json'}\n{args.out / 'table.md'}")
    return int(any(row["state"] == "failed" for row in rows))


def one(name: str, args: argparse.Namespace, left_s: float) -> dict[str, Any]:
    """A section in a process of its own."""
    limit = min(LIMIT_S.get(name, CHECK_LIMIT_S) * (1 if args.device == "cuda" else 10), left_s)  # a CPU may be a busy one
    row: dict[str, Any] = {"section": name, "state": "skipped", "why": "no time was left", "seconds": 0.0, "figures": {}}
    if limit < 10:
        return row
    own, began = args.out / f"{name}.json", time.monotonic()
    own.unlink(missing_ok=True)
    words = ["--out", str(args.out), "--device", args.device, "--section", name, *(["--tiny"] if args.tiny else [])]
    words += ["--scratch", str(args.scratch)]
    log = args.out / f"{name}.log"
    with log.open("w") as errors:  # a file: kept when the section is ended
        process = subprocess.Popen(
            [sys.executable, __file__, *words], start_new_session=True, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            end(process)
            row |= {"state": "failed" if name in CHECKS else "skipped", "why": f"not done within {limit:.0f} s"}
            return row | {"seconds": round(time.monotonic() - began, 1)}
    if own.is_file():
        row |= json.loads(own.read_text())
        own.unlink()
    else:
        row |= {"state": "failed", "why": (log.read_text(errors="replace").strip().splitlines() or ["no words"])[-1][:300]}
    return row | {"seconds": round(time.monotonic() - began, 1)}


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a section and what it started: it is a session of its own. Python first writes where it stands (faulthandler)."""
    os.killpg(process.pid, signal.SIGABRT)
    time.sleep(1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def section(args: argparse.Namespace) -> dict[str, Any]:
    """What a section came to, as values."""
    import checks
    import measures
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        return {"state": "skipped", "why": "torch sees no GPU"}
    try:
        if args.section in CHECKS:
            return {"state": "passed", "why": "", "figures": getattr(checks, args.section)(args.device)}
        folder = args.scratch / "models"
        folder.mkdir(parents=True, exist_ok=True)
        return {"state": "measured", "why": "", "figures": getattr(measures, args.section)(args.device, args.tiny, folder)}
    except checks.Skipped as skipped:
        return {"state": "skipped", "why": str(skipped)}
    except Exception as error:
        traceback.print_exc()
        return {"state": "failed", "why": f"{type(error).__name__}: {error}"[:1000]}


def machine(device: str) -> dict[str, str]:
    found = {"host": f"{os.cpu_count()} CPUs, {platform.machine()}", "python": platform.python_version()}
    for package in ("torch", "transformers", "accelerate", "peft", "trl", "mm-align-harness"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    import torch

    if device == "cuda" and torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        found["gpu"] = f"{torch.cuda.get_device_name()}, {memory:.0f} GiB, CUDA {torch.version.cuda}"
    return found


def table(report: dict[str, Any]) -> str:
    """Markdown for docs/performance.md."""
    where = "; ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"{report['date']}, `python tests/gpu/run.py`: {where}.", "", "| section | result | figures |", "|---|---|---|"]
    for row in report["sections"]:
        figures = "; ".join(f"{name}: {value}" for name, value in row["figures"].items())
        why = row["why"].replace("|", "/").replace("\n", " ")
        lines.append(f"| {row['section']} | {row['state']}{': ' + why if why else ''} | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
