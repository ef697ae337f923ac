"""Preference rows of other tools: TRL, LLaMA-Factory and ms-swift, in JSON, .gz, .zst, parquet or a `datasets` folder.

`form` left out, each row is read by the keys it has; see `alignment/data/forms/tools.py`. Rows with earlier turns, a system
prompt or a video are left out and counted; three images for one `<image>` is a broken row.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import FORMS, form_of, require_held
from alignment.data.forms.unread_keys import IMAGE_KEYS
from alignment.data.published_datasets import Published, Row
from harness.core import registry
from harness.core.errors import ConfigError, DataError
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
        split: str = "",  # of a folder; "" is train where it has several
        image_key: str = "",  # key under which the image stands; "" is image, images or image_path
    ) -> None:
        if form and form not in FORMS:
            raise ConfigError(f"dataset.form is {form!r}; choose one of {', '.join(FORMS)}, or leave it out.")
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"form": form, "split": split, "image_key": image_key}

    def rows(self, data: Data) -> Iterator[Row]:
        """Raises DataError where no row has the key that `image_key` names: all pairs would show no image."""
        rows, key = table_rows(data, self.options["file"], self.options["split"]), self.options["image_key"]
        if not key:
            yield from rows
            return
        if not any(row.get(key) for row in rows):
            raise DataError(f"{self.options['file']}: no row has an image under {key!r}, as dataset.image_key says.")
        yield from ({**{k: v for k, v in row.items() if k not in IMAGE_KEYS}, "image": row.get(key)} for row in rows)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        require_held(row)  # before its form: a row with another image for the rejected answer alone has no rejected answer
        return FORMS[self.options["form"] or form_of(row)](row, name, "dataset")
