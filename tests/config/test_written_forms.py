"""`training:` for every aligner; what version 0.1 wrote flat is read, and its runs keep their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config.check_plugins import check_plugins
from harness.config.written_forms import nested
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.options.option import Option

BASE: dict[str, Any] = {"model": {"name": "transformers", "path": "miniworld"}, "sweep": [{"name": "pope"}]}
BDHS = {"name": "bdhs"}
STUDIES = Path(config.__file__).parent / "studies"


def parsed(align: dict[str, Any], **arm: Any) -> config.RunConfig:
    return config.parse(BASE | {"arms": [{"name": "a", "pairs": BDHS, "align": align, **arm}]})


def options(align: dict[str, Any]) -> dict[str, Any]:
    return parsed(align).arms[0].align.options


def test_flat_settings_of_dpo_and_sft_become_training() -> None:
    assert options({"name": "dpo", "beta": 0.5, "learning_rate": 1e-5, "lora": {"r": 8}}) == {
        "beta": 0.5, "training": {"learning_rate": 1e-5, "lora": {"r": 8}},
    }  # fmt: skip
    assert options({"name": "sft", "epochs": 2}) == {"training": {"epochs": 2}}


def test_settings_inside_dpo_of_an_online_aligner_become_training() -> None:
    align = {"name": "mixed_dpo", "p": 0.5, "dpo": {"beta": 0.5, "epochs": 1, "seed": 3}, "judge": {"name": "annotations"}}
    assert options(align) == {"p": 0.5, "dpo": {"beta": 0.5}, "training": {"epochs": 1, "seed": 3}}


def test_the_new_form_and_a_guests_aligner_are_left_alone() -> None:
    assert options({"name": "dpo", "training": {"epochs": 2}}) == {"training": {"epochs": 2}}
    guests = {"arms": [{"align": {"name": "mine", "epochs": 2}}]}
    assert nested(guests, []) == guests


def test_both_forms_of_a_run_have_one_digest() -> None:
    old = parsed({"name": "dpo", "beta": 0.5, "epochs": 2})
    assert parsed({"name": "dpo", "beta": 0.5, "training": {"epochs": 2}}).digest == old.digest
    assert parsed({"name": "dpo", "beta": 0.5, "training": {"epochs": 3}}).digest != old.digest


@pytest.mark.parametrize(("study", "digest"), [
    ("mini", "aed3a2f45a270974"), ("controls", "80755e7e9caaf53f"), ("methods", "97f55c78257973c8"),
])  # fmt: skip
def test_the_built_in_studies_are_the_runs_of_version_0_1(study: str, digest: str) -> None:
    """Worked out by version 0.1 from its own files. Its default study swept the first three benchmarks of today's."""
    made = config.load(STUDIES / f"{study}.yaml")
    assert made.model_copy(update={"sweep": made.sweep[:3]}).digest[:16] == digest


def test_what_is_written_is_the_new_form_and_reads_back_the_same() -> None:
    old = parsed({"name": "dpo", "beta": 0.5, "epochs": 2})
    tree = yaml.safe_load(old.as_yaml())
    assert tree["arms"][0]["align"] == {"name": "dpo", "beta": 0.5, "training": {"epochs": 2}}
    assert config.parse(tree) == old


def test_a_grid_over_an_old_key_makes_the_arms_it_made() -> None:
    made = parsed({"name": "dpo"}, grid={"align.learning_rate": [1e-6, 1e-5]})
    assert [(a.name, a.align.options["training"]["learning_rate"]) for a in made.arms] == [
        ("a-learning_rate1e_06", 1e-6), ("a-learning_rate1e_05", 1e-5),
    ]  # fmt: skip


def test_a_setting_in_both_forms_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"0\.align\.epochs: is also set as arms\.0\.align\.training\.epochs; keep"):
        parsed({"name": "dpo", "epochs": 1, "training": {"epochs": 2}})
    with pytest.raises(ConfigError, match=r"arms\.0\.align\.dpo\.epochs: is also set"):
        parsed({"name": "online_bdhs", "dpo": {"epochs": 1}, "training": {"epochs": 1}})


def test_an_unknown_setting_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"option 'training' has no option 'learnig_rate'\. Did you mean 'learning_rate'\?"):
        check_plugins(parsed({"name": "dpo", "training": {"learnig_rate": 1e-6}}))
    with pytest.raises(ConfigError, match=r"option 'online_bdhs\.dpo' has no option 'bta'\. Did you mean 'beta'\?"):
        check_plugins(parsed({"name": "online_bdhs", "dpo": {"bta": 1}}))


@pytest.mark.parametrize(("align", "says"), [
    ({"name": "dpo", "learning_rat": 1e-6}, "align.learning_rat: learning_rate is"),
    ({"name": "grpo", "learning_rate": 1e-6, "judge": {"name": "keywords"}}, "align.learning_rate: learning_rate is"),
])  # fmt: skip
def test_a_setting_that_stands_beside_the_name_is_sent_to_training(align: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says + r" a setting .* loop\. Write arms\.0\.align\.training\.learning_rate"):
        parsed(align)


@pytest.mark.parametrize(("text", "number"), [
    ({"beta": "1e-1"}, {"beta": 0.1}),
    ({"training": {"learning_rate": "5e-7", "lora": {"dropout": "5E-2"}}},
     {"training": {"learning_rate": 5e-7, "lora": {"dropout": 0.05}}}),
    ({"learning_rate": "5e-7"}, {"training": {"learning_rate": 5e-7}}),
    ({"loss": "cdpo", "loss_options": {"flip": "1e-1"}}, {"loss": "cdpo", "loss_options": {"flip": 0.1}}),
    ({"loss": [{"name": "dpo", "beta": "2e-1"}]}, {"loss": [{"name": "dpo", "beta": 0.2}]}),
])  # fmt: skip
def test_a_number_that_yaml_reads_as_text_is_the_same_study(text: dict[str, Any], number: dict[str, Any]) -> None:
    assert parsed({"name": "dpo", **text}).digest == parsed({"name": "dpo", **number}).digest


def test_a_tolerance_of_bdhs_as_text_is_the_same_study() -> None:
    def made(length: object) -> config.RunConfig:
        matched = {"length": length, "vocabulary": "1e5"}  # a file's name stays one
        arm = {"name": "a", "pairs": {"name": "bdhs", "matched": matched}, "align": {"name": "dpo"}}
        model = {"name": "transformers", "path": "miniworld"}
        return config.parse({"model": model, "arms": [arm], "sweep": [{"name": "pope"}]})

    assert made("2e-1").digest == made(0.2).digest
    assert made("2e-1").arms[0].pairs.options["matched"] == {"length": 0.2, "vocabulary": "1e5"}


def test_a_text_that_looks_like_a_number_stays_text_where_text_belongs() -> None:
    model = {"name": "transformers", "path": "miniworld"}
    sweep = [{"name": "pope", "items": ["1e5"], "label": "1e5"}]
    made = config.parse({"model": model, "sweep": sweep}, overrides=["model.device=1e5"])
    assert (made.model.options["device"], made.sweep[0].items, made.sweep[0].label) == ("1e5", ["1e5"], "1e5")


def test_texts_inside_an_aligners_mappings_stay_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's folder, a metric, patterns, and what the aligner of a user holds."""
    bdhs = {"embedder": "1e5", "rho_th": "9e-1"}
    training = {"lora": {"targets": "1e5", "dropout": "5e-2"}, "early_stop": {"metric": "1e5", "above": "9e-1"}}
    made = options({"name": "online_bdhs", "bdhs": bdhs, "training": training})
    assert made["bdhs"] == {"embedder": "1e5", "rho_th": 0.9}
    assert made["training"] == {"lora": {"targets": "1e5", "dropout": 0.05}, "early_stop": {"metric": "1e5", "above": 0.9}}
    known = registry.options
    monkeypatch.setattr(registry, "options", lambda *which: (*known(*which), Option("words", "Mapping[str, str]", None, "")))
    assert options({"name": "dpo", "words": {"yes": "1e5"}})["words"] == {"yes": "1e5"}


@pytest.mark.parametrize("inside", [
    {"beta": "1e-1"}, {"loss": "cdpo", "loss_options": {"flip": "1e-1"}}, {"loss": [{"name": "dpo", "weight": "1e-1"}]},
])  # fmt: skip
def test_numbers_as_text_inside_the_option_dpo(inside: dict[str, Any]) -> None:
    number = json.loads(json.dumps(inside).replace('"1e-1"', "0.1"))
    judge = {"name": "annotations"}
    assert options({"name": "mixed_dpo", "dpo": inside, "judge": judge})["dpo"] == number
