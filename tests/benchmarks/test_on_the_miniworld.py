"""Every benchmark finds its official files in the miniature world, and the truth scores full marks."""

from pathlib import Path

import pytest

from benchmarks.judges.keywords import Keywords
from harness import registry
from harness.data import DataFolder
from harness.miniworld.scenes import WorldSettings
from harness.miniworld.write import write_world
from tests.benchmarks.scoring import needs_tagger, said

SMALL = WorldSettings(train_pictures=10, val_pictures=120, preference_captions=5, preference_yes_no=5)
TAGGED = ("object_halbench",)  # lemmatise with NLTK's data while loading
NAMES = [pytest.param(n, marks=needs_tagger) if n in TAGGED else n for n in registry.names("benchmark")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "world"
    write_world(folder, SMALL)
    return folder


def items_of(name: str, folder: Path):
    benchmark = registry.make("benchmark", name, {}, judge=Keywords())
    return benchmark, benchmark.load(DataFolder(folder))


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_loads_from_the_world_and_its_pictures_are_there(name, world):
    _, items = items_of(name, world)
    assert len(items) >= 24
    assert all((world / item.image).is_file() for item in items)


@pytest.mark.parametrize(
    ("name", "truth"),
    [("gqa", lambda t: t["answer"]), ("textvqa", lambda t: t["answers"][0]), ("mmvet", lambda t: t["answer"])],
)
def test_the_true_answer_scores_full_marks(name, truth, world):
    benchmark, items = items_of(name, world)
    scores = [benchmark.score(item, said(truth(item.truth))) for item in items]
    assert {score.correct for score in scores} == {True}
    assert len({item.question for item in items}) > 20


def test_amber_asks_yes_no_questions_with_both_answers_about_everything_it_scores(world):
    _, items = items_of("amber", world)
    kinds = {(item.truth["kind"], str(item.truth["truth"])) for item in items if item.truth["kind"] != "generative"}
    assert kinds == {(kind, word) for kind in ("existence", "number", "state", "relation") for word in ("yes", "no")}
    for item in items:
        if item.truth["kind"] == "generative":
            assert item.truth["truth"] and not set(item.truth["truth"]) & set(item.truth["hallu"])
