"""SPA-VL: safety and helpfulness, 93,258 training pairs whose images lie in the rows.

Zhang et al. 2024, arXiv:2406.12030; sqrti/SPA-VL (CC BY 4.0), parquet files `data/train-*.parquet` with question, chosen,
rejected and image; read with pyarrow (`pip install 'mm-align-harness[tables]'`), the images written beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import columns
from alignment.data.published_datasets import Published, Row
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.plugins import Data
from harness.core.preference import PreferencePair

_PARTS = [f"train-{n:05d}-of-00008.parquet" for n in range(8)]


@registry.source
class SpaVl(Published):
    """`file` is the folder of the parquet files."""

    default_file = "spa_vl/data"
    files = tuple(hub_file(f"spa_vl/data/{part}", "sqrti/SPA-VL", "CC BY 4.0", f"data/{part}") for part in _PARTS)

    def rows(self, data: Data) -> Iterator[Row]:
        yield from table_rows(data, self.options["file"])

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        return columns(row, name, "spa_vl")
