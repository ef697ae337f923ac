"""Nouns that CHAIR's 80 classes do not cover: who decides whether they are there, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chair import Chair
from benchmarks.chair_open import TASK, ChairOpen
from harness.core.evaluation import Answer, Item, Verdict
from harness.storage.data_folder import DataFolder

ITEM = Item("1", "a.jpg", "", {"objects": ["dog", "lamp", "wood"]})
CAPTION = "A dog sits by two lamps. There is a carpet near a fireplace and lamps."


class Says:
    """A judge with one reply for all."""

    name, version = "says", "1"

    def __init__(self, reply: str) -> None:
        self.reply, self.asked = reply, list[Any]()

    def judge(self, task: Any, question: str, answer: str, facts: Any, image: Path | None) -> Verdict:
        self.asked.append((task.name, facts, image))
        return Verdict(task.read(self.reply), "", self.reply, self.name, self.version)


def scored(judge: Any = None, text: str = CAPTION) -> Any:
    return ChairOpen(judge=judge).score(ITEM, Answer("1", text, 9, "end"))


def test_without_a_judge_a_noun_is_supported_where_a_reference_has_its_lemma() -> None:
    score = scored()
    assert score.reading == "lamps, carpet (unsupported), fireplace (unsupported)"
    wanted = {"captions": 1, "nouns": 4, "covered": 1, "uncovered": 3, "unsupported": 2, "captions_unsupported": 1, "items": 1}
    assert score.values == wanted and score.correct is False


def test_a_judge_decides_and_only_about_nouns_that_it_was_asked_about() -> None:
    judge = Says('Not there: ["Carpets", "elephant", "dog"]')
    score = scored(judge)
    assert score.values["unsupported"] == 1 and score.why == "unsupported: carpet"
    ((name, facts, _),) = judge.asked
    assert (name, facts["nouns"]) == (TASK.name, ["lamps", "carpet", "fireplace"])


@pytest.mark.parametrize("name", ["fireplace", "the brick fireplace", "Fireplaces.", " a fireplace "])
def test_a_word_counts_however_the_judge_writes_it(name: str) -> None:
    assert scored(Says(json.dumps([name, "", "fireplace poker"]))).why == "unsupported: fireplace"


def test_a_reply_that_is_no_list_leaves_the_caption_unjudged() -> None:
    score = scored(Says("I cannot tell."))
    assert score.values == {"items": 1.0} and score.flag == "unjudged"


def test_a_caption_without_uncovered_nouns_asks_nobody_and_counts_no_noun() -> None:
    judge = Says("[]")
    score = scored(judge, "A dog and a cat.")
    assert not judge.asked and score.values["uncovered"] == 0 and score.correct


def test_marks_stand_where_the_nouns_are_so_that_people_can_correct_them() -> None:
    marks = [(CAPTION[s.start : s.end], s.kind) for s in scored().spans]
    listed = [("lamps", "found"), ("carpet", "invented"), ("fireplace", "invented"), ("lamps", "found")]
    assert marks == [("dog", "covered"), *listed]


def test_the_prompt_shows_description_references_and_nouns_in_one_pass() -> None:
    text = TASK.fill("", "A {seen} thing.", {"nouns": ["carpet", "fireplace"], "seen": ["dog"]})
    assert "Description: A {seen} thing." in text and "Words to check: carpet, fireplace" in text


def test_it_asks_what_chair_asks_about_the_same_images(world: Path) -> None:
    data = DataFolder(world)
    mine, chairs = ChairOpen(limit_images=5), Chair(limit_images=5)
    both = [[(i.id, i.image, b.prompt(i), b.decoding()) for i in b.load(data)] for b in (mine, chairs)]
    assert both[0] == both[1]


@pytest.mark.parametrize("text", ["", "   ", "</s>", "dog" * 2000])
def test_odd_captions_are_scored(text: str) -> None:
    assert scored(None, text).values["captions"] == 1
