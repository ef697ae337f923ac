"""Rows of preference data however they are packed: JSON, JSON lines, .gz, .zst, parquet, Hugging Face `datasets` folders.

Parquet and saved datasets need pyarrow, `.zst` needs zstandard (`pip install 'mm-align-harness[tables]'`). Images that lie
inside the rows are written beside the file, in `FILE.images/`, named by their content, once.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from alignment.data.forms.folders import place_of, tables_in
from alignment.data.forms.kept_files import kept
from harness.core.edge.files import json_lines, parse_json
from harness.core.edge.foreign import words_of
from harness.core.errors import DataError, HarnessError
from harness.core.files import write_whole
from harness.core.plugins import Data

Row = Mapping[str, Any]


class SupportsRead(Protocol):
    """An open archive."""

    def read(self, size: int, /) -> bytes: ...


PACKED = (".gz", ".zst", ".parquet", ".arrow")
MOST_TIMES, SMALL_BYTES = 100, 256 << 20  # of a packed file: so many times its size, or so much; texts shrink 3 to 30 times
AT_ONCE = 16  # rows of which the images are in memory together
_NO_OBJECTS = "must hold at least one row, and each must be an object."
_EXTRA = "pip install 'mm-align-harness[tables]', or export the rows as JSON lines"
_ENDINGS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp", b"GIF8": "gif"}


def table_rows(data: Data, name: str, split: str = "") -> list[Row]:
    """All rows of a file, or of a folder's split (see `folders`), in order; images inside them as names in the data folder.

    Raises DataError for a file of another kind, for a damaged one, and for one that needs a package that is not installed.
    """
    path = place_of(data, name)
    if split and not path.is_dir():
        raise DataError(f"{name} is a file, and only folders have splits: leave `split` out.")
    if path.is_dir():
        return _all_rows(data, path, name, split)
    return list(kept(path, "table", lambda: _all_rows(data, path, name, split)))


def _all_rows(data: Data, path: Path, name: str, split: str) -> list[Row]:
    rows = [_with_files(row, data, name) for row in _objects(path, name, split)]
    if not rows:
        raise DataError(f"{name} {_NO_OBJECTS}")
    return rows


def _objects(path: Path, name: str, split: str) -> Iterator[Row]:
    """The rows one by one: images inside them are written before the next are read, so that no more than a few are held."""
    try:
        for row in _rows(path, name, split):
            if not isinstance(row, Mapping):
                raise DataError(f"{name} {_NO_OBJECTS}")
            yield row
    except HarnessError:
        raise
    except Exception as error:  # a damaged archive raises whatever its reader likes
        raise DataError(f"{name} cannot be read ({words_of(error)}). Fetch it again.") from error


def _rows(path: Path, name: str, split: str) -> Iterator[Any]:
    if path.is_dir():
        for file in tables_in(path, name, split):
            yield from _arrow(file, name)
    elif path.suffix in (".parquet", ".arrow"):
        yield from _arrow(path, name)
    else:
        text = _text(path, name)
        yield from parse_json(text, name) if text.lstrip().startswith("[") else (row for _, row in json_lines(text, name))


def _text(path: Path, name: str) -> str:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            raw = _unpacked(packed, path, name)
    elif path.suffix == ".zst":
        try:
            import zstandard
        except ImportError as error:
            raise DataError(f"{name} is packed with zstd, and zstandard is not installed: {_EXTRA}.") from error
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            raw = _unpacked(stream, path, name)
    else:
        raw = path.read_bytes()
    return raw.decode("utf-8-sig")


def _unpacked(stream: SupportsRead, path: Path, name: str) -> bytes:
    """All bytes, read piece by piece: a reader that is asked for so many takes the memory for all of them first."""
    most = _most_bytes(path)
    pieces, size = list[bytes](), 0
    while piece := stream.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise DataError(f"{name} unpacks to more than {most >> 20:,} MiB, as damaged files do. Unpack it first.")
    return b"".join(pieces)


def _most_bytes(path: Path) -> int:
    return max(SMALL_BYTES, MOST_TIMES * path.stat().st_size)


def _arrow(path: Path, name: str) -> Iterator[Any]:
    size = 0
    for batch in _batches(path, name):
        size += batch.nbytes
        _require_in_bounds(size, path, name)
        for start in range(0, len(batch), AT_ONCE):
            yield from batch.slice(start, AT_ONCE).to_pylist()


def _batches(path: Path, name: str) -> Iterator[Any]:  # Any: a RecordBatch of pyarrow
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{name} is in Arrow's format, and pyarrow is not installed: {_EXTRA}.") from error
    if path.suffix != ".parquet":
        with pyarrow.memory_map(str(path)) as source:
            yield from pyarrow.ipc.open_stream(source)
        return
    with pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:  # else groups of rows are read whole
        groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
        _require_in_bounds(sum(group.total_byte_size for group in groups), path, name)
        yield from file.iter_batches(AT_ONCE)


def _require_in_bounds(size: int, path: Path, name: str) -> None:
    if size <= (most := _most_bytes(path)):
        return
    shard = "" if path.name == Path(name).name else f" ({path.name})"
    raise DataError(
        f"{name}{shard} unpacks to more than {most >> 20:,} MiB, as damaged files do. Fetch it again, or export its rows as "
        "JSON lines."
    )


def _with_files(row: Row, data: Data, name: str) -> Row:
    """The row with every image that lies in it ({"bytes": .., "path": ..}) replaced by the name of its file."""
    return {key: _filed(value, data, name) for key, value in row.items()}


def _filed(value: Any, data: Data, name: str) -> Any:  # Any: a JSON value
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_filed(one, data, name) for one in value]
    if isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes) and value["bytes"]:
        return _file_of(value["bytes"], data, name)
    if isinstance(value, Mapping) and value.keys() == {"bytes", "path"}:
        return value["path"]
    return value


def _file_of(content: bytes, data: Data, name: str) -> str:
    """Write an image once, under its content's name; returns that name in the data folder.

    Raises DataError where a file of that name has another content: it was changed, and would be trained on.
    """
    ending = next((e for start, e in _ENDINGS.items() if content.startswith(start)), "img")
    place = f"{name.rstrip('/')}.images/{hashlib.sha256(content).hexdigest()[:32]}.{ending}"
    path = data.folder / place
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda to: to.write_bytes(content))
    elif path.stat().st_size != len(content) or path.read_bytes() != content:
        raise DataError(
            f"{place} was written from an image inside {name} and has been changed since. Remove it and run the same command "
            "again, which writes it anew."
        )
    return place
