"""A training can be watched in TensorBoard; what a killed run logged after its last state is purged."""

import sys
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from alignment.aligners.dpo import Dpo
from alignment.trackers import check_access
from harness.core.errors import ConfigError
from tests.alignment.talker import Killed, kill_after
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs


def scalars(folder, name):
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, round(event.value, 4)) for event in events.Scalars(name)]


def test_every_step_is_there_once_also_after_a_kill(llava_next, images, tmp_path):
    aligner = Dpo(training={**FAST, "save_every": 2})
    with pytest.raises(Killed):
        aligner.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path, progress=kill_after(3))
    log = aligner.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).log
    for name in ("loss", "rewards/margins", "learning_rate"):
        assert scalars(tmp_path, name) == [(row["step"], pytest.approx(row[name], abs=1e-3)) for row in log]


def test_wandb_gets_the_same_rows(llava_next, images, tmp_path, monkeypatch):
    logged, begun = [], {}

    def init(**options):
        begun.update(options)
        return SimpleNamespace(log=lambda row, step: logged.append((step, row["loss"])), finish=lambda: logged.append("end"))

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    folder = tmp_path / "run-1" / "arms" / "bdhs" / "train"
    log = Dpo(training={**FAST, "trackers": ["wandb"]}).align(TinyPolicy(llava_next), make_pairs(), images, folder).log
    assert logged == [(row["step"], row["loss"]) for row in log] + ["end"]
    assert begun["name"] == begun["id"] == "run-1-bdhs" and begun["project"] == "mm-align-harness"
    assert not (folder / "tensorboard").exists()


def test_unknown_and_missing_trackers_are_told(llava_next, images, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="tensorboard, wandb"):
        Dpo(training={"trackers": ["mlflow"]})
    with pytest.raises(ConfigError, match="tensorboard, wandb"):
        Dpo(training={"trackers": "wandb"})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match="pip install wandb"):
        Dpo(training={**FAST, "trackers": ["wandb"]}).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)


def test_a_tracker_that_refuses_is_named_with_its_own_words_and_what_helps(llava_next, images, tmp_path, monkeypatch):
    def refuse(**_):
        raise RuntimeError("No API key configured.")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=refuse, login=refuse))
    says = r"wandb does not start: RuntimeError: No API key configured\. Log in"
    with pytest.raises(ConfigError, match=says):
        Dpo(training={**FAST, "trackers": ["wandb"]}).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    with pytest.raises(ConfigError, match=says):
        check_access(["wandb"])
    check_access(["tensorboard"])
