"""Several processes train as one: the same losses, the same weights, whatever the number of processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from alignment.aligners.dpo import Dpo
from alignment.workers import Workers
from tests.alignment.test_train import FAST, make_pairs
from tests.alignment.tiny import TinyPolicy

ROOT = Path(__file__).parents[2]
OPTIONS = {**FAST, "batch_size": 4, "epochs": 3, "sft_weight": 0.3}
SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.dpo import Dpo
from tests.alignment.test_train import make_pairs
from tests.alignment.tiny import TinyPolicy
model, images, folder, options = sys.argv[1:]
Dpo(**json.loads(options)).align(TinyPolicy(Path(model)), make_pairs(), Path(images), Path(folder))
"""


def test_two_processes_give_the_losses_of_one(llava_next, images, tmp_path):
    alone = Dpo(**OPTIONS).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "script.py").write_text(SCRIPT)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}"]
    given = [str(tmp_path / "script.py"), str(llava_next), str(images), str(tmp_path / "two"), json.dumps(OPTIONS)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *given], env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[:6000]
    log = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert len(log) == len(alone.log) == 6
    for name in ("loss", "rewards/margins", "rewards/accuracies", "logps/chosen", "num_tokens"):
        assert [row[name] for row in log] == pytest.approx([row[name] for row in alone.log], abs=1e-5, rel=1e-5), name


def test_shares_are_disjoint_and_whole():
    indices = [5, 3, 8, 1, 0]
    shares = [Workers(rank, 2).share(indices) for rank in (0, 1)]
    assert shares == [[5, 8, 0], [3, 1]]
    assert Workers().share(indices) == indices and Workers().gather("x") == ["x"]
