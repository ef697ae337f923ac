"""What a model wrote around its answer changes no score without a word: reasoning, white space, markup, nothing at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.chair import Chair
from benchmarks.pope import Pope
from harness.commands._terminal import show_comparison
from harness.config import schema as config
from harness.core.evaluation import Answer, Item, Score
from harness.evaluation.scoring import score_answer
from harness.run import pipeline

DOG = Item("1", "a.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"]}})


def scored(text: str, benchmark: Any = None, item: Item = DOG) -> Score:
    return score_answer(benchmark or Pope(), item, Answer("1", text, 3, "end"))


def test_reasoning_is_not_scored() -> None:
    assert scored("<think>Is it a dog? no.</think>\n\nYes").reading == "yes"
    assert scored("<think>Yes, a dog.</think>\n\nNo").values == {"random/tn": 1, "asked": 1}


def test_an_answer_that_never_came_is_flagged() -> None:
    assert [scored(text).flag for text in ("<think>Is there a", " \n", "")] == ["unfinished reasoning", "empty", "empty"]


def test_places_of_objects_are_places_in_the_stored_text() -> None:
    text = "<think>A cat?</think>\nA dog on a cat."
    score = scored(text, Chair(), Item("1", "a.jpg", "", {"objects": ["dog"]}))
    named = [(text[s.start : s.end], s.kind) for s in score.spans if s.node]
    assert named == [("dog", "found"), ("cat", "invented")] and score.values["mentions"] == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "**No**",
            "POPE: answers read against their own clear yes, no or letter (look at them before you trust the metric): "
            "flags 6 of 6.",
        ),
        ("", "POPE: empty answers: flags 6 of 6."),
        ("<think>a dog?", "still reasoning (raise max_new_tokens, or model.thinking_tokens where it is set): flags 6 of 6."),
        (
            "<think>a dog?</think>Yes",
            "POPE: answers began with reasoning, which is stored and not scored: flags 6 of 6 (2 words on average).",
        ),
        ("A sofa.", "where the rule looks for it, scored by what the rule makes of them: flags 6 of 6."),
    ],
)
def test_flagged_answers_are_counted_in_the_terminal_and_in_every_report(
    answer: str, words: str, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_shown(words, answer, {"name": "pope", "splits": ["random"]}, world, tmp_path, capsys)


def test_answers_that_name_several_options_are_counted_too(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "MMStar: answers that name two or more of the offered options; the value is what the rule reads in them: flags 6 of 6."
    )
    check_shown(words, "A and B", {"name": "mmstar"}, world, tmp_path, capsys)


def check_shown(
    words: str, answer: str, benchmark: dict[str, object], world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal counts six such answers in these words, and so do the reports."""
    model, sweep = {"name": "scripted", "default": answer}, [{**benchmark, "limit": 6}]
    tree = {"name": "flags", "model": model, "sweep": sweep, "data": str(world), "output": str(tmp_path / "runs")}
    done = pipeline.run(config.parse(tree), "test")
    assert done is not None
    show_comparison(done.comparison)
    assert words in capsys.readouterr().out
    counted = words.split(": flags", maxsplit=1)[0].split("(", maxsplit=1)[0].strip()
    for report in ("report.html", "report.md"):
        assert counted in (done.folder / report).read_text().replace("\\", "")
