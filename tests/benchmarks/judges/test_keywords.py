"""The keywords judge: rules, so each case can be told by hand. The image shows a dog, a couch, a person and a plant."""

from __future__ import annotations

import pytest

from benchmarks import llava_bench, mmvet
from benchmarks._coco.asserted_objects import read_assertions
from benchmarks._judged import object_list
from benchmarks._text.tokenizer import Tokenizer
from benchmarks.judges.keywords import Keywords

CONTENT = ["dog", "couch", "person", "potted plant"]
NO_CAT = "There is no cat in the image."


def rating(question: str, answer: str, reference: str, kind: str = "other") -> int:
    facts = {"image_content": CONTENT, "gt_answer": reference, "question_type": kind}
    return int(Keywords().rate(question, answer, facts, None).value or 0)


@pytest.mark.parametrize(("text", "present", "absent"), [
    ("A dog sits near a cat.", ["dog", "cat"], []),
    ("There is no dog.", [], ["dog"]),
    ("There are no dogs, cats or birds, but a car.", ["car"], ["dog", "cat", "bird"]),
    ("No, there is a dog.", ["dog"], []),
    ("I do not see any cat; a dog sleeps.", ["dog"], ["cat"]),
    ("A street without cars.", [], ["car"]),
    ("The dog is not visible.", [], ["dog"]),
    ("A cat cannot be seen.", [], ["cat"]),
    ("The dog is not brown.", ["dog"], []),
    ("Not only a dog, there is also a cat.", ["dog", "cat"], []),
    ("No doubt this is a dog.", ["dog"], []),
    ("There isn\u2019t a bus.", [], ["bus"]),
    ("An orange car.", ["car"], []),
    ("An orange on a table.", ["orange", "dining table"], []),
    ("There is an orange.", ["orange"], []),
    ("There is an orange", ["orange"], []),              # the last word of its sentence
    ("An orange and white cat sleeps.", ["cat"], []),
    ("An orange or yellow bus.", ["bus"], []),
    ("An orange, black and grey train.", ["train"], []),
    ("An orange and a cat.", ["orange", "cat"], []),
    ("No. There is a dog.", ["dog"], []),
    ("There is neither a dog nor a cat.", [], ["dog", "cat"]),
    ("There are no cats, dogs. A bird sings.", ["dog", "bird"], ["cat"]),  # a comma alone is no list
    ("There are no cats, dogs are running or sleeping.", ["dog"], ["cat"]),  # nor one that goes on with a verb
    ("There are no cats, dogs; birds or cars may be near.", ["dog", "bird", "car"], ["cat"]),
    ("A dog appears not to be there.", [], ["dog"]),
    ("A dog that appears brown is not there.", ["dog"], []),  # the denial is too far from its noun
    ("The dog does not appear.", [], ["dog"]),
    ("The dog that you ask for is absent.", ["dog"], []),  # too far behind its noun
    ("The dog is absent.", [], ["dog"]),
    ("The dog is really not seen here.", ["dog"], []),
])  # fmt: skip
def test_what_is_said_to_be_there_and_what_not(text: str, present: list[str], absent: list[str]) -> None:
    read = read_assertions(text, Tokenizer())
    assert (list(read.present), list(read.absent)) == (present, absent)


@pytest.mark.parametrize(("answer", "expected"), [
    (NO_CAT, 5),
    ("I cannot see a cat.", 5),
    ("The cat is black.", 0),       # invented
    ("It is black.", 0),            # takes the cat for granted
])  # fmt: skip
def test_a_false_premise(answer: str, expected: int) -> None:
    assert rating("What color is the cat?", answer, NO_CAT, "adversarial") == expected


@pytest.mark.parametrize(("question", "answer", "reference", "expected"), [
    ("What color is the dog?", "Brown.", "The dog is brown.", 5),
    ("What color is the dog?", "It is black.", "The dog is brown.", 0),
    ("What color is the couch?", "Grey", "The couch is gray.", 5),
    ("How many dogs are there?", "There is 1 dog.", "There is one dog in the image.", 5),
    ("How many dogs are there?", "Two.", "There is one dog in the image.", 0),
    ("How many dogs are there?", "There is a dog.", "There are two dogs in the image.", 0),  # "a" is one here
    ("Which is larger, the dog or the couch?", "The couch.", "The couch is larger than the dog.", 5),
    ("Which is larger, the dog or the couch?", "The dog is larger than the couch.", "The couch is larger than the dog.", 2),
    ("Is the dog left or right of the couch?", "The couch is to the left of the dog.",
     "The dog is to the right of the couch.", 5),
    ("Is the dog left or right of the couch?", "The dog is to the left of the couch.",
     "The dog is to the right of the couch.", 0),
    ("Is there a cat?", "Yes, there is.", "No.", 0),
    ("Is there a cat?", "No.", "No, there is no cat.", 5),
    ("What color is the dog?", "It is grey and golden.", "The dog is gold.", 5),
    ("Where is the dog?", "At the bottom.", "The dog is at the top.", 0),
    ("Where is the dog?", "In the lower part.", "The dog is at the bottom.", 5),
    ("Where is the dog?", "In the centre.", "The dog is in the middle.", 5),
])  # fmt: skip
def test_facts_that_agree_or_contradict(question: str, answer: str, reference: str, expected: int) -> None:
    assert rating(question, answer, reference) == expected


@pytest.mark.parametrize(("word", "digit"), [
    ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8), ("nine", 9), ("ten", 10),
    ("eleven", 11), ("twelve", 12),
])  # fmt: skip
def test_numbers_agree_as_word_and_as_digit_and_no_other_does(word: str, digit: int) -> None:
    reference, question = f"There are {word} dogs.", "How many dogs are there?"
    assert rating(question, f"{digit}", reference) == 5
    assert rating(question, f"There are {digit - 1}.", reference) == 0


@pytest.mark.parametrize(("named", "expected"), [("a", 0), ("a b", 1), ("a b c", 2), ("a b c d e", 2)])
def test_with_a_hallucination_the_grade_falls_with_the_share_of_key_facts(named: str, expected: int) -> None:
    words = dict(zip("abcde", ("wooden", "round", "shiny", "old", "tall"), strict=True))
    answer = " ".join(words[letter] for letter in named.split()) + " and a cat"
    assert rating("Describe it.", answer, "It is wooden, round, shiny, old and tall.") == expected


@pytest.mark.parametrize(("named", "expected"), [("a", 3), ("a b", 4), ("a b c", 5), ("a b c d e", 5)])
def test_without_one_it_is_three_more(named: str, expected: int) -> None:
    words = dict(zip("abcde", ("wooden", "round", "shiny", "old", "tall"), strict=True))
    answer = "It is " + " ".join(words[letter] for letter in named.split())
    assert rating("Describe it.", answer, "It is wooden, round, shiny, old and tall.") == expected


def test_an_object_of_the_image_beyond_the_reference_earns_the_full_mark() -> None:
    reference = "A dog lies on a couch."
    assert rating("Describe it.", "A dog lies on a couch.", reference) == 5
    assert rating("Describe it.", "A dog lies on a couch near a person.", reference) == 6


def test_the_verdict_says_why() -> None:
    facts = {"image_content": CONTENT, "gt_answer": "A dog.", "question_type": "other"}
    bad = Keywords().rate("What is it?", "A cat and a car.", facts, None)
    assert "invented cat; invented car" in bad.raw and bad.reading == "not informative, hallucination"
    good = Keywords().rate("What is it?", "A dog.", facts, None)
    assert "nothing false found; 100% of the reference's key facts." in good.raw
    assert good.reading == "very informative, no hallucination"


def test_another_place_is_a_hallucination() -> None:
    assert rating("Where is this?", "In a kitchen.", "The picture was taken in a living room.", "environment") == 0


def test_a_description_is_rated_by_how_many_true_objects_it_names() -> None:
    reference = "A dog lies on a couch next to a person and a potted plant."
    few, more = "A dog.", "A dog lies on a couch next to a person, near a potted plant."
    assert rating("Describe it.", few, reference, "holistic") < rating("Describe it.", more, reference, "holistic") == 5


@pytest.mark.parametrize("answer", [
    "", " \n ", "...", "I cannot tell.", "I'm not sure.", "Sorry, I am unable to answer that.", "As an AI, I have no view.",
    "What is the dog doing?", "What is the dog doing? What", "the the the", "a dog a dog a dog a dog a dog a dog",
    "dog " * 40, "zrk qqv ublu", "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
    "Paris became capital during medieval times.",
])  # fmt: skip
def test_what_answers_nothing_is_never_free_of_hallucination(answer: str) -> None:
    facts = {"image_content": CONTENT, "gt_answer": "The dog is sleeping on the couch.", "question_type": "other"}
    verdict = Keywords().rate("What is the dog doing?", answer, facts, None)
    assert (verdict.value, verdict.reading) == (0.0, "no answer")


@pytest.mark.parametrize(("question", "answer", "reference"), [
    ("What is the dog doing?", "It is sleeping.", "The dog is sleeping on the couch."),
    ("What is the dog doing?", "Sleeping", "The dog is sleeping on the couch."),
    ("How many dogs are there?", "1", "There is one dog."),
    ("What color is the cat?", "I cannot see a cat.", NO_CAT),
    ("What color is the cat?", "I can't tell, there is no cat.", NO_CAT),
    ("Is the dog left or right of the couch?", "Left.", "The dog is to the left of the couch."),
    ("Is there a dog?", "Yes, there is a dog", "Yes."),
])  # fmt: skip
def test_a_short_answer_is_an_answer(question: str, answer: str, reference: str) -> None:
    assert rating(question, answer, reference) >= 3


def test_a_pair_is_scored_in_the_order_asked_for() -> None:
    facts = {"reference": "A brown dog.", "context": "A dog."}
    assert Keywords().judge(llava_bench.TASK, "Q?", "A dog.", facts, None).raw.startswith("10 5.5\n")
    assert Keywords().judge(llava_bench.TASK, "Q?", "A dog.", {**facts, "swapped": True}, None).raw.startswith("5.5 10\n")


def test_a_grade_is_the_share_of_the_parts() -> None:
    def grade(answer: str, reference: str) -> float | None:
        return Keywords().judge(mmvet.TASK, "Q?", answer, {"reference": reference}, None).value

    assert [grade("x = -1", "-1 <AND> -5"), grade("a dog", "cat <OR> dog"), grade("", "yes")] == [0.5, 1.0, 0.0]


def test_objects_are_those_asserted() -> None:
    assert Keywords().judge(object_list.TASK, "Q?", "A dog, but no cat.", {}, None).raw == '["dog"]'


def test_any_text_can_be_judged() -> None:
    for text in ("\x00", "\ud83d\udc15", "no " * 20_000, "dog, " * 20_000):
        assert Keywords().rate("Q?", text, {"image_content": CONTENT, "gt_answer": "A dog."}, None).value is not None


def test_a_no_that_does_not_begin_the_answer_confuses_no_yes_and_no() -> None:
    question, reference = "Is the dog brown?", "Yes, it is brown."
    assert rating(question, "The dog is brown and there is no person missing.", reference) >= 3
    assert rating(question, "No, the dog is brown.", reference) < 3
