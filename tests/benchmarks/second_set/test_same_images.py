"""Two images that must differ: one name in both places is refused with its row, one file under two names is flagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.choice.mmvp import Mmvp
from benchmarks.choice.naturalbench import NaturalBench
from benchmarks.yes_no.beaf import Beaf
from benchmarks.yes_no.hallusionbench import HallusionBench
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden_lines, put
from tests.benchmarks.second_set.golden_cases import scored

NATURAL = golden_lines("naturalbench/questions.jsonl")[0]
MMVP = "Index,Question,Options,Correct Answer\n" + "".join(
    f"{n},Open?,(a) Yes (b) No,({'ab'[n % 2 - 1]})\n" for n in range(1, 5)
)
BEAF = [
    {"id": 1, "image": "COCO_val2014_1.jpg", "question": "Is there a car?", "orig_img": True, "removed_q": True, "gt": "yes"},
    {
        "id": 2,
        "image": "COCO_val2014_1_01.png",
        "question": "Is there a car?",
        "orig_img": False,
        "removed_q": True,
        "gt": "no",
    },
]
FIGURE = {
    "category": "VD", "subcategory": "ocr", "visual_input": "1", "set_id": "0", "figure_id": "0", "sample_note": "",
    "question_id": "0", "question": "Is it?", "gt_answer_details": "", "gt_answer": "1", "filename": "./VD/ocr/0_0.png",
}  # fmt: skip
EDITED = {**FIGURE, "visual_input": "2", "figure_id": "1", "gt_answer": "0", "filename": "./VD/ocr/0_1.png"}


def stored(folder: DataFolder, **content: bytes) -> None:
    """Files by name, "/" written as "__"."""
    for name, data in content.items():
        path = Path(folder.folder / name.replace("__", "/").replace("_DOT_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def flags(benchmark: Any, folder: DataFolder, answer: str) -> list[str]:
    items = benchmark.load(folder)
    return [score.flag for score in scored(benchmark, items, [answer] * len(items))]


def test_a_group_of_naturalbench_with_one_image_twice_is_refused_with_its_row(folder: DataFolder) -> None:
    put(folder, "naturalbench/naturalbench.jsonl", [{**NATURAL, "Image_0": "x.jpg", "Image_1": "x.jpg"}])
    with pytest.raises(DataError, match="naturalbench.jsonl, line 1: Image_0 and Image_1 are both 'x.jpg'"):
        NaturalBench().load(folder)


@pytest.mark.parametrize(("second", "expected", "stated"), [(b"AB", "same image", "1"), (b"BA", "", None), (b"ABC", "", None)])
def test_one_file_under_two_names_is_flagged_and_stands_in_the_protocol(
    second: bytes, expected: str, stated: str | None, folder: DataFolder
) -> None:
    put(folder, "naturalbench/naturalbench.jsonl", [{**NATURAL, "Image_0": "0.jpg", "Image_1": "1.jpg"}])
    stored(folder, naturalbench__images__0_DOT_jpg=b"AB", naturalbench__images__1_DOT_jpg=second)
    benchmark = NaturalBench()
    assert flags(benchmark, folder, "Yes" if NATURAL["Question_Type"] == "yes_no" else "A") == [expected] * 4
    assert benchmark.facts().get("groups with one image under two names") == stated


def test_a_pair_of_mmvp_that_is_one_file_is_flagged_and_another_is_not(folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", MMVP)
    for name, data in (("1", b"a"), ("2", b"a"), ("3", b"b"), ("4", b"c")):
        stored(folder, **{f"mmvp__MMVP Images__{name}_DOT_jpg": data})
    assert flags(Mmvp(), folder, "(a)") == ["same image", "same image", "", ""]


def test_an_edited_image_of_beaf_that_is_its_original_is_flagged(folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", BEAF)
    stored(folder, beaf__images__COCO_val2014_1_DOT_jpg=b"a", beaf__images__COCO_val2014_1_01_DOT_png=b"a")
    assert flags(Beaf(), folder, "yes") == ["same image"] * 2


def test_an_original_of_beaf_with_an_edited_images_name_is_refused(folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", [BEAF[0], {**BEAF[1], "orig_img": True}])
    with pytest.raises(DataError, match="line 2: 'COCO_val2014_1_01.png' should be an original image"):
        Beaf().load(folder)


def test_two_figures_of_hallusionbench_with_one_file_name_are_refused_with_both_places(folder: DataFolder) -> None:
    put(folder, "hallusionbench/HallusionBench.json", [FIGURE, {**EDITED, "filename": FIGURE["filename"]}])
    with pytest.raises(DataError, match="line 2: figure 1 of VD_ocr_0 is the file .* which is figure 0 in .*line 1"):
        HallusionBench().load(folder)


def test_two_figures_of_hallusionbench_with_the_same_bytes_are_flagged(folder: DataFolder) -> None:
    put(folder, "hallusionbench/HallusionBench.json", [FIGURE, EDITED])
    stored(folder, hallusionbench__VD__ocr__0_0_DOT_png=b"a", hallusionbench__VD__ocr__0_1_DOT_png=b"a")
    assert flags(HallusionBench(), folder, "yes") == ["same image"] * 2
