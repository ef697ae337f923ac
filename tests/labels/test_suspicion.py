"""Which labels are worth a second look, and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.core.evaluation import Item
from harness.labels.cases import Box, Case
from harness.labels.claims import Claim, Evidence, ImageAnnotations, ImpliedLabel, Witness
from harness.labels.suspicion.claim_table import Finding
from harness.labels.suspicion.rank import _reasons, question_of, rank_labels
from tests.labels.claims import DOG, N, evidence, seen, truth, witness


def place(cases: tuple[Case, ...], i: int) -> int:
    return [case.item_id for case in cases].index(str(i))


def case(cases: tuple[Case, ...], i: int) -> Case:
    return cases[place(cases, i)]


def test_a_label_that_all_checkpoints_contradict_comes_first_and_says_so() -> None:
    cases = rank_labels(evidence({7: "yes"}), [witness("a"), witness("b", (3,)), witness("c", (12,))])
    assert cases[0].item_id == "7" and cases[0].model_evidence[0].startswith("3 of 3 checkpoints say no (right on ")
    assert len(cases) == N and [c.suspicion for c in cases] == sorted((c.suspicion for c in cases), reverse=True)


def test_a_checkpoint_that_is_often_wrong_elsewhere_weighs_less() -> None:
    guesser = witness("guesser", tuple(range(0, N, 3)) + tuple(range(1, N, 3)))
    cases = rank_labels(evidence(), [witness("good", (5,)), guesser])
    only_guesser = next(i for i in range(0, N, 3) if i != 5)
    assert place(cases, 5) < place(cases, only_guesser)


def test_copies_of_one_checkpoint_count_as_one() -> None:
    one, copies = (case(rank_labels(evidence(), [witness(str(k), (4, 9)) for k in range(n)]), 4).suspicion for n in (1, 6))
    independent = case(rank_labels(evidence(), [witness(str(k), (4, 10 + k)) for k in range(6)]), 4).suspicion
    assert copies == pytest.approx(one, rel=0.02) and independent > 0.95 > one


def test_a_sure_contradiction_weighs_more_than_a_wavering_one() -> None:
    nats = {i: 4.0 if truth(i) == "yes" else -4.0 for i in range(N)} | {
        4: -4.0,
        6: -0.1,
        8: -0.1,
        10: 0.1,
        7: 0.1,
        9: 0.1,
        11: -0.1,
    }
    said = {(str(i), "label"): ImpliedLabel(n > 0, n) for i, n in nats.items()}
    cases = rank_labels(evidence(), [Witness("sure", dict.fromkeys(map(str, range(N)), ""), said)])
    assert place(cases, 4) == 0 and case(cases, 4).suspicion > 2 * case(cases, 6).suspicion


def test_captions_that_name_what_the_label_denies_are_a_reason() -> None:
    images = {i: seen(i, *((0, 2, 3) if truth(i) == "yes" else ())) for i in range(N)} | {5: seen(5, 1, 4)}
    first = rank_labels(evidence(image_annotations=images), [])[0]
    assert first.item_id == "5" and first.reasons == ("2 of 5 reference captions name it (\u201cdog\u201d)",)


def test_captions_that_never_name_what_the_label_claims_weigh_as_much_as_captions_are_complete() -> None:
    def suspicion(naming: int) -> float:
        images = {i: seen(i, *((0,) if truth(i) == "yes" and i < 2 * naming else ())) for i in range(N)} | {38: seen(38)}
        return case(rank_labels(evidence(image_annotations=images), []), 38).suspicion

    assert suspicion(19) > 2 * suspicion(6)  # where captions often leave dogs out, silence says little


@pytest.mark.parametrize(("boxes", "words"), [
    ((Box("dog", 0, 0, 10, 12),), "its largest instance is 10 x 12 px, 0.0% of the image"),
    ((Box("dog", 0, 0, 300, 200, crowd=True),), "only a crowd region is annotated"),
    ((Box("dog", 20, 20, 60, 60), Box("car", 0, 0, 300, 200)), "its box lies almost wholly inside that of car"),
])  # fmt: skip
def test_instances_that_are_hard_to_see_are_a_reason(boxes: tuple[Box, ...], words: str) -> None:
    images = {i: ImageAnnotations((DOG,) if truth(i) == "yes" else (), width=640, height=480) for i in range(N)}
    cases = rank_labels(evidence(image_annotations=images | {6: ImageAnnotations(boxes, width=640, height=480)}), [])
    assert cases[0].item_id == "6" and cases[0].reasons == (words,) and cases[0].boxes == boxes


def test_a_no_beside_a_look_alike_is_a_reason() -> None:
    cases = rank_labels(
        evidence(image_annotations={5: ImageAnnotations((Box("cat", 0, 0, 99, 99),), width=640, height=480)}), []
    )
    assert cases[0].item_id == "5" and cases[0].reasons == ("cat is annotated, which is easily confused with dog",)


def test_a_yes_whose_captions_name_a_look_alike_that_nobody_annotated_may_be_a_mix_up() -> None:
    images = {i: seen(i) for i in range(N)} | {8: seen(8, 0, 1, object_name="cat")}
    cases = rank_labels(evidence(image_annotations=images), [])
    assert (
        cases[0].item_id == "8"
        and "captions name cat, which is easily confused with dog and is not annotated" in cases[0].reasons
    )


def test_a_label_against_the_annotated_instances_is_a_reason() -> None:
    cases = rank_labels(evidence(image_annotations={5: ImageAnnotations((DOG,), width=640, height=480)}), [])
    assert cases[0].item_id == "5" and cases[0].reasons == ("an instance of it is annotated",)


def test_splits_that_contradict_each_other_are_suspects_both() -> None:
    known = evidence()
    claims = [c for c in known.claims if c.item_id != "3"]
    claims += [Claim("3", "label/random", "no", "dog"), Claim("3", "label/popular", "yes", "dog")]
    cases = rank_labels(dataclasses.replace(known, claims=tuple(claims)), [])
    assert {c.field for c in cases[:2]} == {"label/random", "label/popular"}
    assert cases[0].reasons == ("its own splits contradict each other",)


def test_another_benchmark_that_says_the_opposite_is_a_reason() -> None:
    other = Evidence("amber", (Item("77", "amber/5.jpg", ""),), (Claim("77", "truth", "yes", "dog"),))
    cases = rank_labels(evidence(), [], [other])
    assert cases[0].item_id == "5" and cases[0].reasons == ("amber says yes",)


def test_the_control_sample_is_drawn_at_random_from_all_labels_and_again_the_same() -> None:
    cases = rank_labels(evidence({7: "yes"}), [witness("a")], sample=10)
    drawn = {c.item_id for c in cases if c.control}
    assert sorted(c.drawn for c in cases if c.control) == list(range(10))  # each with its place in the draw
    assert len(drawn) == 10 and drawn == {c.item_id for c in rank_labels(evidence(), [], sample=10) if c.control}
    assert drawn != {c.item_id for c in rank_labels(evidence(), [], sample=10, seed=1) if c.control}
    assert drawn < {c.item_id for c in rank_labels(evidence(), [], sample=20) if c.control}  # more are added, none is lost


def test_no_reason_tells_what_checkpoints_answered() -> None:
    images = {i: seen(i, *((0, 2) if truth(i) == "yes" else ())) for i in range(N)} | {5: seen(5, 1, 4)}
    witnesses = [witness(name, (5, 6)) for name in "abc"]
    seeing, blind = (rank_labels(evidence({7: "yes"}, images), one) for one in (witnesses, []))
    assert {c.item_id: sorted(c.reasons) for c in seeing} == {c.item_id: sorted(c.reasons) for c in blind}
    assert any(c.model_evidence for c in seeing) and not any(c.model_evidence for c in blind)


def test_without_any_evidence_nothing_is_hidden_and_nothing_is_claimed() -> None:
    cases = rank_labels(evidence(), [])
    assert len(cases) == N and not any(c.reasons for c in cases)


# ---------------------------------------------------------------- descriptions


def describing(name: str, *items: int, noun: str = "", text: str = "") -> Witness:
    """Names a dog in these images."""
    answers = {str(i): text or ("A dog." if i in items else "A day.") for i in range(N)}
    return Witness(name, answers, {(str(i), "dog"): ImpliedLabel(True) for i in items}, {"4": [noun]} if noun else {})


def descriptions(objects: tuple[int, ...], extra: tuple[int, ...], object_name: str = "dog") -> Evidence:
    items = tuple(Item(str(i), f"coco/val2014/{i}.jpg", "Describe.") for i in range(N))
    claims = tuple(Claim(str(i), object_name, "yes" if i in objects else "no", object_name) for i in (*objects, *extra))
    return Evidence("chair", items, claims, free_text=True)


def test_an_object_that_many_checkpoints_invent_at_once_is_perhaps_unlabelled() -> None:
    yes = tuple(range(0, N, 2))
    checkpoints = [describing(str(k), *yes, 5, 7 + 2 * k) for k in range(4)]
    cases = rank_labels(descriptions(yes, (5, 7, 9, 11, 13)), checkpoints)
    assert (
        cases[0].item_id == "5"
        and cases[0].label == "no"
        and cases[0].model_evidence[0].startswith("4 of 4 checkpoints name it")
    )
    assert cases[0].question == "Is there a dog in the image?"


def test_silence_of_a_description_is_a_weak_word_where_descriptions_leave_out_much() -> None:
    yes = tuple(range(0, N, 2))
    cases = rank_labels(descriptions(yes, ()), [describing("a", *yes[:6])])
    assert max(c.suspicion for c in cases) < 0.1


def test_a_noun_that_the_vocabulary_cannot_judge_is_listed() -> None:
    cases = rank_labels(descriptions((0, 2), ()), [describing(k, 0, noun="lamp") for k in "ab"])
    (lamp,) = (c for c in cases if c.field == "noun/lamp")
    assert lamp.item_id == "4" and lamp.label == "not judged" and lamp.model_evidence == ("2 of 2 checkpoints name it",)
    assert lamp.reasons == ("the vocabulary cannot judge \u201clamp\u201d",)


def test_a_known_trap_of_the_vocabulary_is_told() -> None:
    claims = descriptions((0, 2), (5,), object_name="orange")
    wearing = Witness("a", {"5": "A man in an orange shirt."}, {("5", "orange"): ImpliedLabel(True)})
    cases = rank_labels(claims, [wearing])
    assert any("may be a colour" in reason for reason in case(cases, 5).model_evidence)
    fruit = Witness("a", {"5": "An orange."}, {("5", "orange"): ImpliedLabel(True)})
    assert not any("trap" in reason for reason in case(rank_labels(claims, [fruit]), 5).model_evidence)


def test_the_reasons_of_a_label_are_named_by_their_weight_and_those_of_little_weight_not_at_all() -> None:
    weights = {"light": 0.25, "heavy": 2.0, "slight": 0.2, "middling": 1.0}
    assert _reasons(0, [Finding(np.array([nats]), {0: name}) for name, nats in weights.items()]) == (
        "heavy",
        "middling",
        "light",
    )


@pytest.mark.parametrize(
    ("name", "question"), [("umbrella", "Is there an umbrella in the image?"), ("dog", "Is there a dog in the image?")]
)
def test_a_label_of_a_caption_is_asked_for_as_a_question(name: str, question: str) -> None:
    claim = dataclasses.replace(evidence().claims[0], object_name=name)
    assert question_of(Item("1", "a.jpg", "Describe it.", {}), claim, free_text=True) == question
