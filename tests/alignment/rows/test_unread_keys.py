"""What a row has under keys that its form does not read is named, and never lost without a word."""

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
from tests.end_to_end.conftest import SMALL
from tests.end_to_end.test_dry_run import row as own_row
from tests.end_to_end.test_dry_run import said_of

ANSWERS = {"chosen": "A cat.", "rejected": "A dog."}
COLUMNS = {"prompt": "What?", **ANSWERS}
FACTORY = {"conversations": [{"from": "human", "value": "What?"}], **ANSWERS}
SWIFT = {
    "messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}],
    "rejected_response": "A dog.",
}
TRL = {
    "prompt": [{"role": "user", "content": "What?"}],
    **{side: [{"role": "assistant", "content": text}] for side, text in ANSWERS.items()},
}
FORMS = {"columns": COLUMNS, "llama_factory": FACTORY, "ms_swift": SWIFT, "trl": TRL}


def read(folder: Path, rows: list[Any], source: str = "dataset", **options: Any) -> tuple[list[PreferencePair], Any]:
    """Pairs of JSON lines beside a.png, and what was left out."""
    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = registry.make("source", source, {"file": "rows.jsonl", **options})
    return list(made.pairs(DataFolder(folder), NoModel(), 0)), made.report()["dropped"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "extra", [{"img_path": "a.png"}, {"imageFile": ["a.png"]}, {"file_name": "b/a.JPG"}, {"image": None, "image_id": 9}]
)
def test_an_image_under_a_key_that_is_not_read_is_no_text_only_pair(tmp_path: Path, form: str, extra: dict) -> None:
    with pytest.raises(DataError, match=r"row 2: no image under .*, but '\w+' is .*Rename it to 'image'") as told:
        read(tmp_path, [{**FORMS[form], "image": "a.png"}, {**FORMS[form], **extra}])
    assert f"`image_key: {list(extra)[-1]}`" in str(told.value)


@pytest.mark.parametrize("source", ["mm_rlhf", "spa_vl"])
def test_sets_in_columns_name_such_a_key_too(tmp_path: Path, source: str) -> None:
    with pytest.raises(DataError, match="'img_path' is 'a.png'"):
        read(tmp_path, [{**COLUMNS, "img_path": "a.png"}], source)


def test_a_trl_pair_file_names_such_a_key_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: no image under .*'img_path'"):
        read(tmp_path, [{**TRL, "img_path": "a.png"}], "jsonl", form="trl")


def test_image_key_maps_the_column(tmp_path: Path) -> None:
    pairs, _ = read(tmp_path, [{**COLUMNS, "img_path": "a.png"}], image_key="img_path")
    assert [pair.image for pair in pairs] == ["a.png"]
    with pytest.raises(DataError, match="no row has an image under 'img_pth'"):
        read(tmp_path, [{**COLUMNS, "img_path": "a.png"}], image_key="img_pth")


def test_two_keys_that_name_other_images_are_a_broken_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'image' and 'images' name images both"):
        read(tmp_path, [{**COLUMNS, "image": "a.png", "images": ["b.png"]}])
    assert len(read(tmp_path, [{**COLUMNS, "image": "a.png", "images": ["a.png"]}])[0]) == 1


@pytest.mark.parametrize("extra", [{}, {"image": ""}, {"image": None}, {"images": []}, {"imagery": "vivid"}, {"id": "a.png"}])
def test_a_row_without_an_image_stays_a_text_only_pair(tmp_path: Path, extra: dict) -> None:
    pairs, _ = read(tmp_path, [{**COLUMNS, "rejected": "b.png", **extra}])
    assert [pair.image for pair in pairs] == [""]


@pytest.mark.parametrize(("shown", "says"), [(("a.png", ""), "1 of 2 pairs show no image"), (("", ""), "2 of 2 pairs")])
def test_pairs_that_show_no_image_are_counted_before_the_run(tmp_path: Path, shown: tuple[str, str], says: str) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (note,) = said_of(tmp_path, [own_row(n, name) for n, name in enumerate(shown)])[0]
    assert note.startswith(says)


def test_a_run_and_its_report_count_them_too() -> None:
    arm = config.parse(SMALL).arms[0]
    pairs = [PreferencePair(str(n), image, "", "What?", "A cat.", ("A dog.",), "t") for n, image in enumerate(("a.png", ""))]
    (note,) = notes_of_run(arm, NoModel(), pairs)
    assert note.startswith("1 of 2 pairs show no image: they are trained on as text alone.")
