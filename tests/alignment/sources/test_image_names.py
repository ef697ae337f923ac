"""Images are found under the names that people have them under; a source that misses most of them stops at once."""

import json
from pathlib import Path

import pytest

from alignment.data.image_names import candidates
from alignment.data.yield_report import left_out
from harness.core import registry
from harness.core.errors import ConfigError, DataError
from tests.alignment.scripted import FolderData, ScriptedModel

TURNS = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cat."}]
MODEL_FREE = {"prompts": "instruct/rows.json", "image_folder": "coco/train2014"}


def data_with(folder: Path, *images: str) -> FolderData:
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / image).write_bytes(image.encode())
    (folder / "nouns.txt").write_text("cat\ndog\n")
    return FolderData(folder)


def instruct(folder: Path, *images: str) -> None:
    (folder / "instruct").mkdir(exist_ok=True)
    rows = [{"id": str(n), "image": image, "conversations": TURNS} for n, image in enumerate(images)]
    (folder / "instruct" / "rows.json").write_text(json.dumps(rows))


@pytest.mark.parametrize("lies", ["COCO_train2014_000000033471.jpg", "000000033471.jpg", "COCO_val2014_000000033471.jpg"])
@pytest.mark.parametrize("named", ["000000033471.jpg", "COCO_train2014_000000033471.jpg"])
def test_a_coco_image_is_found_with_and_without_its_prefix(tmp_path: Path, named: str, lies: str) -> None:
    data = data_with(tmp_path, f"coco/train2014/{lies}")
    instruct(tmp_path, named)
    (pair,) = registry.make("source", "random_edit", MODEL_FREE).pairs(data, None, 0)
    assert pair.image == f"coco/train2014/{lies}" and pair.image_digest == data.digest(pair.image)


def test_a_number_of_visual_genome_lies_in_either_of_its_folders() -> None:
    assert candidates("vg", "107.jpg") == ["vg/107.jpg", "vg/VG_100K/107.jpg", "vg/VG_100K_2/107.jpg"]
    assert candidates("", "a.jpg") == ["a.jpg"]


def test_ha_dpo_reads_images_as_the_archives_unpack_them(tmp_path: Path) -> None:
    data = data_with(tmp_path, "vg/VG_100K/1.jpg", "vg/VG_100K_2/2.jpg")
    (tmp_path / "ha_dpo").mkdir()
    sides = {"chosen": ["A cat."], "rejected": ["A dog."]}
    (tmp_path / "ha_dpo" / "desc_data.json").write_text(json.dumps({"1": sides, "2": sides}))
    pairs = list(registry.make("source", "ha_dpo", {"part": "desc"}).pairs(data, None, 0))
    assert [pair.image for pair in pairs] == ["vg/VG_100K/1.jpg", "vg/VG_100K_2/2.jpg"]


@pytest.mark.parametrize("name", ["bdhs", "random_edit", "povid_noise"])
def test_a_source_of_prompts_that_misses_most_images_says_what_it_looked_for_and_where(tmp_path: Path, name: str) -> None:
    data = data_with(tmp_path, "coco/train2014/COCO_train2014_000000000001.jpg")
    instruct(tmp_path, "000000000001.jpg", "000000000002.jpg", "000000000003.jpg")
    source = registry.make("source", name, MODEL_FREE)
    for ask in (lambda: list(source.pairs(data, None, 0)), lambda: source.check(data, 0)):
        with pytest.raises(DataError, match="2 of 3 rows are not in the data folder") as told:
            ask()
        assert "coco/train2014/000000000002.jpg, coco/train2014/COCO_train2014_000000000002.jpg" in str(told.value)


def test_a_published_set_that_misses_most_images_is_an_error_and_one_that_misses_half_is_not(tmp_path: Path) -> None:
    data = data_with(tmp_path, "a.jpg")
    row = {"id": "7", "conversations": TURNS, "rejected_conversations": [TURNS[0], {"from": "gpt", "value": "A dog."}]}
    (tmp_path / "rows.json").write_text(json.dumps([{**row, "image": name} for name in ("a.jpg", "b.jpg")]))
    source = registry.make("source", "povid", {"file": "rows.json"})
    assert source.check(data, 0) == 1 and len(list(source.pairs(data, None, 0))) == 1
    (tmp_path / "rows.json").write_text(json.dumps([{**row, "image": name} for name in ("a.jpg", "b.jpg", "c.jpg")]))
    with pytest.raises(DataError, match="'b.jpg', was looked for as b.jpg"):
        list(source.pairs(data, None, 0))


def test_a_file_that_is_mostly_broken_rows_is_refused_under_skip_broken_too(tmp_path: Path) -> None:
    data = data_with(tmp_path, "a.jpg")
    good = {"image": "a.jpg", "question": "?", "chosen": "A cat.", "rejected": "A dog."}
    (tmp_path / "rows.json").write_text(json.dumps([good, {"image": "a.jpg"}, {}]))
    with pytest.raises(DataError, match="2 of 3 rows cannot be used") as told:
        registry.make("source", "rlaif_v", {"file": "rows.json", "skip_broken": True}).check(data, 0)
    assert "row 3: " in str(told.value)


def test_an_answer_without_a_rating_costs_itself_and_not_its_prompt(tmp_path: Path) -> None:
    def rated(text: str, rating: str) -> dict:
        names = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
        return {"response": text, "annotations": {name: {"Rating": rating} for name in names}}

    data = data_with(tmp_path, "a.jpg")
    answers = [rated("A bus.", "3"), rated("A tree.", "N/A"), rated("A cat.", "5"), rated("A sea.", "nan")]
    (tmp_path / "rows.json").write_text(json.dumps([{"id": "v", "img_path": "a.jpg", "prompt": "?", "completions": answers}]))
    (pair,) = registry.make("source", "vlfeedback", {"file": "rows.json"}).pairs(data, None, 0)
    assert (pair.chosen, pair.rejected, pair.meta["rating_gap"]) == ("A cat.", ("A bus.",), 2.0)


@pytest.mark.parametrize("lost", [None, "", "  ", 7])
def test_an_answer_without_a_text_costs_itself_and_not_its_prompt(lost: object, tmp_path: Path) -> None:
    names = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
    answers = [
        {"response": text, "annotations": {name: {"Rating": rating} for name in names}}
        for text, rating in ((lost, "5"), ("A cat.", "4"), ("A bus.", "2"), (lost, "1"))
    ]
    data = data_with(tmp_path, "a.jpg")
    (tmp_path / "rows.json").write_text(json.dumps([{"id": "v", "img_path": "a.jpg", "prompt": "?", "completions": answers}]))
    (pair,) = registry.make("source", "vlfeedback", {"file": "rows.json"}).pairs(data, None, 0)
    assert (pair.chosen, pair.rejected) == ("A cat.", ("A bus.",))


@pytest.mark.parametrize("lost", [None, "", 7])
def test_a_description_without_a_text_costs_itself_and_not_its_image(lost: object, tmp_path: Path) -> None:
    data = data_with(tmp_path, "vg/VG_100K/1.jpg")
    (tmp_path / "ha_dpo").mkdir()
    sides = {"chosen": [lost, "A cat.", lost], "rejected": [lost, "A dog."]}
    (tmp_path / "ha_dpo" / "desc_data.json").write_text(json.dumps({"1": sides}))
    (pair,) = registry.make("source", "ha_dpo", {"part": "desc"}).pairs(data, None, 0)
    assert (pair.chosen, pair.rejected) == ("A cat.", ("A dog.",))


@pytest.mark.parametrize("name", ["bdhs", "random_edit", "povid_noise", "jsonl", "povid", "vlfeedback", "ha_dpo", "rlhf_v"])
@pytest.mark.parametrize("limit", [-3, 0, "5", 2.0, True])
def test_a_limit_that_is_not_a_whole_number_above_0_is_refused_by_name(name: str, limit: object) -> None:
    with pytest.raises(ConfigError, match=rf"{name}.*limit is (the text )?{limit!r}"):
        registry.make("source", name, {"limit": limit})


SEVERAL = [{"from": "human", "value": "<image>\n<image>\nWhich?"}, TURNS[1]]
LATER = [*TURNS, {"from": "human", "value": "<image>And this?"}, TURNS[1]]


@pytest.mark.parametrize("name", ["bdhs", "random_edit"])
@pytest.mark.parametrize(
    ("change", "image", "reason"),
    [
        ({"image": ["a.png"]}, "a.png", ""),
        ({"image": None, "images": ["a.png"]}, "a.png", ""),
        ({"image": ["a.png", "b.png"], "conversations": SEVERAL}, ("a.png", "b.png"), ""),
        ({"image": ["a.png", "c.png"], "conversations": SEVERAL}, "", "missing image"),
        ({"image": ["a.png", "b.png"], "conversations": LATER}, "", "images of later turns"),
        ({"image": None, "video": "a.mp4"}, "", "video"),
        ({"conversations": [{"from": "human", "value": "<image><image>Which?"}, TURNS[1]]}, "", "more image marks than images"),
    ],
    ids=["list of one", "images", "two", "one missing", "in later turns", "video", "two marks"],
)
def test_a_prompt_keeps_its_images_and_what_it_cannot_hold_is_counted(tmp_path, name, change, image, reason):
    """None becomes a question without an image: sources of prompts feed BDHS and the online methods too."""
    rows = [{"id": n, "image": f"{n}.png", "conversations": TURNS} for n in ("a", "b")]
    data = data_with(tmp_path, "a.png", "b.png")
    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    (tmp_path / "rows.json").write_text(json.dumps([*rows, {**rows[0], "id": "c", **change}]))
    source = registry.make("source", name, {"prompts": "rows.json"})
    pairs = list(source.pairs(data, ScriptedModel(lambda _: " dog."), 0))
    assert [p.image for p in pairs] == ["a.png", "b.png", *([image] if image else [])]
    assert source.report()["dropped"] == ({reason: 1} if reason else {})
    assert source.check(data, 0) == len(pairs)


def test_a_prompt_with_three_images_for_two_marks_is_a_faulty_row(tmp_path):
    row = {"id": "c", "image": ["a.png", "b.png", "c.png"], "conversations": SEVERAL}
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    with pytest.raises(DataError, match=r"row 1 \(c\): 3 images for 2 marks <image>"):
        registry.make("source", "bdhs", {"prompts": "rows.json"}).check(FolderData(tmp_path), 0)


def test_a_prompt_whose_image_is_no_name_is_a_faulty_row(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps([{"id": "c", "image": {"bytes": 3}, "conversations": TURNS}]))
    with pytest.raises(DataError, match=r"row 1 \(c\): 'image' must be a name"):
        registry.make("source", "bdhs", {"prompts": "rows.json"}).check(FolderData(tmp_path), 0)


SOURCES = {
    "jsonl": {"file": "rows.jsonl"},
    "povid": {"file": "rows.jsonl"},
    "random_edit": {"prompts": "rows.jsonl"},
}


def row_for(source: str, number: int, image: str, rejected: str = "A dog.") -> dict:
    if source == "jsonl":
        return {"image": image, "prompt": "What?", "chosen": "A cat.", "rejected": [rejected]}
    turns = {"conversations": TURNS, "rejected_conversations": [TURNS[0], {"from": "gpt", "value": rejected}]}
    return {"id": str(number), "image": image, **(turns if source == "povid" else {"conversations": TURNS})}


def refusal(folder: Path, source: str, rows: list[dict]) -> str:
    """What a source says of a file none of whose rows can be used: the same to who counts and to who builds."""
    data = data_with(folder, "a.jpg")
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = set()
    for ask in (lambda made: list(made.pairs(data, None, 0)), lambda made: made.check(data, 0)):
        with pytest.raises(DataError) as told:
            ask(registry.make("source", source, SOURCES[source]))
        said.add(str(told.value))
    (one,) = said
    return one


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("names", "others"),
    [
        (["x.jpg"], ""),
        (["x.jpg", "x.jpg", "y.jpg"], " 'y.jpg' are missing too."),
        (list("vwxyz"), " 'w', 'x' and 2 more are missing too."),
    ],
    ids=len,
)
def test_a_file_whose_images_are_all_missing_says_how_many_which_and_where(tmp_path, source, names, others) -> None:
    assert refusal(tmp_path, source, [row_for(source, n, name) for n, name in enumerate(names)]) == (
        f"rows.jsonl: the images of {len(names)} of {len(names)} rows are not in the data folder {tmp_path}. The first, "
        f"{names[0]!r}, was looked for as {names[0]}.{others} Put the images there, or set image_folder to their folder. "
        "`python -m harness fetch NAME` says where a published set's come from."
    )


@pytest.mark.parametrize("source", ["jsonl", "povid"])
def test_a_file_of_rows_that_cannot_be_used_for_several_reasons_names_each(tmp_path: Path, source: str) -> None:
    rows = [row_for(source, 0, "a.jpg", "A cat."), row_for(source, 1, "a.jpg", " A cat. "), row_for(source, 2, "b.jpg")]
    assert refusal(tmp_path, source, rows) == (
        "rows.jsonl: none of its rows can be used. 3 of 3 rows are left out: identical answers 2, missing image 1 ('b.jpg'). "
        f"Correct the rows; missing images belong into the data folder {tmp_path}."
    )


def test_a_prompt_file_without_one_usable_answer_says_so(tmp_path: Path) -> None:
    turns = [TURNS[0], {"from": "gpt", "value": " "}]
    said = refusal(tmp_path, "random_edit", [{"image": "a.jpg", "conversations": turns}])
    assert said.startswith("rows.jsonl: none of its rows can be used. 1 of 1 rows are left out: empty answer 1.")


def test_what_is_left_out_of_a_source_inside_another_is_counted_with_it() -> None:
    inner = {"dropped": {"missing image": 2, "empty answer": 1}, "options": {"file": "x"}}
    assert left_out({"dropped": {"too long": 1}, "from": inner}) == "; left out: missing image 2, too long 1, empty answer 1"
    assert left_out({"dropped": {}, "first": {"dropped": {}}}) == "" == left_out({"rebuilt": "from pairs.jsonl"})
