"""Sentences, cuts and swaps: the text side of diverge-and-rejoin."""

import random

import pytest

from alignment.data.sentences import random_head, rejoin, split, swap_yes_no

ANSWER = "A cat sleeps. There are 3.5 litres of milk!  Is it full? Yes"


def draws(n: int = 200) -> list[random.Random]:
    return [random.Random(seed) for seed in range(n)]


@pytest.mark.parametrize("splitter", ["stop_and_space", "full_stop", "line", "punkt"])
def test_sentences_put_together_are_the_answer(splitter):
    text = ""
    for sentence in split(ANSWER, splitter):
        assert sentence.before == text
        text = sentence.before + sentence.lead + sentence.text
    assert text == ANSWER


def test_a_decimal_point_does_not_end_a_sentence():
    assert [s.text for s in split(ANSWER)] == ["A cat sleeps.", "There are 3.5 litres of milk!", "Is it full?", "Yes"]


def test_punkt_knows_abbreviations_that_the_papers_rule_cuts_at():
    text = "Mr. Fox holds fruit, e.g. an apple. Dr. Hen sits at 3.5 metres. It rains!"
    sentences = ["Mr. Fox holds fruit, e.g. an apple.", "Dr. Hen sits at 3.5 metres.", "It rains!"]
    assert [s.text for s in split(text, "punkt")] == sentences
    assert [s.text for s in split(text)][:2] == ["Mr.", "Fox holds fruit, e.g."]


def test_a_swap_happens_half_of_the_time():
    swapped = [swap_yes_no("Yes, a cat.", draw) for draw in draws()]
    assert set(swapped) == {"Yes, a cat.", "No, a cat."}
    assert 70 < swapped.count("No, a cat.") < 130


def test_only_the_printed_rule_swaps_inside_words():
    assert {swap_yes_no("Now it rains.", d, "printed") for d in draws()} == {"Now it rains.", "Yesw it rains."}
    assert {swap_yes_no("Now it rains.", d, "word") for d in draws()} == {"Now it rains."}


def test_a_word_cut_keeps_any_number_of_whole_words_but_never_the_stop():
    assert {random_head("A cat sleeps.", d) for d in draws()} == {"", "A", "A cat", "A cat sleeps"}


def test_a_character_cut_may_fall_inside_a_word():
    assert "A ca" in {random_head("A cat.", d, "character") for d in draws()}


def test_a_character_cut_takes_each_boundary_once_and_ends_in_no_space():
    ends = list[list[int]]()

    class Draw(random.Random):
        def choice(self, seq):
            ends.append(list(seq))
            return seq[-2]

    assert random_head("A cat.", Draw(), "character") == "A ca" and random_head("A b.", Draw(), "character") == "A"
    assert ends == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3]]


def test_rejoining_keeps_one_space_between_sentences():
    assert rejoin("A cat.", " ", "It", " runs.") == "A cat. It runs."
    assert rejoin("A cat.", " ", "", " It runs.") == "A cat. It runs."
    assert rejoin("", "", "", " It runs.") == "It runs."
