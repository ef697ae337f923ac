"""Language data that comes with this package; Punkt's parameters are in `harness.core.edge.nltk_import`.

Origin and licences: benchmarks/data/README.md. Nothing is looked up in NLTK's data folders: data of another version would
give other numbers under the same name.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any
from zipfile import ZipFile

from harness.core.edge.nltk_import import import_nltk


def read_member(archive: str, name: str) -> str:
    """The text of one member of a zip archive in benchmarks/data."""
    with resources.files("benchmarks").joinpath("data", archive).open("rb") as file, ZipFile(file) as opened:
        return opened.read(name).decode("utf-8")


def perceptron_tagger() -> Any:  # Any: NLTK has no types
    """NLTK's averaged perceptron tagger for English with its published weights (an `nltk.tag.PerceptronTagger`)."""
    import_nltk()
    from nltk.tag.perceptron import PerceptronTagger

    weights, usual_tags, classes = (
        json.loads(read_member("perceptron_tagger_eng.zip", f"{name}.json")) for name in ("weights", "tagdict", "classes")
    )
    tagger = PerceptronTagger(load=False)
    tagger.model.weights, tagger.tagdict = weights, usual_tags
    tagger.classes = tagger.model.classes = set(classes)
    return tagger
