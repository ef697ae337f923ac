"""Reward models, online methods and reinforcement go the whole way: trained, rated, swept and reported."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import harness
import harness.cli  # registers the commands
from alignment.data.pairs import read_pairs, read_trl
from harness.commands._app import app
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.results.report_files import Outcome
from harness.run import pipeline
from harness.storage.artifacts import RewardAccuracy, TrainingLog
from harness.storage.run_store import Store
from tests.end_to_end.conftest import _BDHS, SMALL

ROOT = Path(__file__).resolve().parent.parent.parent
FEW = {"max_new_tokens": 24}
TRAINING = {"learning_rate": 3e-5, "batch_size": 8, "max_steps": 2}
METHODS: dict[str, Any] = {
    **SMALL,
    "name": "methods",
    "reward_models": [{"name": "rm", "pairs": _BDHS, "align": {"name": "reward_model", "held_out": 0.3, "training": TRAINING}}],
    "arms": [
        {"name": "online", "pairs": _BDHS,
         "align": {"name": "online_dpo", "judge": {"name": "annotations"}, "sampling": FEW, "training": TRAINING}},
        {"name": "rloo", "pairs": _BDHS,
         "align": {"name": "rloo", "reward": "rm", "k": 2, "sampling": FEW, "training": TRAINING}},
        {"name": "ppo", "pairs": _BDHS,
         "align": {"name": "ppo", "judge": {"name": "annotations"}, "sampling": FEW, "training": {**TRAINING, "max_steps": 1}}},
        {"name": "povid", "pairs": {"name": "povid_noise", "limit": 8}, "align": {"name": "dpo", "training": TRAINING}},
    ],
    "sweep": [{"name": "pope", "limit_images": 4}],
}  # fmt: skip


@pytest.fixture
def methods(world: Path, tmp_path: Path) -> config.RunConfig:
    return config.parse(METHODS | {"data": str(world / "miniworld"), "output": str(tmp_path)})


def test_every_kind_of_method_ends_in_its_sweep_and_reward_models_in_their_accuracy(methods, world, tmp_path: Path) -> None:
    outcome = pipeline.run(methods, "test")
    with Store(tmp_path / "store.sqlite") as store:
        assert store.run("methods").status == "complete"
        assert {r.label for r in store.results(outcome.run_id)} == {"base", "online", "rloo", "ppo", "povid"}
        accuracy = store.get(RewardAccuracy, outcome.run_id).shares
        verdicts = store.get(TrainingLog, outcome.run_id, "online").steps
    assert 0 <= accuracy["rm"]["rm"] <= 1
    for arm in ("online", "povid"):
        folder = outcome.folder / "arms" / arm
        own, trl = read_pairs(folder / "pairs.jsonl"), read_trl(folder / "pairs.trl.jsonl")
        assert [(p.prompt, p.chosen, p.rejected) for p in own] == [(p.prompt, p.chosen, p.rejected) for p in trl]
        assert all((world / "miniworld" / p.image).is_file() for p in trl)
    assert all("online/ties" in row for row in verdicts)
    for name in ("report.md", "report.html"):
        assert "Reward models" in (outcome.folder / name).read_text()
    before = (outcome.folder / "report.json").read_bytes()
    pipeline.run(methods, "test")
    assert (outcome.folder / "report.json").read_bytes() == before
    check_fitness(outcome, methods, world, tmp_path)


def check_fitness(outcome: Outcome, methods: config.RunConfig, world: Path, tmp_path: Path) -> None:
    """What rated answers in training is measured on pairs that people ranked, and the report says so."""
    unknown = f"rm, on pairs that people ranked: not checked: python -m harness judges check PAIRS --run {outcome.run_id}"
    assert unknown in (outcome.folder / "report.md").read_text().replace("\\", "")
    some = read_pairs(outcome.folder / "arms" / "online" / "pairs.jsonl")[:4]
    rows = [
        {"id": p.id, "query": p.prompt, "response": [p.chosen, p.rejected[0]], "human_ranking": [0, 1], "image": p.image}
        for p in some
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = ["--images", str(world / "miniworld"), "--output", str(tmp_path)]
    by_folder = ["judges", "check", str(tmp_path / "pairs.jsonl"), *place, "--reward-model"]
    said = CliRunner().invoke(app, [*by_folder, str(outcome.folder / "reward_models" / "rm")]).output
    assert "The reward model rm: agrees with people on" in said and "judged alike in both orders" in said
    assert "without the image" not in said
    pipeline.run(methods, "test")
    sentence = next(line for line in said.splitlines() if line.startswith("The reward")).partition(": ")[2]
    for name in ("report.md", "report.html", "report.json"):
        text = (outcome.folder / name).read_text().replace("\\", "")
        assert sentence.rstrip(".").partition(" (")[0] in text and "not checked" in text, "the judge was not measured yet"
    said = CliRunner().invoke(app, ["judges", "check", str(tmp_path / "pairs.jsonl"), *place, "--run", outcome.run_id]).output
    assert "The judge annotations" in said and "The reward model rm" in said
    pipeline.run(methods, "test")
    assert "PAIRS --run" not in (outcome.folder / "report.md").read_text()


@pytest.mark.parametrize(("change", "told"), [
    ({"align": {"name": "online_dpo"}}, "online_dpo needs `judge"),
    ({"align": {"name": "rloo"}}, "rloo needs `reward:`"),
    ({"align": {"name": "rloo", "reward": "rn"}}, "names the reward 'rn'; reward_models has rm"),
    ({"align": {"name": "reward_model"}}, "it belongs under reward_models"),
    ({"align": {"name": "online_dpo", "judge": {"name": "anotations"}}}, "Did you mean 'annotations'"),
])  # fmt: skip
def test_what_a_method_lacks_is_told_before_anything_starts(world: Path, tmp_path: Path, change, told) -> None:
    arms = [{**METHODS["arms"][0], **change}]
    with pytest.raises(ConfigError, match=told):
        made = config.parse(METHODS | {"arms": arms, "data": str(world / "miniworld"), "output": str(tmp_path)})
        pipeline.run(made, "test")
    assert not list(tmp_path.glob("methods-*"))


def test_a_table_of_the_study_runs_with_the_published_rows_beside(world: Path, tmp_path: Path) -> None:
    changes = [f"arms.{i}.{key}" for i in range(3) for key in ("pairs.limit=8", "align.training.max_steps=1")]
    sweep = "[{name: pope, limit_images: 3}, {name: object_halbench, limit: 3, max_new_tokens: 24}]"
    small = [f"data={world / 'miniworld'}", f"output={tmp_path}", f"sweep={sweep}"]
    made, left_out = config.load_table("table12", True, [*changes, *small])
    outcome = pipeline.run(made, "test")
    assert not left_out
    assert outcome.comparison.study.partial == ("POPE over its first 3 images", "Object HalBench over its first 3 items")
    report = (outcome.folder / "report.html").read_text()
    assert all(told in report for told in ("slic", "IPO, POVID", "82.34"))
    assert "Arms share 8 of 8 prompts: dpo, ipo, slic." in report and "800 prompts stand for a full set" in report
    assert not outcome.comparison.study.unlike and "Arms share 8 of 8" in (outcome.folder / "report.md").read_text()


def test_another_baseline_of_a_finished_run_costs_no_sweep(world: Path, tmp_path: Path) -> None:
    pairs = {"name": "random_edit", "limit": 8}
    arms = [{"name": n, "pairs": pairs, "align": {"name": "dpo", "loss": n, "training": TRAINING}} for n in ("ipo", "hinge")]
    study = METHODS | {"arms": arms, "reward_models": [], "data": str(world / "miniworld"), "output": str(tmp_path)}
    first = pipeline.run(config.parse(study), "test")
    said = list[str]()
    again = pipeline.run(config.parse(study | {"baseline": "ipo"}), "test", say=said.append)
    assert again.folder == first.folder and not any("sweep" in line or "alignment" in line for line in said)
    assert [c.label for c in again.comparison.columns] == ["ipo", "base", "hinge"]
    by_name = [harness.compare(again.run_id, baseline=b, output=tmp_path).comparison for b in ("hinge", None)]
    assert [made.columns[0].label for made in by_name] == ["hinge", "ipo"]  # None: as the last run had it


@pytest.mark.slow
def test_two_processes_make_the_run_of_one(world: Path, tmp_path: Path) -> None:
    """Started as accelerate and torchrun start them: one does all but training alone, both train."""
    swept = [{"name": "pope", "limit_images": 1}]
    made = {**METHODS, "arms": METHODS["arms"][:2], "sweep": swept, "data": str(world / "miniworld")}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(made))
    alone = pipeline.run(config.parse(made | {"output": str(tmp_path / "one")}), "test")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}"]
    command = [*launch, "-m", "harness", "run", str(path), f"output={tmp_path / 'two'}"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder,) = (tmp_path / "two").glob("methods-*")
    assert done.stdout.count("report.html") == 1  # one process speaks
    # After a step the last bits of the weights differ, and an online method may then sample another word.
    for part, steps in (("reward_models/rm", 2), ("arms/online", 1), ("arms/rloo", 1)):
        one, two = ([json.loads(line) for line in (run / part / "train/log.jsonl").read_text().splitlines()]
                    for run in (alone.folder, folder))  # fmt: skip
        assert len(one) == len(two) == 2
        for mine, theirs in list(zip(one, two, strict=True))[:steps]:
            assert theirs["loss"] == pytest.approx(mine["loss"], abs=1e-5), part
            assert theirs["num_tokens"] == mine["num_tokens"]
