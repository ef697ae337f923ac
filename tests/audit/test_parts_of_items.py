"""Labels of items that answer files took apart, or answered several times: they are the whole item's, in every use of them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks._pope.answer_form import ANSWER_FORM
from benchmarks.chair import Chair
from benchmarks.pope import Pope
from harness.audit.queue import gather, queue
from harness.audit.rescore_runs import rescore
from harness.audit.vote_files.known_labels import KnownLabels
from harness.core.evaluation import Item
from harness.labels.cases import Key
from harness.labels.labelled_items import LabelledItems
from harness.storage.label_edits import apply
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store
from tests.audit.test_rescore import accuracy, edit, keep

SPLITS = {"name": "pope", "splits": ["random", "popular"]}
CAPTIONS = {"7": "A zebra stands.", "7#2": "A zebra and a dog."}


def whole(random: str = "no", popular: str = "no") -> Item:
    truth = {"labels": {"random": [random], "popular": [popular]}, "ids": {"random": ["1"], "popular": ["4"]}}
    return Item("a.jpg Is there a dog in the image?", "a.jpg", "Is there a dog in the image?", truth)


def parts(item: Item) -> list[Item]:
    made = [Pope.answer_form.part(item, name) for name in ("random/1", "popular/4")]  # type: ignore[misc]
    return [part for part in made if part is not None]


def kept(store: Store, *texts: str, item: Item | None = None) -> list[Item]:
    own = parts(item or whole())
    said = {part.id: text for part, text in zip(own, texts, strict=True)}
    keep(store, "one", Pope(splits=["random", "popular"]), SPLITS, own, said)
    return own


def captions(store: Store) -> None:
    items = [Item(i, "7.jpg", "", {"objects": []}) for i in CAPTIONS]
    keep(store, "one", Chair(), {"name": "chair"}, items, CAPTIONS)


def only(records: Any) -> Any:
    return records[0].sweeps[0].results[0]


def test_parts_are_joined_to_the_item_they_were_taken_from() -> None:
    labelled = LabelledItems.among(Pope(), parts(whole("yes", "no")))
    assert labelled.items == {whole().id: whole("yes", "no")}
    assert ANSWER_FORM.whole([whole()]) == whole()


def test_an_edit_of_a_question_changes_each_of_its_parts(store: Store) -> None:
    own = kept(store, "Yes.", "Yes, there is.")
    found = rescore(store, ["one"], [Revision("mine", "", (edit(whole().id, "flipped"),))])
    assert (accuracy(only(found.official)), accuracy(only(found.audited))) == (0.0, 1.0)
    assert [item.id for item in only(found.audited).items] == [part.id for part in own]
    assert found.not_asked == 0 and len(found.edits) == 1 and len(found.labels[0].claims) == 1


def test_an_edit_of_one_split_changes_and_drops_that_part_alone() -> None:
    random, popular = parts(whole("no", "yes"))
    edits = [edit(whole().id, "flipped", field="label/random"), edit(whole().id, "removed", "yes", "label/popular")]
    applied = apply(Pope(), [random, popular], edits)
    assert applied.changed[popular.id] is None and not applied.conflicts
    assert applied.changed[random.id].truth["labels"] == {"random": ["yes"]}  # type: ignore[union-attr]


def test_an_edit_that_an_earlier_version_made_of_a_part_still_holds() -> None:
    random, popular = parts(whole())
    applied = apply(Pope(), [random, popular], [edit(random.id, "flipped")])
    assert list(applied.changed) == [random.id] and not applied.conflicts


def test_a_disputed_label_of_a_question_moves_all_of_its_parts(store: Store) -> None:
    kept(store, "Yes.", "Yes, there is.")
    found = rescore(store, ["one"], [Revision("mine", "", ())], [Key("pope", whole().id, "label", "no")])
    (bound,) = [one for one in found.bounds if one.metric == "accuracy"]
    assert (bound.worst, bound.best) == (0.0, 1.0)


def test_an_edit_of_an_images_label_counts_for_every_caption(store: Store) -> None:
    captions(store)
    found = rescore(store, ["one"], [Revision("mine", "", (edit("7", "flipped", field="zebra", benchmark="chair"),))])
    invented = [[score.values["invented"] for score in only(of).scores] for of in (found.official, found.audited)]
    assert invented == [[1, 2], [0, 1]]
    assert [len(labels) for labels in found.labels[0].contradicted.values()] == [2]  # zebra, dog


def test_the_queue_has_a_label_of_several_captions_once_with_all_of_them(store: Store) -> None:
    captions(store)
    (zebra,) = [case for case in queue(store, "chair") if case.field == "zebra"]
    assert zebra.item_id == "7" and list(zebra.answers.values()) == ["\n".join(CAPTIONS.values())]


@pytest.mark.parametrize(("other", "against"), [("Yes, there is.", True), ("No.", False)])
def test_a_checkpoint_that_contradicts_itself_is_no_evidence_against_a_label(store: Store, other: str, against: bool) -> None:
    kept(store, "Yes.", other)
    gathered = gather(store)["pope"]
    assert [claim.item_id for claim in gathered.evidence.claims] == [whole().id]
    assert bool(gathered.witnesses[0].implied) == against


def test_votes_on_the_whole_and_captions_of_the_parts_are_known(store: Store) -> None:
    kept(store, "Yes.", "No.")
    known = KnownLabels(store)
    assert known.fault(Key("pope", whole().id, "label", "no")) is None
    assert known.ids("pope") == {whole().id, *(part.id for part in parts(whole()))}
