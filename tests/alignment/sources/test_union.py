"""Two sources: side by side (both rejected answers, matched by id), or one after the other (all pairs of both)."""

from dataclasses import replace
from pathlib import Path

import pytest

from alignment.online.reward_model import held_out
from alignment.sources.joined import Joined
from alignment.sources.union import Union
from harness.core.errors import ConfigError, DataError
from harness.core.preference import PreferencePair
from harness.storage.data_folder import DataFolder
from tests.alignment.scripted import ScriptedModel, write_prompts
from tests.pair_files import write_pairs


def pair(name: str, chosen: str, rejected: str) -> PreferencePair:
    return PreferencePair(name, "images/a.png", "", "Describe it.", chosen, (rejected,), "own")


def test_both_rejected_answers_stand_in_one_pair(tmp_path):
    data = write_prompts(tmp_path, ("x",))
    first = [pair("1", "A cat.", "A dog."), pair("2", "A car.", "A bus."), pair("3", "A boat.", "A kite.")]
    second = [pair("2", "A car.", "A van."), pair("1", "A cat.", "A bird."), pair("3", "Boats.", "x"), pair("4", "A cup.", "x")]
    for name, pairs in (("first.jsonl", first), ("second.jsonl", second)):
        write_pairs(tmp_path / name, pairs)
    source = Union({"name": "jsonl", "file": "first.jsonl"}, {"name": "jsonl", "file": "second.jsonl"})
    made = list(source.pairs(data, ScriptedModel(str), 0))
    assert [(p.id, p.rejected) for p in made] == [("2", ("A bus.", "A van.")), ("1", ("A dog.", "A bird."))]
    report = source.report()
    assert report["asked"] == 4 and report["accepted"] == 2
    assert report["dropped"] == {"the sources differ in the chosen answer": 1, "in the second source only": 1}
    assert report["second"]["accepted"] == 4 and report["first"]["accepted"] == 3


def test_prompts_that_the_first_source_has_alone_are_counted_and_what_each_source_left_out(tmp_path):
    """A limit draws from the second source: what the first has beyond it was not asked for."""
    data = write_prompts(tmp_path, ("x",))
    gone = replace(pair("5", "A cup.", "x"), image="gone.png")
    write_pairs(tmp_path / "first.jsonl", [*(pair(n, "A cat.", "A dog.") for n in "1234"), gone])
    write_pairs(tmp_path / "second.jsonl", [pair(n, "A cat.", "A bird.") for n in "345"])
    parts = ({"name": "jsonl", "file": f"{name}.jsonl"} for name in ("first", "second"))
    source, few = Union(*(given := list(parts))), Union(*given, limit=1)
    assert len(list(source.pairs(data, ScriptedModel(str), 0))) == 2 == source.report()["accepted"]
    assert source.report()["asked"] == 5, "1 to 5"
    assert source.report()["dropped"] == {"in the first source only": 2, "in the second source only": 1}
    assert source.report()["first"]["dropped"] == {"missing image": 1} and source.report()["second"]["dropped"] == {}
    assert source.left_out(data, 0) == [
        "first.jsonl: 1 of 5 rows are left out: missing image 1 ('gone.png').",
        "union: 3 of 5 rows are left out: in the first source only 2, in the second source only 1.",
    ]
    list(few.pairs(data, ScriptedModel(str), 0))
    assert few.report()["asked"] == 1 and "in the first source only" not in few.report()["dropped"]


def test_prompts_whose_two_rejected_answers_are_equal_stay(tmp_path):
    data = write_prompts(tmp_path, ("x",))
    write_pairs(tmp_path / "first.jsonl", [pair("1", "A cat.", "A dog."), pair("2", "A car.", "A bus.")])
    write_pairs(tmp_path / "second.jsonl", [pair("1", "A cat.", "A dog."), pair("2", "A car.", "A van.")])
    source = Union({"name": "jsonl", "file": "first.jsonl"}, {"name": "jsonl", "file": "second.jsonl"})
    assert [p.rejected for p in source.pairs(data, ScriptedModel(str), 0)] == [("A dog.", "A dog."), ("A bus.", "A van.")]
    assert source.report()["dropped"] == {}


def test_a_source_and_a_published_file_meet_by_id(tmp_path):
    data = write_prompts(tmp_path, ("A cat sleeps.", "A dog runs."), "cat\ndog\nbird\nboat\n")
    source = Union({"name": "random_edit"}, {"name": "bdhs", "n_tries": 1, "free_last_try": False})
    made = list(source.pairs(data, ScriptedModel(lambda request: " with a lamp."), 0))
    assert len(made) == 2 and all(len(p.rejected) == 2 and "lamp" in p.rejected[1] for p in made)
    assert {p.source for p in made} == {"random_edit+bdhs"}


def test_a_limit_is_drawn_by_the_second_source(tmp_path):
    data = write_prompts(tmp_path, tuple(f"A cat sleeps on mat {i}." for i in range(6)), "cat\ndog\n")
    source = Union({"name": "random_edit"}, {"name": "bdhs", "n_tries": 1, "free_last_try": False}, limit=2)
    assert len(list(source.pairs(data, ScriptedModel(lambda request: " with a lamp."), 0))) == 2


def test_a_part_without_a_name_is_refused():
    with pytest.raises(ConfigError, match=r"union\.first must be a source"):
        Union({"file": "x"}, {"name": "bdhs"})


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ({"name": "random_edit"}, {"name": "bdhs", "n_rejected": 3}, r"union\.second\.n_rejected is 3, but union uses one"),
        ({"name": "joined", "first": {"name": "bdhs", "n_rejected": 2}, "second": {"name": "random_edit"}}, {"name": "bdhs"},
         r"union\.first\.first\.n_rejected is 2"),
        ({"name": "joined", "first": {"name": "random_edit"}, "second": {"name": "bdhs", "n_rejected": 2}}, {"name": "bdhs"},
         r"union\.first\.second\.n_rejected is 2"),
        ({"name": "union", "first": {"name": "random_edit"}, "second": {"name": "bdhs"}}, {"name": "bdhs"},
         r"union\.first is a union itself"),
    ],
)  # fmt: skip
def test_rejected_answers_that_would_be_drawn_and_thrown_away_are_refused(first, second, says):
    with pytest.raises(ConfigError, match=says):
        Union(first, second)


def test_one_rejected_answer_of_each_may_be_written_out():
    assert Union({"name": "random_edit"}, {"name": "bdhs", "n_rejected": 1}).options["second"]["n_rejected"] == 1


@pytest.mark.parametrize(("second", "limit", "n"), [
    ({"name": "bdhs"}, None, 6), ({"name": "bdhs"}, 2, 2), ({"name": "jsonl", "file": "second.jsonl"}, None, 1),
])  # fmt: skip
def test_its_prompts_are_counted_without_a_model(tmp_path, second, limit, n):
    data = write_prompts(tmp_path, tuple(f"A cat sleeps on mat {i}." for i in range(6)), "cat\ndog\n")
    write_pairs(tmp_path / "second.jsonl", [pair("1", "A cat.", "A dog.")])
    assert Union({"name": "random_edit"}, second, limit=limit).check(data, 0) == n


def two_files(folder: Path, first: PreferencePair, second: PreferencePair) -> tuple[Union, DataFolder]:
    for name, one in (("first.jsonl", first), ("second.jsonl", second)):
        write_pairs(folder / name, [one])
    source = Union({"name": "jsonl", "file": "first.jsonl"}, {"name": "jsonl", "file": "second.jsonl"})
    return source, DataFolder(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "images/b.png"}, "the sources differ in the images"), ({"image": ""}, "the sources differ in the images"),
        ({"prompt": "Is it red?"}, "the sources differ in the prompt"),
        ({"context": "A street."}, "the sources differ in the prompt"),
    ],
)  # fmt: skip
def test_pairs_of_one_id_about_something_else_do_not_become_one(tmp_path, change, reason):
    write_prompts(tmp_path, ("x",))
    (tmp_path / "images" / "b.png").write_bytes(b"another")
    mine = pair("row-1", "Yes.", "No.")
    source, data = two_files(tmp_path, mine, replace(mine, **change))
    assert not list(source.pairs(data, ScriptedModel(str), 0)) and source.report()["dropped"] == {reason: 1}


def test_one_image_in_two_places_is_one_and_further_rejected_answers_are_counted(tmp_path):
    write_prompts(tmp_path, ("x",))
    (tmp_path / "images" / "b.png").write_bytes((tmp_path / "images" / "a.png").read_bytes())
    mine = replace(pair("1", "A cat.", "A dog."), rejected=("A dog.", "A bus.", "A van."))
    source, data = two_files(tmp_path, mine, replace(mine, image="images/b.png", rejected=("A kite.", "A boat.")))
    assert source.check(data, 0) == 1
    assert [p.rejected for p in source.pairs(data, ScriptedModel(str), 0)] == [("A dog.", "A kite.")]
    assert source.report()["dropped"] == {"further rejected answer": 3}


def test_two_files_without_ids_about_other_questions_are_refused_before_anything_is_asked(tmp_path):
    write_prompts(tmp_path, ("x",))
    source, data = two_files(tmp_path, pair("row-1", "Yes.", "No."), replace(pair("row-1", "Yes.", "No."), prompt="Is it red?"))
    with pytest.raises(DataError, match="none of 1 pairs .*: the sources differ in the prompt 1"):
        source.check(data, 0)


# ---------------------------------------------------------------- joined: one after the other


def numbered(n: int) -> PreferencePair:
    return PreferencePair(str(n), f"images/{n}.png", "", "Describe it.", f"Cat {n}.", ("A dog.",), "own")


def joined(tmp_path, limit=None):
    data = write_prompts(tmp_path, ("x",))
    for n in range(6):
        (tmp_path / "images" / f"{n}.png").write_bytes(f"image {n}".encode())
    for name, numbers in (("first.jsonl", (0, 1, 2, 3)), ("second.jsonl", (2, 3, 4, 5))):
        write_pairs(tmp_path / name, [numbered(n) for n in numbers])
    source = Joined({"name": "jsonl", "file": "first.jsonl"}, {"name": "jsonl", "file": "second.jsonl"}, limit)
    return source, data, list(source.pairs(data, ScriptedModel(str), 0))


def test_all_pairs_of_both_sets_are_there_under_ids_of_their_own(tmp_path):
    source, data, pairs = joined(tmp_path)
    assert [p.id for p in pairs] == [f"first/{n}" for n in range(4)] + [f"second/{n}" for n in (2, 3, 4, 5)]
    assert source.check(data, 0) == 8 and source.report()["first"]["accepted"] == source.report()["second"]["accepted"] == 4


def test_a_limit_is_drawn_from_both_together(tmp_path):
    source, data, pairs = joined(tmp_path, limit=3)
    assert len(pairs) == 3 == source.check(data, 0) and source.report()["asked"] == 8


def test_no_image_that_one_set_holds_out_is_trained_on_in_both(tmp_path):
    _, _, pairs = joined(tmp_path)
    alone = [p for p in pairs if p.id.startswith("second/")]
    trained, _ = held_out(pairs, 0.5, 1)
    tested = held_out(alone, 0.5, 1)[1]
    assert tested and not {p.image_digest for p in trained} & {p.image_digest for p in tested}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (pair("z", "A cat.", "A van."), "in the first source only 2, in the second source only 1"),
        (pair("1", "A car.", "A van."), "the sources differ in the chosen answer 1"),
    ],
    ids=["other id", "other answer"],
)
def test_two_files_of_which_no_pairs_match_are_refused_before_anything_is_asked(tmp_path, other, why):
    data = write_prompts(tmp_path, ("x",))
    write_pairs(tmp_path / "first.jsonl", [pair("1", "A cat.", "A dog."), pair("2", "A car.", "A bus.")])
    write_pairs(tmp_path / "second.jsonl", [other])
    source = Union({"name": "jsonl", "file": "first.jsonl"}, {"name": "jsonl", "file": "second.jsonl"})
    with pytest.raises(DataError, match=rf"none of 1 pairs .* one of 2 of the first: {why}.* ids are '1' and '{other.id}'"):
        source.check(data, 0)
    write_pairs(tmp_path / "second.jsonl", [other, pair("2", "A car.", "A van.")])
    assert source.check(data, 0) == len(list(source.pairs(data, ScriptedModel(str), 0))) == 1
