"""Two sources side by side: prompts that both have, with both rejected answers, for `loss: avg_dpo`.

The rows "GPT-4V and BDHS" of the study's tables 2 and 6 (arXiv:2407.02477, equation 5): the chosen answer is the first
source's, the losses against the two rejected ones are averaged. Pairs are matched by id, and must show the same images and ask
the same question; of several rejected answers the first counts. Two equal rejected answers stay: the
average is then the plain loss, and the arm keeps its prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alignment.data.image_names import check_limit
from alignment.data.invalid_pairs import Dropped, left_out, table
from alignment.data.prompts import StoresPairs, asked_of, count_of, left_out_of, made_source, stored_of
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from harness.core import registry
from harness.core.edge.text import shown
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data, Model
from harness.core.preference import AsksAbout, PreferencePair

ONLY_FIRST = "in the first source only"
ONLY_SECOND = "in the second source only"
OTHER_IMAGES = "the sources differ in the images"
OTHER_PROMPT = "the sources differ in the prompt"
OTHER_CHOSEN = "the sources differ in the chosen answer"
FURTHER = "further rejected answer"

Both = tuple[PreferencePair, PreferencePair]  # of the first source and of the second, under one id


@registry.source
class Union:
    """`first` and `second` are sources as in a study: {name: povid, ...}."""

    def __init__(
        self,
        first: Mapping[str, Any],  # a source with its options: {name: povid, ...}
        second: Mapping[str, Any],  # another source; its prompts decide the order
        limit: int | None = None,  # of the second source
    ) -> None:
        check_limit("union", limit)
        _require_one_each({"union.first": first, "union.second": second})
        self.options = {"first": dict(first), "second": dict(second), "limit": limit}
        self._first, self._second = made_source(first, "union.first"), made_source(second, "union.second", limit)
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the second source, which is the one that asks the model."""
        first, second = (list(source.pairs(data, model, seed)) for source in (self._first, self._second))
        made, (both, dropped) = list[PreferencePair](), self._matched(first, second)
        asked = len(both) + len(dropped)
        for pair, other in both:
            meta = {"first": dict(pair.meta), "second": dict(other.meta)}
            dropped += [Dropped(other.id, FURTHER)] * (len(pair.rejected) + len(other.rejected) - 2)
            answers = (pair.rejected[0], other.rejected[0])
            made.append(replace(other, rejected=answers, source=f"{pair.source}+{other.source}", meta=meta))
        inner = {"first": self._first.report(), "second": self._second.report()}
        self._report = yield_report(self.options, asked, made, [], dropped, nouns(data)) | inner
        yield from made

    def _matched(self, first: Sequence[PreferencePair], second: Sequence[PreferencePair]) -> tuple[list[Both], list[Dropped]]:
        """The pairs that both sources have, and those that one lacks or has otherwise. With `limit`, which draws from the
        second source, what the first has beyond that was not asked for."""
        known, both, dropped = {pair.id: pair for pair in first}, list[Both](), list[Dropped]()
        for other in second:
            pair = known.get(other.id)
            fault = _fault(pair, other)
            if pair is None or fault:
                dropped.append(Dropped(other.id, fault))
            else:
                both.append((pair, other))
        if self.options["limit"] is None:
            matched = {other.id for other in second}
            dropped += [Dropped(id, ONLY_FIRST) for id in known if id not in matched]
        return both, dropped

    def _matched_ahead(self, data: Data, seed: int) -> tuple[list[Both], list[Dropped]] | None:
        """The same of two files, without a model; None where a source is none."""
        if not isinstance(self._first, StoresPairs) or not isinstance(self._second, StoresPairs):
            return None
        return self._matched(*(stored_of(source, data, seed)[0] for source in (self._first, self._second)))

    def check(self, data: Data, seed: int) -> int:
        """At most `limit` pairs, those that match where both sources are files; what either source refuses is refused.

        Raises DataError where none matches.
        """
        counts = [count_of(source, data, seed) for source in (self._first, self._second)]
        if (matched := self._matched_ahead(data, seed)) is None:
            return min(counts)
        if not matched[0]:
            why = ", ".join(f"{reason} {n:,}" for reason, n in table(matched[1]).items())
            ids = [shown(asked_of(source, data, seed)[0].id) for source in (self._first, self._second)]
            raise DataError(
                f"union: none of {counts[1]:,} pairs of the second source matches one of {counts[0]:,} of the first: {why}. "
                f"Pairs are matched by id; the first ids are {ids[0]} and {ids[1]}."
            )
        return len(matched[0])

    def asked(self, data: Data, seed: int) -> list[AsksAbout]:
        """What the pairs of both sources are about."""
        return [one for source in (self._first, self._second) for one in asked_of(source, data, seed)]

    def left_out(self, data: Data, seed: int) -> list[str]:
        """What each source leaves out, and how many pairs of two files have no partner."""
        both, dropped = self._matched_ahead(data, seed) or ([], [])
        own = [f"union: {left_out(dropped, len(both) + len(dropped))}."] if dropped else []
        return [*(line for one in (self._first, self._second) for line in left_out_of(one, data, seed)), *own]

    def report(self) -> dict[str, Any]:
        return self._report


def _require_one_each(sides: Mapping[str, Any]) -> None:
    """Raise ConfigError for a source that would draw rejected answers which are thrown away: all but the first of a prompt.

    A further one also takes the place of a first that found no answer, so that other prompts have a pair.
    """
    for place, spec in sides.items():
        if not isinstance(spec, Mapping):
            continue  # `made_source` says what is wrong
        if spec.get("name") == "union":
            raise ConfigError(
                f"{place} is a union itself, of which only the first rejected answer would be used. Name its first source."
            )
        if isinstance(asked := spec.get("n_rejected"), int) and asked > 1:
            raise ConfigError(
                f"{place}.n_rejected is {asked}, but union uses one rejected answer of each source. Leave it out."
            )
        if spec.get("name") == "joined":
            _require_one_each({f"{place}.{part}": spec.get(part) for part in ("first", "second")})


def _fault(pair: PreferencePair | None, other: PreferencePair) -> str:
    """Why two pairs of one id are not about the same; "" where they are. Rows without ids have the same ones in every file."""
    if pair is None:
        return ONLY_SECOND
    if _other_images(pair, other):
        return OTHER_IMAGES
    if (pair.prompt.split(), pair.context) != (other.prompt.split(), other.context):
        return OTHER_PROMPT
    return OTHER_CHOSEN if pair.chosen.strip() != other.chosen.strip() else ""


def _other_images(pair: PreferencePair, other: PreferencePair) -> bool:
    """Whether other images are shown, by content where it is known: one image may lie in two places. Before digests are known
    (`check`) names that differ are no reason."""
    if len(pair.images) != len(other.images):
        return True
    return bool(pair.image_digest and other.image_digest) and pair.image_digest != other.image_digest
