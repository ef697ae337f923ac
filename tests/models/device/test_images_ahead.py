"""Images that workers process ahead: the same bytes, the same errors, nothing that hangs."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from models.device.faulty_images import Faulty, impatient, no_start

from harness.core.errors import ConfigError, ImageError
from harness.core.evaluation import Decoding, Request
from harness.models._images import workers as pool
from harness.models._images.image_store import ImageStore
from harness.models._images.workers import ImageWorkers, workers_for
from harness.models.transformers import TransformersModel

QUESTIONS = ("Is there a dog?", "Describe this image.")


@pytest.fixture(scope="module")
def anyres(llava_next_folder: Path, images: list[Path]) -> Iterator[tuple[TransformersModel, TransformersModel]]:
    """(without workers, with two)"""
    alone, helped = (TransformersModel(str(llava_next_folder), device="cpu", image_workers=n) for n in (0, 2))
    yield alone, helped


def ahead(store: ImageStore) -> ImageWorkers:
    assert store._workers is not None
    return store._workers


def test_two_workers_give_the_answers_and_the_pixels_of_none(
    anyres: tuple[TransformersModel, TransformersModel], images: list[Path]
) -> None:
    requests = [Request(p, q, Decoding(6)) for p in images for q in QUESTIONS]
    found = [{i: a.text for part in m.generate(requests) for i, a in part} for m in anyres]
    assert found[0] == found[1] and len(found[0]) == len(requests)
    alone, helped = (m.prompts.images for m in anyres)
    assert copy.deepcopy(anyres[1].prompts).images is helped, "a reference that is a copy of the policy sees the same images"
    assert ahead(helped)._bytes > 0, "no worker made an image"
    for image in images:
        one, other = alone.of(image), helped.of(image)
        assert (one.text, one.runs) == (other.text, other.runs) and one.tensors.keys() == other.tensors.keys()
        assert all(torch.equal(one.tensors[k], v) and one.tensors[k].dtype == v.dtype for k, v in other.tensors.items())


def test_a_store_that_forgets_keeps_its_last_images_and_makes_the_others_again(images: list[Path]) -> None:
    made: list[Path] = []
    store = ImageStore(lambda path: made.append(path) or path)  # type: ignore[func-returns-value,arg-type,return-value]
    for path in images[:3]:
        store.of(path)
    store.forget(keep=1)
    assert store.of(images[2]) == images[2] and store.of(images[0]) == images[0]
    assert made == [*images[:3], images[0]]


def test_scores_and_a_broken_image_are_those_of_one_process(
    anyres: tuple[TransformersModel, TransformersModel], images: list[Path], tmp_path: Path
) -> None:
    asked = [Request(p, QUESTIONS[0]) for p in images]
    assert anyres[0].log_probs(asked, ["Yes"] * len(asked)) == anyres[1].log_probs(asked, ["Yes"] * len(asked))
    (tmp_path / "half.png").write_bytes(images[0].read_bytes()[:60])
    said = []
    for model in anyres:
        with pytest.raises(ImageError) as error:
            list(model.generate([*asked, Request(tmp_path / "half.png", QUESTIONS[0], Decoding(2))]))
        said.append((str(error.value), error.value.path))
    assert said[0] == said[1] and said[0][1] == tmp_path / "half.png"


@pytest.fixture
def store() -> ImageStore:
    return ImageStore(Faulty(), ImageWorkers(Faulty, 2), keep=4)


def test_an_image_that_ends_its_worker_is_named_and_the_others_come(store: ImageStore) -> None:
    names = [Path(f"{n}.png") for n in range(3)] + [Path("killer.png"), *(Path(f"{n}.png") for n in range(4, 12))]
    names += [Path("second killer.png"), Path("last.png")]
    store.expect(names)
    got, lost = [], []
    for name in names:
        try:
            got.append(store.of(name))
        except ImageError as error:
            lost.append(str(error))
    assert [made.text for made in got] == [name.name for name in names if "killer" not in name.name]
    assert os.getpid() not in {int(made.tensors["pid"]) for made in got}
    assert len(lost) == 2 and lost[0].startswith("The image killer.png ends the process that reads it")


def test_an_image_that_never_ends_is_reported() -> None:
    store = ImageStore(Faulty(), ImageWorkers(impatient, 1))
    store.expect([Path("endless.png"), Path("next.png")])
    with pytest.raises(ImageError, match=r"endless\.png ends the process"):
        store.of(Path("endless.png"))
    assert store.of(Path("next.png")).text == "next.png"


def test_an_error_is_the_one_of_this_process(store: ImageStore) -> None:
    store.expect([Path("broken.png")])
    with pytest.raises(ImageError, match=r"^The image broken\.png cannot be read\.$"):
        store.of(Path("broken.png"))


def test_workers_that_do_not_start_are_done_without(caplog: pytest.LogCaptureFixture) -> None:
    store = ImageStore(Faulty(), ImageWorkers(no_start, 1))
    store.expect([Path("a.png"), Path("b.png")])
    with caplog.at_level(logging.WARNING, "harness"):
        assert [int(store.of(Path(n)).tensors["pid"]) for n in ("a.png", "b.png")] == [os.getpid()] * 2
    assert caplog.text.count("images are read in the main process") == 1


def test_what_is_made_ahead_has_a_bound(monkeypatch: pytest.MonkeyPatch, store: ImageStore) -> None:
    monkeypatch.setattr(pool, "AHEAD", 6)
    names = [Path(f"{n}.png") for n in range(30)]
    store.expect(names)
    most = 0
    for name in names:
        most = max(most, len(ahead(store)._under_way))
        store.of(name)
    assert most == 6
    monkeypatch.setattr(pool, "AHEAD_BYTES", 4 * ahead(store)._bytes)
    store.expect(Path(f"more {n}.png") for n in range(30))
    assert len(ahead(store)._under_way) == 4


def test_what_is_expected_no_longer_is_dropped(store: ImageStore) -> None:
    store.expect([Path("a.png"), Path("b.png")])
    store.expect([Path("b.png"), Path("c.png")])
    assert set(ahead(store)._under_way) == {Path("b.png"), Path("c.png")}
    assert store.of(Path("c.png")).text == "c.png" and store.of(Path("a.png")).text == "a.png"


def test_a_gpu_gets_four_workers_and_a_cpu_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 16)
    assert [workers_for(None, torch.device(d)) for d in ("cuda", "cpu")] == [4, 0]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert workers_for(None, torch.device("cuda")) == 1
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    monkeypatch.setattr(pool, "cores", lambda: 2)
    assert [workers_for(n, torch.device("cuda")) for n in (None, 3, 0)] == [1, 3, 0]
    monkeypatch.setattr(pool.multiprocessing, "current_process", lambda: SimpleNamespace(daemon=True))
    assert workers_for(3, torch.device("cuda")) == 0, "a process of `jobs` may start no others"
    for number in (-1, 9999):
        with pytest.raises(ConfigError, match=rf"model\.image_workers is {number:,}; give .* up to 256"):
            workers_for(number, torch.device("cpu"))
