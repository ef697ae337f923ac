"""Several servers that the harness starts on one checkpoint: GPUs, images and deaths are shared out among them."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Request
from harness.models._own_server.replicas import shares
from harness.models._server import client as _client
from harness.models.openai import OpenAIModel
from tests.models.own_server.stand_in import noted as notes
from tests.models.own_server.stand_in import noting_server


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of what the stand-ins wrote."""
    notes = noting_server(tmp_path, monkeypatch)
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)
    return notes


def served(folder: Path, replicas: int) -> OpenAIModel:
    model = OpenAIModel(path=str(folder), serve="vllm", start_s=60.0, replicas=replicas, retries=1)
    model.start()
    return model


def answers(model: OpenAIModel, requests: list[Request]) -> dict[int, str]:
    return {i: answer.text for batch in model.generate(requests) for i, answer in batch}


def drawn(folder: Path, n: int) -> list[Path]:
    for i in range(n):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / f"{i}.png")
    return [folder / f"{i}.png" for i in range(n)]


def test_images_are_shared_among_servers_with_gpus_of_their_own(
    said: Path, llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5,7")
    model = served(llava_folder, 2)
    assert sorted(note["gpus"] for note in notes(said).values()) == ["2,3", "5,7"]
    images = drawn(tmp_path, 12)
    copy = tmp_path / "copy.png"
    copy.write_bytes(images[0].read_bytes())
    found = answers(model, [Request(p, q) for p in [*images, copy] for q in ("a", "b")])
    by_image = [{found[2 * n], found[2 * n + 1]} for n in range(13)]
    assert all(len(ports) == 1 for ports in by_image), "questions about one image meet two prefix caches"
    assert by_image[12] == by_image[0], "an image counts by its bytes"
    assert {port for ports in by_image for port in ports} == notes(said).keys()


def test_one_server_sees_what_this_process_sees(said: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,6")
    model = served(llava_folder, 1)
    assert [note["gpus"] for note in notes(said).values()] == ["1,6"] and "address" not in model.facts()


def test_a_server_that_dies_is_reported_and_the_others_answer_its_questions(
    said: Path, llava_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, images = served(llava_folder, 2), drawn(tmp_path, 8)
    asked = [Request(path, "q") for path in images]
    before = answers(model, asked)
    dead = before[0]
    os.kill(notes(said)[dead]["pid"], signal.SIGKILL)
    until = time.monotonic() + 10
    while not any(server.ended for server in model._own.start()._servers) and time.monotonic() < until:  # type: ignore[union-attr]
        time.sleep(0.02)
    with caplog.at_level(logging.WARNING, "harness"):
        after = answers(model, asked)
    (other,) = notes(said).keys() - {dead}
    assert after == dict.fromkeys(range(8), other)
    assert caplog.text.count("Its questions go to 1 other server.") == 1
    assert f":{dead}/v1 was ended by SIGKILL (out of memory?)" in caplog.text


def test_when_the_last_one_dies_the_sweep_stops_with_the_end_of_its_log(said: Path, llava_folder: Path, tmp_path: Path) -> None:
    model = served(llava_folder, 2)
    with pytest.raises(
        ModelError, match=r"(?s)ended with exit code 4.*CUDA error.*No server is left; what was answered is stored"
    ):
        answers(model, [Request(None, "die"), Request(None, "die too"), *(Request(None, f"q{n}") for n in range(20))])


@pytest.mark.parametrize(
    ("visible", "replicas", "expected"),
    [("0,1,2", 3, ["0", "1", "2"]), ("0,1,2", 2, ["0", "1"]), ("GPU-a,GPU-b", 2, ["GPU-a", "GPU-b"]), ("", 2, [None, None])],
)
def test_gpus_are_shared_out_in_equal_parts(
    visible: str, replicas: int, expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert shares(replicas) == expected


def test_too_few_gpus_and_replicas_of_a_running_server_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"`replicas: 3` needs a GPU for each server; this process sees 2"):
        shares(3)
    with pytest.raises(ConfigError, match="`replicas` is 0"):
        shares(0)
    with pytest.raises(ConfigError, match="go with `serve"):
        OpenAIModel("http://127.0.0.1:9/v1", replicas=2)
