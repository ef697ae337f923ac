"""What a sweep without training takes of a study, and what its arguments put in the place of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from harness.config.sweep_only import evaluation
from harness.core.errors import ConfigError

Written = Callable[..., Path]
SCRIPTED = {"name": "scripted", "default": "No"}
SERVER = {"name": "openai", "url": "http://one/v1", "api_key_env": "KEY", "timeout_s": 9.0}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(**keys: object) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({"model": SCRIPTED, "sweep": [{"name": "pope", "limit": 4}], **keys}))
        return path

    return write


def test_miniworld_takes_the_place_of_another_model(written: Written) -> None:
    model = evaluation("miniworld", study=written()).model
    assert (model.name, model.options) == ("transformers", {"path": "miniworld"})


def test_a_name_takes_all_benchmarks_of_that_name_and_a_label_one(written: Written) -> None:
    study = written(sweep=[{"name": "pope"}, {"name": "pope", "label": "short", "limit": 2}, {"name": "chair", "label": "gqa"}])
    titles = {name: [spec.title for spec in evaluation(None, [name], study=study).sweep] for name in ("pope", "short", "gqa")}
    assert titles == {"pope": ["pope", "short"], "short": ["short"], "gqa": ["gqa"]}
    assert [spec.title for spec in evaluation(None, ["short", "pope"], study=study).sweep] == ["short", "pope"]


def test_baseline_and_gate_of_the_arms_are_left_out_and_the_gate_is_named(written: Written) -> None:
    arm = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}
    said: list[str] = []
    made = evaluation(study=written(arms=[arm], baseline="a", gates="default"), say=said.append)
    assert made.baseline is None and made.gates is None and "gates" in said[0]


def test_another_checkpoint_is_measured_as_the_study_says(written: Written) -> None:
    study = written(model={"name": "transformers", "path": "/a", "dtype": "bfloat16", "attention": "eager"})
    assert evaluation("/b", study=study).model.options == {"path": "/b", "dtype": "bfloat16", "attention": "eager"}
    own = written(model={"name": "openai", "path": "/a", "serve": "vllm", "concurrency": 4})
    assert evaluation("/b", study=own).model.options == {"path": "/b", "serve": "vllm", "concurrency": 4}


def test_another_server_gets_no_key_of_the_first_and_is_asked_alike(written: Written) -> None:
    said: list[str] = []
    study = written(model=SERVER)
    assert evaluation("http://two/v1", study=study, say=said.append).model.options == {"url": "http://two/v1", "timeout_s": 9.0}
    assert said == ["The model at http://two/v1 is measured without these options of the study's model: api_key_env."]
    assert evaluation("http://one/v1", study=study).model.options["api_key_env"] == "KEY"


def test_options_of_a_model_of_another_kind_are_named(written: Written) -> None:
    said: list[str] = []
    assert evaluation("/b", study=written(), say=said.append).model.options == {"path": "/b"}
    assert said == ["The model at /b is measured without these options of the study's model: default."]


def test_the_output_folder_of_the_study_is_its_own(written: Written) -> None:
    assert evaluation(study=written(output="mine")).output == "mine"
    assert evaluation(study=written(output="mine"), output="other").output == "other"
    assert evaluation().output == "runs"


@pytest.mark.parametrize(
    ("given", "change", "why"),
    [
        ({"output": "a"}, "output=b", "sets output again"),
        ({"data": "miniworld"}, "data=d", "sets data again"),
        ({"model": "/b"}, "model.path=/c", "sets model.path again"),
        ({"model": "/b"}, "model={name: scripted}", "replaces all of model, and with it `model.path`"),
        ({"model": "http://a/v1"}, "model.url=http://b/v1", "sets model.url again"),
        ({"benchmarks": ["pope"]}, "sweep=[{name: chair}]", "sets sweep again"),
        ({"limit": 2}, "sweep=null", "replaces all of sweep, and with it `limit`"),
        ({"limit": 2}, "sweep.0={name: chair}", "replaces all of sweep.0, and with it `limit`"),
        ({"items": ["1"]}, "sweep.pope={name: chair}", "replaces all of sweep.pope, and with it `items`"),
    ],
)
def test_an_argument_and_a_change_of_one_key_contradict_each_other(
    written: Written, given: dict[str, str], change: str, why: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        evaluation(study=written(), changes=[change], **given)  # type: ignore[arg-type]
    assert str(refused.value) == f"{change!r} {why}, which is given as an option too. Give one of the two."


def test_a_limit_is_refined_for_some_benchmarks_and_refused_where_all_have_another(written: Written) -> None:
    study = written(sweep=[{"name": "pope"}, {"name": "chair"}])
    assert [s.limit for s in evaluation(study=study, limit=2, changes=["sweep.pope.limit=3"]).sweep] == [3, 2]
    with pytest.raises(ConfigError, match="`limit` .2. changes nothing: changes set another limit"):
        evaluation(study=written(), limit=2, changes=["sweep.pope.limit=3"])


def test_one_wording_of_a_study_as_a_run_keeps_it_is_swept_alone(written: Written) -> None:
    worded = {"name": "pope", "wordings": [{"style": "official"}, {"style": "llava"}]}
    (study := written()).write_text(evaluation(study=written(sweep=[worded])).as_yaml())
    (spec,) = evaluation(study=study, benchmarks=["pope-wording2"]).sweep
    assert (spec.label, spec.options["style"]) == ("pope-wording2", "llava")


def test_a_style_that_wordings_or_a_suffix_replace_is_named(written: Written) -> None:
    said: list[str] = []
    worded = {"name": "pope", "wordings": [{"style": "official"}, {"style": "llava"}]}
    study = written(sweep=[worded, {"name": "gqa", "prompt_suffix": " Hi"}, {"name": "textvqa"}])
    made = evaluation(study=study, style="llava", say=said.append)
    assert said == [
        "pope is asked in its own `wordings`.", "gqa has a prompt_suffix, which stands in the place of a style."]  # fmt: skip
    assert [spec.options.get("style") for spec in made.sweep] == ["official", "llava", None, "llava"]
    alike = {"name": "pope", "wordings": [{"style": "official"}, {"style": "official", "max_new_tokens": 9}]}
    with pytest.raises(ConfigError, match="`style` .llava. changes nothing: .* `wordings` or a `prompt_suffix`"):
        evaluation(study=written(sweep=[alike]), style="llava")
