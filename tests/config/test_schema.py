"""run.yaml: strict, all faults at once, the nearest key named."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config import yaml_text
from harness.config.changes import changed
from harness.config.check_paths import path_faults
from harness.config.check_plugins import check_plugins
from harness.config.json_schema import json_schema
from harness.core import registry
from harness.core.errors import ConfigError, UnknownPlugin
from harness.core.options.types import is_prompt

GOOD: dict[str, Any] = {
    "name": "t",
    "model": {"name": "transformers", "path": "miniworld"},
    "arms": [{"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}],
    "sweep": [{"name": "pope"}],
}


def test_the_built_in_study_is_valid_and_names_plugins_that_exist() -> None:
    check_plugins(config.load(None))


def test_every_example_is_valid() -> None:
    examples = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
    assert examples
    for example in examples:
        check_plugins(config.load(example))


def test_all_faults_come_at_once_and_name_the_nearest_key() -> None:
    bad = GOOD | {"sed": 3, "data": 7, "arms": [{"name": "a", "pair": {"name": "bdhs"}, "align": {"name": "dpo"}}]}
    with pytest.raises(ConfigError) as caught:
        config.parse(bad)
    text = str(caught.value)
    assert "4 faults" in text
    assert "sed: unknown key. Did you mean 'seed'?" in text
    assert "arms.0.pair: unknown key. Did you mean 'pairs'?" in text
    assert "data: input should be a valid string, not 7; put it in quotes" in text


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_key_without_a_value_is_said_to_be_empty(nothing: str | None) -> None:
    with pytest.raises(ConfigError, match=r"data: is empty\. Give it a value, or leave the key out"):
        config.parse(GOOD | {"data": nothing})


def test_seeds_at_the_top_are_told_to_be_a_key_of_an_arm() -> None:
    with pytest.raises(ConfigError, match=r"seeds: unknown key\. It is a key of an arm: write arms\.dpo\.seeds\."):
        config.parse(GOOD | {"seeds": [1, 2], "arms": [{"name": "dpo", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}]})


def test_a_text_that_yaml_reads_as_a_truth_value_is_told_to_be_put_in_quotes() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(yaml.safe_load("{name: on, model: {name: transformers, path: no}, sweep: [{name: pope, label: yes}]}"))
    text = str(caught.value)
    assert "- name: input should be a valid string (in quotes: YAML reads on, yes and true as true), not True" in text
    made = GOOD | yaml.safe_load("model: {name: transformers, path: no}")
    with pytest.raises(ConfigError, match=r"path is False; it must be text \(in quotes: YAML reads off, no and false"):
        check_plugins(config.parse(made))
    with pytest.raises(ConfigError, match=r"seed: input should be a valid integer, not True"):
        config.parse(GOOD | {"seed": True})


def test_an_unknown_plugin_and_an_unknown_option_are_told_together() -> None:
    bad = GOOD | {"sweep": [{"name": "popee"}, {"name": "pope", "split": ["random"], "label": "second"}]}
    bad["sweep"].append({"name": "pope", "limt": 5, "label": "third"})
    with pytest.raises(ConfigError) as caught:
        check_plugins(config.parse(bad))
    assert "Did you mean 'pope'?" in str(caught.value)
    assert "has no option 'split'. Did you mean 'splits'?" in str(caught.value)
    assert "has no option 'limt'. Did you mean 'limit'?" in str(caught.value)


@pytest.mark.parametrize("name", ["openai", "openai_batch"])
def test_a_secret_among_the_free_options_of_a_model_is_refused_without_repeating_it(name: str) -> None:
    model = {"name": name, "extra": {"metadata": {"api_key": "sk-in-extra-999"}}}
    model |= {"url": "http://127.0.0.1:9/v1"} if name == "openai" else {"folder": "batches", "model": "m"}
    judged = {"name": "mmhal_bench", "judge": {"name": "chat", "model": model}}
    with pytest.raises(ConfigError) as caught:
        config.parse({**GOOD, "model": model, "arms": [], "sweep": [judged]})
    assert "2 faults" in str(caught.value) and "sk-in-extra" not in str(caught.value)
    assert "model.extra.metadata.api_key: looks like a secret" in str(caught.value)
    assert "sweep.0.judge.model.extra.metadata.api_key: looks like a secret" in str(caught.value)


def test_a_stored_run_with_a_secret_can_still_be_read() -> None:
    tree = {**GOOD, "model": {"name": "openai", "url": "http://127.0.0.1:9/v1", "extra": {"api_key": "x"}}, "arms": []}
    assert config.stored(yaml.safe_dump(tree), "run.yaml").model.options["extra"] == {"api_key": "x"}


def test_two_arms_or_two_benchmarks_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two arms are named 'a'"):
        config.parse(GOOD | {"arms": GOOD["arms"] * 2})
    with pytest.raises(ConfigError, match="the names 'a' and 'A' differ in capitals alone"):
        config.parse(GOOD | {"arms": [*GOOD["arms"], GOOD["arms"][0] | {"name": "A"}]})
    with pytest.raises(ConfigError, match="give one a `label`"):
        config.parse(GOOD | {"sweep": GOOD["sweep"] * 2})


def test_changes_on_the_command_line_reach_into_lists(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    changed = config.load(path, ["seed=3", "arms.0.align.beta=0.2", "sweep.0.splits=[random]"])
    assert changed.seed == 3
    assert changed.arms[0].align.options == {"beta": 0.2}
    assert changed.sweep[0].options == {"splits": ["random"]}


@pytest.mark.parametrize(
    ("word", "says"),
    [("seed", "not of the form"), ("arms.4.name=x", "nor a name in it"), ("seed.x=1", "seed"), ("a=[", "not YAML")],
)
def test_a_change_that_cannot_be_made_is_explained(tmp_path: Path, word: str, says: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(GOOD | {"seed": 0}))
    with pytest.raises(ConfigError, match=says):
        config.load(path, [word])


def test_where_a_run_is_written_is_not_part_of_what_it_is() -> None:
    here, there = config.parse(GOOD), config.parse(GOOD | {"output": "elsewhere"})
    assert here.digest == there.digest != config.parse(GOOD | {"seed": 1}).digest


def test_a_configuration_survives_its_own_yaml() -> None:
    made = config.load(None)
    assert config.parse(yaml.safe_load(made.as_yaml())) == made.model_copy(update={"jobs": 1})  # not where it runs


def test_a_missing_file_says_what_is_there_and_where_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    says = r"There is no configuration file examples/x.yaml\. Examples are in the folder `examples` of the repository mm-align"
    with pytest.raises(ConfigError, match=says):
        config.load(Path("examples/x.yaml"))
    (tmp_path / "study.yaml").touch()
    with pytest.raises(ConfigError, match=r"file studi\.yaml\. Did you mean 'study\.yaml'\? YAML files in .*: study\.yaml\."):
        config.load(Path("studi.yaml"))
    with pytest.raises(ConfigError, match=r"file seed\. To change a key of the study, write seed=VALUE\."):
        config.load(Path("seed"))


def test_the_schema_for_editors_knows_every_key() -> None:
    assert set(json_schema()["properties"]) == set(config.RunConfig.model_fields)


def test_unknown_names_are_errors_a_user_can_read() -> None:
    from harness.core import registry

    with pytest.raises(UnknownPlugin, match="no benchmark named 'popee'. Did you mean 'pope'"):
        registry.get("benchmark", "popee")


@pytest.mark.parametrize(("change", "told"), [
    ({"align": {"name": "dpo", "beta": 0}}, "arm a: beta is 0"),
    ({"align": {"name": "dpo", "beta": "high"}}, "arms.0.align: the aligner 'dpo': beta is 'high', which is text; it must"),
    ({"align": {"name": "dpo", "training": {"lora": {"rank": 8}}}}, "arm a: lora has no key rank"),
    ({"pairs": {"name": "bdhs", "rho_th": 2}}, "arm a: bdhs.rho_th is 2"),
    ({"pairs": {"name": "union"}}, "arms.0.pairs: the source 'union' needs the option 'first'"),
    ({"align": {"name": "online_dpo", "judge": {"name": "keywords"}, "ties": "coin"}}, "arm a: online_dpo.ties"),
])  # fmt: skip
def test_a_wrong_value_is_told_before_anything_is_loaded(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_plugins(config.parse(GOOD | {"arms": [{**GOOD["arms"][0], **change}]}))


def test_wrong_values_of_several_arms_are_told_together() -> None:
    arms = [{"name": n, "pairs": {"name": "bdhs", "n_tries": 0}, "align": {"name": "dpo", "beta": -1}} for n in ("a", "b")]
    with pytest.raises(ConfigError) as caught:
        check_plugins(config.parse(GOOD | {"arms": arms}))
    assert "4 faults" in str(caught.value)


def test_mistakes_of_three_kinds_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(None, ["arms.0.pairs.rho=0.9", "sweep.pope.limit=x", "model.pth=1", "arms.9.seed=1"])
    text = str(caught.value)
    assert "4 faults" in text
    assert "arms.0.pairs: the source 'bdhs' has no option 'rho'. Did you mean 'rho_th'?" in text
    assert "sweep.0.limit: input should be a valid integer, not 'x'" in text
    assert "model: the model 'transformers' has no option 'pth'. Did you mean 'path'?" in text
    assert "'arms.9.seed=1'" in text


@pytest.mark.parametrize(("change", "told"), [
    ("arms.0.align.training.batch_size=2.0", "batch_size is 2.0; it must be a whole number: write 2"),
    ("arms.0.align.training.micro_batch=1.5", "micro_batch is 1.5; it must be a whole number"),
    ('arms.0.pairs.limit="5"', "limit is '5', which is text; it must be a whole number or null: write it without quotes"),
    ("arms.0.pairs.limit=1e9", "limit is '1e9', which is text; it must be a whole number or null: write 1000000000"),
    ("arms.0.pairs.limit=5.5e0", r"limit is '5.5e0', which is text; it must be a whole number or null\."),
    ("arms.0.pairs.limit=1e999", r"limit is '1e999', which is text; it must be a whole number or null\."),
    ("arms.0.pairs.guided=1", "guided is 1; it must be true or false"),
    ("sweep.0.splits=random", r"splits is 'random', which is text; it must be a list: write \[random\]"),
    ("arms.0.align.training.lora=8", "lora is 8; it must be a mapping of names to values or null"),
    ("arms.0.pairs.rho_th=.nan", "rho_th is nan, which is not a finite number"),
    ("arms.0.align.training.batch_size=true", "batch_size is True; it must be a whole number"),
    ("sweep.0.splits=[1.5]", "holds an entry that is 1.5; it must be text"),
    ("arms.0.align=dpo", "arms.0.align: write a mapping, such as {name: ..., option: value}, not 'dpo'"),
    ("model=miniworld", "model: write a mapping, such as {name: ..., option: value}, not 'miniworld'"),
    ("sweep.0={}", "sweep.0.name: is missing"),
    ("sweep=[]", "sweep: must not be empty"),
    ("sweep.0.items=[]", "sweep.0.items: must not be empty"),
    ("arms.0.align.beta=1000000000000000000000000000000", "beta is too large a number"),
    ("arms.0.pairs.limit=99999999999999999999", "limit is too large a number"),
    ("arms.0.align.training.seed=-9999999999999999999999", "seed is too large a number"),
    ("seed=99999999999999999999", "seed: input should be less than 9223372036854775808, not 99999999999999999999"),
])  # fmt: skip
def test_an_option_of_another_type_is_told_in_a_line(change: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        config.load(None, [change])


@pytest.mark.parametrize(
    ("change", "place", "name"),
    [("model.name=openai", "model", "openai"), ("arms.0.align.name=sft", "arms.0.align", "sft")],
)
def test_a_changed_name_whose_options_stay_behind_says_how_to_give_all_of_it(change: str, place: str, name: str) -> None:
    with pytest.raises(ConfigError, match="has no option") as caught:
        config.load(None, [change])
    told = f"{place}: `{place}.name={name}` changes the name alone, the options of the one before stay. Give all of it: "
    assert f"{told}'{place}={{name: {name}, ...}}'." in str(caught.value)


def test_a_changed_name_with_options_of_its_own_says_nothing_of_it() -> None:
    with pytest.raises(ConfigError, match="has no option 'bta'") as caught:
        config.load(None, ["arms.0.align={name: dpo, bta: 1}", "arms.0.align.seed=3"])
    assert "changes the name alone" not in str(caught.value)


def test_whole_numbers_of_lora_are_told_in_a_line() -> None:
    with pytest.raises(ConfigError, match=r"'lora': r is 4.0; it must be a whole number: write 4"):
        check_plugins(config.load(None, ["arms.0.align.training.lora={r: 4.0}"]))


def test_a_learning_rate_that_yaml_reads_as_text_is_a_number() -> None:
    from harness.core import registry

    chosen = config.load(None, ["arms.0.align.training.learning_rate=5e-7", "sweep.1.year=2014"])
    assert registry.make("aligner", "dpo", chosen.arms[0].align.options).settings.learning_rate == 5e-7
    assert registry.make("benchmark", "chair", chosen.sweep[1].options).year == "2014"


@pytest.mark.parametrize(("text", "told"), [
    ("seed: 1\nseed: 2\n", "line 2 sets 'seed' again"),
    ("a: [1, 2\nb: 3\n", "line 2"),
    ("a: &a [*a]\n", "expands to more than 100,000 values"),
    ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n" for n, p in zip("bcdef", "abcde")),
     "expands to more than 100,000 values"),
    ("[" * 100_000, "nested too deep"),
    (f"seed: {'9' * 5000}\n", "not usable YAML"),
    ("? [a, b]\n: 1\n", "must hold|unhashable"),
    ("when: 2024-01-01\nmodel: {name: scripted}\nsweep: [{name: pope}]\n", "when: unknown key"),
    ("!!python/object/apply:os.system [ls]", "not YAML"),
])  # fmt: skip
def test_yaml_that_cannot_be_a_study_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        config.load(path)


def test_a_baseline_is_an_arm_or_all_its_seeds_and_does_not_change_which_run_it_is() -> None:
    arms = [{"name": "dpo", "pairs": {"name": "random_edit"}, "align": {"name": "dpo"}, "grid": {"seed": [0, 1]}}]
    tree = {"model": {"name": "transformers", "path": "miniworld"}, "arms": arms, "sweep": [{"name": "pope"}]}
    plain = config.parse(tree)
    for name in ("base", "dpo", "dpo-seed1"):
        assert config.parse(tree, overrides=[f"baseline={name}"]).digest == plain.digest
    with pytest.raises(
        ConfigError, match=r"baseline: no arm is named 'dop'. Did you mean 'dpo'\? Known: base, dpo-seed0, dpo-seed1, dpo"
    ):
        config.parse(tree, overrides=["baseline=dop"])


@pytest.mark.parametrize("text", ["", "null", "- a", "a: [", "arms: 3", "name: {x: 1}", "\x00"])
def test_a_stored_study_that_was_damaged_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="run 7 cannot be read: "):
        config.stored(text, "run 7")


@pytest.mark.parametrize("tree", [None, ["a"], "name", 3])
def test_a_configuration_that_is_not_a_mapping_is_refused(tree: object) -> None:
    with pytest.raises(ConfigError, match="must hold keys and values"):
        config.parse(tree)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0777", "08", "1:30", "-010", "0_7", "1:30.5", "12:30:45"])
def test_a_number_that_yaml_1_1_would_turn_into_another_one_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(GOOD) + f"seed: {text}\n")
    with pytest.raises(ConfigError, match=f"seed: input should be a valid integer, not '{text}'"):
        config.load(path)


def test_other_numbers_are_read_as_before() -> None:
    texts = ["0", "-7", "1_000", "0x1F", "0b11", "1.0e-6", "-.5", ".inf", "1.", "0.1", "010.5", "null", "true", "5e-7"]
    assert [yaml_text.parse(text, "here") for text in texts] == [yaml.safe_load(text) for text in texts]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("jobs", -3, "jobs: input should be 'auto' or greater than or equal to 1, not -3"),
        ("jobs", 100_000, "jobs: input should be 'auto' or less than or equal to 256, not 100000"),
        ("gates", {"rules": [{"role": "guard", "margin": [1]}]}, "gates.rules.0.margin: input should be a valid string or a"),
        ("output", "", "output: is empty"),
        ("data", "", "data: is empty"),
        (
            "sweep",
            [{"name": "mmhal_bench", "judge": {"name": "chat", "model": 3}}],
            "sweep.0.judge.model: write a mapping, such",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_a_value_is_refused_under_the_key_that_holds_it(key: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(GOOD | {key: value})
    places = {line.removeprefix("  - ").partition(":")[0] for line in str(caught.value).splitlines()[1:]}
    assert says in str(caught.value) and places == {says.partition(":")[0]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name: caf\xe9\n", r"study.yaml is not UTF-8 text \(byte 0xe9\). Save it as UTF-8.$"),
        ("name: x\n".encode("utf-16"), r"study.yaml is not UTF-8 text \(byte 0xff\). Save it as UTF-8.$"),
        (None, "study.yaml is a folder; give a configuration file"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "study.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        config.load(path)


@pytest.mark.parametrize(("name", "to"), [("gone", "nowhere"), ("loop", "loop")])
def test_an_output_folder_behind_a_link_that_leads_nowhere_is_refused_at_once(tmp_path: Path, name: str, to: str) -> None:
    (tmp_path / name).symlink_to(to)
    for output in (tmp_path / name, tmp_path / name / "runs"):
        faults = path_faults(config.parse(GOOD | {"output": str(output)}))
        assert faults == [f"output: {tmp_path / name} is a link to {to}, which is not there. Choose another folder."]


def test_the_built_in_model_is_named_so_under_model_alone() -> None:
    judge = {"name": "chat", "model": {"name": "transformers", "path": "miniworld"}}
    (said,) = path_faults(config.parse(GOOD | {"sweep": [{"name": "mmhal_bench", "judge": judge}], "arms": [], "gates": None}))
    assert said.startswith(
        "sweep.0.judge.model.path: miniworld is the built-in model, which only `model:` of the study names so."
    )


def test_an_empty_path_of_a_model_is_refused_by_its_place() -> None:
    assert path_faults(config.parse(GOOD | {"model": {"name": "transformers", "path": ""}})) == [
        "model.path: is empty. Give the model's folder."
    ]


def test_a_model_folder_whose_configuration_is_a_dead_link_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("../blobs/ab12")
    (said,) = path_faults(config.parse(GOOD | {"model": {"name": "transformers", "path": str(tmp_path)}}))
    assert said == (
        f"model.path: {tmp_path} is not a model folder: its config.json is a link to ../blobs/ab12, which is not there."
    )


def test_a_key_of_several_forms_has_one_fault() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(GOOD | {"jobs": "x"})
    assert str(caught.value) == "1 fault in configuration:\n  - jobs: input should be 'auto' or a valid integer, not 'x'"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" Please answer Yes or No.", " Please answer Yes or No."),
        ("Say # hi", "Say # hi"),
        ("one\ntwo", "one\ntwo"),
        ("' Hi'", " Hi"),
        (" 5 ", 5),
        (" [a, b]", ["a", "b"]),
        ("", None),
    ],
)
def test_words_of_a_prompt_in_a_change_are_kept_as_they_were_typed(written: str, read: object) -> None:
    pope = {"name": "pope", "wordings": [{"style": "official"}, {}]}
    sweep = [pope, {"name": "chair", "label": "captions"}]
    keys = ("sweep.pope.prompt_suffix", "sweep.0.wordings.1.prompt_suffix", "sweep.captions.prompt")
    made = changed({"sweep": sweep}, [f"{key}={written}" for key in keys], [])["sweep"]
    assert made[0]["prompt_suffix"] == made[0]["wordings"][1]["prompt_suffix"] == made[1]["prompt"] == read


def test_every_option_that_is_called_a_part_of_a_prompt_is_declared_as_one() -> None:
    options = [option for kind in registry.PACKAGES for name in registry.names(kind) for option in registry.options(kind, name)]
    texts = [option for option in options if re.search("(?:^|_)(?:prompt|suffix|prefix)$", option.name)]
    assert texts and all(is_prompt(option.type) for option in texts)


@pytest.mark.parametrize("key", ["name", "data", "model.path", "sweep.0.style", "sweep.0.prompt", "arms.0.pairs.prompts"])
@pytest.mark.parametrize("written", ["abc ", " abc", "abc # my note"])
def test_blanks_and_comments_are_no_part_of_a_path_or_a_name(key: str, written: str) -> None:
    tree = {"model": {}, "sweep": [{"name": "pope"}], "arms": [{"pairs": {"name": "bdhs"}}]}
    assert changed(tree, [f"{key}={written}"], faults := []) == changed(deepcopy(tree), [f"{key}=abc"], faults) and not faults


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("sweep.pope.splits=[random, popular, random]", "sweep.0.splits names 'random' twice; name each once"),
        ("sweep.pope.items=[a, b, a]", "sweep.pope.items: names 'a' twice"),
        ("arms.0.align.training.trackers=[wandb, wandb]", "arms.0.align.training.trackers names 'wandb' twice"),
        ("published=[Table 6, Table 6]", "published: names 'Table 6' twice"),
        ("sweep.0={name: chair, prompt: ' '}", "sweep.0.prompt is empty, and the model would be asked nothing"),
    ],
)
def test_a_name_that_stands_twice_and_an_empty_prompt_are_refused(change: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"1 fault in configuration:\n  - {re.escape(says)}"):
        config.parse(deepcopy(GOOD), overrides=[change])


def test_an_empty_suffix_and_arguments_that_are_repeated_are_none_of_these_faults() -> None:
    served = {"name": "openai", "path": "x", "serve": "vllm", "serve_args": ["--a", "1", "--b", "1"]}
    config.parse(GOOD | {"model": served, "sweep": [{"name": "pope", "prompt_suffix": ""}]})


def test_the_home_of_a_user_that_is_not_there_is_refused_by_its_key() -> None:
    tree = GOOD | {
        "data": "~no-such-user/d",
        "output": "~no-such-user",
        "model": {"name": "transformers", "path": "~no-such-user"},
    }
    with pytest.raises(ConfigError, match="3 faults") as caught:
        config.parse(tree)
    assert "data: ~no-such-user/d begins with the home of a user that this machine does not know" in str(caught.value)
    with pytest.raises(ConfigError, match="There is no configuration file ~no-such-user/x.yaml"):
        yaml_text.read_file(Path("~no-such-user/x.yaml"))


@pytest.mark.parametrize("part", ["\u00b2", "9" * 5000, "-1"])
def test_what_is_no_number_of_a_list_is_refused(part: str) -> None:
    changed(deepcopy(GOOD), [f"arms.{part}.seed=1"], faults := list[str]())
    assert len(faults) == 1 and "is neither a place in a list of 1" in faults[0]
