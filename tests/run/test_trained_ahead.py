"""What stands against a training is known from the base's configuration, before a model is loaded or a run begun, also with
processes side by side, where another process trains than the one that answers."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from alignment.aligners.dpo import Dpo
from alignment.weights.trainable import lora_layers, prepare
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.miniworld.model.paths import checkpoint_folder
from harness.run import pipeline
from harness.run.checks import adapters
from harness.run.checks.adapters import check_layers, check_trained, noted_experts, noted_rank
from tests.alignment.weights.test_projectors import outline


def study(tmp_path: Path, path: str = "miniworld", jobs: int = 1, **loras: dict[str, Any] | None) -> config.RunConfig:
    aligns = {name: {"name": "dpo", "training": {"lora": lora} if lora else {}} for name, lora in loras.items()}
    return with_aligns(tmp_path, path, jobs, aligns)


def with_aligns(tmp_path: Path, path: str, jobs: int, aligns: dict[str, dict[str, Any]]) -> config.RunConfig:
    arms = [{"name": name, "pairs": {"name": "bdhs"}, "align": align} for name, align in aligns.items()]
    model = {"name": "transformers", "path": path}
    return config.parse(
        {"model": model, "arms": arms, "sweep": [{"name": "pope"}], "jobs": jobs, "output": str(tmp_path / "o")}
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_targets_that_match_no_layer_end_a_run_before_it_is_begun(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "load_model", lambda *_: pytest.fail("a model was loaded"))
    wrong = study(tmp_path, jobs=jobs, one={"r": 4, "targets": ["q_porj"]}, two={"r": 9999}, three=None, four={"r": 4})
    with pytest.raises(ConfigError) as caught:
        pipeline.run(wrong, "test")
    first, *faults = str(caught.value).splitlines()
    assert first == "2 faults in the configuration:" and len(faults) == 2
    assert faults[0].startswith(
        "  - arm one: lora.targets: 'q_porj' matches no linear layer. Names in the language model: q_proj"
    )
    assert faults[1].startswith("  - arm two: lora.r is 9999, above the width of every layer")
    assert not (tmp_path / "o").exists()


def test_with_processes_side_by_side_one_of_them_looks_and_not_the_one_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The libraries of models stay out of it: 130 MiB."""
    monkeypatch.setattr(adapters, "family_of", lambda module: pytest.fail("the process that waits built the model"))
    monkeypatch.chdir(tmp_path)
    Path("own").symlink_to(checkpoint_folder())  # a relative path means the same there
    with pytest.raises(ConfigError, match="'q_porj' matches no linear layer"):
        check_trained(study(tmp_path, "own", jobs=2, arm={"r": 4, "targets": ["q_porj"]}))


def test_the_layers_of_other_processes_are_not_looked_at_for_arms_without_adapters(tmp_path: Path) -> None:
    class Model:
        @property
        def outline(self) -> Any:
            pytest.fail("the libraries of models were imported")

    plain = study(tmp_path, arm=None).arms[0]
    assert noted_rank(plain, Model()) == noted_experts(plain, Model()) == ()
    check_layers(plain, Model())


def test_a_family_that_is_not_trained_here_is_refused_before_its_sweep(tmp_path: Path) -> None:
    written = json.loads((checkpoint_folder() / "config.json").read_text())
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(written | {"model_type": "vipllava", "architectures": None}))
    with pytest.raises(ConfigError, match="model: Models of the family 'vipllava' cannot be trained here"):
        check_trained(study(tmp_path, str(folder), arm=None))
    check_trained(study(tmp_path, str(folder)))  # a sweep alone trains nothing


def test_what_only_loading_tells_is_left_to_it(tmp_path: Path) -> None:
    check_trained(study(tmp_path, str(tmp_path / "nowhere"), arm={"r": 4, "targets": ["q_porj"]}))
    check_trained(study(tmp_path, "nobody/nothing", arm={"r": 4, "targets": ["q_porj"]}))


def test_the_layers_of_an_adapter_are_those_of_its_base(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(checkpoint_folder())}))
    with pytest.raises(ConfigError, match="'q_porj' matches no linear layer"):
        check_trained(study(tmp_path, str(adapter), arm={"r": 4, "targets": ["q_porj"]}))
    shutil.copytree(adapter, tmp_path / "itself")
    (tmp_path / "itself" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "itself")}))
    check_trained(study(tmp_path, str(tmp_path / "itself"), arm={"r": 4, "targets": ["q_porj"]}))


def test_a_rank_above_some_layers_is_noted_for_a_model_of_other_processes_too(tmp_path: Path) -> None:
    wide = study(tmp_path, arm={"r": 6}).arms[0]
    outline = nn.ModuleDict({"q_proj": nn.Linear(8, 8), "k_proj": nn.Linear(8, 4)})
    (note,) = noted_rank(wide, SimpleNamespace(outline=outline))
    assert note.startswith("lora.r of arm arm is above the width of 1 of the layers that it adapts (k_proj: 4)")
    assert noted_rank(wide, SimpleNamespace(outline=None)) == ()


def test_a_rate_for_a_projector_that_the_base_lacks_is_refused_once_it_is_loaded(tmp_path: Path) -> None:
    align = {"name": "dpo", "training": {"projector_learning_rate": 1e-3}}
    arm = with_aligns(tmp_path, "miniworld", 1, {"arm": align}).arms[0]
    check_layers(arm, SimpleNamespace(outline=nn.ModuleDict({"multi_modal_projector": nn.Linear(2, 2)})))
    with pytest.raises(ConfigError, match="arm arm: projector_learning_rate is 0.001, and no part of this ModuleDict"):
        check_layers(arm, SimpleNamespace(outline=nn.ModuleDict({"q_proj": nn.Linear(2, 2)})))


def test_experts_that_lora_leaves_as_they_are_are_noted_before_and_after_a_training(tmp_path: Path) -> None:
    lora, full = study(tmp_path, lora={"r": 4}, full=None).arms
    module = outline("qwen3_vl_moe")
    layers = dict(module.get_submodule("model.language_model.layers").named_parameters())
    experts = 3 * 4 * (64 * 48 + 48 * 32)  # layers, experts, their two matrices
    said = f"LoRA of arm lora: experts are not adapted, {experts:,} of {sum(p.numel() for p in layers.values()):,} parameters"
    assert noted_experts(lora, SimpleNamespace(outline=module)) == (f"{said} of the layers.",)
    assert noted_experts(full, SimpleNamespace(outline=module)) == ()
    assert noted_experts(lora, SimpleNamespace(outline=outline("qwen3_vl"))) == ()
    prepare(module, Dpo(training={"lora": {"r": 4, "alpha": 8}}).settings)
    assert noted_experts(lora, SimpleNamespace(outline=module)) == (f"{said} of the layers.",)


def test_experts_as_targets_are_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="'experts' matches no linear layer.* Its experts are not linear layers"):
        lora_layers(outline("qwen3_vl_moe"), ["experts"])


def test_a_tracker_that_nobody_is_logged_in_to_is_found_before_the_first_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("No API key configured.")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(login=refuse))
    (arm,) = with_aligns(tmp_path, "miniworld", 1, {"a": {"name": "dpo", "training": {"trackers": ["wandb"]}}}).arms
    with pytest.raises(
        ConfigError, match=r"arm a: trackers: wandb does not start: RuntimeError: No API key configured\. Log in"
    ):
        check_layers(arm, object())
