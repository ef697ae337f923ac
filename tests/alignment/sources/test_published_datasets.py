"""Published data sets: each row becomes the pair its card promises; what does not is named or counted."""

import json
from pathlib import Path

import pytest

from harness.core import registry
from harness.core.errors import ConfigError, DataError
from harness.core.preference import PreferencePair
from tests.alignment.scripted import FolderData, ScriptedModel

TURNS = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cat."}]
WORSE = [TURNS[0], {"from": "gpt", "value": "A dog."}]
TEXTS = {"question": "What is it?", "chosen": "A cat.", "rejected": "A dog."}
POVID = {"id": "7", "image": "a.jpg", "conversations": TURNS, "rejected_conversations": WORSE}
RLHF_V = {"idx": 3, "ds_name": "RLHF-V", "image_path": "a.jpg", "text": json.dumps(TEXTS)}
RLAIF_V = {"idx": 3, "ds_name": "x", "image": "a.jpg", **TEXTS}
LLAVA_RLHF = {
    "id": "9",
    "image": "a.jpg",
    "conversations": TURNS[:1],
    "output_1": {"from": "llava", "value": "A dog."},
    "output_2": {"from": "llava", "value": "A cat."},
    "preference": 2,
}


def rated(text: str, *ratings: str) -> dict:
    names = ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")
    return {"response": text, "annotations": {n: {"Rating": r} for n, r in zip(names, ratings, strict=True)}}


VLFEEDBACK = {
    "id": "v",
    "img_path": "a.jpg",
    "prompt": "What is it?",
    "completions": [rated("A bus.", "3", "3", "5"), rated("A cat.", "5", "5", "5"), rated("A dog.", "1", "2", "5")],
}
ROWS = {"povid": POVID, "rlhf_v": RLHF_V, "rlaif_v": RLAIF_V, "llava_rlhf": LLAVA_RLHF, "vlfeedback": VLFEEDBACK}
LACKING = {"povid": "conversations", "rlhf_v": "text", "rlaif_v": "chosen", "llava_rlhf": "output_1", "vlfeedback": "prompt"}


def read(folder: Path, name: str, rows, seed: int = 0, **options) -> tuple[list[PreferencePair], dict]:
    (folder / "a.jpg").write_bytes(b"image")
    (folder / "rows.json").write_text(json.dumps(rows))
    source = registry.make("source", name, {"file": "rows.json", **options})
    return list(source.pairs(FolderData(folder), ScriptedModel(lambda _: ""), seed)), source.report()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_its_pair(tmp_path, name):
    (pair,), report = read(tmp_path, name, [ROWS[name]])
    assert (pair.image, pair.prompt, pair.chosen, pair.rejected) == ("a.jpg", "What is it?", "A cat.", ("A dog.",))
    assert (pair.source, len(pair.image_digest), report["accepted"]) == (name, 64, 1)


@pytest.mark.parametrize("name", ROWS)
def test_one_broken_row_is_named_or_counted(tmp_path, name):
    broken = {k: v for k, v in ROWS[name].items() if k != LACKING[name]}
    with pytest.raises(DataError, match=r"1 broken row;(.|\n)*row 2: "):
        read(tmp_path, name, [ROWS[name], broken])
    pairs, report = read(tmp_path, name, [ROWS[name], broken], skip_broken=True)
    assert (len(pairs), report["dropped"]) == (1, {"broken row": 1})


@pytest.mark.parametrize("name", ROWS)
def test_a_missing_image_and_repeated_ids_are_seen(tmp_path, name):
    key = "img_path" if name == "vlfeedback" else "image_path" if name == "rlhf_v" else "image"
    pairs, report = read(tmp_path, name, [ROWS[name], ROWS[name], {**ROWS[name], key: "gone.jpg"}])
    assert pairs[1].id == pairs[0].id + "#2"
    assert report["dropped"] == {"missing image": 1}


@pytest.mark.parametrize("name", ROWS)
def test_a_list_of_images_is_read(tmp_path, name):
    key = "img_path" if name == "vlfeedback" else "image_path" if name == "rlhf_v" else "image"
    image = ROWS[name][key]
    two = json.loads(json.dumps({**ROWS[name], key: [image, image]}).replace("<image>", "<image><image>"))
    pairs, report = read(tmp_path, name, [{**ROWS[name], key: [image]}, two])
    assert [p.image for p in pairs] == ["a.jpg", ("a.jpg", "a.jpg")]
    assert [len(p.image_digest) for p in pairs] == [64, 2] and not report["dropped"]


def test_json_lines_are_read_too(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(POVID)}\n\n{json.dumps(POVID)}\n")
    source = registry.make("source", "povid", {"file": "rows.jsonl", "limit": 1})
    assert len(list(source.pairs(FolderData(tmp_path), ScriptedModel(lambda _: ""), 0))) == 1


@pytest.mark.parametrize("name", ["povid", "llava_rlhf"])
def test_rows_with_earlier_turns_are_counted(tmp_path, name):
    turns = [*TURNS, *ROWS[name]["conversations"]]
    _, report = read(tmp_path, name, [ROWS[name], {**ROWS[name], "conversations": turns}])
    assert report["dropped"] == {"earlier turns": 1}


def test_ties_and_unreadable_ratings_of_vlfeedback_are_counted(tmp_path):
    tie = {**VLFEEDBACK, "completions": [rated("a", "1", "2", "3"), rated("b", "3", "2", "1")]}
    unread = {**VLFEEDBACK, "completions": [rated("a", "1", "2", "N/A"), rated("b", "3", "2", "1")]}
    _, report = read(tmp_path, "vlfeedback", [VLFEEDBACK, tie, unread])
    assert report["dropped"] == {"tie": 1, "rating is not a number": 1}


def test_answers_of_vlfeedback_as_columns_make_the_same_pair(tmp_path):
    columns = {key: [one[key] for one in VLFEEDBACK["completions"]] for key in ("response", "annotations")}
    (pair,), _ = read(tmp_path, "vlfeedback", [{**VLFEEDBACK, "completions": columns}])
    assert (pair.chosen, pair.rejected, pair.meta["rating_gap"]) == ("A cat.", ("A dog.",), round(15 / 3 - 8 / 3, 4))


def test_which_pair_of_vlfeedback_is_an_option(tmp_path):
    drawn = {read(tmp_path, "vlfeedback", [VLFEEDBACK], s, choice="best_random")[0][0].rejected[0] for s in range(9)}
    assert drawn == {"A bus.", "A dog."}
    with pytest.raises(ConfigError):
        registry.make("source", "vlfeedback", {"choice": "worst"})


def ha_dpo(folder: Path, **options) -> tuple[list[PreferencePair], dict]:
    (folder / "vg").mkdir(exist_ok=True)
    (folder / "vg" / "5.jpg").write_bytes(b"image")
    (folder / "ha_dpo").mkdir(exist_ok=True)
    both = {"5": {"chosen": ["A cat.", "A red cat."], "rejected": ["A dog.", "A bus."]}}
    asked = {"image_id": 5, "question": "Is it a cat?", "chosen": "Yes.", "reject": "No.", "correct": False}
    (folder / "ha_dpo" / "desc_data.json").write_text(json.dumps(both))
    (folder / "ha_dpo" / "pope_data.json").write_text(json.dumps([asked, {**asked, "correct": True}]))
    source = registry.make("source", "ha_dpo", options)
    return list(source.pairs(FolderData(folder), ScriptedModel(lambda _: ""), 0)), source.report()


def test_ha_dpo_reads_descriptions_and_wrong_yes_no_answers(tmp_path):
    (described, asked), report = ha_dpo(tmp_path)
    assert described.image == "vg/5.jpg"
    assert described.chosen in ("A cat.", "A red cat.")
    assert (asked.prompt, asked.chosen, asked.rejected) == ("Is it a cat?", "Yes.", ("No.",))
    assert report["dropped"] == {"answered right": 1}


def test_a_part_that_ha_dpo_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="choose one of both, desc, pope"):
        registry.make("source", "ha_dpo", {"part": "all"})


def test_ha_dpo_can_give_the_cross_product(tmp_path):
    pairs, _ = ha_dpo(tmp_path, part="desc", all_pairs=True)
    assert len({(p.chosen, p.rejected) for p in pairs}) == 4


def by_model(name: str, *models: str, **row) -> dict:
    """VLFEEDBACK with its answers by these models; the second one is rated best."""
    answers = [{**c, "model": m} for c, m in zip(VLFEEDBACK["completions"], models, strict=True)]
    return {**VLFEEDBACK, "id": name, "completions": answers, **row}


def test_prompts_of_vlfeedback_whose_best_answer_is_a_models(tmp_path):
    rows = [by_model("a-1", "GPT-4V", "llava-v1.5-7b", "x"), by_model("a-2", "llava-v1.5-7b", "gpt4v", "x")]
    for wanted, name in (("GPT-4V", "a-2"), ("llava-v1.5-7b", "a-1")):
        (pair,), report = read(tmp_path, "vlfeedback", rows, chosen_by=wanted)
        assert (pair.id, pair.chosen, pair.rejected) == (name, "A cat.", ("A dog.",))
        assert report["dropped"] == {"best answer by another model": 1}
    assert pair.meta["chosen_by"] == "llava-v1.5-7b" and pair.meta["rejected_by"] == "x"


def test_of_answers_that_share_the_best_rating_the_wanted_models_is_chosen(tmp_path):
    answers = [{**rated(m, "5", "5", "5"), "model": m} for m in ("p", "q", "r")] + [
        {**rated("bad", "1", "1", "1"), "model": "s"}
    ]
    for wanted in ("p", "q", "r"):
        (pair,), _ = read(tmp_path, "vlfeedback", [{**VLFEEDBACK, "completions": answers}], chosen_by=wanted)
        assert (pair.chosen, pair.rejected) == (wanted, ("bad",))


def test_prompts_of_one_of_vlfeedbacks_data_sets(tmp_path):
    rows = [{**VLFEEDBACK, "id": name} for name in ("llava-5", "LLaVA-6", "llavar-5", "svit-conversation-1219")]
    pairs, report = read(tmp_path, "vlfeedback", rows, origin="llava")
    assert [p.id for p in pairs] == ["llava-5", "LLaVA-6"]
    assert report["dropped"] == {"prompt of another origin": 2}


@pytest.mark.parametrize(("options", "there"), [({"origin": "coco"}, "a, svit"), ({"chosen_by": "claude"}, "p, q, r")])
def test_a_name_that_no_row_has_is_refused_with_those_that_there_are(tmp_path, options, there):
    rows = [by_model("svit-1", "p", "q", "r"), by_model("a-1", "p", "q", "r")]
    with pytest.raises(DataError, match=f"There are: {there}"):
        read(tmp_path, "vlfeedback", rows, **options)
