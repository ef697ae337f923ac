"""Images that are not the ones of the pairs: outside of the data folder, or replaced since a pair was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.core import registry
from harness.core.edge.files import leaves_folder
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.core.preference import PreferencePair
from harness.storage.data_folder import DataFolder
from tests.alignment.rows.test_unread_keys import FORMS, TRL, read
from tests.alignment.sources.test_published_datasets import ROWS, TURNS
from tests.end_to_end.test_dry_run import row as own_row
from tests.end_to_end.test_dry_run import said_of
from tests.pair_files import write_pairs

OUTSIDE = ("../secret.png", "img/../../secret.png", "/etc/secret.png", "..\\secret.png", "img/..")
KEYS = {"vlfeedback": "img_path", "rlhf_v": "image_path"}


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_of_a_folder(name: str) -> None:
    assert leaves_folder(name) and not leaves_folder(name.replace("..", ".. ").lstrip("/"))
    assert not any(map(leaves_folder, ("a.png", "img/a..png", "...", "a/b/c.jpg", "", "./a.png", "C:a.png")))


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("source", ROWS)
def test_an_image_outside_of_the_data_folder_is_a_broken_row_of_a_published_set(
    tmp_path: Path, source: str, outside: str
) -> None:
    rows = [{**ROWS[source], KEYS.get(source, "image"): name} for name in ("a.png", outside)]
    (tmp_path / "data").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    with pytest.raises(DataError, match="1 broken row;.*\n  row 2: the image '.*' is outside of the data folder"):
        read(tmp_path / "data", rows, source)
    pairs, dropped = read(tmp_path / "data", rows, source, skip_broken=True)
    assert (len(pairs), dropped) == (1, {"broken row": 1})


@pytest.mark.parametrize("form", FORMS)
def test_so_it_is_in_every_form(tmp_path: Path, form: str) -> None:
    with pytest.raises(DataError, match="row 1: the image '../secret.png' is outside of the data folder"):
        read(tmp_path, [{**FORMS[form], "images": ["../secret.png"]}])


def test_so_it_is_where_the_name_is_made_of_an_id(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: the image '../../secret.jpg' is outside of the data folder"):
        read(tmp_path, [{"id": "../../secret", "question": "?", "chosen": "A.", "rejected": "B."}], "hsa_dpo")


@pytest.mark.parametrize("options", [{}, {"form": "trl"}, {"form": "rated"}])
def test_so_it_is_in_pair_files(tmp_path: Path, options: dict[str, Any]) -> None:
    said = {"prompt": "?", "completion": "A cat.", "label": True}
    good = {"trl": {**TRL, "images": ["a.png"]}, "rated": {**said, "image": "a.png"}, "": own_row(1)}[options.get("form", "")]
    bad = json.loads(json.dumps(good).replace("a.png", "../secret.png"))
    with pytest.raises(DataError, match=r"rows.jsonl: 1 of 2 pairs cannot be used:\n  'row-2': the image '../secret.png' is"):
        read(tmp_path, [good, bad], "jsonl", **options)


def test_pairs_of_a_run_whose_images_were_elsewhere_are_read_by_their_digests(tmp_path: Path) -> None:
    for name in ("data", "elsewhere"):
        (tmp_path / name).mkdir()
    stored(tmp_path / "elsewhere", "a.png", "b.png")
    rows = (tmp_path / "elsewhere" / "rows.jsonl").read_text()
    (tmp_path / "data" / "rows.jsonl").write_text(
        rows.replace('"a.png"', '"../elsewhere/a.png"').replace('"b.png"', '"../elsewhere/b.png"')
    )
    source, data = registry.make("source", "jsonl", {"file": "rows.jsonl"}), DataFolder(tmp_path / "data")
    assert len(list(source.pairs(data, NoModel(), 0))) == 3
    Image.new("RGB", (64, 8)).save(tmp_path / "elsewhere" / "b.png")
    with pytest.raises(DataError, match="the sha256 of '../elsewhere/b.png' is not"):
        list(source.pairs(data, NoModel(), 0))


def test_so_it_is_in_prompt_files(tmp_path: Path) -> None:
    rows = [{"id": name, "image": name, "conversations": TURNS} for name in ("a.png", "/etc/a.png")]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"row 2 \(/etc/a.png\): the image '/etc/a.png' is outside of the data folder"):
        registry.make("source", "bdhs", {"prompts": "rows.json"}).check(DataFolder(tmp_path), 0)


def test_links_and_folders_that_the_study_names_may_lead_anywhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "elsewhere").mkdir()
    data.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "elsewhere" / "b.png")
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    assert len(read(data, [{**FORMS["columns"], "image": "linked/b.png"}])[0]) == 1
    assert len(read(data, [{**FORMS["columns"], "image": "b.png"}], image_folder="../elsewhere")[0]) == 1


def stored(folder: Path, *names: str) -> list[PreferencePair]:
    """Pairs about images of the folder with their digests, in rows.jsonl, the first about all of them."""
    for n, name in enumerate(names):
        Image.new("RGB", (8 + n, 8)).save(folder / name)
    digests = tuple(map(DataFolder(folder).digest, names))
    pairs = [PreferencePair("all", names, digests, "Which?", "A cat.", ("A dog.",), "t")]
    pairs += [PreferencePair(n, n, d, "What?", "A cat.", ("A dog.",), "t") for n, d in zip(names, digests)]
    write_pairs(folder / "rows.jsonl", pairs)
    return pairs


def test_an_image_that_was_replaced_after_its_pair_was_made_is_refused_by_name(tmp_path: Path) -> None:
    pairs, source = stored(tmp_path, "a.png", "b.png"), registry.make("source", "jsonl", {"file": "rows.jsonl"})
    assert list(source.pairs(DataFolder(tmp_path), NoModel(), 0)) == pairs
    Image.new("RGB", (64, 8)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="1 of 2 images are not those that the pairs were made with: the sha256 of 'b.png' is"):
        list(source.pairs(DataFolder(tmp_path), NoModel(), 0))


def test_a_dry_run_says_so_too(tmp_path: Path) -> None:
    stored(tmp_path, "a.png", "b.png")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert not said_of(tmp_path, rows[1:])[1]
    Image.new("RGB", (64, 8)).save(tmp_path / "a.png")
    assert "the sha256 of 'a.png' is not the `image_digest` of the pairs" in said_of(tmp_path, rows[1:])[1]


def test_pairs_without_digests_take_those_of_the_files(tmp_path: Path) -> None:
    stored(tmp_path, "a.png", "b.png")
    rows = [{k: v for k, v in own_row(n).items() if k != "image_digest"} for n in (1, 2)]
    Image.new("RGB", (99, 8)).save(tmp_path / "a.png")
    pairs, _ = read(tmp_path, [*rows, {**own_row(3), "image_digest": ""}], "jsonl")
    assert {pair.image_digest for pair in pairs} == {DataFolder(tmp_path).digest("a.png")}
