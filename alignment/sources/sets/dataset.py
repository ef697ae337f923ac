"""Preference rows of other tools: TRL, LLaMA-Factory and ms-swift, in JSON, .gz, .zst, parquet or a `datasets` folder.

`form` left out, each row is read by the keys it has; see `alignment/data/forms/tools.py`. Rows with earlier turns, a system
prompt or a video are left out and counted; three images for one `<image>` is a broken row.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import FORMS, form_of
from alignment.data.published_datasets import Published, Row
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.plugins import Data
from harness.core.preference import PreferencePair


@registry.source
class Dataset(Published):
    """Reads a file or folder of the data folder."""

    default_file = "dataset"

    def __init__(
        self,
        file: str = "",  # file or folder in the data folder; "" is dataset
        form: str = "",  # trl, llama_factory, ms_swift or columns; "" finds out, row by row
        image_folder: str = "",  # in front of every image's name
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
        skip_broken: bool = False,  # count broken rows instead of refusing the file
    ) -> None:
        if form and form not in FORMS:
            raise ConfigError(f"dataset.form is {form!r}; choose one of {', '.join(FORMS)}, or leave it out.")
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"form": form}

    def rows(self, data: Data) -> Iterator[Row]:
        yield from table_rows(data, self.options["file"])

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        return FORMS[self.options["form"] or form_of(row)](row, name, "dataset")
