"""Preference sets and the forms of other tools: what their rows become, what is left out, packed files, missing packages."""

from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from alignment.data.forms import tables as tables_module
from alignment.sources.povid import Povid
from alignment.sources.sets.dataset import Dataset
from alignment.sources.sets.hsa_dpo import HsaDpo
from alignment.sources.sets.mm_rlhf import MmRlhf
from alignment.sources.sets.mmpr import Mmpr
from alignment.sources.sets.rlaif_v_formatted import RlaifVFormatted
from alignment.sources.sets.sentinel import Sentinel
from alignment.sources.sets.spa_vl import SpaVl
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import NoModel
from tests.alignment.scripted import FolderData

tables = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
zstd = pytest.mark.skipif(find_spec("zstandard") is None, reason="zstandard is not installed")
SYSTEM = {"role": "system", "content": "Be kind."}
PLAIN = {"prompt": "What?", "chosen": "A cat.", "rejected": "A dog.", "image": "a.png"}
SWIFT = {
    "messages": [{"role": "user", "content": "<image>What?"}, {"role": "assistant", "content": "A cat."}],
    "images": ["a.png"],
}
FACTORY = {
    "conversations": [{"from": "human", "value": "<image>What?"}], "chosen": {"from": "gpt", "value": "A cat."},
    "rejected": {"from": "gpt", "value": "A dog."}, "images": ["a.png"],
}  # fmt: skip
TRL = {
    "images": ["a.png"], "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}],
    "chosen": [{"role": "assistant", "content": "A cat."}], "rejected": [{"role": "assistant", "content": "A dog."}],
}  # fmt: skip


def folder(path: Path, **files: object) -> FolderData:
    """A data folder with a.png and JSON lines under the names given, __ for a slash."""
    for name, rows in files.items():
        place = path / (name.replace("__", "/") + ".jsonl")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join(json.dumps(row) for row in rows))
    Image.new("RGB", (8, 8), "red").save(path / "a.png")
    return FolderData(path)


def read(source, data: FolderData) -> list:
    return list(source.pairs(data, NoModel(), 0))


@pytest.mark.parametrize(
    "row",
    [PLAIN, TRL, FACTORY, {**SWIFT, "rejected_response": "A dog."}, {**SWIFT, "rejected_response": ["A dog."]},
     {**SWIFT, "rejected_messages": [*SWIFT["messages"][:1], {"role": "assistant", "content": "A dog."}]},
     {"instruction": "<image>What?", "input": "", "chosen": "A cat.", "rejected": "A dog.", "images": ["a.png"]}],
    ids=["columns", "trl", "llama_factory", "ms_swift", "ms_swift list", "ms_swift messages", "alpaca"],
)  # fmt: skip
def test_every_form_is_found_out_and_read(tmp_path, row):
    (pair,) = read(Dataset(file="rows.jsonl"), folder(tmp_path, rows=[row]))
    assert (pair.prompt, pair.chosen, pair.rejected, pair.image) == ("What?", "A cat.", ("A dog.",), "a.png")
    assert pair.image_digest


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**PLAIN, "image": ["a.png", "b.png"]}, "missing image"),
        ({**PLAIN, "video": "a.mp4"}, "video"),
        ({**FACTORY, "conversations": FACTORY["conversations"] * 3}, "earlier turns"),
        ({**FACTORY, "system": "Be kind."}, "system prompt"),
        ({**SWIFT, "rejected_response": "No.", "messages": [SYSTEM, *SWIFT["messages"]]}, "system prompt"),
    ],
)  # fmt: skip
def test_what_a_pair_cannot_hold_is_left_out_and_counted(tmp_path, row, reason):
    made = Dataset(file="rows.jsonl")
    assert len(read(made, folder(tmp_path, rows=[PLAIN, row]))) == 1
    assert made.report()["dropped"] == {reason: 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**PLAIN, "prompt": "<image>What?", "image": ["a.png", "b.png", "c.png"]}, "3 images for 1 mark <image>"),
        ({**PLAIN, "prompt": "<image><image>Which?"}, "1 image for 2 marks <image>"),
        ({**TRL, "images": ["a.png", "b.png", "c.png"]}, "3 images for 1 mark <image>"),
        ({**TRL, "images": []}, "0 images for 1 mark <image>"),
        ({"text": "x"}, "no known form of a preference row: it has text"),
        ({**SWIFT, "rejected_response": 3}, "must be a text or a list"),
        ({**PLAIN, "chosen": None}, "'chosen' must be a text"),
    ],
)
def test_broken_rows_are_named(tmp_path, row, says):
    with pytest.raises(DataError, match=f"row 2: .*{says}"):
        read(Dataset(file="rows.jsonl"), folder(tmp_path, rows=[PLAIN, row]))


def test_mmpr_reads_the_sets_of_its_meta_file(tmp_path):
    row = {"image": "a.png", "question": "<image>\nWhat?", "chosen": "A cat.", "rejected": "A dog."}
    data = folder(
        tmp_path, mmpr__annotations__one=[row, {**row, "image": None, "question": "Why?"}], mmpr__annotations__two=[row]
    )
    (tmp_path / "mmpr" / "images").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "mmpr" / "images" / "a.png")
    sets = {n: {"root": "MMPR-v1.2/images", "annotation": f"MMPR-v1.2/annotations/{n}.jsonl"} for n in ("one", "two")}
    (tmp_path / "mmpr" / "meta.json").write_text(json.dumps(sets))
    pairs = read(Mmpr(), data)
    assert [(p.id, p.image) for p in pairs] == [("one/1", "mmpr/images/a.png"), ("one/2", ""), ("two/3", "mmpr/images/a.png")]
    assert [p.meta["set"] for p in read(Mmpr(sets=["two"]), data)] == ["two"]
    with pytest.raises(ConfigError, match="no set 'twoo'.*Did you mean 'two'"):
        read(Mmpr(sets=["twoo"]), data)


def test_mm_rlhf_leaves_videos_out(tmp_path):
    made = MmRlhf(image_folder="")
    data = folder(tmp_path, mm_rlhf__dpo_pairs=[PLAIN, {**PLAIN, "image": None, "video": "x.mp4"}])
    assert [p.source for p in read(made, data)] == ["mm_rlhf"]
    assert made.report()["dropped"] == {"video": 1}


def test_sentinel_rows_are_sentences_behind_a_context(tmp_path):
    row = {"image_path": "a.png", "question": "Describe it.", "context": "A street. ", "y_win": "A car.", "y_lose": "A cow."}
    first, second = read(Sentinel(), folder(tmp_path, sentinel__data_pair=[row, {**row, "context": ""}]))
    assert (first.context, first.chosen, first.rejected) == ("A street.", "A car.", ("A cow.",))
    assert second.context == "" and first.id != second.id


def test_hsa_dpo_names_images_by_id_and_keeps_scores(tmp_path):
    row = {"id": 7, "question": "What?", "chosen": "A cat.", "rejected": "A dog.", "rejected_score": 2}
    data = folder(tmp_path, hsa_dpo__hsa_dpo_preference_llava1dot5=[row])
    (tmp_path / "hsa_dpo" / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "hsa_dpo" / "images" / "7.jpg")
    (pair,) = read(HsaDpo(), data)
    assert pair.image == "hsa_dpo/images/7.jpg" and pair.meta == {"rejected_score": 2}


def test_gz_is_unpacked_by_every_source(tmp_path):
    data = folder(tmp_path)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(json.dumps(PLAIN).encode()))
    assert len(read(Dataset(file="rows.jsonl.gz"), data)) == 1
    turns = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]
    row = {
        "id": "1",
        "image": "a.png",
        "conversations": turns,
        "rejected_conversations": [turns[0], {"from": "gpt", "value": "A dog."}],
    }
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(json.dumps([row]).encode()))
    assert len(read(Povid(file="p.json.gz"), data)) == 1
    (tmp_path / "bad.jsonl.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match="bad.jsonl.gz cannot be read"):
        read(Dataset(file="bad.jsonl.gz"), data)


def test_a_packed_file_takes_the_memory_of_its_text_and_a_bomb_is_refused(tmp_path, monkeypatch):
    data = folder(tmp_path)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(json.dumps(PLAIN).encode()))
    tracemalloc.start()
    read(Dataset(file="rows.jsonl.gz"), data)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    monkeypatch.setattr(tables_module, "SMALL_BYTES", 1 << 20)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * (4 << 20)))
    with pytest.raises(DataError, match="bomb.jsonl.gz unpacks to more than 1 MiB"):
        read(Dataset(file="bomb.jsonl.gz"), data)


@pytest.mark.parametrize(("package", "file"), [("pyarrow", "x.parquet"), ("zstandard", "x.jsonl.zst")])
def test_a_missing_package_is_named_in_one_line(tmp_path, monkeypatch, package, file):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / file).write_bytes(b"x")
    with pytest.raises(DataError, match=f"{package} is not installed: pip install") as raised:
        read(Dataset(file=file), FolderData(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty is a folder without \*.parquet"):
        read(Dataset(file="empty"), FolderData(tmp_path))


@tables
@pytest.mark.parametrize(
    "made", [SpaVl(), Dataset(file="spa_vl/data"), RlaifVFormatted(file="trl.parquet")], ids=["spa", "any", "trl"]
)
def test_images_inside_parquet_are_written_once_under_their_content_s_name(tmp_path, made):
    import pyarrow
    import pyarrow.parquet

    data = folder(tmp_path)
    image = {"bytes": (tmp_path / "a.png").read_bytes(), "path": None}
    rows = [{"question": "What?", "chosen": "A cat.", "rejected": "A dog.", "image": image}] * 2
    (tmp_path / "spa_vl" / "data").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "spa_vl/data/train-00000-of-00001.parquet")
    said = {k: TRL[k] for k in ("chosen", "rejected")}
    asked = [{"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": "What?"}]}]
    table = pyarrow.Table.from_pylist([{**said, "prompt": asked, "images": [image]}] * 2)
    pyarrow.parquet.write_table(table, tmp_path / "trl.parquet")
    first, second = read(made, data)
    assert first.image == second.image and first.image.endswith(".png") and ".images/" in first.image
    assert (tmp_path / first.image).read_bytes() == image["bytes"]
    assert (first.prompt, first.chosen, first.rejected) == ("What?", "A cat.", ("A dog.",))


@zstd
def test_zst_is_unpacked(tmp_path):
    import zstandard

    data = folder(tmp_path)
    (tmp_path / "rows.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(json.dumps(PLAIN).encode()))
    assert len(read(Dataset(file="rows.jsonl.zst"), data)) == 1


def test_an_unknown_form_is_refused():
    with pytest.raises(ConfigError, match="choose one of columns, trl, llama_factory, ms_swift"):
        Dataset(form="sharegpt")


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_left_out(tmp_path, score):
    row = {"id": 7, "question": "What?", "chosen": "A cat.", "rejected": "A dog.", "chosen_score": score, "rejected_score": 2}
    data = folder(tmp_path, hsa_dpo__hsa_dpo_preference_llava1dot5=[row])
    (tmp_path / "hsa_dpo" / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "hsa_dpo" / "images" / "7.jpg")
    (pair,) = read(HsaDpo(), data)
    assert pair.meta == {"rejected_score": 2}
