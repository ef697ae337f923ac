"""Prompts with a chosen answer each: of an instruction file in LLaVA-Instruct's format, or of another preference source.

    {"id": "000000033471", "image": "000000033471.jpg",
     "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"}, {"from": "gpt", "value": "A bus."}, ..]}

Only the first question and its answer are used; `<image>` marks follow the rule of `image_marks`. A limit is drawn from the
rows that can be asked, as sources of stored pairs draw it from those that can train. Of another source (`from: {name: povid}`)
its pairs are the prompts and the rejected answers are not used: an arm on that source and an arm from it share every prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from alignment.data.forms.instructions import first_turn, instruction_rows
from alignment.data.image_marks import by_number, count_marks, has_image_mark, placed
from alignment.data.image_names import check_limit, find_image, names_in, refuse_unusable
from alignment.data.invalid_pairs import (
    EMPTY_ANSWER,
    IMAGE_MARK,
    LATER_IMAGES,
    MISSING_IMAGE,
    MORE_MARKS,
    OTHER_MARKS,
    UNREADABLE_IMAGE,
    VIDEO,
    Dropped,
    misplaced,
)  # fmt: skip
from alignment.data.sampling import drawn, row_id, unique
from harness.core import registry
from harness.core.capabilities import ChecksItsFiles
from harness.core.edge.foreign import words_of
from harness.core.errors import ConfigError, DataError, ImageError
from harness.core.plugins import Data, Model, NoModel, Source
from harness.core.preference import AsksAbout, ImageNames, Images, PreferencePair, names_of, one_or_all, paths_of, together

T = TypeVar("T")

PROMPTS = "instruct/preference_prompts.json"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question about an image (or several, or none) with the answer to prefer."""

    id: str
    image: ImageNames  # relative to the data folder
    image_digest: ImageNames
    path: Images
    text: str
    chosen: str


def read_prompts(data: Data, name: str, image_folder: str, limit: int | None, seed: int) -> tuple[list[Prompt], list[Dropped]]:
    """Prompts of a file and its rows left out; with `limit`, a uniform subsample by seed in the file's order.

    Raises DataError where the file is not such a list, naming every faulty row, and where most images are missing.
    """
    asked, dropped = _usable(data, name, image_folder, limit, seed)
    digests = [together(tuple(map(data.digest, names_of(p.image)))) for p in asked]
    return [replace(p, image_digest=d, path=_paths(p.image, data)) for p, d in zip(asked, digests, strict=True)], dropped


def _paths(image: ImageNames, data: Data) -> Images:
    return one_or_all(map(data.path, names_of(image)))


def _usable(data: Data, name: str, image_folder: str, limit: int | None, seed: int) -> tuple[list[Prompt], list[Dropped]]:
    """Prompts without digests, so that no image is read, and the rows left out."""
    rows = instruction_rows(data, name)
    ids = unique(row_id(row, number) for number, row in enumerate(rows, start=1))
    kept, dropped, faults = list[Prompt](), list[Dropped](), list[str]()
    for number, (own, row) in enumerate(zip(ids, rows, strict=True), start=1):
        try:
            question, answer = first_turn(row)
            names = names_in(row)
            reason = _unfit(row, names, answer)
            if not reason:
                question, names = placed(question, together(names)), names_of(by_number(question, together(names)))
        except Exception as error:  # turns may be of any type
            faults.append(f"row {number} ({own[:80]}): {words_of(error)}")
            continue
        found = [] if reason else [(name, find_image(data, image_folder, name)) for name in names]
        lost = [name for name, place in found if place is None]
        if reason or lost:
            dropped.append(Dropped(own, reason or MISSING_IMAGE, "".join(lost[:1])))
        else:
            kept.append(Prompt(own, together(tuple(place for _, place in found if place)), "", None, question, answer))
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:10])
        raise DataError(f"{name} has {len(faults)} faulty rows; correct or remove them:{listed}")
    refuse_unusable(data, name, image_folder, kept, dropped, len(rows))
    return [kept[i] for i in drawn([p.id for p in kept], limit, seed)], dropped


def _unfit(row: Mapping[str, Any], names: Sequence[str], answer: str) -> str:
    """Why a row makes no prompt with an answer to prefer, "" where it does; its image is not looked for."""
    if row.get("video") or row.get("videos"):
        return VIDEO
    asked = [str(turn.get("value", "")) for turn in row["conversations"] if turn.get("from") == "human"]
    if len(names) > 1 and count_marks(asked[0]) < sum(map(count_marks, asked)) == len(names):
        return LATER_IMAGES
    if len(names) < 2 and (fault := misplaced(asked[0], len(names))):
        return MORE_MARKS if fault == OTHER_MARKS else fault
    if not answer:
        return EMPTY_ANSWER
    return IMAGE_MARK if has_image_mark(answer) else ""


class ReadsPrompts:
    """A source that answers prompts: of a file (`prompts`, `image_folder`) or of another source (`from`), `limit` of them."""

    options: dict[str, Any]
    rejected_each: int | None = 1  # rejected answers of every pair; None: known when they are made
    _origin: Source | None = None

    def take(self, given: Mapping[str, Any]) -> None:
        """Keep a constructor's arguments as `options`. Raises ConfigError for a `limit` or a `from` that cannot be used."""
        who = type(self).__module__.rpartition(".")[2]
        self.options = {name.removesuffix("_"): value for name, value in given.items() if name not in ("self", "__class__")}
        check_limit(who, self.options["limit"])
        if self.options["from"] is not None:
            if self.options.pop("prompts") != PROMPTS or self.options.pop("image_folder"):
                raise ConfigError(
                    f"{who}: the prompts come from `from`, so that `prompts` and `image_folder` have no place here."
                )
            self._origin = made_source(self.options["from"], f"{who}.from", self.options["limit"])

    def check(self, data: Data, seed: int) -> int:
        """How many prompts can be asked. Reads no image, asks no model; raises DataError as `pairs` would."""
        o = self.options
        if self._origin is None:
            return len(asked_of(self, data, seed))
        found = count_of(self._origin, data, seed)
        return found if o["limit"] is None else min(found, o["limit"])

    def asked(self, data: Data, seed: int) -> list[AsksAbout]:
        """What the prompts are about, without reading an image or asking a model."""
        o = self.options
        if self._origin is None:
            return list(_usable(data, o["prompts"], o["image_folder"], o["limit"], seed)[0])
        found = asked_of(self._origin, data, seed)
        return [found[i] for i in drawn([one.id for one in found], o["limit"], seed)]

    def left_out(self, data: Data, seed: int) -> list[str]:
        """What another source leaves out; of its own file a source reports it when it has asked."""
        return [] if self._origin is None else left_out_of(self._origin, data, seed)

    def prompts(self, data: Data, model: Model, seed: int) -> tuple[list[Prompt], list[Dropped]]:
        """The prompts and the rows left out; what another source left out stands in its own report."""
        o = self.options
        if self._origin is None:
            return read_prompts(data, o["prompts"], o["image_folder"], o["limit"], seed)
        pairs = list(self._origin.pairs(data, model, seed))
        return [_prompt(pairs[i], data) for i in drawn([p.id for p in pairs], o["limit"], seed)], []

    def origin_report(self) -> dict[str, Any]:
        """{"from": the other source's report}, after `prompts`; {} without one."""
        return {} if self._origin is None else {"from": self._origin.report()}


def made_source(spec: Mapping[str, Any], place: str, limit: int | None = None) -> Source:
    """A source named inside another one; `limit`: no more pairs than that. Raises ConfigError for what is not a source."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise ConfigError(f"{place} must be a source with its options: {{name: povid, ...}}.")
    options = {k: v for k, v in spec.items() if k != "name"}
    if limit is not None and any(option.name == "limit" for option in registry.options("source", spec["name"])):
        options["limit"] = min(limit, options.get("limit") or limit)
    return registry.make("source", spec["name"], options)


def _prompt(pair: PreferencePair, data: Data) -> Prompt:
    return Prompt(pair.id, pair.image, pair.image_digest, _paths(pair.image, data), pair.prompt, pair.chosen)


def unreadable(prompts: Sequence[Prompt], error: ImageError) -> list[Dropped]:
    """The prompts about an image that a model could not read; raises `error` where there is none."""
    lost = [Dropped(p.id, UNREADABLE_IMAGE) for p in prompts if error.path in paths_of(p.path)]
    if not lost:
        raise error
    return lost


@runtime_checkable
class StoresPairs(Protocol):
    """A source of ready-made pairs: they can be looked at before a model is loaded."""

    # as `pairs` gives them, without digests, and a line on the rows that make none
    def stored(self, data: Data, seed: int) -> tuple[list[PreferencePair], str]: ...


@runtime_checkable
class AsksAhead(Protocol):
    """Another source that says what its pairs will be about, without a model and without reading an image."""

    def asked(self, data: Data, seed: int) -> list[AsksAbout]: ...


@runtime_checkable
class TellsLeftOut(Protocol):
    """A source that takes pairs of others, and has a line on what each of them leaves out, without a model."""

    def left_out(self, data: Data, seed: int) -> list[str]: ...


_known: ContextVar[dict[int, tuple[object, Any]] | None] = ContextVar("_known", default=None)  # Any: what `_once` was given


@contextmanager
def read_once() -> Iterator[None]:
    """Within it, `count_of`, `asked_of` and `left_out_of` read the files of a source once for all."""
    before = _known.set({})
    try:
        yield
    finally:
        _known.reset(before)


def _once(source: object, read: Callable[[], T]) -> T:
    if (known := _known.get()) is None:
        return read()
    if id(source) not in known:
        known[id(source)] = source, read()  # with the source, so that no other one gets its id
    made: T = known[id(source)][1]
    return made


def stored_of(source: StoresPairs, data: Data, seed: int) -> tuple[list[PreferencePair], str]:
    """`source.stored`, see `read_once`."""
    return _once(source, lambda: source.stored(data, seed))


def asked_of(source: object, data: Data, seed: int) -> list[AsksAbout]:
    """The pairs or prompts of a source as far as it tells them ahead."""
    if isinstance(source, StoresPairs):
        return list(stored_of(source, data, seed)[0])
    return _once(source, lambda: source.asked(data, seed)) if isinstance(source, AsksAhead) else []


def left_out_of(source: object, data: Data, seed: int) -> list[str]:
    """A line on each file, or source inside this one, that makes fewer pairs than it has rows, as far as it is known ahead."""
    if isinstance(source, StoresPairs):
        return [line for line in [stored_of(source, data, seed)[1]] if line]
    return source.left_out(data, seed) if isinstance(source, TellsLeftOut) else []


def count_of(source: Source, data: Data, seed: int) -> int:
    """How many pairs or prompts a source has, without a model. Raises what reading its files raises."""
    if isinstance(source, StoresPairs):
        return len(asked_of(source, data, seed))
    if isinstance(source, ChecksItsFiles):
        return source.check(data, seed)
    return sum(1 for _ in source.pairs(data, NoModel(), seed))
