"""Files of strangers whose values have another type than the format says: one line with file and place, never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment.data.pairs import read_pairs
from benchmarks._coco.annotations import parse_annotations
from benchmarks.judges.recorded import Recorded
from harness.config.schema import BenchmarkConfig
from harness.core import registry
from harness.core.errors import DataError, HarnessError
from harness.evaluation.asked_items import items_of
from harness.evaluation.scoring import score_answer, unjudged
from harness.storage.data_folder import DataFolder
from harness.storage.label_revisions import loads

ODD: list[Any] = [None, True, 7, -1.5, "", "x", [], ["a", 3], {}, {"a": [1]}]
# fmt: off
# ruff: noqa: E501
FILES: dict[str, tuple[str, Any]] = {
    "gqa": ("gqa/testdev_balanced_questions.json", {"1": {"question": "q", "answer": "a", "imageId": "1", "types": {"structural": "query"}}}),
    "textvqa": ("textvqa/TextVQA_0.5.1_val.json", {"data": [{"question_id": 1, "question": "q", "image_id": "a", "answers": ["x"] * 10}]}),
    "mmvet": ("mmvet/mm-vet.json", {"v1_0": {"imagename": "a.jpg", "question": "q", "answer": "a", "capability": ["ocr"]}}),
    "mmhal_bench": (
        "mmhal/mmhal_bench.json",
        [{"question_type": "attribute", "image_content": ["dog"], "image_src": "http://x/a.jpg", "question": "q", "gt_answer": "a"}],
    ),
    "pope": ("pope/coco_pope_random.json", [{"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "yes"}]),
}
# fmt: on
OPTIONS = {"pope": {"splits": ["random"]}}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    made = copy.deepcopy(value)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return made


@pytest.mark.parametrize("name", FILES)
def test_a_question_file_with_values_of_another_type_is_read_or_refused_by_name(tmp_path: Path, name: str) -> None:
    file, good = FILES[name]
    (tmp_path / file).parent.mkdir(parents=True)
    spec = BenchmarkConfig.model_validate({"name": name, **OPTIONS.get(name, {})})
    for path in places(good):
        for odd in ODD:
            (tmp_path / file).write_text(json.dumps(changed(good, path, odd)))
            try:
                items_of(spec, unjudged(spec), DataFolder(tmp_path))
            except DataError as error:
                assert "\n" not in str(error) and (Path(file).name in str(error) or name in str(error)), (path, odd, error)


SOURCES: dict[str, tuple[str, Any]] = {
    "povid": ("povid/POVID_preference_data_for_VLLMs.json", [{
        "id": "1", "image": "a.jpg",
        "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
        "rejected_conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "b"}]}]),
    "vlfeedback": ("vlfeedback/vlfeedback_80k.jsonl", [{"id": "1", "prompt": "p", "img_path": "a.jpg", "completions": [
        {"model": "m", "response": r, "annotations": {a: {"Rating": s} for a in
            ("Helpfulness", "Visual Faithfulness", "Ethical Considerations")}} for r, s in (("a", "5"), ("b", "1"))]}]),
    "rlhf_v": ("rlhf_v/RLHF-V-Dataset.json", [{"idx": 1, "image": "a.jpg", "text": '{"question": "q", "chosen": "a", "rejected": "b"}'}]),
    "ha_dpo": ("ha_dpo/desc_data.json", {"1": {"chosen": ["a"], "rejected": ["b"]}}),
    "llava_rlhf": ("llava_rlhf/llava_7b_v1_preference.json", [{"id": "1", "image": "a.jpg", "preference": 1,
        "conversations": [{"from": "human", "value": "q"}], "output_1": {"value": "a"}, "output_2": {"value": "b"}}]),
    "bdhs": ("instruct/preference_prompts.json", [
        {"id": "1", "image": "a.jpg", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_preference_file_with_values_of_another_type_is_read_or_refused_by_name(tmp_path: Path, name: str) -> None:
    file, good = SOURCES[name]
    (tmp_path / file).parent.mkdir(parents=True)
    source = registry.make("source", name, {"part": "desc"} if name == "ha_dpo" else {})
    for path in places(good):
        for odd in ODD:
            (tmp_path / file).write_text(json.dumps(changed(good, path, odd)))
            try:
                source.check(DataFolder(tmp_path), 0)
            except HarnessError as error:
                assert str(error), (path, odd)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{" + '"a":{' * 100_000, "9" * 4301, '{"a": ' + "9" * 5000 + "}", "\x00", "[1,"]
)
def test_json_that_no_parser_takes_is_refused_everywhere(tmp_path: Path, text: str) -> None:
    readers: list[Callable[[], object]] = [
        lambda: parse_annotations(DataFolder(tmp_path), "f.json"),
        lambda: read_pairs(tmp_path / "f.json"),
        lambda: Recorded(str(tmp_path / "f.json")),
        lambda: loads(text, "f.json"),
        lambda: registry.make("source", "povid", {"file": "f.json"}).check(DataFolder(tmp_path), 0),
        lambda: registry.make("source", "bdhs", {"prompts": "f.json"}).check(DataFolder(tmp_path), 0),
    ]
    (tmp_path / "f.json").write_text(text)
    for read in readers:
        with pytest.raises(HarnessError):
            read()


def test_line_separators_inside_a_pair_do_not_break_its_file(tmp_path: Path) -> None:
    row = {"id": "1", "image": "", "prompt": "p", "chosen": "one\u2028two\u2029three\x85four", "rejected": ["b"]}
    (tmp_path / "p.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_pairs(tmp_path / "p.jsonl")[0].chosen == row["chosen"]


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "/etc/x", "a" * 81, ".hidden"])
def test_a_revision_may_not_carry_a_name_that_leads_elsewhere(name: str) -> None:
    with pytest.raises(DataError, match="is not a valid name"):
        loads(json.dumps({"revision": name, "format": 1}) + "\n", "f.jsonl")


def test_an_answer_that_a_benchmark_cannot_score_is_named() -> None:
    from harness.core.evaluation import Answer, Item

    class Odd:
        def score(self, item: Item, answer: Answer) -> Any:
            return {}[answer.text]

    with pytest.raises(DataError, match="Odd cannot score the answer to item '7'"):
        score_answer(Odd(), Item("7", "", "q"), Answer("7", "a", 1, "end"))


def test_a_name_that_no_file_can_have_is_a_missing_file(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    for name in ("a" * 5000 + ".jpg", "a\0b.jpg"):
        assert not data.has(name)
        with pytest.raises(DataError, match="is not in the data folder"):
            data.path(name)
