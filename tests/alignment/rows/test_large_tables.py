"""Tables of any size: images inside them do not pile up in memory, and what unpacks to far more than its file is refused."""

from __future__ import annotations

import os
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from alignment.data.forms import tables
from alignment.data.forms.tables import table_rows
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder

pytestmark = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
MANY, IMAGE = 160, 100_000  # rows, bytes of each row's image: 16 MB


def shown(number: int) -> dict[str, Any]:
    image = {"bytes": b"\x89PNG" + os.urandom(IMAGE), "path": None}
    return {"question": str(number), "chosen": "A.", "rejected": "B.", "image": image}


def parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, **options)


def saved(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow

    path.parent.mkdir(parents=True)
    table = pyarrow.Table.from_pylist(rows)
    with pyarrow.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)


@pytest.mark.parametrize(("write", "name"), [(parquet, "train.parquet"), (saved, "data-0.arrow")])
def test_images_are_written_row_by_row_so_that_only_a_few_are_in_memory(tmp_path: Path, write: Any, name: str) -> None:
    write(tmp_path / "rows" / name, [shown(n) for n in range(MANY)])
    tracemalloc.start()
    rows = table_rows(DataFolder(tmp_path), "rows")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * tables.AT_ONCE * IMAGE + (1 << 20)  # one batch, and that it is made of
    assert len(list((tmp_path / "rows.images").iterdir())) == len({row["image"] for row in rows}) == MANY


@pytest.mark.parametrize("dictionary", [False, True], ids=["compressed", "one value for all rows"])
def test_parquet_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path, monkeypatch: Any, dictionary: bool) -> None:
    monkeypatch.setattr(tables, "SMALL_BYTES", 1 << 20)
    rows = [{"question": "Q", "chosen": "a" * 100_000, "rejected": "B"}] * 40
    parquet(tmp_path / "bomb" / "train.parquet", rows, compression="zstd", use_dictionary=dictionary)
    with pytest.raises(DataError, match=r"bomb \(train.parquet\) unpacks to more than 1 MiB"):
        table_rows(DataFolder(tmp_path), "bomb")
