"""Several processes train as one: the same losses, the same weights, whatever the number of processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaNextForConditionalGeneration

from alignment.aligners.dpo import Dpo
from alignment.weights.strategy import divide
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers, _leave, collective, workers
from harness.core.errors import ConfigError
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs
from tests.alignment.two_processes import together
from tests.fleet import in_own_network

ROOT = Path(__file__).parents[3]
TRAINING = {**FAST, "batch_size": 4, "epochs": 3}
SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.dpo import Dpo
from tests.alignment.talker import kill_after
from tests.alignment.training.test_train import make_pairs
from tests.alignment.tiny import TinyPolicy
model, images, folder, options = sys.argv[1:]
Dpo(**json.loads(options)).align(TinyPolicy(Path(model)), make_pairs(), Path(images), Path(folder))
"""


def trained_together(
    script: str, folder: Path, images: Path, place: Path, options: dict[str, Any], **env: str
) -> list[dict[str, Any]]:
    """The log of a training of these options in two processes; it lies in `place` / "two"."""
    (place / "script.py").write_text(script)
    given = [str(place / "script.py"), str(folder), str(images), str(place / "two"), json.dumps(options)]
    if env == TWO_HOSTS:
        in_own_network.run(ROOT / "tests/fleet/hosts.py", *given, timeout_s=280)
    else:
        done = together(Path(given[0]), *given[1:], **env)
        assert done.returncode == 0, done.stderr[:6000]
    return [json.loads(line) for line in (place / "two" / "log.jsonl").read_text().splitlines()]


TWO_HOSTS = {"hosts": "two"}  # `accelerate launch --num_machines 2` instead of torchrun on one
FSDP = {"ACCELERATE_USE_FSDP": "true"}
ZERO = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2", "DS_ACCELERATOR": "cpu"}
ADAPTERS = {"r": 4, "alpha": 8}
deepspeed = pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("started", "lora"),
    [
        pytest.param(TWO_HOSTS, None, id="whole weights on two hosts", marks=in_own_network.needs_namespace),
        pytest.param(FSDP, ADAPTERS, id="fsdp2 with adapters"),
        pytest.param(ZERO, None, id="zero-2", marks=deepspeed),
        pytest.param(ZERO | {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}, ADAPTERS, id="zero-1 with adapters", marks=deepspeed),
    ],
)
def test_two_processes_give_the_losses_and_weights_of_one(llava_next, images, tmp_path, started, lora):
    options = {
        "sft_weight": 0.3,
        "training": {**TRAINING, "lora": lora, "batch_size": 5},
    }  # the last batch has one pair: a process without any goes along
    alone = Dpo(**options).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "one")
    log = trained_together(SCRIPT, llava_next, images, tmp_path, options, **started)
    assert len(log) == len(alone.log) == 6
    # The first step's margins are 0, the policy being its reference, so the last bits of products decide its accuracy.
    accuracies = [[row["rewards/accuracies"] for row in rows[1:]] for rows in (log, alone.log)]
    assert accuracies[0] == accuracies[1]
    for name in ("loss", "rewards/margins", "logps/chosen", "grad_norm", "num_tokens"):
        assert [row[name] for row in log] == pytest.approx([row[name] for row in alone.log], abs=1e-5, rel=1e-4), name
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


MIXED = """
from dataclasses import replace
from tests.alignment.training import test_train
pairs = test_train.make_pairs()
test_train.make_pairs = lambda: [replace(pair, image="") if i % 2 else pair for i, pair in enumerate(pairs)]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("started", "training"),
    [
        pytest.param({}, {}, id="whole weights"),
        pytest.param(FSDP, {"lora": ADAPTERS, "projector_learning_rate": 1e-3}, id="fsdp2 with adapters and projector"),
    ],
)
def test_a_process_without_an_image_goes_along(llava_next, images, tmp_path, started, training):
    """Every other pair has no image: processes have one in different passes, and some steps show none at all."""
    options = {"training": {**TRAINING, "batch_size": 2, "micro_batch": 1, "weight_decay": 0.1, **training}}
    mixed = [replace(pair, image="") if i % 2 else pair for i, pair in enumerate(make_pairs())]
    alone = Dpo(**options).align(TinyPolicy(llava_next), mixed, images, tmp_path / "one")
    log = trained_together(MIXED + SCRIPT, llava_next, images, tmp_path, options, **started)
    assert [row["loss"] for row in log] == pytest.approx([row["loss"] for row in alone.log], abs=1e-5)
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert one.keys() == two.keys() and all(torch.allclose(one[name], two[name], atol=5e-5) for name in one)


def test_a_weight_that_no_process_has_a_gradient_of_stays_without(monkeypatch: Any) -> None:
    """The projector's, in a step that shows no image: zeros would move it by its momentum."""
    sums: list[torch.Tensor] = []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: sums.append(tensor.mul_(2)))
    used, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    used.grad = torch.ones(2)
    Workers(0, 2).sum_gradients([used, unused])
    assert used.grad.tolist() == [2, 2] and unused.grad is None and len(sums) == 2


@pytest.mark.parametrize(
    ("env", "name", "says"),
    [
        (FSDP, "model.vision_tower.layers.0.weight", "the vision tower is trained: FSDP cannot.*freeze_vision: true"),
        (ZERO, "model.multi_modal_projector.weight", "the projector is trained: DeepSpeed cannot.*Use lora without"),
    ],
)
def test_gradients_that_a_process_without_an_image_lacks_are_refused_where_they_are_divided(monkeypatch, env, name, says):
    monkeypatch.setattr("alignment.weights.strategy.configuration", lambda workers: {})  # with DeepSpeed or without
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    trained = Trainable(torch.nn.Linear(1, 1), {name: torch.nn.Parameter(torch.ones(1))}, None)
    with pytest.raises(ConfigError, match=says):
        divide(trained, Workers(0, 2), online=False, mixed=True)


@pytest.mark.slow
def test_tied_embeddings_are_written_once_by_divided_weights_too(llava_next, images, tmp_path):
    """The state that FSDP2 gathers has them under both names."""
    tied = Path(shutil.copytree(llava_next, tmp_path / "tied"))
    module = LlavaNextForConditionalGeneration.from_pretrained(llava_next)
    module.config.tie_word_embeddings = module.config.text_config.tie_word_embeddings = True
    module.tie_weights()
    module.save_pretrained(tied)
    options = {"training": {**TRAINING, "max_steps": 1}}
    alone = Dpo(**options).align(TinyPolicy(tied), make_pairs(), images, tmp_path / "one")
    trained_together(SCRIPT, tied, images, tmp_path, options, **FSDP)
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert one.keys() == two.keys() and "lm_head.weight" not in one
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("started", [pytest.param(FSDP, id="fsdp2"), pytest.param(ZERO, id="zero-2", marks=deepspeed)])
def test_a_divided_training_goes_on_whole_and_the_other_way_round(llava_next, images, tmp_path, started):
    options = {"sft_weight": 0.3, "training": {**TRAINING, "save_every": 1}}
    alone = Dpo(**options).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "one")
    (tmp_path / "script.py").write_text(SCRIPT.replace("Path(folder))", "Path(folder), progress=kill_after(3))"))
    given = [str(llava_next), str(images), str(tmp_path / "two"), json.dumps(options)]
    assert "Killed" in together(tmp_path / "script.py", *given, **started).stderr
    assert [p.name for p in (tmp_path / "two/state").iterdir()] == ["step-00000003.pt"]
    resumed = Dpo(**options).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "two")
    assert resumed.log[-1]["loss"] == pytest.approx(alone.log[-1]["loss"], abs=1e-5)
    (tmp_path / "two/done.json").unlink()
    (tmp_path / "script.py").write_text(SCRIPT)
    done = together(tmp_path / "script.py", *given, **started)
    assert done.returncode == 0, done.stderr[:6000]
    log = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert len(log) == 6
    assert log[-1]["loss"] == pytest.approx(alone.log[-1]["loss"], abs=1e-5)


def test_online_methods_refuse_divided_weights(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match="whole model in each process"):
        divide(Trainable(torch.nn.Linear(1, 1), {}, None), Workers(0, 2), online=True)


@pytest.mark.parametrize(
    ("env", "count", "says"),
    [
        ({"ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}, 1, "nothing to divide with one process"),
        ({"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, 2, "--use_fsdp --fsdp_version 2"),
        ({"ACCELERATE_DEEPSPEED_CONFIG_FILE": "a file"}, 2, "sets optimizer, which the study's settings decide"),
    ],
)
@deepspeed
def test_what_deepspeed_cannot_divide_is_refused(monkeypatch, tmp_path, env, count, says):
    path = tmp_path / "deepspeed.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": 2}, "optimizer": {"type": "AdamW"}}))
    for name, value in (ZERO | env).items():
        monkeypatch.setenv(name, str(path) if value == "a file" else value)
    with pytest.raises(ConfigError, match=says):
        divide(Trainable(torch.nn.Linear(1, 1), {}, None), Workers(0, count), online=False)


def test_deepspeed_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(ConfigError, match="pip install deepspeed"):
        divide(Trainable(torch.nn.Linear(1, 1), {}, None), Workers(0, 2), online=False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: value for path in sorted(folder.glob("*.safetensors")) for name, value in load_file(path).items()}


def test_shares_are_disjoint_and_whole():
    indices = [5, 3, 8, 1, 0]
    shares = [Workers(rank, 2).share(indices) for rank in (0, 1)]
    assert shares == [[5, 8, 0], [3, 1]]
    assert Workers().share(indices) == indices and Workers().gather("x") == ["x"]


def test_processes_leave_each_other_before_they_end() -> None:
    """Threads of gloo that are there when Python ends may abort it, and torchrun then ends the first process in its sweeps."""
    script = """
import atexit
import psutil
from torch import distributed
from alignment.weights.workers import workers
atexit.register(lambda: print(distributed.is_initialized(), psutil.Process().num_threads() - before))
before = psutil.Process().num_threads()
assert workers().gather("x") == ["x", "x"]
import torch.distributed.nn.functional  # by transformers, later; its functions keep the group that they find
"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    envs = [env | {"OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    both = [subprocess.Popen([sys.executable, "-c", script], env=env, cwd=ROOT, stdout=subprocess.PIPE) for env in envs]
    assert [process.communicate(timeout=100)[0] for process in both] == [b"False 0\n"] * 2


def test_processes_meet_soon_and_wait_long(tmp_path: Path) -> None:
    """The limit of their first meeting is not that of later waits, in which the first process sweeps for hours."""
    (tmp_path / "script.py").write_text("""
import time
from datetime import timedelta
from alignment.weights import workers as module
module.MEET = timedelta(seconds=2)
if module.workers().is_main:
    time.sleep(4)
module.workers().wait()
""")
    done = together(tmp_path / "script.py")
    assert done.returncode == 0, done.stderr


def test_one_that_waits_alone_says_so(tmp_path: Path) -> None:
    script = """
from datetime import timedelta
from alignment.weights import workers as module
module.MEET = timedelta(seconds=1)
module.workers()
"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env | {"RANK": "0", "LOCAL_RANK": "0"}, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "TrainingError: The 2 processes did not all meet within" in done.stderr


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"WORLD_SIZE": "abc"}, "WORLD_SIZE is 'abc'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "one of 2 processes, but the environment lacks MASTER_ADDR, MASTER_PORT"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "xyz"}, "MASTER_PORT is 'xyz'"),
    ],
)
def test_an_environment_that_names_no_process_is_refused(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], says: str
) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert workers().count == 1  # which a process that is told otherwise later does not remember
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        workers()


def test_where_another_process_ends_the_message_says_so_and_no_defect(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("""
import os, torch
from alignment.weights.workers import collective, workers
with collective():
    workers().gather("x")
    if workers().is_main:
        os._exit(0)
    with collective():
        workers().gather("y")
""")
    done = together(tmp_path / "script.py")
    assert "harness.core.errors.LostProcess: Another process of this training ended" in done.stderr


@pytest.mark.parametrize(("backend", "fails", "leaves"), [("nccl", False, 1), ("nccl", True, 0), ("gloo", True, 1)])
def test_after_an_error_nothing_is_waited_for(monkeypatch: Any, backend: str, fails: bool, leaves: int) -> None:
    here, left = Workers(0, 2), list[str]()
    monkeypatch.setattr(sys.modules[Workers.__module__], "workers", lambda: here)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_backend", lambda: backend)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: left.append("left"))
    with suppress(RuntimeError), collective():
        if fails:
            raise RuntimeError("in the middle of a step")
    _leave(here)
    assert len(left) == leaves
