"""A checkpoint that thinks before it answers, through the whole pipeline: the answer is scored, the reasoning is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_models
from safetensors.torch import load_file, save_file

from harness.commands._terminal import show_comparison
from harness.config import schema as config
from harness.core import flags
from harness.core.run_record import BenchmarkResult
from harness.results.run_records import records_of
from harness.run import pipeline
from harness.storage.run_store import open_store
from tests.models.test_answer_tokens import THINKING

MARKS = ("<think>", "</think>")


def save_chain(folder: Path, *texts: str, back_to: int | None = None, special: tuple[str, ...] = ()) -> Path:
    """A tiny LLaVA of which each token depends on the one before alone, so that it writes these texts whatever it is shown.

    Its layers add nothing; an embedding is one direction a token, which the head turns into the next token. The last
    token leads to the end, or to text number `back_to`. `special`: marks of a reasoning that are special tokens.
    """
    words = tiny_models.tokenizer([*tiny_models.TEXT, *texts], more=list(special))
    words.add_tokens([] if special else list(MARKS))  # as in Qwen's vocabulary: one token each, not special
    template = THINKING
    for plain, mark in zip(MARKS, special or MARKS, strict=True):
        template = template.replace(plain, mark)
    tiny_models.save_llava(folder, words=words, template=template)
    written = [words.encode(text, add_special_tokens=False) for text in texts]
    chain = [token for ids in written for token in ids]
    assert len(set(chain)) == len(chain) <= 48, "each token may occur once: it alone says what comes next"
    end = words.eos_token_id if back_to is None else written[back_to][0]
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if "language_model" in name and name.endswith(("o_proj.weight", "down_proj.weight", "embed_tokens.weight")):
            weight.zero_()
    (embedding,) = (name for name in weights if name.endswith("embed_tokens.weight"))
    (head,) = (name for name in weights if name.endswith("lm_head.weight"))
    weights[head].zero_()
    for place, (token, following) in enumerate(zip(chain, [*chain[1:], end], strict=True)):
        weights[embedding][token, place] = 1.0
        weights[head][following, place] = 10.0
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def swept(path: Path, world: Path, output: Path, **model: Any) -> Any:
    given = {"name": "transformers", "path": str(path), "device": "cpu", "enable_thinking": True, **model}
    sweep = [{"name": "pope", "splits": ["random"], "limit": 6}]
    tree = {"name": "thinks", "model": given, "sweep": sweep, "data": str(world), "output": str(output)}
    done = pipeline.run(config.parse(tree), "test")
    assert done is not None
    return done


def stored(output: Path) -> BenchmarkResult:
    """The only result of the only run."""
    with open_store(output) as store:
        (record,) = records_of(store, "thinks")
    (result,) = record.sweeps[0].results
    return result


def test_an_answer_behind_a_reasoning_is_scored_without_it(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It thinks "Yes, a dog" and answers "No": every reading is no, and the reasoning is stored, counted and reported."""
    model = save_chain(tmp_path / "model", "<think>", " Yes, a dog", "</think>", "No")
    done = swept(model, world, tmp_path / "runs")
    show_comparison(done.comparison)
    result = stored(tmp_path / "runs")
    assert {answer.text for answer in result.answers} == {"<think> Yes, a dog</think>No"}
    assert [(score.reading, score.flag) for score in result.scores] == [("no", "")] * 6
    assert [score.correct for score in result.scores] == [item.truth["labels"]["random"] == ["no"] for item in result.items]
    words = "answers began with reasoning, which is stored and not scored: thinks 6 of 6 (3 words on average)"
    assert words in capsys.readouterr().out and words.split(":", maxsplit=1)[0] in (done.folder / "report.html").read_text()


@pytest.mark.parametrize("marks", [("[THINK]", "[/THINK]"), ("<|channel>", "<channel|>")])
@pytest.mark.parametrize("thinking_tokens", [0, 16])
def test_marks_that_are_special_tokens_tell_the_answer_from_the_reasoning_as_well(
    world: Path, tmp_path: Path, marks: tuple[str, str], thinking_tokens: int
) -> None:
    """Magistral's and Gemma 4's: left out as other special tokens are, "Yes, a dog" would be read with the answer."""
    model = save_chain(tmp_path / "model", marks[0], " Yes, a dog", marks[1], "No", special=marks)
    swept(model, world, tmp_path / "runs", thinking_tokens=thinking_tokens)
    result = stored(tmp_path / "runs")
    assert {answer.text for answer in result.answers} == {f"{marks[0]} Yes, a dog{marks[1]}No"}
    assert [(score.reading, score.flag) for score in result.scores] == [("no", "")] * 6
    assert result.protocol.facts["reasoning marks"] == "special tokens, kept in the answers"


def test_a_reasoning_that_never_ends_is_flagged_and_counted(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It thinks "Yes, a dog" without end: stopped by the limit for reasoning, 12 tokens, not by the answer's, 16."""
    model = save_chain(tmp_path / "model", "<think>", " Yes, a dog", back_to=1)
    done = swept(model, world, tmp_path / "runs", thinking_tokens=12)
    show_comparison(done.comparison)
    result = stored(tmp_path / "runs")
    assert {(answer.n_tokens, answer.stopped) for answer in result.answers} == {(12, "length")}
    assert {score.flag for score in result.scores} == {flags.UNFINISHED}
    words = "answers cut off by the token limit while still reasoning"
    assert f"{words} (raise max_new_tokens, or model.thinking_tokens where it is set): thinks 6 of 6" in capsys.readouterr().out
    assert words in (done.folder / "report.html").read_text()
