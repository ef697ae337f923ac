"""Named revisions of labels: small JSON-lines files of `LabelEdit`s that can be shared and cited.

The first line is the header: {"revision": name, "format": 1, "source": its citation, "digest": sha256 of the edits, ...}.
Every further line is one edit. Official labels stay the default everywhere; a revision is applied only where it is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.core.digests import value_digest
from harness.core.edge.files import is_file, parse_json
from harness.core.errors import DataError
from harness.core.evaluation import Item, LabelEdit
from harness.core.files import write_text_whole
from harness.labels.claims import Auditable
from harness.labels.labelled_items import LabelledItems
from harness.storage import codec

FORMAT = 1
NEW = ("right", "flipped", "removed")
FOLDER = "labels"  # in the output folder
SHIPPED = Path(__file__).parent / "revisions"  # published corrections that come with the harness
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_FIELDS = tuple(f.name for f in fields(LabelEdit))


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
        return value_digest([asdict(edit) for edit in self.edits])

    @property
    def counts(self) -> str:
        """How many edits of each kind: "2,900 right, 70 flipped, 12 removed"."""
        return ", ".join(f"{sum(edit.new == new for edit in self.edits):,} {new}" for new in NEW)

    def of(self, benchmark: str) -> tuple[LabelEdit, ...]:
        return tuple(edit for edit in self.edits if edit.benchmark == benchmark)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edit that was not applied, and why."""

    edit: LabelEdit
    why: str

    def __str__(self) -> str:
        edit = self.edit
        return f"{edit.benchmark}, item {edit.item_id}, {edit.field}: {self.why}"


@dataclass(frozen=True, slots=True)
class Applied:
    """Items under edits: those that changed (None: dropped), the edits that hold, and the conflicts.

    Edits of a dropped item hold as well: they are decisions on its labels, though no metric has the item any more.
    """

    changed: Mapping[str, Item | None]
    held: tuple[LabelEdit, ...]
    conflicts: tuple[Conflict, ...]


def dumps(revision: Revision) -> str:
    """The file's text."""
    benchmarks = sorted({edit.benchmark for edit in revision.edits})
    header: dict[str, object] = {"revision": revision.name, "format": FORMAT, "source": revision.source}
    header |= {"benchmarks": benchmarks, "edits": len(revision.edits), "digest": revision.digest}
    header |= {"control": dict(revision.control)} if revision.control else {}
    return "".join(line + "\n" for line in (codec.dumps(header), *(codec.dumps(edit) for edit in revision.edits)))


def loads(text: str, where: str) -> Revision:
    """Read a file's text. Raises DataError with all faults at once; `where` names the file in messages."""
    rows = [(n, line) for n, line in enumerate(text.lstrip("\ufeff").split("\n"), 1) if line.strip()]
    header = _object(*rows[0], where) if rows else {}
    if not isinstance(header.get("revision"), str) or header.get("format") != FORMAT:
        raise DataError(
            f'{where} is not a label revision: its first line should be {{"revision": NAME, "format": {FORMAT}, ...}}. '
            "`python -m harness labels import` makes one from official files, `labels make` from votes."
        )
    edits, faults = [], []
    for n, line in rows[1:]:
        try:
            edits.append(_edit(_object(n, line, where), f"{where}, line {n}"))
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join([*faults[:20], *([f"... and {len(faults) - 20} more"] if len(faults) > 20 else [])]))
    _check_name(header["revision"], where)
    control = header.get("control") or {}
    if not isinstance(control, dict) or not all(isinstance(value, int) for value in control.values()):
        raise DataError(f"{where}: control is {str(control)[:80]}; it must hold the size and the seed of a sample.")
    revision = Revision(header["revision"], str(header.get("source", "")), tuple(edits), control)
    if header.get("digest") not in (None, revision.digest):
        raise DataError(
            f"{where} was changed after it was written: its edits have the digest {revision.digest[:12]}, its first line has "
            f"{str(header['digest'])[:12]}. Take the original, or remove the digest from the first line if the change is yours."
        )
    return revision


def write(revision: Revision, output: Path) -> Path:
    """Keep a revision in the output folder, whole or not at all. Raises DataError where another one has its name."""
    _check_name(revision.name, "The revision")
    path = output / FOLDER / f"{revision.name}.jsonl"
    if path.is_file() and loads(path.read_text(encoding="utf-8"), str(path)) != revision:
        raise DataError(
            f"There is another revision {revision.name!r} at {path}. Choose a new name: what was cited must not change."
        )
    write_text_whole(path, dumps(revision))
    return path


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


def together(revisions: Sequence[Revision]) -> tuple[tuple[LabelEdit, ...], tuple[Conflict, ...]]:
    """The edits of several revisions. Where two leave different labels, within one or across, none of that label is kept.

    "flipped" of no and "right" of yes leave the same label: both are kept, for files with either.
    """
    by_label: dict[tuple[str, str, str], dict[tuple[str, str], tuple[str, LabelEdit]]] = {}
    for revision in revisions:
        for edit in revision.edits:
            label = (edit.benchmark, edit.item_id, edit.field)
            by_label.setdefault(label, {}).setdefault((edit.old, edit.new), (revision.name, edit))
    kept, conflicts = [], []
    for found in by_label.values():
        own = list(found.values())
        words = " but ".join(f"{name} has {edit.new} (instead of {edit.old})" for name, edit in own)
        if len({_left_by(edit) for _, edit in own}) == 1:
            kept += [edit for _, edit in own]
        else:
            conflicts.append(Conflict(own[0][1], f"contradictory: {words}; neither is applied"))
    return tuple(kept), tuple(conflicts)


def _left_by(edit: LabelEdit) -> str:
    """The label that stands after an edit."""
    if edit.new == "removed":
        return edit.new
    return {"yes": "no", "no": "yes"}.get(edit.old, f"not {edit.old}") if edit.new == "flipped" else edit.old


def apply(benchmark: Auditable, items: Iterable[Item], edits: Sequence[LabelEdit]) -> Applied:
    """The items under these edits. An edit whose item or label is not there, or has changed since, is a conflict.

    Edits go by the item that has the label (`LabelledItems`), or by a part of it, as earlier versions made them.
    """
    labelled = LabelledItems.among(benchmark, items)
    parts = {part.id: part for own in labelled.parts.values() for part in own}
    known = {**parts, **labelled.items}
    changed: dict[str, Item | None] = {}
    held, conflicts = [], []
    for edit in _fitting(benchmark, known, edits):
        item = changed.get(edit.item_id) or known.get(edit.item_id)  # the labels of a dropped item are the official ones
        why = _obstacle(benchmark, edit, item)
        if why or item is None:
            conflicts.append(Conflict(edit, why))
            continue
        held.append(edit)
        is_dropped = edit.item_id in changed and changed[edit.item_id] is None
        if edit.new != "right" and not is_dropped:
            changed[edit.item_id] = benchmark.edited(item, edit)
    whole = labelled.answered({item_id: item for item_id, item in changed.items() if item_id in labelled.items})
    alone = {item_id: item for item_id, item in changed.items() if item_id not in labelled.items}
    return Applied(whole | alone, tuple(held), tuple(conflicts))


def _fitting(benchmark: Auditable, known: Mapping[str, Item], edits: Sequence[LabelEdit]) -> list[LabelEdit]:
    """Of several edits of one label, made on files with different labels, the one of the label that is here; else the first."""
    by_label: dict[tuple[str, str], list[LabelEdit]] = {}
    for edit in edits:
        by_label.setdefault((edit.item_id, edit.field), []).append(edit)
    chosen = []
    for (item_id, field_), own in by_label.items():
        claim = benchmark.claim(known[item_id], field_) if len(own) > 1 and item_id in known else None
        chosen.append(next((edit for edit in own if claim is not None and edit.old == claim.label), own[0]))
    return chosen


def _obstacle(benchmark: Auditable, edit: LabelEdit, item: Item | None) -> str:
    if item is None:
        return "there is no such item"
    claim = benchmark.claim(item, edit.field)
    if claim is None:
        return "the item has no such label"
    if claim.label == edit.old:
        return ""
    return f"the label is {claim.label}, the edit is of {edit.old}: the label has changed since, or other files were reviewed"


def _object(number: int, line: str, where: str) -> dict[str, Any]:
    value = parse_json(line, f"{where}, line {number}", "Correct or remove it.")
    if not isinstance(value, dict):
        raise DataError(f"{where}, line {number} is not an object of named values. Correct or remove it.")
    return value


def _edit(row: Mapping[str, Any], where: str) -> LabelEdit:
    missing = [name for name in _FIELDS if not isinstance(row.get(name), str)]
    unknown = [name for name in row if name not in _FIELDS]
    if missing or unknown:
        faults = [f"no text under {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
        raise DataError(f"{where}: {'; '.join(faults)}. An edit has {', '.join(_FIELDS)}.")
    if row["new"] not in NEW:
        raise DataError(f"{where}: new is {row['new']!r}; it is one of {', '.join(NEW)}.")
    return LabelEdit(**row)
