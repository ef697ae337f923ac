"""The command for a GPU goes its whole way on a CPU: sections, limits, result files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent


def run(folder: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, str(HERE / "run.py"), "--out", str(folder), "--tiny", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (folder / "results.json").is_file(), done.stderr[-2000:]
    return done.returncode, json.loads((folder / "results.json").read_text())["sections"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_check_and_a_measure_go_their_whole_way_on_a_cpu(tmp_path: Path) -> None:
    code, rows = run(tmp_path, "--device", "cpu", "--only", "precision", "graphs", "dpo_step")
    by_name = {row["section"]: row for row in rows}
    assert code == 0, rows
    assert [row["state"] for row in rows] == ["passed", "skipped", "measured"]
    assert by_name["graphs"]["why"] == "CUDA graphs need a GPU"
    assert by_name["dpo_step"]["figures"]["s a step"] > 0
    assert "| precision | passed |" in (tmp_path / "table.md").read_text()


def test_without_a_gpu_every_section_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    code, rows = run(tmp_path, "--only", "masters")
    assert (code, rows[0]["state"], rows[0]["why"]) == (0, "skipped", "torch sees no GPU")


def test_a_section_for_which_no_time_is_left_is_skipped(tmp_path: Path) -> None:
    code, rows = run(tmp_path, "--device", "cpu", "--only", "engine", "--minutes", "0.1")
    assert (code, rows[0]["state"], rows[0]["why"]) == (0, "skipped", "no time was left")


def test_a_section_that_is_ended_says_where_it_stood(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, run\n"
        "child = [sys.executable, '-c', 'import time\\ndef held(): print(1, flush=True); time.sleep(60)\\nheld()']\n"
        "process = subprocess.Popen(child, start_new_session=True, stdout=subprocess.PIPE)\n"
        "process.stdout.readline()\n"
        "run.end(process)\n"
        "print(process.returncode)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE)
    assert done.stdout == "-6\n", done.stderr  # SIGABRT
    assert "in held" in done.stderr
