"""A name with other capitals, or a key in another place, is answered with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import load_benchmark
from harness.cli import app
from harness.config import schema
from harness.config.check_paths import check_paths
from harness.config.check_plugins import check_plugins
from harness.config.gate_policy import load_policy
from harness.config.sweep_only import evaluation
from harness.core import registry
from harness.core.errors import ConfigError, HarnessError
from harness.run.checks.models import check_models
from harness.run.checks.report import check_report

KINDS = ("aligner", "benchmark", "judge", "loss", "model", "report", "source")


@pytest.mark.parametrize("kind", KINDS)
def test_every_plug_in_is_found_by_its_name_in_capitals(kind: str) -> None:
    for name in registry.names(kind):
        for wrong in (name.upper(), name.title(), name.replace("_", "-")):
            with pytest.raises(ConfigError, match=f"Did you mean '{name}'") if wrong != name else _nothing():
                registry.get(kind, wrong)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        (["arms.0.align.name=DPO"], "dpo"),
        (["arms.0.align.loss=Hinge"], "hinge"),
        (["arms.0.align.Beta=0.3"], "beta"),
        (["arms.0.align.training.Learning_Rate=1.0e-5"], "learning_rate"),
        (["arms.0.pairs.name=BDHS"], "bdhs"),
        (["arms.0.pairs={name: union, first: {name: JSONL}, second: {name: jsonl}}"], "jsonl"),
        (["arms.0.pairs={name: bdhs, from: {name: Jsonl}}"], "jsonl"),
        (["arms.0.pairs={name: corruption, model: {name: OpenAI}}"], "openai"),
        (["model.name=Transformers"], "transformers"),
        (["model.dtype=Float32"], "float32"),
        (["model.attention=SDPA"], "sdpa"),
        (["model.despite=[Weights]"], "weights"),
        (["model.path=MiniWorld"], "miniworld"),
        (["data=Miniworld"], "miniworld"),
        (["sweep.POPE.limit=3"], "pope"),
        (["sweep.mmhal_bench.judge.name=Keywords"], "keywords"),
        (["arms.BDHS.align.beta=1"], "bdhs"),
        (["arms.1.after=BDHS-matched"], "bdhs-matched"),
        (["arms.1.reference=Base"], "base"),
        (["baseline=BDHS"], "bdhs"),
        (["Seed=1"], "seed"),
        (["fleet.Workers=2"], "workers"),
        (["published=[table 6]"], "Table 6"),
        (["gates=Default"], "default"),
    ],
)
def test_of_a_study(changes: list[str], meant: str) -> None:
    with pytest.raises(HarnessError, match=f"Did you mean '{meant}'"):
        study = schema.load(None, changes)
        check_paths(study)
        check_plugins(study)
        check_report(study)
        check_models(study)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("align.name=dpo", "It is a key of an arm: write arms.bdhs-matched.align or arms.bdhs.align"),
        ("beta=0.3", "It is an option of dpo: write arms.bdhs-matched.align.beta or"),
        ("epochs=3", "It is a setting of the training loop: write arms.bdhs-matched.align.training.epochs or"),
        ("rho_th=0.9", "It is an option of bdhs: write arms.bdhs-matched.pairs.rho_th or arms.bdhs.pairs.rho_th"),
        ("path=/x", "It is an option of transformers: write model.path."),
        ("limit=3", "write arms.bdhs-matched.pairs.limit, arms.bdhs.pairs.limit or sweep.pope.limit."),
        ("nonsense=3", "unknown key. Known: name, seed, "),
    ],
)
def test_a_key_at_the_top_that_belongs_further_down(change: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schema.load(None, [change])
    assert place in str(caught.value)


def test_of_commands_and_of_python(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'pope'"):
        load_benchmark("POPE")
    with pytest.raises(ConfigError, match="Did you mean 'chair'"):
        evaluation(None, ["Chair"])
    with pytest.raises(ConfigError, match="Did you mean 'official'"):
        evaluation(None, ["pope"], style="Official")
    with pytest.raises(ConfigError, match="Did you mean 'default'"):
        load_policy("DEFAULT")
    for words in (["list", "Runs"], ["list", "DPO"], ["check", "POPE"], ["fetch", "POPE"], ["run", "study:Table6"]):
        error = CliRunner().invoke(app, words)
        assert "Did you mean" in f"{error.exception} {error.output}", words


def test_values_that_no_checkpoint_could_be_opened_with_are_all_told_before_one_is() -> None:
    study = schema.load(None, ["model.dtype=half", "model.device=gpu", "model.rows=0", "model.threads=0", "model.tokens=0"])
    with pytest.raises(ConfigError) as caught:
        check_models(study)
    said = str(caught.value)
    assert all(
        words in said for words in ("dtype 'half'", "device 'gpu'", "model.rows is 0", "model.threads is 0", "tokens is 0")
    )
    check_models(schema.load(None, ["model.device=cuda:7", "model.attention=kernels-community/flash-attn2"]))
