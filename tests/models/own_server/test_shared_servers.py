"""A server that the harness starts is shared by all models of a process that name the same folder and arguments."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import JudgeConfig
from harness.core.errors import ModelError
from harness.core.evaluation import Request
from harness.evaluation.scoring import make_annotator
from harness.models._own_server.shared_servers import end_idle_servers, kept_servers
from harness.models._server import client as _client
from harness.models.openai import OpenAIModel
from tests.models.own_server.stand_in import noted, noting_server, runs


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a note of each start."""
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)
    return noting_server(tmp_path, monkeypatch)


def served(folder: Path, **options: Any) -> OpenAIModel:
    model = OpenAIModel(**{"path": str(folder), "serve": "vllm", "start_s": 60.0, "retries": 1, **options})
    model.start()
    return model


def alive(starts: Path) -> int:
    return sum(runs(note["pid"]) for note in noted(starts).values())


def answer(model: OpenAIModel, question: str = "q") -> str:
    return next(answer.text for batch in model.generate([Request(None, question)]) for _, answer in batch)


def test_two_models_of_one_folder_ask_one_server_that_ends_with_the_last(starts: Path, llava_folder: Path) -> None:
    first, second = served(llava_folder), served(llava_folder)
    assert answer(first) == answer(second) and len(noted(starts)) == 1
    del first
    gc.collect()
    assert alive(starts) == 1 and answer(second)
    del second
    until = time.monotonic() + 20  # threads that asked it let go of the model a moment after the answer
    while alive(starts) and time.monotonic() < until:
        gc.collect()
    assert alive(starts) == 0


def test_models_opened_side_by_side_wait_for_one_start(starts: Path, llava_folder: Path) -> None:
    found: list[OpenAIModel] = []
    threads = [threading.Thread(target=lambda: found.append(served(llava_folder))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and len(noted(starts)) == 1


def test_the_judges_of_two_arms_ask_one_server(starts: Path, llava_folder: Path) -> None:
    model = {"name": "openai", "path": str(llava_folder), "serve": "vllm"}
    spec = JudgeConfig.model_validate({"name": "chat", "model": model})
    with kept_servers():
        make_annotator(spec)
        gc.collect()
        judge = make_annotator(spec)
        end_idle_servers()  # a training begins: the judge is held
        assert len(noted(starts)) == alive(starts) == 1 and judge
    assert alive(starts) == 0


@pytest.mark.parametrize("other", [{"serve_args": ["--seed", "1"]}, {"model": "mine"}, {"path": "other"}])
def test_another_folder_name_or_argument_gets_a_server_of_its_own_after_the_idle_one_ended(
    starts: Path, llava_folder: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    if "path" in other:
        other = {"path": str(with_another_template(llava_folder, tmp_path / "other"))}
    with kept_servers():
        served(llava_folder)
        gc.collect()
        assert alive(starts) == 1
        model = served(**{"folder": llava_folder, **other})
        assert len(noted(starts)) == 2 and alive(starts) == 1 and answer(model)


def with_another_template(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy)
    with (copy / "chat_template.jinja").open("a") as template:
        template.write(" ")
    return copy


def test_kept_servers_end_with_an_error_that_still_holds_their_model(starts: Path, llava_folder: Path) -> None:
    def work() -> None:
        with kept_servers():
            model = served(llava_folder)
            raise KeyboardInterrupt(model)

    with pytest.raises(KeyboardInterrupt) as held:
        work()
    assert alive(starts) == 0 and held.value.args


def test_a_training_ends_a_server_that_nobody_holds(starts: Path, llava_folder: Path) -> None:
    with kept_servers():
        served(llava_folder)
        gc.collect()
        assert alive(starts) == 1
        end_idle_servers()
        assert alive(starts) == 0


def test_after_a_server_died_the_next_model_gets_a_new_one(starts: Path, llava_folder: Path) -> None:
    with kept_servers():
        first = served(llava_folder)
        (note,) = noted(starts).values()
        os.kill(note["pid"], signal.SIGKILL)
        until = time.monotonic() + 10
        while first._own.runs and time.monotonic() < until:  # type: ignore[union-attr]
            time.sleep(0.02)
        with pytest.raises(ModelError, match="No server is left; what was answered is stored"):
            answer(first)
        assert answer(served(llava_folder)) and len(noted(starts)) == 2
    assert alive(starts) == 0
