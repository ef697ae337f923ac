"""The labels of stored results, gathered result by result, and which of them the answers of each contradict."""

from __future__ import annotations

from dataclasses import replace

from harness.core.evaluation import Item, LabelEdit
from harness.labels.cases import about
from harness.labels.claims import Auditable, Claim, Labels, ResultKey
from harness.labels.labelled_items import LabelledItems
from harness.storage.run_store import StoredResult


class LabelIndex:
    """The labels of one benchmark, gathered result by result."""

    def __init__(self, benchmark: Auditable) -> None:
        self._benchmark = benchmark
        self._items: dict[str, Item] = {}
        self._claims: dict[tuple[str, str], Claim] = {}
        self._contradicted: dict[ResultKey, list[tuple[str, str]]] = {}
        self._unclear: dict[ResultKey, int] = {}

    def add(self, run_id: str, stored: StoredResult) -> None:
        """Take up the labels of a result, and which of them its answers contradict."""
        labelled = LabelledItems.among(self._benchmark, stored.items)
        own = {item_id: self._named(item) for item_id, item in labelled.items.items()}
        for item in own.values():
            if item.id not in self._items:
                self._items[item.id] = item
                for field in self._benchmark.fields(item):
                    self._claim(item, field)
        key = ResultKey(run_id, stored.label, stored.benchmark)
        found = dict[tuple[str, str], None]()
        self._unclear[key] = 0
        for score in stored.scores:
            item = self._items[own[labelled.of[score.item_id]].id]
            labels = self._benchmark.implied_labels(item, score)
            self._unclear[key] += score.correct is False and not labels and not self._benchmark.free_text
            for field, implied in labels.items():
                claim = self._claim(item, field)
                if claim is not None and implied.yes != (claim.label == "yes"):
                    found[item.id, field] = None
        self._contradicted[key] = list(found)

    def _named(self, item: Item) -> Item:
        """Another question than an earlier result has under this id gets a name of its own."""
        first = self._items.get(item.id)
        if first is None or (first.image, first.question) == (item.image, item.question):
            return item
        digest = self._about(item)
        return item if self._about(first) == digest else replace(item, id=_name(item.id, digest))

    def _about(self, item: Item) -> str:
        return about(item, "", self._benchmark.free_text)

    def named(self, edit: LabelEdit) -> LabelEdit:
        """The edit with the name that its question has here."""
        other = _name(edit.item_id, edit.about)
        return replace(edit, item_id=other) if other in self._items else edit

    def fits(self, edit: LabelEdit) -> bool:
        """Whether an edit is of the label that stands here: runs may have answered files with different labels."""
        item = self._items.get(self.named(edit).item_id)
        claim = self._benchmark.claim(item, edit.field) if item is not None else None
        return claim is not None and claim.label == edit.old

    def labels(self, name: str) -> Labels:
        clusters = {item.id: item.cluster for item in self._items.values()}
        return Labels(name, tuple(self._claims.values()), clusters, self._contradicted, self._unclear)

    def _claim(self, item: Item, field: str) -> Claim | None:
        label = (item.id, field)
        if label not in self._claims:
            claim = self._benchmark.claim(item, field)
            if claim is None:
                return None
            self._claims[label] = claim
        return self._claims[label]


def _name(item_id: str, digest: str) -> str:
    return f"{item_id} ({digest})"
