"""The miniature world: official formats, true words, same bytes, and a checkpoint that answers."""

import errno
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from harness.core.errors import DataError
from harness.miniworld.model.paths import checkpoint_folder
from harness.miniworld.world.captions import absent_kind, detailed_caption
from harness.miniworld.world.contents import draw
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.instruction_files import preference_caption, preference_yes_no, training_turns
from harness.miniworld.world.questions import MAKERS
from harness.miniworld.world.scenes import PLACES, WorldSettings, plan_scene
from harness.miniworld.world.write import write_world
from tests.small_world import SMALL

# ids and supercategories as printed in the official instances_val2014.json
OFFICIAL = {
    "person": (1, "person"), "car": (3, "vehicle"), "boat": (9, "vehicle"), "traffic light": (10, "outdoor"),
    "stop sign": (13, "outdoor"), "bench": (15, "outdoor"), "dog": (18, "animal"), "cow": (21, "animal"),
    "umbrella": (28, "accessory"), "kite": (38, "sports"), "bottle": (44, "kitchen"), "bowl": (51, "kitchen"),
    "pizza": (59, "food"), "potted plant": (64, "furniture"), "dining table": (67, "furniture"), "tv": (72, "electronic"),
    "cell phone": (77, "electronic"), "refrigerator": (82, "appliance"), "book": (84, "indoor"), "teddy bear": (88, "indoor"),
}  # fmt: skip


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def read_lines(folder: Path, name: str):
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_kinds_carry_cocos_names_ids_and_supercategories():
    icons = all_icons()
    assert len(icons) >= 32
    assert len({icon.category_id for icon in icons.values()}) == len(icons)
    for name, expected in OFFICIAL.items():
        assert (icons[name].category_id, icons[name].supercategory) == expected
    assert all(set(place.kinds) <= set(icons) for place in PLACES)


def test_same_settings_write_the_same_bytes_and_another_seed_does_not(tmp_path):
    tiny = WorldSettings(train_images=4, val_images=30, preference_captions=2, preference_yes_no=2)
    other = WorldSettings(seed=1, train_images=4, val_images=30, preference_captions=2, preference_yes_no=2)
    for name, settings in (("a", tiny), ("b", tiny), ("c", other)):
        write_world(tmp_path / name, settings)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert read(tmp_path / "a", "world.json")["digest"] != read(tmp_path / "c", "world.json")["digest"]


def test_a_second_call_touches_nothing(world):
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*")}
    write_world(world, SMALL)
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*")} == before
    assert [path for path in world.parent.iterdir() if path != world] == []


def test_a_world_of_the_first_release_is_this_very_world(tmp_path, world):
    """Version 0.1 called three of the settings train_pictures, val_pictures and build_pictures; the files are the same."""
    shutil.copytree(world, tmp_path / "old")
    marker = (tmp_path / "old" / "world.json").read_text()
    (tmp_path / "old" / "world.json").write_text(marker.replace("_images", "_pictures"))
    write_world(tmp_path / "old", SMALL)
    assert "val_pictures" in (tmp_path / "old" / "world.json").read_text()


def test_a_folder_with_something_else_is_left_alone(tmp_path, world):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="holds other files"):
        write_world(tmp_path, SMALL)
    with pytest.raises(DataError, match="another miniature world"):
        write_world(world, WorldSettings(seed=5))
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_write_that_dies_leaves_no_world_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.miniworld.world.write.files_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_world(tmp_path / "world", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_train_and_val_images_are_disjoint(world):
    digests = bytes_of(world / "coco")
    train = {digest for name, digest in digests.items() if name.startswith("train2014/")}
    val = {digest for name, digest in digests.items() if name.startswith("val2014/")}
    assert (len(train), len(val)) == (SMALL.train_images, SMALL.val_images)
    assert not train & val


@pytest.mark.parametrize("part", ["train", "val"])
def test_annotations_have_cocos_form_and_name_files_that_exist(world, part):
    instances = read(world, f"coco/annotations/instances_{part}2014.json")
    captions = read(world, f"coco/annotations/captions_{part}2014.json")
    names = {category["id"]: category["name"] for category in instances["categories"]}
    assert names == {icon.category_id: icon.name for icon in all_icons().values()}
    assert all((world / f"coco/{part}2014" / image["file_name"]).is_file() for image in instances["images"])
    ids = [image["id"] for image in instances["images"]]
    for row in instances["annotations"]:
        x, y, width, height = row["bbox"]
        assert row["image_id"] in ids and row["category_id"] in names and row["iscrowd"] == 0
        assert 0 < row["area"] <= width * height and x + width <= 112 and y + height <= 112
    assert [sum(c["image_id"] == i for c in captions["annotations"]) for i in ids] == [5] * len(ids)


def test_images_hold_four_to_six_things_and_mostly_three_kinds(world):
    annotations = read(world, "coco/annotations/instances_val2014.json")["annotations"]
    kinds: dict[int, set[int]] = {}
    for row in annotations:
        kinds.setdefault(row["image_id"], set()).add(row["category_id"])
    assert 4 <= len(annotations) / len(kinds) <= 6.5
    assert sum(len(found) >= 3 for found in kinds.values()) > 0.9 * len(kinds)


def test_three_per_cent_of_val_labels_are_wrong_and_all_are_listed(world):
    written = {row["id"]: row for row in read(world, "coco/annotations/instances_val2014.json")["annotations"]}
    names = {icon.category_id: icon.name for icon in all_icons().values()}
    truth = [name for index in range(SMALL.val_images) for name in plan_scene(SMALL, "val", index).kinds.items()]
    n_true = sum(count for _, count in truth)
    faults = read(world, "proofs/faults.json")["faults"]
    assert len(faults) == round(0.03 * n_true)
    for fault in faults:
        row = written.get(fault["annotation_id"])
        assert ("" if row is None else names[row["category_id"]]) == fault["written"] != fault["true"]
    listed = {fault["annotation_id"] for fault in faults}
    for index in range(SMALL.val_images):
        scene = plan_scene(SMALL, "val", index)
        rows = [row for row in written.values() if row["image_id"] == scene.image_id and row["id"] not in listed]
        assert all(names[row["category_id"]] in scene.kinds for row in rows)


@pytest.mark.parametrize("split", ["random", "popular", "adversarial"])
def test_pope_files_alternate_yes_and_no(world, split):
    rows = read_lines(world, f"pope/coco_pope_{split}.json")
    assert [row["label"] for row in rows] == ["yes", "no"] * (len(rows) // 2)
    assert len(rows) > 4 * SMALL.val_images
    assert set(rows[0]) == {"question_id", "image", "text", "label"}
    assert all((world / "coco/val2014" / row["image"]).is_file() for row in rows)


def test_mmhal_and_llava_bench_have_the_official_keys_and_sizes(world):
    mmhal = read(world, "mmhal/mmhal_bench.json")
    types = ["attribute", "adversarial", "comparison", "counting", "relation", "environment", "holistic", "other"]
    assert [row["question_type"] for row in mmhal] == types * 12
    keys = {"question_type", "question_topic", "image_id", "image_src", "image_content", "question", "gt_answer"}
    assert all(set(row) == keys | {"model_answer", "image"} and (world / row["image"]).is_file() for row in mmhal)
    questions = read_lines(world, "llava_bench/questions.jsonl")
    assert len(questions) == 60 and len({row["image"] for row in questions}) == 24
    assert {row["category"] for row in questions} == {"conv", "detail", "complex"}
    assert [row["question_id"] for row in read_lines(world, "llava_bench/answers_gpt4.jsonl")] == list(range(60))
    assert {row["image"] for row in read_lines(world, "llava_bench/context.jsonl")} == {row["image"] for row in questions}


def words_of(text: str) -> set[str]:
    """Kinds named in a text, by the words that this world uses."""
    found, padded = set(), f" {text.lower().replace('.', ' ').replace(',', ' ')} "
    for icon in all_icons().values():
        words = (icon.name, icon.plural, *icon.synonyms)
        if any(f" {word} " in padded for word in words):
            found.add(icon.name)
    return found


def test_every_caption_of_val_names_only_what_is_there(world):
    scenes = {scene.image_id: scene for scene in (plan_scene(SMALL, "val", i) for i in range(SMALL.val_images))}
    for row in read(world, "coco/annotations/captions_val2014.json")["annotations"]:
        assert words_of(row["caption"]) <= set(scenes[row["image_id"]].kinds)


def test_chosen_captions_are_faithful_and_complete_and_chosen_yes_no_are_true():
    for index in range(200):
        scene = plan_scene(SMALL, "train", index)
        caption = preference_caption(scene, SMALL)[1]
        assert words_of(caption) == set(scene.kinds)
        assert 2 <= caption.count(".") <= 4
        question, answer = preference_yes_no(scene, SMALL)
        asked = words_of(question.replace("?", " "))
        assert answer.startswith("Yes, ") == (asked <= set(scene.kinds))


def test_one_in_five_training_descriptions_names_something_absent():
    """The share of rows with a caption that invents; the answer to any other question is true."""
    wrong = 0
    for index in range(1200):
        scene = plan_scene(SMALL, "train", index)
        long_answers = [answer for _, answer in training_turns(scene, SMALL) if answer.count(".") > 1]
        wrong += any(not words_of(answer) <= set(scene.kinds) for answer in long_answers if not answer.startswith("No, "))
    assert 0.15 < wrong / 1200 < 0.20  # one in five of the descriptions that are not brief ones (seven in eight)


def test_every_question_maker_answers_from_the_scene():
    import random

    rng = random.Random(0)
    asked = dict.fromkeys(MAKERS, 0)
    for index in range(40):
        scene = plan_scene(SMALL, "val", index)
        for name, make in MAKERS.items():
            turn = make(scene, rng)
            if turn:
                asked[name] += 1
                invented = words_of(turn[1].removeprefix("A person")) - set(scene.kinds)
                assert (len(invented) == 1) == (name == "adversarial"), (name, turn)
    assert min(asked.values()) > 5
    wrong = absent_kind(scene, rng, 1.0)
    assert wrong in words_of(detailed_caption(scene, rng, wrong=wrong))


def test_nouns_cover_every_kind_once(world):
    lines = [line.split(", ") for line in (world / "nouns.txt").read_text().splitlines()]
    assert [line[0] for line in lines] == list(all_icons())
    words = [word for line in lines for word in line]
    assert len(words) == len(set(words))


@pytest.fixture(scope="module")
def shipped():
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(checkpoint_folder())
    model = AutoModelForImageTextToText.from_pretrained(checkpoint_folder(), dtype="float32")
    return SimpleNamespace(processor=processor, model=model.eval())


def test_the_checkpoint_is_llava_next_in_safetensors_and_under_six_megabytes(shipped):
    assert type(shipped.model).__name__ == "LlavaNextForConditionalGeneration"
    names = {path.name for path in checkpoint_folder().iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md", "training_log.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".py"))]
    assert sum(path.stat().st_size for path in checkpoint_folder().iterdir()) < 6_000_000


def test_the_chat_template_writes_the_end_token_after_every_answer(shipped):
    chat = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is it?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        {"role": "user", "content": "And that?"},
    ]
    text = shipped.processor.apply_chat_template(chat, add_generation_prompt=True)
    assert text == "USER: <image>\nIs it? ASSISTANT: Yes.</s>USER: And that? ASSISTANT:"
    assert shipped.processor.tokenizer(text)["input_ids"].count(shipped.model.config.text_config.eos_token_id) == 1


def test_the_tokenizer_keeps_any_text_and_has_whole_words(shipped):
    tokenizer = shipped.processor.tokenizer
    for text in ("Ünïcode 🙂 中文\n\ttab 'quote'", " a refrigerator"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    for icon in all_icons().values():
        assert len(tokenizer.tokenize(f" {icon.name}")) == len(icon.name.split()), icon.name
        assert len(tokenizer.tokenize(f" {icon.plural}")) == len(icon.plural.split()), icon.plural


def test_the_checkpoint_answers_about_an_image(shipped, world):
    import torch
    from PIL import Image

    image = Image.open(sorted((world / "coco/val2014").iterdir())[0])
    text = "USER: <image>\nPlease describe this image in detail. ASSISTANT:"
    inputs = shipped.processor(images=image, text=text, return_tensors="pt")
    with torch.no_grad():
        output = shipped.model.generate(**inputs, max_new_tokens=96, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    answer = shipped.processor.tokenizer.decode(output, skip_special_tokens=True)
    assert output[-1] == shipped.model.config.text_config.eos_token_id
    assert answer.startswith((" This is ", " The image shows ", " The picture was taken ")) and answer.endswith(".")


def test_the_plan_of_the_default_world_is_what_it_always_was():
    """The digest was taken before the planner was made faster."""
    scenes = [plan_scene(WorldSettings(), part, index) for part in ("train", "val") for index in range(300)]
    assert (
        hashlib.sha256(repr(scenes).encode()).hexdigest() == "3e8db36777b13255bc0c0d37708513d370a2a531af1006b90bc1810088a0a65d"
    )


def test_an_image_that_the_full_disk_has_no_room_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left") as caught:
        draw(plan_scene(WorldSettings(), "val", 0), tmp_path / "a.jpg", WorldSettings())
    assert caught.value.filename == str(tmp_path / "a.jpg")
