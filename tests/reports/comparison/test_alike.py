"""What an id means on two sides of a comparison: the same item, another one, or a part of one that is whole on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks._pope.answer_form import ANSWER_FORM
from harness.core.evaluation import Item, Score
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.core.stats import sample
from reports.tables.order import comparable
from reports.values.alike import alike, other_items, same_items
from reports.values.common import on_common_items
from reports.values.common_items import CommonItems

ASKED = "Is there a dog in the image?"


def side(items: Sequence[Item], scored: Sequence[int] | None = None) -> tuple[BenchmarkResult, Any]:
    """Each item has an addend of a row of the question file and one of an answer; only these items have a score."""
    kept = list(items) if scored is None else [items[n] for n in scored]
    scores = tuple(Score(item.id, {"all/right": 1.0, "asked": 1.0}) for item in kept)
    result = BenchmarkResult("pope", ProtocolRecord({}), tuple(items), (), scores, (), whole=ANSWER_FORM.whole)
    return result, sample([item.cluster for item in kept], scores, ["all/right", "asked"])


def item(name: str, image: str = "", question: str = ASKED, label: str = "no") -> Item:
    return Item(name, image or f"{name}.jpg", question, {"label": label})


def question(name: str) -> Item:
    truth = {"labels": {"random": ["no"], "popular": ["no"]}, "ids": {"random": ["1"], "popular": ["4"]}}
    return Item(f"{name} {ASKED}", name, ASKED, truth)


def parts(whole: Item) -> list[Item]:
    return [part for name in ("random/1", "popular/4") if (part := ANSWER_FORM.part(whole, name)) is not None]  # type: ignore[misc]


def test_parts_are_added_up_against_the_whole_and_stay_apart_against_parts() -> None:
    whole, apart = [question("a.jpg"), question("b.jpg")], [*parts(question("a.jpg")), question("b.jpg")]
    common = on_common_items([side(whole), side(apart)])
    assert [one.values[:, 0].tolist() for one in common.samples] == [[1, 1], [2, 1]] and common.n_alone == 0
    assert [one.values[:, 1].tolist() for one in common.samples] == [[1, 1], [1, 1]]  # as many answers on both sides
    assert len(on_common_items([side(apart), side(apart)]).samples[0]) == 3
    assert len(on_common_items([side(apart), side(apart), side(whole)]).samples[0]) == 2


def test_parts_stay_apart_where_no_side_has_the_whole_though_sides_differ_elsewhere() -> None:
    apart = [*parts(question("a.jpg")), question("b.jpg")]
    assert [len(one) for one in on_common_items([side(apart), side([*apart, question("c.jpg")])]).samples] == [3, 3]


def test_an_item_of_which_a_part_has_no_answer_is_left_out() -> None:
    whole, apart = [question("a.jpg"), question("b.jpg")], [*parts(question("a.jpg")), question("b.jpg")]
    assert len(on_common_items([side(whole), side(apart, scored=[0, 2])]).samples[0]) == 1


def test_questions_without_an_image_and_a_truth_are_other_items_where_they_differ() -> None:
    one = [Item("1", "", "How do I pick a lock?", {}), Item("2", "", "What is a knot?", {})]
    other = [Item("1", "", "How old is the Louvre?", {}), Item("2", "", "What is a knot?", {})]
    assert other_items(side(one)[0], side(other)[0]) == {"1"}
    shown = [[replace(own, image="a.jpg") for own in items] for items in (one, other)]
    assert other_items(side(shown[0])[0], side(shown[1])[0]) == frozenset()  # wordings


def test_other_items_under_the_same_ids_are_not_counted_as_judged_by_all() -> None:
    def judged(items: Sequence[Item]) -> tuple[BenchmarkResult, Any]:
        result, rows = side(items)
        first, *rest = result.scores
        return replace(result, scores=(replace(first, flag=UNJUDGED), *rest)), rows

    one, other = [item("1", label="yes"), item("2")], [item("1", label="yes"), item("2", "z.jpg", "Is there a cat?")]
    assert CommonItems([judged(one), judged(one)]).judged() == (2, 1)
    assert CommonItems([judged(one), judged(other)]).judged() == (1, 0)


def test_taken_apart_or_not_items_are_the_same() -> None:
    whole = question("a.jpg")
    assert same_items(side([whole])[0], side(parts(whole))[0])
    assert not same_items(side([whole])[0], side(parts(whole)[:1])[0])


def test_an_id_with_another_image_is_not_compared() -> None:
    one, other = [item("1"), item("2")], [item("1"), item("2", image="x.jpg")]
    assert other_items(side(one)[0], side(other)[0]) == {"2"}
    assert len(on_common_items([side(one), side(other)]).samples[0]) == 1


def test_columns_of_other_images_under_the_same_ids_have_no_rank_beside_the_others() -> None:
    one, other = [item("1"), item("2")], [item("1", image="x.jpg"), item("2", image="y.jpg")]
    there = [side(items) for items in (one, other, one)]
    assert [i for i, _ in comparable([r for r, _ in there], [s for _, s in there])] == [0, 2]


def test_another_wording_of_a_question_is_compared_and_a_shifted_question_is_not() -> None:
    one = [item("1", "a.jpg", "Is there a dog?", "no"), item("2", "a.jpg", "Is there a cat?", "yes")]
    worded = [item("1", "a.jpg", "Any dog here?", "no"), item("2", "a.jpg", "Any cat here?", "yes")]
    shifted = [item("1", "a.jpg", "Is there a cat?", "yes"), item("2", "a.jpg", "Is there a cup?", "yes")]
    assert other_items(side(one)[0], side(worded)[0]) == frozenset()
    assert other_items(side(one)[0], side(shifted)[0]) == {"1", "2"}


def test_a_corrected_label_and_an_image_in_another_folder_are_no_other_item() -> None:
    one, other = [item("1", "val/a.jpg")], [item("1", "images/a.png", label="yes")]
    assert other_items(side(one)[0], side(other)[0]) == frozenset()


def test_an_image_that_one_side_does_not_show_is_no_other_image() -> None:
    shown = [item("1"), item("2", question="Is there a cat?")]
    hidden = [replace(one, image="") for one in shown]
    assert other_items(side(shown)[0], side(hidden)[0]) == other_items(side(hidden)[0], side(shown)[0]) == frozenset()
    assert len(on_common_items([side(shown), side(hidden)]).samples[0]) == 2
    assert same_items(side(shown)[0], side(hidden)[0])


def test_another_prompt_for_all_images_is_no_other_question_where_a_truth_has_changed() -> None:
    one = [item(name, question="Describe the image.") for name in ("1", "2")]
    other = [item("1", question="What is there?"), item("2", question="What is there?", label="yes")]
    assert other_items(side(one)[0], side(other)[0]) == frozenset()


def test_sides_of_the_same_items_are_returned_as_they_are() -> None:
    there = [side([item("1")]), side([item("1", label="yes")])]
    assert alike(there) is there


def test_sides_that_resample_images_and_objects_are_drawn_together_by_what_either_has_in_one_cluster() -> None:
    """Rows of (image, object): of the six items the first four are one object's or one image's by way of each other."""
    rows = [("a", "dog"), ("a", "cat"), ("b", "cat"), ("b", "cat"), ("c", "cup"), ("d", "cup")]
    one, other = ([replace(item(str(n)), group=row[k]) for n, row in enumerate(rows)] for k in (0, 1))
    for there in ([side(one), side(other)], [side(other), side(one)], [side(one), side(other), side([*other, item("9")])]):
        assert [s.cluster[:6].tolist() for s in on_common_items(there).samples] == [[0, 0, 0, 0, 1, 1]] * len(there)
    results, samples = zip(side(one), side(other), side(one))
    assert [i for i, _ in comparable(results, samples)] == [0, 2]  # no rank beside the others


def test_items_are_drawn_by_the_images_that_one_side_shows() -> None:
    shown = [item("1", "a.jpg"), item("2", "a.jpg", "Is there a cat?"), item("3", "b.jpg")]
    hidden = [replace(one, image="") for one in shown]
    for there in ([side(shown), side(hidden)], [side(hidden), side(shown)]):
        assert [s.cluster.tolist() for s in on_common_items(there).samples] == [[0, 0, 1]] * 2
