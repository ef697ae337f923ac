"""Pairs about several images: files, marks, digests, the forms of other tools, and what stays left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from alignment.data.forms import tools
from alignment.data.forms.trl_rows import to_trl
from alignment.data.image_marks import by_number, placed
from alignment.data.invalid_pairs import OTHER_NUMBERS, validate
from alignment.data.pairs import pairs_digest, read_pairs, read_rated, read_trl, to_json, write_trl
from alignment.data.sampling import by_images
from alignment.quality.report import quality
from alignment.sources.jsonl import Jsonl
from alignment.sources.sets.dataset import Dataset
from alignment.sources.sets.mmpr import Mmpr
from alignment.sources.sets.rlaif_v_formatted import RlaifVFormatted
from harness.api.stored import Run
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.core.preference import PreferencePair
from harness.storage import codec
from tests.alignment.scripted import FolderData
from tests.pair_files import write_pairs

PLACED = "Is <image> brighter than <image>?"
ONE = PreferencePair("one", "a.png", "d1", "What?", "A cat.", ("A dog.",), "test")
TWO = PreferencePair("two", ("a.png", "b.png"), ("d1", "d2"), PLACED, "Yes.", ("No.",), "test")


@pytest.fixture
def data(tmp_path: Path) -> FolderData:
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("c.png", "green")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name)
    return FolderData(tmp_path)


def rows(data: FolderData, *found: object, name: str = "rows.jsonl") -> FolderData:
    (data.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (data.folder / name).write_text("\n".join(json.dumps(row) for row in found))
    return data


# ------------------------------------------------------------ pair files


def test_pairs_about_several_images_are_read_as_they_were_written_beside_one_and_none(tmp_path: Path) -> None:
    pairs = [ONE, TWO, replace(ONE, id="none", image="", image_digest=""), replace(TWO, id="new", image_digest="")]
    write_pairs(tmp_path / "p", pairs)
    assert read_pairs(tmp_path / "p") == pairs


def test_a_row_about_one_image_keeps_its_keys_and_one_about_several_has_lists() -> None:
    assert list(to_json(ONE))[:4] == ["id", "image", "image_digest", "prompt"]
    assert list(to_json(TWO))[:4] == ["id", "images", "image_digests", "prompt"]


def test_the_digest_of_pairs_about_one_image_is_that_of_earlier_versions() -> None:
    assert pairs_digest([ONE]) == "71e0f4cebcafcc6c96270389e490d58df7c9ea6130d91b49bdab4e68c9abedb3"


def test_other_images_or_another_order_have_another_digest() -> None:
    changed = [
        TWO,
        replace(TWO, image_digest=("d2", "d1")),
        replace(TWO, image_digest=("d1", "d3")),
        replace(TWO, image_digest=("d1", "d2", "d2"), image=("a", "b", "b")),
        replace(TWO, image="a.png", image_digest="d1"),
        replace(TWO, prompt="Is it brighter than it?"),
        replace(TWO, image_digest=""),
    ]
    assert len({pairs_digest([pair]) for pair in changed}) == len(changed)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"images": ["a.png", "b.png", "c.png"], "prompt": "<image>What?"}, "3 images for 1 mark <image>"),
        ({"images": ["a.png", "b.png"], "prompt": "<image>, <image>, <image>?"}, "2 images for 3 marks <image>"),
        ({"images": ["a.png", "b.png"], "image": "a.png"}, "'image' and 'images' name images both"),
        ({"images": "a.png"}, "'images' must be a list of texts"),
        ({"images": ["a.png", 3]}, "'images' must be a list of texts"),
        ({"images": ["a.png", ""]}, "each of which needs a name"),
        ({"images": ["a.png", "b.png"], "image_digests": ["d1"]}, "1 image_digests for 2 images"),
    ],
)
def test_what_does_not_fit_together_is_named_by_line(tmp_path: Path, row: dict, says: str) -> None:
    good = {"id": "a", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]}
    (tmp_path / "p").write_text("\n".join(map(json.dumps, (good, {**good, "id": "b", **row}))))
    with pytest.raises(DataError, match=f"line 2: .*{says}"):
        read_pairs(tmp_path / "p")


def test_a_list_of_one_image_is_one_image(tmp_path: Path) -> None:
    row = {
        "id": "a",
        "prompt": "What?",
        "chosen": "A cat.",
        "rejected": ["A dog."],
        "images": ["a.png"],
        "image_digests": ["d"],
    }
    (tmp_path / "p").write_text(json.dumps(row))
    (pair,) = read_pairs(tmp_path / "p")
    assert (pair.image, pair.image_digest) == ("a.png", "d")


def test_the_store_gives_such_a_pair_back() -> None:
    assert codec.pair(codec.loads(codec.dumps(TWO))) == TWO


def test_a_notebook_gets_one_column_of_images(tmp_path: Path) -> None:
    for arm, pairs in (("mixed", [ONE, TWO]), ("two", [TWO])):
        (tmp_path / "arms" / arm).mkdir(parents=True)
        write_pairs(tmp_path / "arms" / arm / "pairs.jsonl", pairs)
    frame = Run.pairs(SimpleNamespace(folder=tmp_path))  # type: ignore[arg-type]
    assert list(frame["image"]) == ["a.png", ["a.png", "b.png"], ["a.png", "b.png"]]
    assert list(frame["image_digest"]) == ["d1", ["d1", "d2"], ["d1", "d2"]]
    assert "images" not in frame
    alone = Run.pairs(SimpleNamespace(folder=tmp_path), "two")  # type: ignore[arg-type]
    assert list(alone["image"]) == [["a.png", "b.png"]]


# ------------------------------------------------------------ marks


@pytest.mark.parametrize(
    ("prompt", "held"),
    [
        ("Which is brighter?", "Which is brighter?"),
        ("<image>\n<image>\nWhich is brighter?", "Which is brighter?"),
        ("<image><image>Which is brighter?", "Which is brighter?"),
        ("Which is brighter?\n<image>\n<image>", "Which is brighter?\n<image>\n<image>"),
        ("Image-1: <image>\nImage-2: <image>\nWhich?", "Image-1: <image>\nImage-2: <image>\nWhich?"),
        ("<|vision_start|><|image_pad|><|vision_end|>or [IMG]?", "<image>or <image>?"),
    ],
)
def test_marks_say_where_several_images_stand_and_in_front_there_are_none(prompt: str, held: str) -> None:
    assert placed(prompt, ("a", "b")) == held


@pytest.mark.parametrize(
    ("prompt", "held", "shown"),
    [
        ("<|image_1|> or <|image_2|>?", "<image> or <image>?", ("a", "b")),
        ("<|image_2|> or <|image_1|>?", "<image> or <image>?", ("b", "a")),
        ("<|image_2|>\n<|image_1|>\nWhich?", "Which?", ("b", "a")),
    ],
)
def test_numbered_marks_say_which_image_each_of_them_shows(prompt: str, held: str, shown: tuple[str, str]) -> None:
    assert (placed(prompt, ("a", "b")), by_number(prompt, ("a", "b"))) == (held, shown)


def test_twelve_numbered_marks_show_twelve_images() -> None:
    names = tuple("abcdefghijkl")
    prompt = " ".join(f"<|image_{n}|>" for n in range(12, 0, -1)) + " Which?"
    assert (placed(prompt, names), by_number(prompt, names)) == ("Which?", names[::-1])


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("<|image_1|> or <|image_3|>?", "1, 3"), ("<|image_2|> or <|image_2|>?", "2, 2"),
        ("<|image_0|> or <|image_1|>?", "0, 1"), ("<image> or <|image_1|>?", "no number, 1"),
    ],
)  # fmt: skip
def test_numbers_that_are_not_those_of_the_images_are_refused_with_them(prompt: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"numbered {said}; for 2 images they must be 1 to 2, each once"):
        placed(prompt, ("a", "b"))


SWAPPED = {"images": ["a.png", "b.png"], "chosen": "A.", "rejected": ["B."], "prompt": "<|image_2|> or <|image_1|>?"}


def test_a_pair_file_a_trl_row_and_a_set_show_swapped_images_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(json.dumps({**SWAPPED, "image_digests": ["d1", "d2"]}))
    (pair,) = read_pairs(tmp_path / "p")
    assert (pair.image, pair.image_digest, pair.prompt) == (("b.png", "a.png"), ("d2", "d1"), "<image> or <image>?")
    asked, (better, worse) = SWAPPED["prompt"], ({"role": "assistant", "content": text} for text in ("A.", "B."))
    row = {"images": NAMES, "prompt": [{"role": "user", "content": asked}], "chosen": [better], "rejected": [worse]}
    (tmp_path / "p").write_text(json.dumps(row))
    found = [*read_trl(tmp_path / "p"), tools.trl(row, "n", "t")]
    columns = {"images": NAMES, "chosen": "A.", "rejected": "B."}
    found += [tools.columns({"question": asked, **columns}, "n", "t")]
    found += [tools.llama_factory({"instruction": asked, **columns}, "n", "t")]
    swift = {"messages": [{"role": "user", "content": asked}, better], "images": NAMES, "rejected_response": "B."}
    found += [tools.ms_swift(swift, "n", "t")]
    assert [(pair.image, pair.prompt) for pair in found] == [(("b.png", "a.png"), "<image> or <image>?")] * 5


def test_in_training_numbered_marks_order_images_and_digests_and_wrong_numbers_are_counted() -> None:
    numbered = replace(TWO, prompt="<|image_2|> or <|image_1|>?", image_digest=("d1", "d2"))
    pairs = [numbered, replace(ONE, id="second of one", prompt="<|image_2|>\nWhat?"), replace(ONE, prompt="<|image_1|>\nWhat?")]
    kept, dropped = validate([*pairs, replace(TWO, id="gap", prompt="<|image_1|> or <|image_3|>?")], lambda name: True)
    assert [(p.image, p.image_digest, p.prompt) for p in kept] == [
        (("b.png", "a.png"), ("d2", "d1"), "<image> or <image>?"), ("a.png", ONE.image_digest, "What?")
    ]  # fmt: skip
    assert [(d.id, d.reason) for d in dropped] == [("second of one", OTHER_NUMBERS), ("gap", OTHER_NUMBERS)]


def test_in_training_a_pair_with_too_few_marks_or_a_missing_image_is_left_out_and_counted() -> None:
    pairs = [TWO, replace(TWO, id="marks", prompt="<image>What?"), replace(TWO, id="missing", image=("a.png", "z.png"))]
    kept, dropped = validate(pairs, lambda name: name != "z.png")
    assert kept == [TWO]
    assert [(d.id, d.reason) for d in dropped] == [
        ("marks", "image marks and images are not as many"), ("missing", "missing image")
    ]  # fmt: skip


# ------------------------------------------------------------ TRL


def test_a_pair_goes_to_trl_and_back_with_its_images_in_their_places(tmp_path: Path) -> None:
    in_front = replace(TWO, id="front", prompt="Which?")
    for pairs in ([TWO, in_front, ONE], [in_front, ONE]):
        write_trl(tmp_path / "p", pairs)
        read = read_trl(tmp_path / "p")
        assert [(p.image, p.prompt, p.chosen) for p in read] == [(p.image, p.prompt, p.chosen) for p in pairs]


def test_places_among_the_words_are_blocks_for_trl_and_a_file_has_one_type_of_content(tmp_path: Path) -> None:
    text = to_trl(replace(TWO, prompt="Which?"))[0]
    assert text["images"] == ["a.png", "b.png"] and text["prompt"][0]["content"] == "Which?"
    write_trl(tmp_path / "p", [TWO, ONE])
    first, second = map(json.loads, (tmp_path / "p").read_text().splitlines())
    assert [block.get("text", block["type"]) for block in first["prompt"][0]["content"]] == [
        "Is ", "image", " brighter than ", "image", "?"
    ]  # fmt: skip
    assert second["prompt"][0]["content"] == [{"type": "image"}, {"type": "text", "text": "What?"}]


def test_rated_answers_about_several_images_are_read(tmp_path: Path) -> None:
    row = {"images": ["a.png", "b.png"], "prompt": "<image><image>Which?", "completion": "A.", "label": "up"}
    (tmp_path / "p").write_text(json.dumps(row))
    (pair,) = read_rated(tmp_path / "p")
    assert (pair.image, pair.prompt) == (("a.png", "b.png"), "Which?")


# ------------------------------------------------------------ sets

NAMES = ["a.png", "b.png"]
ASKED = "<image>\n<image>\nWhich is red?"
ANSWERS = {"chosen": "The first.", "rejected": "The second."}
FORMS = {
    "columns": {"question": ASKED, "image": NAMES, **ANSWERS},
    "trl": {
        "images": NAMES,
        "prompt": [{"role": "user", "content": [*[{"type": "image"}] * 2, {"type": "text", "text": "Which is red?"}]}],
        **{side: [{"role": "assistant", "content": text}] for side, text in ANSWERS.items()},
    },
    "llama_factory": {"conversations": [{"from": "human", "value": ASKED}], "images": NAMES, **ANSWERS},
    "alpaca": {"instruction": ASKED, "input": "", "images": NAMES, **ANSWERS},
    "ms_swift": {
        "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": "The first."}],
        "images": NAMES,
        "rejected_response": "The second.",
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_rows_about_several_images(data: FolderData, form: str) -> None:
    (pair,) = Dataset(file="rows.jsonl").pairs(rows(data, FORMS[form]), NoModel(), 0)
    assert (pair.image, pair.prompt, pair.chosen) == (("a.png", "b.png"), "Which is red?", "The first.")
    assert pair.image_digest == (data.digest("a.png"), data.digest("b.png"))


@pytest.mark.parametrize("form", FORMS)
def test_in_every_form_three_images_for_two_marks_are_a_broken_row(data: FolderData, form: str) -> None:
    key = "image" if form == "columns" else "images"
    with pytest.raises(DataError, match="row 1: 3 images for 2 marks <image>"):
        list(Dataset(file="rows.jsonl").pairs(rows(data, {**FORMS[form], key: [*NAMES, "c.png"]}), NoModel(), 0))


def test_places_among_the_words_are_kept_in_every_form(data: FolderData) -> None:
    texts = [{"type": "text", "text": text} for text in ("Is ", " like ")]
    content = [part for text in texts for part in (text, {"type": "image"})]
    trl = {**FORMS["trl"], "prompt": [{"role": "user", "content": content}]}
    columns = {**FORMS["columns"], "question": "Is <image> like <image>"}
    found = Dataset(file="rows.jsonl").pairs(rows(data, trl, columns), NoModel(), 0)
    assert [pair.prompt for pair in found] == ["Is <image> like <image>"] * 2


def test_mmpr_puts_its_root_in_front_of_every_image(data: FolderData) -> None:
    (data.folder / "img").mkdir()
    for name in NAMES:
        (data.folder / name).rename(data.folder / "img" / name)
    (data.folder / "meta.json").write_text(json.dumps({"x": {"root": "img", "annotation": "x.jsonl"}}))
    (pair,) = Mmpr(file="meta.json").pairs(rows(data, FORMS["columns"], name="x.jsonl"), NoModel(), 0)
    assert pair.image == ("img/a.png", "img/b.png")


def test_the_rlaif_v_form_reads_several_images(data: FolderData) -> None:
    (pair,) = RlaifVFormatted(file="rows.jsonl").pairs(rows(data, FORMS["trl"]), NoModel(), 0)
    assert pair.images == ("a.png", "b.png")


def test_one_missing_image_of_several_leaves_the_row_out_and_counts_it(data: FolderData) -> None:
    source = Dataset(file="rows.jsonl")
    kept = list(source.pairs(rows(data, FORMS["columns"], {**FORMS["columns"], "image": ["a.png", "z.png"]}), NoModel(), 0))
    assert len(kept) == 1 and source.report()["dropped"] == {"missing image": 1}


def test_the_own_form_finds_images_below_a_folder(data: FolderData) -> None:
    (data.folder / "img").mkdir()
    for name in NAMES:
        (data.folder / name).rename(data.folder / "img" / name)
    write_pairs(data.folder / "pairs.jsonl", [replace(TWO, image_digest="")])
    (pair,) = Jsonl(image_folder="img").pairs(data, NoModel(), 0)
    assert pair.images == ("img/a.png", "img/b.png") and len(pair.image_digest) == 2


# ------------------------------------------------------------ quality and splits


def test_the_quality_report_counts_each_image_once(data: FolderData) -> None:
    found = quality([ONE, TWO, replace(TWO, id="three", image=("b.png", "c.png"))], data.folder)
    assert (found.pairs, found.images, found.without_image, found.unreadable) == (3, 3, 0, ())


def test_pairs_that_share_an_image_are_not_torn_apart_and_pairs_about_one_keep_their_name() -> None:
    pairs = [replace(ONE, image_digest=digest) for digest in ("d9", "d1", "d2", "d3")]
    chain = [TWO, replace(TWO, image_digest=("d3", "d2"))]
    assert by_images(pairs) == ["d9", "d1", "d2", "d3"]
    assert by_images([*pairs, *chain]) == ["d9", "d1", "d1", "d1", "d1", "d1"]
    assert by_images([replace(ONE, id="text", image="", image_digest="")]) == ["text"]
