"""Planted faults are found: the real world, the real checkpoint and two disturbed copies, a smaller number of images."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.labels.claims import Evidence, ImageAnnotations, Named


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_faults", Path(__file__).with_name("planted_faults.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_most_wrong_labels_are_among_the_first_tenth_of_the_queue(tmp_path: Path) -> None:
    (found,) = script().outcomes(tmp_path, images=70, seeds=[0])
    assert found.wrong >= 5 and found.recall >= 0.8


def test_with_fewer_captions_only_what_the_first_ones_name_is_left() -> None:
    named = (Named(0, "dog", "dog"), Named(1, "cat", "cat"))
    whole = Evidence("pope", (), (), {"a.jpg": ImageAnnotations(captions=("a dog", "a cat"), named=named)})
    one = script().with_captions(whole, 1).image_annotations["a.jpg"]
    assert (one.captions, one.named) == (("a dog",), named[:1])
