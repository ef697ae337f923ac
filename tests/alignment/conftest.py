"""Fixtures of the training room: one tiny LlavaNext folder and two small images for the whole session."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from harness.core.preference import PreferencePair
from tests.alignment.tiny import TinyPolicy, make_tiny_llava_next


@pytest.fixture(scope="session")
def llava_next(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llava_next(tmp_path_factory.mktemp("tiny") / "llava_next")


@pytest.fixture
def policy(llava_next: Path) -> TinyPolicy:
    return TinyPolicy(llava_next)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wide.png and tall.png, whose anyres grids differ."""
    folder = tmp_path_factory.mktemp("images")
    for name, size, colour in (("wide.png", (60, 30), "red"), ("tall.png", (30, 70), "blue")):
        Image.radial_gradient("L").resize(size).convert("RGB").save(folder / name)
        Image.blend(Image.open(folder / name), Image.new("RGB", size, colour), 0.5).save(folder / name)
    return folder


@pytest.fixture
def pairs() -> list[PreferencePair]:
    """Four prompts with one rejected answer each."""
    return [
        PreferencePair(c, ("wide.png", "tall.png")[i % 2], "", "Describe it.", f"There is a {c} cat.", ("a lamp",), "t")
        for i, c in enumerate(("red", "blue", "white", "black"))
    ]
