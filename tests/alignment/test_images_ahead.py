"""A training says which images it asks for next; workers that process them ahead change no number."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from alignment.aligners.dpo import Dpo
from alignment.batching.collate import Extras, View
from alignment.batching.rows import Rows, make_rows
from alignment.training.reference_logps import compute
from harness.core.digests import model_digest
from harness.core.preference import PreferencePair
from harness.models._images import image_store
from harness.models.transformers import TransformersModel
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, without_times


class Listening(TinyPolicy):
    """Remembers what it is told to expect, and what it is then asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.expected: list[list[str]] = []
        self.asked: list[str] = []
        self.forgot: list[int] = []

    def expect_images(self, images: Iterable[Path]) -> None:
        self.expected.append([path.stem for path in images])
        self.asked = []

    def forget_images(self, keep: int) -> None:
        self.forgot.append(keep)

    def prompt(self, image, text):
        self.asked.append(image.stem)
        return super().prompt(image, text)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    for n in range(6):
        Image.new("RGB", (40 + 8 * n, 40), (40 * n, 90, 10)).save(tmp_path / f"{n}.png")
    return tmp_path


@pytest.fixture
def kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pixels stay in memory, as with more images than fit."""
    monkeypatch.setattr(Rows.__init__, "__defaults__", (0, ()))


def pairs() -> list[PreferencePair]:
    return [PreferencePair(str(n), f"{n}.png", "", "What?", f"A {'long ' * n}cat.", ("A dog.",), "t") for n in range(6)]


def test_images_that_rows_keep_are_not_kept_a_second_time_by_the_policy(llava_next, seen):
    policy = Listening(llava_next)
    rows, _ = make_rows(policy, pairs(), seen)
    assert policy.forgot == [4] * 6, "all but the last few"
    policy.asked = []
    assert len(rows[0].prompt.vision["pixel_values"]) == 1 and policy.asked == []


def test_rows_name_their_images_in_the_order_in_which_they_are_read(llava_next, seen, kept_apart):
    policy = Listening(llava_next)
    extras = [Extras((), (View("5.png", ("a lamp",)),)) if n == 0 else Extras() for n in range(6)]
    rows, _ = make_rows(policy, pairs(), seen, extras=extras)
    assert policy.expected == [["0", "5", "1", "2", "3", "4", "5"]] == [policy.asked]
    rows.expect([2, 0])
    assert policy.expected[-1] == ["2", "0", "5"]


def test_rows_whose_pixels_are_kept_are_not_expected(llava_next, seen):
    policy = Listening(llava_next)
    rows, _ = make_rows(policy, pairs(), seen)
    rows.expect([0, 1])
    assert policy.expected[-1] == []


def test_the_reference_pass_and_every_step_name_what_they_take_and_what_comes_next(llava_next, seen, kept_apart, tmp_path):
    policy = Listening(llava_next)
    rows, _ = make_rows(policy, pairs(), seen)
    compute(policy, rows, rows_at_once=2)
    assert sorted(policy.expected[-1]) == sorted(policy.asked) == list("012345")
    assert policy.expected[-1] == policy.asked
    policy = Listening(llava_next)
    Dpo(training={**FAST, "batch_size": 2, "epochs": 1}).align(policy, pairs(), seen, tmp_path / "out")
    steps = policy.expected[2:]  # behind the rows and the reference
    assert [len(step) for step in steps] == [4, 4, 2]
    assert steps[0][2:] == steps[1][:2] and steps[1][2:] == steps[2] == policy.asked
    assert sorted(steps[0][:2] + steps[1]) == list("012345")


def test_two_workers_train_the_bytes_of_none(llava_folder, seen, kept_apart, tmp_path, monkeypatch):
    monkeypatch.setattr(image_store.ImageStore.__init__, "__defaults__", (None, 1))  # every image is made again
    done = []
    for workers in (0, 2):
        policy = TransformersModel(str(llava_folder), device="cpu", image_workers=workers)
        done.append(Dpo(training={**FAST, "max_steps": 2}).align(policy, pairs(), seen, tmp_path / f"out {workers}"))
    assert policy.prompts.images._workers._bytes > 0, "no worker made an image"
    assert model_digest(done[0].folder) == model_digest(done[1].folder)
    assert without_times(done[0].log) == without_times(done[1].log)
