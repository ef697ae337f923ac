"""Processed images on disk: those that were made, by content, within a bound; damage is noticed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from PIL import Image

from harness.core.errors import ConfigError
from harness.models._images import pixel_cache
from harness.models._images.image_inputs import ImageInputs, from_bytes, to_bytes
from harness.models._images.pixel_cache import PixelCache
from harness.models.transformers import TransformersModel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mm-align-harness" / "pixels"


def test_a_user_without_a_home_folder_needs_none_but_for_the_cache(
    llava_folder: Path, tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # does not count
    TransformersModel(str(llava_folder), device="cpu").prompts.image_inputs(images[0])
    with pytest.raises(ConfigError, match=r"pixel_cache: .* Set XDG_CACHE_HOME"):
        TransformersModel(str(llava_folder), device="cpu", pixel_cache=1)
    assert not (tmp_path / "relative").exists()


def entries(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.pixels"))


def same(one: ImageInputs, other: ImageInputs) -> bool:
    return to_bytes(one) == to_bytes(other)


@pytest.mark.parametrize("name", ["llava", "qwen2_5_vl", "minicpmv4_6", "gemma3"])
def test_kept_pixels_are_those_that_were_made(name: str, tmp_path: Path, cache: Path, images: list[Path]) -> None:
    folder = tiny_families.save(name, tmp_path / "model")
    plain = TransformersModel(str(folder), device="cpu")
    for _ in range(2):  # made, then read
        model = TransformersModel(str(folder), device="cpu", pixel_cache=1)
        assert same(model.prompts.image_inputs(images[0]), plain.prompts.image_inputs(images[0]))
        assert len(entries(cache)) == 1


def test_an_entry_belongs_to_the_image_s_bytes_and_the_processor_s_settings(
    llava_folder: Path, tmp_path: Path, cache: Path, images: list[Path]
) -> None:
    copied, other = tmp_path / "copied.png", tmp_path / "model"
    shutil.copy(images[0], copied)
    shutil.copytree(llava_folder, other)
    settings = other / "processor_config.json"
    settings.write_text(settings.read_text().replace('"image_mean": [', '"image_mean": [\n 0.1, 0.1, 0.1], "unread": ['))
    models = [TransformersModel(str(f), device="cpu", pixel_cache=1) for f in (llava_folder, other)]
    models[0].prompts.image_inputs(images[0])
    models[0].prompts.image_inputs(copied)
    assert len(entries(cache)) == 1
    made = models[1].prompts.image_inputs(images[0])
    assert len(entries(cache)) == 2 and not same(made, models[0].prompts.image_inputs(images[0]))
    Image.open(images[0]).rotate(90).save(copied)
    TransformersModel(str(llava_folder), device="cpu", pixel_cache=1).prompts.image_inputs(copied)
    assert len(entries(cache)) == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_entry_is_reported_and_made_anew(
    damage: str, llava_folder: Path, cache: Path, images: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    def model(workers: int) -> TransformersModel:
        return TransformersModel(str(llava_folder), device="cpu", pixel_cache=1, image_workers=workers)

    made = model(0).prompts.image_inputs(images[0])
    (entry,) = entries(cache)
    data = entry.read_bytes()
    entry.write_bytes({"cut": data[:-5], "flipped": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "empty": b""}[damage])
    again = model(1 if damage == "flipped" else 0)  # a worker's warning comes too
    again.expect_images([images[0]])
    with caplog.at_level(logging.WARNING, "harness"):
        assert same(again.prompts.image_inputs(images[0]), made)
    assert caplog.text.count("are damaged; the image is processed again") == 1
    assert entry.read_bytes() == data


def test_the_oldest_entries_go_and_half_written_ones_of_processes_that_ended(
    llava_folder: Path, cache: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.models._images.pixel_cache._LOOK_EVERY", 1)
    TransformersModel(str(llava_folder), device="cpu", pixel_cache=1).prompts.image_inputs(images[0])
    (first,) = entries(cache)
    size = first.stat().st_size
    os.utime(first, (1, 1))
    left, new = cache / ".x.1.part", cache / ".y.2.part"
    for part in (left, new):
        part.write_bytes(b"half")
    os.utime(left, (1, 1))
    small = TransformersModel(str(llava_folder), device="cpu", pixel_cache=2.5 * size / 2**30)
    small.prompts.image_inputs(images[1])
    small.prompts.image_inputs(images[0])  # used now
    small.prompts.image_inputs(images[2])
    assert first in entries(cache) and len(entries(cache)) == 2 and not left.exists() and new.exists()


def test_a_folder_that_cannot_be_written_is_done_without(
    llava_folder: Path, cache: Path, images: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file in its place")
    model = TransformersModel(str(llava_folder), device="cpu", pixel_cache=1)
    with caplog.at_level(logging.WARNING, "harness"):
        assert [bool(model.prompts.image_inputs(p).tensors) for p in images[:2]] == [True, True]
    assert caplog.text.count("nothing is written there from now on") == 1
    with pytest.raises(ConfigError, match=r"model\.pixel_cache is -1"):
        TransformersModel(str(llava_folder), device="cpu", pixel_cache=-1)


def test_a_text_without_words_and_no_runs_come_back_as_they_were() -> None:
    made: Any = from_bytes(to_bytes(ImageInputs("", (), {"pixel_values": torch.zeros(1, 2)})))
    assert (made.text, made.runs) == ("", ())


def test_images_that_two_workers_make_at_once_are_one_entry(
    llava_folder: Path, tmp_path: Path, cache: Path, images: list[Path]
) -> None:
    copies = [Path(shutil.copy(images[0], tmp_path / f"{n}.png")) for n in range(8)]
    model = TransformersModel(str(llava_folder), device="cpu", pixel_cache=1, image_workers=2)
    model.expect_images(copies)
    made = [model.prompts.image_inputs(path) for path in copies]
    assert all(same(one, made[0]) for one in made)
    assert len(entries(cache)) == len(list(cache.iterdir())) == 1
    again = TransformersModel(str(llava_folder), device="cpu", pixel_cache=1).prompts.image_inputs(copies[0])
    assert same(again, made[0])


MADE = ImageInputs("<image>", (), {"pixel_values": torch.arange(4096.0).reshape(64, 64)})


def small_cache(folder: Path) -> PixelCache:
    return PixelCache(lambda path: MADE, "settings", folder, 2**30)


def write_in_halves(told: Connection, folder: Path, image: Path) -> None:
    """In another process: keep an image, and stop in the middle of the write until told to go on; says what was logged."""

    def halves(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            told.send("half")
            told.recv()
            return file.write(data[len(data) // 2 :])

    Path.write_bytes = halves  # type: ignore[method-assign, assignment]
    said: list[str] = []
    pixel_cache._log.warning = lambda *words: said.append(str(words))  # type: ignore[method-assign, assignment]
    small_cache(folder)(image)
    told.send(said)


def test_an_entry_that_another_process_is_writing_is_neither_read_in_half_nor_spoiled(
    tmp_path: Path, images: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "pixels"
    folder.mkdir()
    here, there = multiprocessing.Pipe()
    other = multiprocessing.get_context("fork").Process(target=write_in_halves, args=(there, folder, images[0]))
    other.start()
    assert here.recv() == "half"
    with caplog.at_level(logging.WARNING, "harness"):
        assert same(small_cache(folder)(images[0]), MADE)  # written beside the other one's half
        assert same(small_cache(folder)(images[0]), MADE)  # read
        here.send("go on")
        assert here.recv() == [], "the other writer was disturbed"
        other.join(30)
        assert same(small_cache(folder)(images[0]), MADE)
    assert not caplog.text and len(list(folder.iterdir())) == 1
