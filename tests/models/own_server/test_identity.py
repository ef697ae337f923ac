"""A server that the harness starts computes with the weights and settings that the protocol names, and is no other's."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.core.errors import ConfigError, FactsChanged, ModelError
from harness.core.evaluation import Answer, Request
from harness.core.run_record import SERVED
from harness.models._own_server import replicas, served_template, shared_servers
from harness.models._own_server.installed import installed_version
from harness.models._own_server.special_tokens import special_tokens
from harness.models._server.thinking import begun
from harness.models.openai import OpenAIModel
from harness.models.transformers import TransformersModel
from tests.models.fake_server import serving
from tests.models.own_server.stand_in import asked, noted, noting_server, runs
from tests.models.test_answer_tokens import THINKING


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a note of each start."""
    return noting_server(tmp_path, monkeypatch)


@pytest.fixture
def folder(llava_folder: Path, tmp_path: Path) -> Path:
    """A model of the test's own."""
    return Path(shutil.copytree(llava_folder, tmp_path / "own"))


def served(folder: Path, **options: Any) -> OpenAIModel:
    return OpenAIModel(**{"path": str(folder), "serve": "vllm", "start_s": 60.0, "retries": 0, **options})


def answer(model: OpenAIModel) -> Answer:
    return next(answer for batch in model.generate([Request(None, "q")]) for _, answer in batch)


def generates(folder: Path, **settings: Any) -> Path:
    """The folder, whose generation_config says so too."""
    file = folder / "generation_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
    return folder


# ------------------------------------------------------------ weights


def test_weights_that_are_replaced_while_the_server_starts_are_not_taken_for_those_before(
    starts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FIRST", "with open(args[1] + '/chat_template.jinja', 'a') as f: f.write(' ')")
    with pytest.raises(ModelError, match=r"The files of .*own changed before the vllm server had started"):
        answer(served(folder))
    assert len(noted(starts)) == 1 and not any(runs(note["pid"]) for note in noted(starts).values())


def test_files_of_another_time_and_the_same_content_are_the_same(
    starts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FIRST", "os.utime(args[1] + '/config.json')")
    assert answer(served(folder)).text in noted(starts)


def test_a_file_of_the_arguments_that_changes_is_noticed_too(
    starts: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.jinja").write_text("a")
    monkeypatch.setenv("STAND_IN_FIRST", f"with open({str(tmp_path / 't.jinja')!r}, 'a') as f: f.write(' ')")
    with pytest.raises(ModelError, match="A file that `serve_args` names changed"):
        answer(served(folder, serve_args=["--chat-template", str(tmp_path / "t.jinja")]))


# ------------------------------------------------------------ names and ports


def test_another_server_that_took_the_port_is_never_asked(starts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(models=[{"id": folder.name, "owned_by": "vllm"}]) as other:
        monkeypatch.setattr(replicas, "_free_ports", lambda number: [other.server_address[1]] * number)
        with pytest.raises(ModelError, match=r"(?s)ended with exit code 1 at its start.*Address already in use"):
            answer(served(folder))
        assert not other.asked


def test_the_name_that_it_is_asked_under_is_another_each_time_and_stands_nowhere(starts: Path, folder: Path) -> None:
    found = []
    for _ in range(2):
        model = served(folder)
        found.append((answer(model).model, model.facts()))
        del model
        gc.collect()
    assert found[0] == found[1] and found[0][0] == found[0][1][SERVED] == "own"
    names = [note["args"][note["args"].index("--served-model-name") + 1] for note in noted(starts).values()]
    assert len(set(names)) == 2 and all(name.startswith("own-") for name in names)


def test_ports_of_several_servers_differ() -> None:
    assert len(set(replicas._free_ports(50))) == 50


# ------------------------------------------------------------ generation_config


@pytest.mark.parametrize(("serve", "flags"), [("vllm", "--generation-config vllm"), ("sglang", "--sampling-defaults openai")])
def test_a_server_takes_no_defaults_from_the_folder(starts: Path, folder: Path, serve: str, flags: str) -> None:
    shutil.copy(starts.parent / "vllm", starts.parent / "sglang")
    answer(served(folder, serve=serve))
    (note,) = noted(starts).values()
    assert flags in " ".join(note["args"])


def test_a_repetition_penalty_goes_with_each_request_and_what_draws_tokens_does_not(starts: Path, folder: Path) -> None:
    model = served(generates(folder, repetition_penalty=1.3, top_k=5, temperature=0.2, max_new_tokens=7, do_sample=True))
    answer(model)
    (body,) = asked(starts)
    assert body["repetition_penalty"] == 1.3 and not {"top_k", "min_p"} & body.keys() and body["temperature"] == 0
    assert model.facts()["generation config"] == "honoured: repetition_penalty=1.3"


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.3}])
@pytest.mark.parametrize("use", ["honoured", "ignored"])
def test_both_backends_state_the_same(starts: Path, folder: Path, settings: dict[str, Any], use: str) -> None:
    generates(folder, **settings)
    here = TransformersModel(str(folder), device="cpu", generation_config=use)
    model = served(folder, generation_config=use)
    assert model.facts()["generation config"] == here.facts()["generation config"]
    answer(model)
    assert ("repetition_penalty" in asked(starts)[0]) is (use == "honoured" and bool(settings))


@pytest.mark.parametrize(
    ("serve", "settings", "name"),
    [
        ("vllm", {"no_repeat_ngram_size": 3}, "no_repeat_ngram_size=3"),
        ("vllm", {"num_beams": 4}, "num_beams=4"),
        ("sglang", {"repetition_penalty": 1.05}, "repetition_penalty=1.05"),  # of the answer alone, there
    ],
)
def test_settings_that_a_server_is_not_given_are_refused_by_name(
    starts: Path, folder: Path, serve: str, settings: dict[str, Any], name: str
) -> None:
    shutil.copy(starts.parent / "vllm", starts.parent / "sglang")
    with pytest.raises(ModelError, match=f"sets {name}, which is not supported with `serve: {serve}`.*_config=ignored"):
        served(generates(folder, **settings), serve=serve)
    assert "ignored: " + name == served(folder, serve=serve, generation_config="ignored").facts()["generation config"]


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "tekken.json"])
def test_a_checkpoint_whose_marks_of_reasoning_are_special_tokens_has_them_in_its_answers(
    starts: Path, folder: Path, file: str
) -> None:
    """As the transformers backend stores them; other special tokens are taken out as there."""
    tokens = [{"content": text, "special": text != "<b>"} for text in ("[THINK]", "[/THINK]", "<b>", "<pad>")]
    forms = {
        "tokenizer.json": {"added_tokens": tokens},
        "tokenizer_config.json": {"added_tokens_decoder": {str(n): token for n, token in enumerate(tokens)}},
        "tekken.json": {"special_tokens": [{"token_str": t["content"], "is_control": t["special"]} for t in tokens]},
    }
    path = folder / file
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.is_file() else {}), **forms[file]}))
    plain, marks = "<b>Yes</b>", "[THINK]A dog?[/THINK]"
    model = served(folder)
    assert model.facts()["reasoning marks"] == "special tokens, kept in the answers"
    assert model._marks.answer(f"{marks}{plain}<pad>") == marks + plain
    answer(model)
    assert asked(starts)[0]["skip_special_tokens"] is False


def test_a_reasoning_that_the_prompt_opens_and_the_limit_cuts_off_is_no_answer(starts: Path, folder: Path) -> None:
    """Without a reasoning parser no mark stands in such a reply; behind one, and with thinking off, nothing is added."""
    (folder / "chat_template.jinja").write_text(THINKING)
    cut_off, ended = Answer("", "A dog? Yes", 9, "length"), Answer("", "A dog?</think>No", 9, "length")
    thinks = served(folder, enable_thinking=True)
    assert thinks.facts()["reasoning"] == "begun by the prompt"
    assert begun(cut_off, thinks._opened).text == "<think>A dog? Yes" and begun(ended, thinks._opened) == ended
    parsed = served(folder, enable_thinking=True, serve_args=["--reasoning-parser", "qwen3"])
    for model in (parsed, served(folder, enable_thinking=False)):
        assert "reasoning" not in model.facts() and begun(cut_off, model._opened) == cut_off


@pytest.mark.parametrize("where", ["folder", "argument"])
def test_a_template_that_writes_todays_date_keeps_the_answers_of_two_days_apart(
    starts: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = folder / "chat_template.jinja" if where == "folder" else tmp_path / "other.jinja"
    path.write_text("{{ strftime_now('%Y') }}" + THINKING)
    arguments = ["--chat-template", str(path)] if where == "argument" else []

    def told(day: int) -> dict[str, str]:
        monkeypatch.setattr(served_template, "date", SimpleNamespace(today=lambda: date(2026, 11, day)))
        return served(folder, serve_args=arguments).facts()

    assert told(27)["template date"] == "2026-11-27, by the server's clock" and told(27) != told(28)
    assert "template date" not in served(folder, serve_args=["--chat-template", str(folder / "config.json")]).facts()


def test_other_checkpoints_are_asked_as_before(starts: Path, folder: Path) -> None:
    model = served(folder)
    answer(model)
    assert "skip_special_tokens" not in asked(starts)[0] and not {"reasoning marks", "template date"} & model.facts().keys()


def test_a_folder_without_the_file_is_read_as_transformers_reads_it(starts: Path, folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    assert served(folder).facts()["generation config"] == "bends nothing"


def test_another_penalty_of_the_users_own_is_refused(starts: Path, folder: Path) -> None:
    generates(folder, repetition_penalty=1.3)
    with pytest.raises(ConfigError, match="model.extra has repetition_penalty=1.1"):
        served(folder, extra={"repetition_penalty": 1.1})
    with pytest.raises(ConfigError, match="`generation_config` of the openai backend go with `serve"):
        OpenAIModel("http://127.0.0.1:9/v1", generation_config="ignored")
    with pytest.raises(ConfigError, match="is 'off'; choose honoured or ignored"):
        OpenAIModel.check_options({"generation_config": "off"})


# ------------------------------------------------------------ when it starts


def test_a_server_starts_with_the_first_question_and_not_before(
    starts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "9.9")
    model = served(folder)
    facts = model.facts()
    assert list(model.generate([Request(None, "q")], done={0})) == [] and not noted(starts)
    assert facts["server"] == "vllm 9.9, started here" and answer(model) and model.facts() == facts


def test_where_the_version_is_not_known_it_starts_to_tell_it(starts: Path, folder: Path) -> None:
    model = served(folder)
    assert not noted(starts)
    assert model.facts()["server"] == "vllm 9.9, started here" and len(noted(starts)) == 1


def test_a_version_that_is_another_than_was_installed_is_noticed_before_an_answer(
    starts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "9.8")
    model = served(folder)
    model.facts()
    with pytest.raises(FactsChanged, match=r"server is 'vllm 9\.9, started here', not 'vllm 9\.8, started here'"):
        answer(model)
    assert model.facts()["server"] == "vllm 9.9, started here" and answer(model)
    assert served(folder).facts()["server"] == "vllm 9.9, started here", "that of the running server is known"


@pytest.mark.parametrize(
    ("first", "name", "version"),
    [
        (f"#!{sys.executable}", "numpy", np.__version__),
        (f"#!{sys.executable}", "no-such-package", ""),
        ("#!/bin/sh", "numpy", ""),
        ("\x7fELF", "numpy", ""),
        ("#!/nowhere/python3", "numpy", ""),
    ],
)
def test_the_installed_version_is_asked_of_the_python_that_runs_the_executable(
    tmp_path: Path, first: str, name: str, version: str
) -> None:
    (tmp_path / "vllm").write_text(f"{first}\nimport sys\n")
    os.chmod(tmp_path / "vllm", 0o755)
    assert installed_version(name, str(tmp_path / "vllm")) == version


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "tekken.json"])
def test_a_tokenizer_file_may_leave_its_special_tokens_empty(tmp_path: Path, name: str) -> None:
    """tekken.json of older versions of Mistral's tokenizer has `"special_tokens": null`."""
    (tmp_path / name).write_text('{"added_tokens": null, "added_tokens_decoder": null, "special_tokens": null}')
    assert special_tokens(str(tmp_path)) == frozenset()
