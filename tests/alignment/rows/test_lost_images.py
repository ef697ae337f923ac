"""An image that a prompt's marks ask for and the row does not have is never lost without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alignment.data.image_marks import places, strip_image
from alignment.data.invalid_pairs import AMONG_WORDS, OTHER_MARKS
from harness.core import registry
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.storage.data_folder import DataFolder
from tests.alignment.rows.test_unread_keys import TRL, read
from tests.alignment.sources.test_published_datasets import ROWS

OWN = {"prompt": "What?", "image": "a.png", "chosen": "A cat.", "rejected": ["A dog."]}
GOOD = {**TRL, "images": ["a.png"]}


def asking(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content) if isinstance(content[0], dict) else content[0]}]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(("prompt", "image"), [("<image>\nWhat?", ""), ("<image>Is it? <image>", "a.png"), ("[IMG]\nA?", "")])
def test_more_marks_than_images_leave_a_pair_file_s_pair_out(tmp_path: Path, prompt: str, image: str) -> None:
    rows = [OWN, {**OWN, "id": "7", "prompt": prompt, "image": image}]
    pairs, dropped = read(tmp_path, rows, "jsonl")
    assert ([p.id for p in pairs], dropped) == (["row-1"], {OTHER_MARKS: 1})
    trl = [GOOD, {**GOOD, "images": [image] if image else [], "prompt": asking(prompt)}]
    pairs, dropped = read(tmp_path, trl, "jsonl", form="trl")
    assert ([p.id for p in pairs], dropped) == (["row-1"], {OTHER_MARKS: 1})


@pytest.mark.parametrize("images", [None, []])
def test_a_mark_in_a_trl_row_without_images_is_a_broken_row_as_in_all_forms(tmp_path: Path, images: Any) -> None:
    with pytest.raises(DataError, match="row 2: 0 images for 1 mark <image>"):
        read(tmp_path, [GOOD, {**GOOD, "images": images, "prompt": asking("<image>\nWhat?")}])


@pytest.mark.parametrize("name", ROWS)
def test_two_marks_for_one_image_leave_a_published_row_out(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    two = json.loads(json.dumps(ROWS[name]).replace("<image>", "").replace("What is it?", "<image><image>What is it?"))
    (tmp_path / "rows.json").write_text(json.dumps([ROWS[name], two]))
    made = registry.make("source", name, {"file": "rows.json"})
    assert len(list(made.pairs(DataFolder(tmp_path), NoModel(), 0))) == 1
    assert made.report()["dropped"] == {OTHER_MARKS: 1}


@pytest.mark.parametrize("name", ["bdhs", "random_edit"])
def test_a_prompt_whose_image_is_not_named_is_not_asked_about_without_it(tmp_path: Path, name: str) -> None:
    turns = [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "A cat."}]
    rows = [{"id": "a", "image": "a.png", "conversations": turns}, {"id": "b", "conversations": turns}]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert registry.make("source", name, {"prompts": "rows.json"}).check(DataFolder(tmp_path), 0) == 1
    (tmp_path / "rows.json").write_text(json.dumps([rows[0], {**rows[1], "image_path": "a.png"}]))
    with pytest.raises(DataError, match=r"row 2 \(b\): no image under a key that is read, but 'image_path' is 'a.png'"):
        registry.make("source", name, {"prompts": "rows.json"}).check(DataFolder(tmp_path), 0)


@pytest.mark.parametrize("source", [("dataset", {}), ("jsonl", {"form": "trl"})], ids=["dataset", "jsonl"])
@pytest.mark.parametrize("kind", ["image_url", "video_url", None])
@pytest.mark.parametrize("side", ["prompt", "chosen"])
def test_a_block_of_another_type_is_an_error_of_its_row(tmp_path: Path, source: Any, kind: Any, side: str) -> None:
    content = [{"type": kind, "image_url": {"url": "a.png"}}, text("What?")]
    row = {**GOOD, side: [{"role": GOOD[side][0]["role"], "content": content}]}
    for one in (row, {**row, "images": []}):
        with pytest.raises(DataError, match=rf"(row|line) 2: '{side}' has a block of type {kind!r}"):
            read(tmp_path, [GOOD, one], source[0], **source[1])


def test_an_image_block_in_an_answer_is_counted_as_a_mark_in_one(tmp_path: Path) -> None:
    answer = [{"role": "assistant", "content": [{"type": "image"}, text("A cat.")]}]
    _, dropped = read(tmp_path, [GOOD, {**GOOD, "chosen": answer}], "jsonl", form="trl")
    assert dropped == {"image mark in an answer": 1}


@pytest.mark.parametrize(
    ("prompt", "n"),
    [
        ("What?", 0), ("<image>\nWhat?", 1), ("<image><image>", 2), ("<image> or <image>?", 2),
        ("<|vision_start|><|image_pad|><|image_pad|><|vision_end|>What?", 1), ("<img><IMG_CONTEXT><IMG_CONTEXT></img>\nA?", 1),
        ("[IMG][IMG]\nWhat?", 1), ("<|image_1|>\n<|image_2|>\nWhich?", 2), ("<im_start><image><im_end>", 1),
        ("What does the <img> tag do?", 0),
    ],
)  # fmt: skip
def test_marks_of_patches_are_one_image_and_others_one_each(prompt: str, n: int) -> None:
    assert places(prompt) == n


@pytest.mark.parametrize("prompt", ["What does the <img> tag do?", "Why <img src='a'> and not [img]b[/img]?", "Is [IMG] it?"])
def test_img_among_the_words_of_a_prompt_is_a_word(prompt: str) -> None:
    assert strip_image(prompt) == prompt


def test_a_prompt_that_pixtral_would_see_an_image_in_is_left_out(tmp_path: Path) -> None:
    rows = [OWN, {**OWN, "prompt": "What does the <img> tag do?"}, {**OWN, "prompt": "List the [IMG] marks."}]
    pairs, dropped = read(tmp_path, rows, "jsonl")
    assert [p.prompt for p in pairs] == ["What?", "What does the <img> tag do?"] and dropped == {AMONG_WORDS: 1}


def test_a_pair_of_an_image_and_one_mark_stays_as_it_was(tmp_path: Path) -> None:
    pairs, dropped = read(tmp_path, [{**OWN, "prompt": f"{mark}\nWhat?"} for mark in ("<image>", "<img>", "[IMG]")], "jsonl")
    assert [p.prompt for p in pairs] == ["What?"] * 3 and not dropped
