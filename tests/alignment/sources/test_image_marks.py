"""`<image>` in a source's texts: taken out of prompts; a pair with one in an answer is left out and counted."""

import json
from pathlib import Path

import pytest

from alignment.data.image_marks import strip_image
from alignment.data.invalid_pairs import IMAGE_MARK, validate
from alignment.data.prompts import read_prompts
from harness.core import registry
from harness.core.preference import PreferencePair
from tests.alignment.scripted import FolderData, ScriptedModel
from tests.alignment.sources.test_published_datasets import ROWS


def marked(texts: dict, where: str) -> dict:
    """A row's JSON with the mark in front of its prompt, or inside its better answer."""
    text = json.dumps(texts).replace("<image>", "").replace("\\\\n", "").replace("\\n", "")
    old, new = {"prompt": ("What is it?", "<image> What is it?"), "answer": ("A cat.", "A <image> cat.")}[where]
    return json.loads(text.replace(old, new))


def test_a_mark_goes_with_the_line_break_beside_it_and_other_prompts_stay_as_they_are():
    assert strip_image("<image>\nWhat is it?") == strip_image("What is it?\n<image>") == strip_image("<image> What is it?")
    assert strip_image(" What is it? \n") == " What is it? \n"


@pytest.mark.parametrize("mark", [
    "<image>", "<Image>", "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|><|image_pad|>", "<|image|>",
    "<|image_1|>", "[IMG]", "<start_of_image>", "<image_soft_token>", "<ImageHere>", "<im_start><image><im_end>",
    "<img></img>", "<image_placeholder>", "<img><IMG_CONTEXT><IMG_CONTEXT></img>",
])  # fmt: skip
def test_the_marks_of_every_family_follow_the_rule(mark: str) -> None:
    assert strip_image(f"{mark}\nWhat is it?") == strip_image(f"What is it?\n{mark}") == "What is it?"
    pairs = [
        PreferencePair("a", "a.png", "", f"{mark} Why?", "A cat.", ("A dog.",), "t"),
        PreferencePair("b", "", "", "Why?", "A cat.", (f"A {mark} dog.",), "t"),
    ]
    kept, dropped = validate(pairs, lambda name: True)
    assert [p.prompt for p in kept] == ["Why?"] and [d.reason for d in dropped] == [IMAGE_MARK]


@pytest.mark.parametrize(
    "text", ["Which <b>image</b> is it?", "[image] of a dog", "<images>", "Is 3 < 4 > image?", "<imagine>"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert strip_image(text) == text


@pytest.mark.parametrize("name", ROWS)
def test_published_sets_follow_the_rule(tmp_path, name):
    (tmp_path / "a.jpg").write_bytes(b"image")
    rows = [marked(ROWS[name], "prompt"), marked(ROWS[name], "answer")]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    source = registry.make("source", name, {"file": "rows.json"})
    pairs = list(source.pairs(FolderData(tmp_path), ScriptedModel(lambda _: ""), 0))
    assert [(p.prompt, p.chosen) for p in pairs] == [("What is it?", "A cat.")]
    assert source.report()["dropped"] == {IMAGE_MARK: 1}


@pytest.mark.parametrize("form", ["own", "trl"])
def test_pair_files_follow_the_rule(tmp_path, form):
    from alignment.data.pairs import write_trl
    from tests.pair_files import write_pairs

    pairs = [
        PreferencePair("a", "a.png", "", "<image>\nWhat is it?", "A cat.", ("A dog.",), "t"),
        PreferencePair("b", "", "", "What is it?", "A cat.", ("A <image> dog.",), "t"),
    ]
    (tmp_path / "a.png").write_bytes(b"image")
    {"own": write_pairs, "trl": write_trl}[form](tmp_path / "pairs.jsonl", pairs)
    source = registry.make("source", "jsonl", {"form": form})
    read = list(source.pairs(FolderData(tmp_path), ScriptedModel(lambda _: ""), 0))
    assert [(p.id, p.prompt) for p in read] == [("a", "What is it?")]
    assert source.report()["dropped"] == {IMAGE_MARK: 1}


@pytest.mark.parametrize("name", ["bdhs", "random_edit"])
def test_sources_of_prompts_follow_the_rule(tmp_path, name):
    def row(question: str, answer: str, number: str) -> dict:
        return {
            "id": number,
            "image": "a.png",
            "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
        }

    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    (tmp_path / "a.png").write_bytes(b"image")
    rows = [row("What is it? <image>", "A cat.", "a"), row("What is it?", "A cat <image>.", "b")]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    source = registry.make("source", name, {"prompts": "prompts.json"})
    pairs = list(source.pairs(FolderData(tmp_path), ScriptedModel(lambda _: " dog."), 0))
    assert [(p.id, p.prompt) for p in pairs] == [("a", "What is it?")]
    assert source.report()["dropped"] == {IMAGE_MARK: 1}


def test_a_prompt_file_s_numbered_marks_order_its_images(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    turns = [{"from": "human", "value": "<|image_2|> or <|image_1|>?"}, {"from": "gpt", "value": "The first."}]
    (tmp_path / "p.json").write_text(json.dumps([{"id": "a", "images": ["a.png", "b.png"], "conversations": turns}]))
    data = FolderData(tmp_path)
    ((prompt,), dropped) = read_prompts(data, "p.json", "", None, 0)
    assert (prompt.image, prompt.text, dropped) == (("b.png", "a.png"), "<image> or <image>?", [])
    assert prompt.image_digest == (data.digest("b.png"), data.digest("a.png"))


def test_training_follows_the_rule_whoever_made_the_pairs(tmp_path: Path):
    good = PreferencePair("a", "a.png", "", "<image>\nWhy?", "A cat.", ("A dog.",), "t")
    kept, dropped = validate([good, PreferencePair("b", "", "", "Why?", "<image>", ("A dog.",), "t")], lambda name: True)
    assert [p.prompt for p in kept] == ["Why?"] and [(d.id, d.reason) for d in dropped] == [("b", IMAGE_MARK)]
