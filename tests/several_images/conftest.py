"""Images of four shapes and pairs about none, one, two and three of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from harness.core.preference import PreferencePair


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, paths = tmp_path_factory.mktemp("four"), []
    for n, size in enumerate([(32, 32), (64, 30), (30, 64), (50, 50)]):
        paths.append(folder / f"{n}.png")
        Image.effect_noise(size, 80).convert("RGB").save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def mixed(four: list[Path]) -> list[PreferencePair]:
    one, two, three, last = (str(path) for path in four)
    shown = [one, (one, two), "", (two, three, last), three]
    asked = ["What?", "Is <image> like <image>?", "What is a car?", "Which?", "What?"]
    return [
        PreferencePair(str(n), image, "", prompt, "A cat sits. It sleeps.", ("A dog.",), "test")
        for n, (image, prompt) in enumerate(zip(shown, asked, strict=True))
    ]
