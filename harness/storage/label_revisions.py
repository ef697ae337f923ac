"""Named revisions of labels: small JSON-lines files of `LabelEdit`s that can be shared and cited.

The first line is the header: {"revision": name, "format": 1, "source": its citation, "digest": sha256 of the edits, ...}.
Every further line is one edit. Official labels stay the default everywhere; a revision is applied only where it is named.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from harness.core.digests import value_digest
from harness.core.edge.files import is_file, parse_json
from harness.core.errors import DataError
from harness.core.evaluation import LabelEdit
from harness.core.files import write_text_whole
from harness.storage import codec

FORMAT = 1
NEW = ("right", "flipped", "removed")
FOLDER = "labels"  # in the output folder
SHIPPED = Path(__file__).parent / "revisions"  # published corrections that come with the harness
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_OPTIONAL = "about"  # revisions of earlier versions have none
_FIELDS = tuple(f.name for f in fields(LabelEdit) if f.name != _OPTIONAL)


@dataclass(frozen=True, slots=True)
class Revision:
    """Edits under one name. `control`: the size and seed of the control set that was reviewed with it, {} without."""

    name: str
    source: str
    edits: tuple[LabelEdit, ...]
    control: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Identity of its edits, independent of its name."""
        return value_digest([_row(edit) for edit in self.edits])

    @property
    def counts(self) -> str:
        """How many edits of each kind: "2,900 right, 70 flipped, 12 removed"."""
        return ", ".join(f"{sum(edit.new == new for edit in self.edits):,} {new}" for new in NEW)

    def of(self, benchmark: str) -> tuple[LabelEdit, ...]:
        return tuple(edit for edit in self.edits if edit.benchmark == benchmark)


def dumps(revision: Revision) -> str:
    """The file's text."""
    benchmarks = sorted({edit.benchmark for edit in revision.edits})
    header: dict[str, object] = {"revision": revision.name, "format": FORMAT, "source": revision.source}
    header |= {"benchmarks": benchmarks, "edits": len(revision.edits), "digest": revision.digest}
    header |= {"control": dict(revision.control)} if revision.control else {}
    return "".join(line + "\n" for line in (codec.dumps(header), *(codec.dumps(_row(edit)) for edit in revision.edits)))


def loads(text: str, where: str) -> Revision:
    """Read a file's text. Raises DataError with all faults at once; `where` names the file in messages."""
    rows = [(n, line) for n, line in enumerate(text.lstrip("\ufeff").split("\n"), 1) if line.strip()]
    header = _object(*rows[0], where) if rows else {}
    if not isinstance(header.get("revision"), str) or header.get("format") != FORMAT:
        raise DataError(
            f'{where} is not a label revision: its first line should be {{"revision": NAME, "format": {FORMAT}, ...}}. '
            "`python -m harness labels import` makes one from official files, `labels make` from votes."
        )
    edits, faults, seen = [], [], dict[tuple[str, ...], int]()
    for n, line in rows[1:]:
        try:
            edit = _edit(_object(n, line, where), f"{where}, line {n}")
            label = (edit.benchmark, edit.item_id, edit.field, edit.old, edit.new, edit.about)
            if (first := seen.setdefault(label, n)) != n:
                raise DataError(f"{where}, line {n} edits the same label as line {first}, and alike. Keep one of them.")
            edits.append(edit)
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join([*faults[:20], *([f"... and {len(faults) - 20} more"] if len(faults) > 20 else [])]))
    _check_name(header["revision"], where)
    control = _control(header.get("control") or {}, where)
    revision = Revision(header["revision"], str(header.get("source", "")), tuple(edits), control)
    if header.get("digest") not in (None, revision.digest):
        raise DataError(
            f"{where} was changed after it was written: its edits have the digest {revision.digest[:12]}, its first line has "
            f"{str(header['digest'])[:12]}. Take the original, or remove the digest from the first line if the change is yours."
        )
    return revision


def _control(value: object, where: str) -> dict[str, int]:
    """Raises DataError for what is not the size, at least 1, and the seed of a sample."""
    numbers = isinstance(value, dict) and all(type(n) is int for n in value.values())
    if not isinstance(value, dict) or not numbers or (value and value.get("sample", 0) < 1):
        raise DataError(
            f"{where}: control is {str(value)[:80]}; it is the size, at least 1, and the seed of a random sample: "
            '{"sample": 200, "seed": 0}. Correct it, or remove it from the first line if nothing was drawn at random.'
        )
    return dict(value)


def write(revision: Revision, output: Path) -> Path:
    """Keep a revision in the output folder, whole or not at all; one that differs in the times of its edits alone stays as it
    was. Raises DataError where another one has its name."""
    _check_name(revision.name, "The revision")
    path = output / FOLDER / f"{revision.name}.jsonl"
    with _one_after_another(path.parent):
        if not path.is_file():
            write_text_whole(path, dumps(revision))
        elif _without_times(loads(path.read_text(encoding="utf-8"), str(path))) != _without_times(revision):
            raise DataError(
                f"There is another revision {revision.name!r} at {path}. Choose a new name: what was cited must not change."
            )
    return path


def _without_times(revision: Revision) -> Revision:
    return replace(revision, edits=tuple(replace(edit, at="") for edit in revision.edits))


@contextmanager
def _one_after_another(folder: Path) -> Iterator[None]:
    """Of commands that keep revisions at the same time the second one sees the first one's, and does not replace it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_name(name: str, where: str) -> None:
    """A name becomes part of file names, here and where labels are exported."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{where}: {name[:100]!r} is not a valid name. Use letters, digits, dots, dashes and underscores; at most 80."
        )


def read(name: str, output: Path) -> Revision:
    """A revision by its path, its name in the output folder, or that of a shipped one. Raises DataError with their names."""
    path = Path(name) if is_file(Path(name)) else output / FOLDER / f"{name}.jsonl"
    if not is_file(path) and name in shipped():
        path = SHIPPED / f"{name}.jsonl"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}). Save it as UTF-8.") from error
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(p.stem for p in (output / FOLDER).glob("*.jsonl"))) or "none"
        raise DataError(
            f"There is no revision {name!r}: neither a file of that name nor one in {output / FOLDER}, which has {known}; "
            f"shipped: {', '.join(shipped())}. "
            "`python -m harness labels import` makes one."
        ) from error
    return loads(text, str(path))


def shipped() -> list[str]:
    """Names of the revisions that come with the harness."""
    return sorted(path.stem for path in SHIPPED.glob("*.jsonl"))


def _object(number: int, line: str, where: str) -> dict[str, Any]:
    value = parse_json(line, f"{where}, line {number}", "Correct or remove it.")
    if not isinstance(value, dict):
        raise DataError(f"{where}, line {number} is not an object of named values. Correct or remove it.")
    return value


def _edit(row: Mapping[str, Any], where: str) -> LabelEdit:
    missing = [name for name in (*_FIELDS, _OPTIONAL) if not isinstance(row.get(name, "" if name == _OPTIONAL else None), str)]
    unknown = [name for name in row if name not in (*_FIELDS, _OPTIONAL)]
    if missing or unknown:
        faults = [f"no text under {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
        raise DataError(f"{where}: {'; '.join(faults)}. An edit has {', '.join(_FIELDS)}.")
    if row["new"] not in NEW:
        raise DataError(f"{where}: new is {row['new']!r}; it is one of {', '.join(NEW)}.")
    return LabelEdit(**row)


def _row(edit: LabelEdit) -> dict[str, str]:
    """An edit as its line has it: without what is not known, so that files and digests of earlier versions stay."""
    return {name: value for name, value in asdict(edit).items() if value or name != _OPTIONAL}
