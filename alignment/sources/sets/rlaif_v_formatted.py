"""RLAIF-V as TRL formats it: HuggingFaceH4/rlaif-v_formatted, 78,975 training pairs whose images lie in the rows.

Yu et al. 2024, arXiv:2405.17220 (CC BY-NC 4.0). Parquet files with prompt, chosen and rejected as messages; read with pyarrow
(`pip install 'mm-align-harness[tables]'`), the images written beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import trl
from alignment.data.published_datasets import Published, Row
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.plugins import Data
from harness.core.preference import PreferencePair


@registry.source
class RlaifVFormatted(Published):
    """`file` is the folder of the parquet files."""

    default_file = "rlaif_v_formatted"
    files = (
        OfficialFile(
            default_file, "HuggingFaceH4/rlaif-v_formatted on the Hugging Face hub", "CC BY-NC 4.0",
            "copy its train-*.parquet files into this folder",
        ),
    )  # fmt: skip

    def rows(self, data: Data) -> Iterator[Row]:
        yield from table_rows(data, self.options["file"])

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        return trl(row, name, "rlaif_v_formatted")
