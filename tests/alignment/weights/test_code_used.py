"""A training keeps by which code its steps were taken: versions may stay the same where code changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignment.weights import code_used as code
from alignment.weights.code_used import code_used as used
from alignment.weights.code_used import note_code
from tests.alignment.talker import Killed, kill_after
from tests.alignment.training.test_reload import PAIRS, train

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def written_by(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    return lambda name: monkeypatch.setattr(code, "code_digest", lambda: name)


def test_a_resumed_training_names_both_in_its_checkpoint(llava_folder: Path, images: Path, tmp_path: Path, written_by) -> None:
    settings = {"max_steps": 3, "save_every": 1}
    written_by("old")
    with pytest.raises(Killed):
        train(llava_folder, tmp_path / "t", PAIRS, images, kill_after(2), **settings)
    written_by("new")
    folder, _ = train(llava_folder, tmp_path / "t", PAIRS, images, **settings)
    assert json.loads((folder / "alignment.json").read_text())["code"] == ["old", "new"]


def test_steps_that_are_done_again_are_of_the_code_that_does_them(tmp_path: Path, written_by) -> None:
    for name, start in (("old", 0), ("new", 4), ("newer", 4), ("newest", 6)):
        written_by(name)
        note_code(tmp_path, start)
    assert used(tmp_path) == ["old", "newer", "newest"]
    note_code(tmp_path, 0)
    assert used(tmp_path) == ["newest"]


@pytest.mark.parametrize("kept", ["", "{half", "3", "[3]"])
def test_of_steps_of_an_earlier_version_it_is_not_known(tmp_path: Path, written_by, kept: str) -> None:
    if kept:
        (tmp_path / "code.json").write_text(kept)
    written_by("new")
    note_code(tmp_path, 4)
    assert used(tmp_path) == ["", "new"]
