"""Ties and weights of pairs, and values of the wrong kind: counted or named, never trained on as something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.config import schema as config
from harness.core import registry
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.core.preference import PreferencePair
from harness.run.checks.pair_notes import notes_of_run
from harness.storage.data_folder import DataFolder
from tests.alignment.rows.test_unread_keys import FORMS, TRL, read
from tests.alignment.sources.test_published_datasets import LLAVA_RLHF, VLFEEDBACK, rated
from tests.end_to_end.conftest import SMALL
from tests.end_to_end.test_dry_run import row as own_row

COLUMNS = {**FORMS["columns"], "image": "a.png"}
SENTINEL = {"image_path": "a.png", "question": "What?", "context": "A street.", "y_win": "A car.", "y_lose": "A cow."}
TURNS = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]
INSTRUCT = {"id": "7", "image": "a.png", "conversations": TURNS}


@pytest.mark.parametrize("form", FORMS)
def test_ties_and_pairs_of_weight_0_are_left_out_in_every_form(tmp_path: Path, form: str) -> None:
    good = {**FORMS[form], "images": ["a.png"], "is_tie": False, "ls_factor": 1.0}
    pairs, dropped = read(tmp_path, [good, {**good, "is_tie": True}, {**good, "weight": 0, "ls_factor": None}])
    assert len(pairs) == 1 and dropped == {"tie": 1, "weight of 0": 1} and not pairs[0].meta


@pytest.mark.parametrize("form", FORMS)
def test_the_run_and_its_report_say_how_many_pairs_have_a_weight_that_is_not_used(tmp_path: Path, form: str) -> None:
    good = {**FORMS[form], "images": ["a.png"]}
    source = registry.make("source", "dataset", {"file": "rows.jsonl"})
    read(tmp_path, [good, {**good, "weight": 0.5}, {**good, "ls_factor": "2"}])
    pairs = list(source.pairs(DataFolder(tmp_path), NoModel(), 0))
    assert [pair.meta for pair in pairs] == [{}, {"pair_weight": 0.5}, {"pair_weight": 2.0}]
    assert source.report()["weights_not_used"] == 2
    notes = notes_of_run(config.parse(SMALL).arms[0], NoModel(), pairs)
    assert any(note.startswith("2 of 3 pairs have a weight other than 1, which no loss here uses") for note in notes)


def test_mm_rlhf_leaves_ties_out_and_counts_weights(tmp_path: Path) -> None:
    rows = [{**COLUMNS, "is_tie": False, "ls_factor": 0.25}, {**COLUMNS, "is_tie": True}, COLUMNS]
    source = registry.make("source", "mm_rlhf", {"file": "rows.jsonl"})
    read(tmp_path, rows)
    assert len(list(source.pairs(DataFolder(tmp_path), NoModel(), 0))) == 2
    assert (source.report()["dropped"], source.report()["weights_not_used"]) == ({"tie": 1}, 1)


def test_a_tie_in_a_trl_pair_file_is_named_by_line(tmp_path: Path) -> None:
    for tie in ({"is_tie": True}, {"weight": 0.0}):
        with pytest.raises(DataError, match="line 2: a tie, or of weight 0: the source `dataset` leaves such rows out"):
            read(tmp_path, [TRL, {**TRL, **tie}], "jsonl", form="trl")


def test_a_weight_in_a_trl_pair_file_is_counted(tmp_path: Path) -> None:
    source = registry.make("source", "jsonl", {"file": "rows.jsonl", "form": "trl"})
    read(tmp_path, [TRL, {**TRL, "weight": 3}])
    assert len(list(source.pairs(DataFolder(tmp_path), NoModel(), 0))) == 2
    assert source.report()["weights_not_used"] == 1


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("dataset", {**COLUMNS, "is_tie": "False"}, "'is_tie' must be true or false, not 'False'"),
    ("dataset", {**COLUMNS, "weight": -1}, "'weight' must be a number, 0 or more, not -1"),
    ("dataset", {**COLUMNS, "ls_factor": True}, "'ls_factor' must be a number"),
    ("dataset", {**COLUMNS, "ls_factor": [1]}, "'ls_factor' must be a number"),
    ("dataset", {**COLUMNS, "question": "How many?"}, "'question' is 'How many\\?' and 'prompt' is 'What\\?': give one"),
    ("dataset", {**COLUMNS, "question": ["What?"]}, "'question' must be a text"),
    ("dataset", {**COLUMNS, "instruction": "Why?"}, r"'instruction' and 'prompt' \('What\?'\) ask different things"),
    ("dataset", {"instruction": "What?", "input": ["A"], "chosen": "A.", "rejected": "B."}, "'input' must be a text, not"),
    ("dataset", {**FORMS["llama_factory"], "chosen": {"from": "human", "value": "A cat."}}, "a message of 'human', not of"),
    ("dataset", {**TRL, "chosen": [{"role": "assistant", "content": [{"type": "text", "text": ["A"]}]}]}, "whose text is"),
    ("sentinel", {**SENTINEL, "context": ["A", "B"]}, r"'context' must be a text, not \['A', 'B'\]"),
    ("hsa_dpo", {"id": True, "question": "What?", "chosen": "A.", "rejected": "B."}, "'id' must be a number or a text"),
    ("hsa_dpo", {**COLUMNS, "image": None}, "'id' is missing"),
    ("hsa_dpo", {**COLUMNS, "question": "Why?"}, "give one of them"),
    ("llava_rlhf", {**LLAVA_RLHF, "preference": True}, "'preference' must be 1 or 2, not True"),
]


@pytest.mark.parametrize(("source", "row", "says"), BROKEN)
def test_a_value_of_another_kind_makes_a_broken_row(tmp_path: Path, source: str, row: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=f"1 broken row;.*\n  row 1: .*{says}"):
        read(tmp_path, [row], source)


def test_question_and_prompt_that_say_the_same_are_one(tmp_path: Path) -> None:
    rows = [{**COLUMNS, "question": "What?"}, {**COLUMNS, "prompt": "<image>\nWhat?", "question": "What?"}]
    rows += [{**COLUMNS, "question": None}, {**COLUMNS, "question": ""}]
    assert [pair.prompt for pair in read(tmp_path, rows)[0]] == ["What?"] * 4


@pytest.mark.parametrize("value", [10, "99", "0", True, ["5"], "1e1"])
def test_a_rating_of_vlfeedback_outside_its_scale_is_a_broken_row(tmp_path: Path, value: object) -> None:
    row = {**VLFEEDBACK, "img_path": "a.png", "completions": [*VLFEEDBACK["completions"], rated("A sea.", value, "1", "1")]}
    with pytest.raises(DataError, match="row 1: the rating of Helpfulness .* 1 to 5"):
        read(tmp_path, [row], "vlfeedback")


def test_answers_of_vlfeedback_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    more = [rated("A sea.", "N/A", "1", "1"), rated("", "1", "1", "1"), rated("A lake.", None, "5", "5")]
    row = {**VLFEEDBACK, "img_path": "a.png", "completions": [*VLFEEDBACK["completions"], *more]}
    source = registry.make("source", "vlfeedback", {"file": "rows.jsonl"})
    read(tmp_path, [row, {**VLFEEDBACK, "img_path": "a.png"}], "vlfeedback")
    assert len(list(source.pairs(DataFolder(tmp_path), NoModel(), 0))) == 2
    assert source.report()["answers_left_out"] == 3


@pytest.mark.parametrize("value", [["What?"], 5, {"text": "What?"}])
def test_a_turn_of_a_prompt_file_that_is_no_text_is_a_faulty_row(tmp_path: Path, value: object) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for turn in (0, 1):
        row = json.loads(json.dumps(INSTRUCT))
        row["conversations"][turn]["value"] = value
        (tmp_path / "rows.json").write_text(json.dumps([INSTRUCT, row]))
        with pytest.raises(DataError, match=r"row 2 \(7#2\): 'value' must be a text, not"):
            registry.make("source", "bdhs", {"prompts": "rows.json"}).check(DataFolder(tmp_path), 0)


def ha_dpo(folder: Path, desc: dict[str, Any], pope: list[Any], **options: Any) -> tuple[list[PreferencePair], Any]:
    for name in ("1", "2", "3"):
        (folder / "vg").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "vg" / f"{name}.jpg")
    (folder / "ha_dpo").mkdir(exist_ok=True)
    (folder / "ha_dpo/desc_data.json").write_text(json.dumps(desc))
    (folder / "ha_dpo/pope_data.json").write_text(json.dumps(pope))
    source = registry.make("source", "ha_dpo", options)
    return list(source.pairs(DataFolder(folder), NoModel(), 0)), source.report()["dropped"]


SIDES = {"chosen": ["A cat.", "A red cat."], "rejected": ["A dog."]}
ASKED = {"image_id": 1, "question": "Is it a cat?", "chosen": "Yes.", "reject": "No.", "correct": False}


@pytest.mark.parametrize("all_pairs", [False, True])
@pytest.mark.parametrize(
    ("sides", "key"),
    [({**SIDES, "chosen": "A cat"}, "chosen"), ({**SIDES, "chosen": []}, "chosen"), ({"chosen": ["A cat."]}, "rejected"),
     (["A cat."], "chosen"), (None, "chosen"), ({**SIDES, "rejected": [7]}, "rejected")],
)  # fmt: skip
def test_broken_descriptions_of_ha_dpo_are_counted_and_named(tmp_path: Path, all_pairs: bool, sides: Any, key: str) -> None:
    desc = {"1": SIDES, "2": sides, "3": SIDES}
    with pytest.raises(DataError, match=f"ha_dpo/desc_data.json, image 2: '{key}' must be a list of texts"):
        ha_dpo(tmp_path, desc, [ASKED], all_pairs=all_pairs)
    pairs, dropped = ha_dpo(tmp_path, desc, [ASKED], all_pairs=all_pairs, skip_broken=True)
    n_broken = 2 if all_pairs and isinstance(sides, dict) and sides.get("rejected") == [7] else 1  # of the cross product
    assert (len(pairs), dropped) == ((5 if all_pairs else 3), {"broken row": n_broken})
    assert all(len(text) > 2 for pair in pairs for text in pair.answers)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"correct": "False"}, "'correct' must be true or false"), ({"image_id": None}, "'image_id' must be"),
     ({"image_id": [1]}, "'image_id' must be"), ({"question": None}, "'question' must be a text")],
)  # fmt: skip
def test_broken_questions_of_ha_dpo_are_named_by_file_and_row(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=f"ha_dpo/pope_data.json, row 2: {says}"):
        ha_dpo(tmp_path, {"1": SIDES}, [ASKED, {**ASKED, **change}])


def test_descriptions_of_ha_dpo_that_are_no_texts_are_counted(tmp_path: Path) -> None:
    source = registry.make("source", "ha_dpo", {})
    ha_dpo(tmp_path, {"1": {"chosen": [None, "A cat.", 7], "rejected": ["", "A dog."]}}, [ASKED])
    assert len(list(source.pairs(DataFolder(tmp_path), NoModel(), 0))) == 2
    assert source.report()["answers_left_out"] == 3


def mmpr(folder: Path, rows: list[Any], **meta: Any) -> None:
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    (folder / "one.jsonl").write_text(json.dumps(COLUMNS))
    (folder / "two.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sets = {"one": {"root": "", "annotation": "one.jsonl"}, "two": {"root": "", "annotation": "two.jsonl", **meta}}
    (folder / "meta.json").write_text(json.dumps(sets))
    list(registry.make("source", "mmpr", {"file": "meta.json"}).pairs(DataFolder(folder), NoModel(), 0))


def test_a_broken_row_of_mmpr_is_named_with_its_set_and_file(tmp_path: Path) -> None:
    two = {**COLUMNS, "prompt": "<image><image>Which?"}
    with pytest.raises(DataError, match="\n  two: two.jsonl, row 2: 1 image for 2 marks <image>"):
        mmpr(tmp_path, [COLUMNS, two])


@pytest.mark.parametrize("meta", [{"annotation": 5}, {"annotation": ["two.jsonl"]}, {"root": 5}, {"root": "../x"}])
def test_paths_in_mmprs_meta_file_must_be_texts_inside_the_data_folder(tmp_path: Path, meta: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="meta.json must map each set to an object"):
        mmpr(tmp_path, [COLUMNS], **meta)


def test_weights_and_ties_have_no_place_in_own_pair_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown key weight"):
        read(tmp_path, [{**own_row(1, "a.png"), "weight": 2}], "jsonl")
