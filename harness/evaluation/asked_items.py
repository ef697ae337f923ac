"""The items that a configuration asks for, and what is asked about them; both come from the benchmark and are checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from reprlib import repr as short

from harness.config.schema import BenchmarkConfig
from harness.core.edge.files import instead_of_file
from harness.core.edge.foreign import refused_as
from harness.core.edge.launch import command_line
from harness.core.errors import DataError, UnknownItems
from harness.core.evaluation import Decoding, Item, Request
from harness.core.nearest import nearest
from harness.core.plugin_forms.items import listed, require_form
from harness.core.plugins import Benchmark, Data

_CORRECT = "Correct the benchmark."


def requests_of(name: str, benchmark: Benchmark, items: Sequence[Item], data: Data, first: int | None = None) -> list[Request]:
    """What a benchmark asks, in the order of its items; of the `first` items only, where it is given.

    Raises DataError naming the first image that is missing, of all items.
    """
    there = {image: data.has(image) for image in dict.fromkeys(item.image for item in items) if image}
    lost = [item for item in items if not there.get(item.image, True)]
    if lost:
        found = instead_of_file(data.folder / lost[0].image)
        raise DataError(
            f"{name}: {len(lost)} of {len(items)} items ask about an image that is not in the data folder {data.folder}; "
            f"the first is {lost[0].image}{f', which {found}' if found else ''} (item {lost[0].id}). "
            f"`{command_line('fetch', name, '--images', '--data', data.folder)}` fetches them or says from where."
        )
    decoding = decoding_of(name, benchmark)
    paths = {image: data.path(image) for image in dict.fromkeys(item.image for item in items[:first]) if image}
    return [Request(paths.get(i.image), _prompt(name, benchmark, i), decoding) for i in items[:first]]


def decoding_of(name: str, benchmark: Benchmark) -> Decoding:
    """How a benchmark is answered. Raises DataError for what is not a Decoding."""
    with refused_as(DataError, f"{name}: decoding() fails", _CORRECT):
        found: object = benchmark.decoding()
    if not isinstance(found, Decoding):
        raise DataError(f"{name}: decoding() gives {short(found)}, not a Decoding. {_CORRECT}")
    return found


def _prompt(name: str, benchmark: Benchmark, item: Item) -> str:
    with refused_as(DataError, f"{name}: prompt() fails for item {item.id!r}", _CORRECT):
        found: object = benchmark.prompt(item)
    if not isinstance(found, str):
        raise DataError(f"{name}: prompt() gives {short(found)} for item {item.id!r}, not text. {_CORRECT}")
    return found


def items_of(
    spec: BenchmarkConfig, benchmark: Benchmark, data: Data, load: Callable[[Data], list[Item]] | None = None
) -> tuple[Item, ...]:
    """The items that a configuration asks for. Raises DataError where there are none, or ids that are none or not one's own."""
    with refused_as(DataError, f"The files of {spec.name} cannot be read", "Fetch them again, or look at its options."):
        found = listed(spec.name, (load or benchmark.load)(data), None if spec.items else spec.limit)
    items = require_form(spec.name, found)
    if not items:
        raise DataError(f"{spec.name} found no items in {data.folder}; check its options and files.")
    ids = [item.id for item in items]
    if len(set(ids)) < len(ids):
        raise DataError(f"{spec.name}: several items have the id {max(ids, key=ids.count)!r}. Remove the rows that repeat it.")
    known = set(ids)
    if lost := [wanted for wanted in spec.items or () if wanted not in known]:
        named = ", ".join(map(repr, lost[:3])) + (f" and {len(lost) - 3:,} more" if len(lost) > 3 else "")
        near = ", ".join(nearest(lost[0], ids, n=3, cutoff=0.3) or ids[:3])
        raise UnknownItems(f"{spec.title} has no item {named}. Its ids look like: {near}.", lost)
    if spec.items is not None:
        chosen = set(spec.items)
        items = tuple(item for item in items if item.id in chosen)
    return items[: spec.limit]
