"""Two sources one after the other: all pairs of both.

The rows "POVID+RLHF-V" of the study's table 7 (arXiv:2407.02477, section 5.5). An id has its part's name in front ("first/17").
A reward model holds pairs out by image, so that what is held out of one set is held out of both together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from alignment.data.image_names import check_limit
from alignment.data.prompts import asked_of, count_of, left_out_of, made_source
from alignment.data.sampling import drawn
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from harness.core import registry
from harness.core.plugins import Data, Model
from harness.core.preference import AsksAbout, PreferencePair


@registry.source
class Joined:
    """`first` and `second` are sources as in a study: {name: povid, ...}."""

    def __init__(
        self,
        first: Mapping[str, Any],  # a source with its options: {name: povid, ...}
        second: Mapping[str, Any],  # another source
        limit: int | None = None,  # that many pairs of both together, a uniform subsample by seed
    ) -> None:
        check_limit("joined", limit)
        self.options: dict[str, Any] = {"first": dict(first), "second": dict(second), "limit": limit}
        self._parts = {"first": made_source(first, "joined.first"), "second": made_source(second, "joined.second")}
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs of the first source, then those of the second."""
        made = [
            replace(pair, id=f"{part}/{pair.id}")
            for part, source in self._parts.items()
            for pair in source.pairs(data, model, seed)
        ]
        kept = [made[i] for i in drawn([pair.id for pair in made], self.options["limit"], seed)]
        reports = {part: source.report() for part, source in self._parts.items()}
        self._report = yield_report(self.options, len(made), kept, [], [], nouns(data)) | reports
        yield from kept

    def check(self, data: Data, seed: int) -> int:
        """The pairs of both, at most `limit`; what either source refuses is refused."""
        found = sum(count_of(source, data, seed) for source in self._parts.values())
        return found if self.options["limit"] is None else min(found, self.options["limit"])

    def asked(self, data: Data, seed: int) -> list[AsksAbout]:
        """What the pairs of both sources are about."""
        return [one for source in self._parts.values() for one in asked_of(source, data, seed)]

    def left_out(self, data: Data, seed: int) -> list[str]:
        """What each source leaves out."""
        return [line for source in self._parts.values() for line in left_out_of(source, data, seed)]

    def report(self) -> dict[str, Any]:
        return self._report
