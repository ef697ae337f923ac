"""Every benchmark finds its official files in the miniature world, and the truth scores full marks."""

import re
from pathlib import Path

import pytest

from benchmarks.judges.keywords import Keywords
from harness.core import registry
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import said

NAMES = registry.names("benchmark")


@pytest.fixture(scope="module")
def data(world, tmp_path_factory) -> DataFolder:
    return DataFolder(world, tmp_path_factory.mktemp("cache"))


def items_of(name: str, data: DataFolder):
    benchmark = registry.make("benchmark", name, {}, judge=Keywords())
    return benchmark, benchmark.load(data)


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_loads_from_the_world_and_its_images_are_there(name, data):
    _, items = items_of(name, data)
    assert len(items) >= 24
    assert all(data.path(item.image).is_file() for item in items if item.image)


@pytest.mark.parametrize(
    ("name", "truth"),
    [("gqa", lambda t: t["answer"]), ("textvqa", lambda t: t["answers"][0]), ("mmvet", lambda t: t["answer"])],
)
def test_the_true_answer_scores_full_marks(name, truth, data):
    benchmark, items = items_of(name, data)
    scores = [benchmark.score(item, said(truth(item.truth))) for item in items]
    assert {score.correct for score in scores} == {True}
    assert len({item.question for item in items}) > 20


def test_amber_asks_yes_no_questions_with_both_answers_about_everything_it_scores(data):
    _, items = items_of("amber", data)
    kinds = {(item.truth["kind"], str(item.truth["truth"])) for item in items if item.truth["kind"] != "generative"}
    assert kinds == {(kind, word) for kind in ("existence", "number", "state", "relation") for word in ("yes", "no")}
    for item in items:
        if item.truth["kind"] == "generative":
            assert item.truth["truth"] and not set(item.truth["truth"]) & set(item.truth["hallu"])


class _Renamed(DataFolder):
    """The world's files with one image's name led out of the data folder, wherever it stands."""

    def __init__(self, data: DataFolder, cache: Path, name: str) -> None:
        super().__init__(data.folder, cache)
        self._name = re.compile(rf'(?<=["/]){re.escape(name)}(?=["./])')

    def read_text(self, name: str) -> str:
        return self._name.sub(lambda found: f"../../../{found[0]}", super().read_text(name))


@pytest.mark.parametrize("name", sorted({*NAMES} - {"mmvp"}))  # mmvp's images are named by the item's number
def test_an_image_that_a_file_names_outside_of_the_data_folder_is_refused_by_line(name, data, tmp_path):
    _, items = items_of(name, data)
    image = next(item.image for item in items if item.image).rpartition("/")[2]
    image = image.rpartition(".")[0] if name in ("gqa", "textvqa") else image  # their files name images by id
    with pytest.raises(DataError, match=r"the image '[\w/ .-]*\.\./.*' is outside of the data folder") as told:
        items_of(name, _Renamed(data, tmp_path, image))
    assert ".json" in str(told.value)
