"""A command whose own Ray is killed ends in one line, and is given again (two runs with a real Ray, about a minute)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fleet import in_own_network

pytestmark = [in_own_network.needs_ray, pytest.mark.slow, pytest.mark.timeout(300)]
SAID = "Ray on this machine, to which this command belongs, has ended. Give the same command; what was done is kept."


def study(world: Path, output: Path) -> Path:
    """A sweep and a training of a minute or more each."""
    tree = {
        "name": "killed",
        "data": str(world),
        "output": str(output),
        "model": {"name": "transformers", "path": "miniworld", "device": "cpu", "dtype": "float32", "threads": 1},
        "arms": [
            {
                "name": "a",
                "pairs": {"name": "random_edit", "limit": 16},
                "align": {"name": "dpo", "training": {"batch_size": 2, "epochs": 1000, "learning_rate": 1e-6}},
            }
        ],
        "sweep": [{"name": "pope", "limit_images": 10}],
        "fleet": {"workers": 1},
    }
    file = output / "study.yaml"
    output.mkdir()
    file.write_text(json.dumps(tree))
    return file


def raylet_of(driver: int) -> int:
    """The raylet that the driver started."""
    found = subprocess.run(["pgrep", "-P", str(driver), "-f", "raylet/raylet"], capture_output=True, text=True).stdout.split()
    assert len(found) == 1, found
    return int(found[0])


@pytest.mark.parametrize(("when", "after_s"), [("sweep of base", 0.0), ("alignment of a", 10.0)])
def test_the_end_of_ray_ends_the_command_in_one_line(world: Path, tmp_path: Path, when: str, after_s: float) -> None:
    command = [sys.executable, "-m", "harness", "run", str(study(world, tmp_path / "runs"))]
    environment = os.environ | {"PYTHONPATH": str(in_own_network.ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as driver:
        assert driver.stdout is not None
        assert any(when in line for line in driver.stdout)
        time.sleep(after_s)
        os.kill(raylet_of(driver.pid), signal.SIGKILL)
        *_, last = driver.stdout.read().splitlines()
    assert last.endswith(SAID) and driver.returncode == 2
