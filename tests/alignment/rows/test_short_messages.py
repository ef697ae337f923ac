"""No message repeats a whole value: an image may lie in a text as base64, half a megabyte of it."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from alignment.data.invalid_pairs import Dropped, left_out
from harness.core.edge.text import shown
from harness.core.errors import DataError
from tests.alignment.rows.test_unread_keys import COLUMNS, TRL, read
from tests.end_to_end.test_dry_run import row as own_row
from tests.end_to_end.test_dry_run import said_of

LONG = "x" * 100_000


def inside(kind: str = "PNG", prefix: str = "") -> str:
    """An image as people put it into a text."""
    buffer = BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, kind)
    return prefix + base64.b64encode(buffer.getvalue()).decode()


def test_a_value_is_cut_and_a_short_one_is_its_repr() -> None:
    assert shown("a.png") == "'a.png'" and shown(None) == "None"
    assert len(shown(LONG)) == len(shown([LONG])) == 80 and shown(LONG).endswith("xxx...")


@pytest.mark.parametrize("image", [inside(), inside("JPEG", "data:image/jpeg;base64,"), LONG], ids=["png", "uri", "long"])
@pytest.mark.parametrize("source", ["dataset", "jsonl"])
def test_images_inside_the_text_are_named_as_such(tmp_path: Path, image: str, source: str) -> None:
    row = {**COLUMNS, "image": image} if source == "dataset" else own_row(1, image)
    with pytest.raises(
        DataError, match="the images of 1 of 1 rows are not files .* first is an image inside the text, '"
    ) as told:
        read(tmp_path, [row], source)
    assert len(str(told.value)) < 400 and "parquet" in str(told.value)


def test_the_note_on_rows_that_are_left_out_is_short_too(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (note,) = said_of(tmp_path, [own_row(1), own_row(2, inside())])[0]
    assert "missing image 1 (an image inside the text, '" in note and len(note) < 200


def test_the_name_of_a_missing_file_is_cut(tmp_path: Path) -> None:
    name = f"images/{'x' * 500}.png"
    assert len(left_out([Dropped("a", "missing image", name)], 2)) < 150
    with pytest.raises(DataError, match="was looked for as") as told:
        read(tmp_path, [{**COLUMNS, "image": name}])
    assert len(str(told.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("row", "form"),
    [
        ({**TRL, "img": [LONG]}, "trl"), ({**TRL, "id": LONG}, "trl"),
        ({**TRL, "prompt": [{"role": "user", "content": [{"type": LONG}]}]}, "trl"),
        ({"prompt": "What?", "completion": "A cat.", "label": LONG}, "rated"),
    ],
)  # fmt: skip
def test_errors_of_rows_are_short(tmp_path: Path, row: dict, form: str) -> None:
    with pytest.raises(DataError) as told:
        read(tmp_path, [row, row], "jsonl", form=form)
    assert max(map(len, str(told.value).splitlines()[1:])) < 300 and "x" * 81 not in str(told.value)


def test_an_answer_that_nobody_preferred_is_named_in_short(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "What?"}]
    row = {"image": "a.png", "conversations": turns, "preference": LONG}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(DataError, match="'preference' must be 1 or 2, not 'xxx") as told:
        read(tmp_path, [row], "llava_rlhf")
    assert "x" * 81 not in str(told.value)
