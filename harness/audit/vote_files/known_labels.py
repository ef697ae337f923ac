"""The labels that the items of stored runs have: what votes that come from files are held against before they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.audit.queue import INSTALL, auditable, why_gone
from harness.audit.review_sheet import APART, Refused, Shown
from harness.core.digests import value_digest
from harness.core.evaluation import Item
from harness.labels.cases import CAPTION, NOUN, VERDICT, Key, Vote, about
from harness.labels.claims import Auditable
from harness.labels.labelled_items import LabelledItems
from harness.labels.suspicion.rank import question_of
from harness.labels.suspicion.uncovered_nouns import UNKNOWN, noun_question
from harness.storage.result_queries import Head, ResultQueries
from harness.storage.run_store import Store

_EDITED = (
    "The column `label` tells which label is judged: leave it as it was exported, and write `wrong` under `judgement` where it "
    "is wrong. If the labels have changed since, export the sheet again."
)
_OTHER_RUNS = (
    "If the sheet is of other runs, give the folder where they lie (`--output`); else leave the columns `benchmark` and "
    "`item_id` as they were exported."
)


class KnownLabels:
    """Items are read of those benchmarks that are asked for, each set once.

    A label of any run may be judged, because runs may differ (`labels:` of a benchmark); the queue shows that of the newest.
    """

    def __init__(self, store: Store) -> None:
        self._reader = ResultQueries(store)
        self._heads: dict[str, dict[str, Head]] = {}
        for run in store.runs():
            for head in self._reader.heads(run.id):
                own = self._heads.setdefault(str(head.options["name"]), {})
                same = value_digest([head.item_set, dict(head.options)])
                own.pop(same, None)  # the newest stand last
                own[same] = head
        self._items: dict[str, list[tuple[Auditable | None, Mapping[str, Item]]]] = {}
        self._ids: dict[str, set[str]] = {}

    def ids(self, benchmark: str) -> set[str]:
        """Ids of a benchmark's items in all runs."""
        if benchmark not in self._ids:
            self._ids[benchmark] = {item_id for _, items in self._of(benchmark) for item_id in items}
        return self._ids[benchmark]

    def fault(self, key: Key) -> Refused | None:
        """Why a vote on this label cannot be kept; None where it can."""
        benchmark, item_id, field, label, _ = key
        if item_id not in self.ids(benchmark):
            return Refused(f"judges item {item_id!r} of {benchmark}, which is in no run here.", _OTHER_RUNS)
        if field.startswith(VERDICT):
            return None  # a judge's rating, which is nobody's label
        labels = self._labels(key)
        if not labels and (why := next(filter(None, (why_gone(h.options) for h in self._heads[benchmark].values())), "")):
            return Refused(f"judges a label of {benchmark}: {why}", INSTALL)
        if not labels:
            what = f"judges the field {field!r}, which item {item_id!r} of {benchmark} does not have."
            return Refused(what, "Leave the column `field` as it was exported, or export the sheet again.")
        return None if label in labels else edited_label(label, " or ".join(sorted(set(labels))))

    def is_divided(self, benchmark: str) -> bool:
        """Whether runs have several sets of items of the benchmark, and may ask several questions under one id."""
        return len(self._of(benchmark)) > 1

    def place(self, key: Key, shown: Shown) -> Key | Refused:
        """The case that a row or task is on; why it cannot be kept, where its label or what it shows is that of none."""
        if (why := self.fault(key)) is not None:
            return why
        known = self.questions(key)
        found = [digest for digest, (question, image) in known.items() if shown.is_of(question, image)]
        if not found:
            return APART
        if len(found) > 1:
            what = (
                f"does not show which of {len(found)} questions it judges: runs here have several under item {key.item_id!r}."
            )
            return Refused(what, "Export the file again, and leave its columns `question` and `image` as they are.")
        return key._replace(about=found[0])

    def questions(self, key: Key) -> dict[str, tuple[str, str]]:
        """What runs ask under the key's id, of those whose label is the key's: `about` -> (question to a reviewer, image).

        Of all, where none has that label.
        """
        found: dict[str, tuple[str, str]] = {}
        others: dict[str, tuple[str, str]] = {}
        for plugin, items in self._of(key.benchmark):
            if (item := items.get(key.item_id)) is not None:
                question, label = _asked(plugin, item, key.field)
                of = _about(plugin, item, key.field)
                (others if label not in (None, key.label) else found)[of] = (question, item.image)
        return found or others

    def older(self, votes: Iterable[Vote]) -> str:
        """A warning of votes on labels that only older runs have; "" where there are none."""
        apart = [(vote, labels[-1]) for vote in votes if (labels := self._labels(vote.key)) and labels[-1] != vote.label]
        if not apart:
            return ""
        first, newest = apart[0]
        return (
            f"{len(apart):,} of these votes are on labels that only older runs have (the first: {first.benchmark}, item "
            f"{first.item_id}: the vote is on {first.label!r}, the newest run has {newest!r}). They change nothing in runs "
            "with the newer labels. If the column `label` was edited by hand, vote `skip` on the same rows to take them back."
        )

    def _labels(self, key: Key) -> list[str]:
        """The labels that runs have under the field, the newest last; [] where none has one."""
        benchmark, item_id, field, *_ = key
        found = [(plugin, items[item_id]) for plugin, items in self._of(benchmark) if item_id in items]
        found = [one for one in found if not key.about or key.about == _about(*one, field)]
        if field.startswith(VERDICT):
            return []
        if field.startswith(NOUN):
            return [UNKNOWN] if found else []
        claims = [plugin.claim(item, field) for plugin, item in found if plugin is not None]
        return [claim.label for claim in claims if claim is not None]

    def _of(self, benchmark: str) -> list[tuple[Auditable | None, Mapping[str, Item]]]:
        if benchmark not in self._items:
            self._items[benchmark] = [self._labelled(head) for head in self._heads.get(benchmark, {}).values()]
        return self._items[benchmark]

    def _labelled(self, head: Head) -> tuple[Auditable | None, Mapping[str, Item]]:
        """The items that were answered and, of parts of an item, the whole, which has the labels."""
        plugin, items = auditable(head.options), self._reader.items(head.item_set)
        return plugin, {item.id: item for item in items} | dict(LabelledItems.among(plugin, items).items)


def _about(plugin: Auditable | None, item: Item, field: str) -> str:
    return about(item, field, plugin is not None and plugin.free_text)


def _asked(plugin: Auditable | None, item: Item, field: str) -> tuple[str, str | None]:
    """(question to a reviewer, the label that is judged: None where there is none)."""
    if field.startswith(NOUN):
        return noun_question(field.removeprefix(NOUN)), None
    claim = plugin.claim(item, field) if plugin is not None and not field.startswith((VERDICT, CAPTION)) else None
    if plugin is None or claim is None:
        return item.question, None
    return question_of(item, claim, plugin.free_text), claim.label


def edited_label(written: str, known: str) -> Refused:
    """The fault of a row whose label is not the one under review."""
    return Refused(f"has {written!r} in the column `label`, where the label is {known!r}.", _EDITED)
