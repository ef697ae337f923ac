"""Worst and best case of metrics that are not best where every disputed label is settled for the answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from benchmarks.pope import Pope
from benchmarks.yes_no.beaf import Beaf
from harness.audit import disputed_bounds
from harness.audit.audited_comparison import compare_audited, control_of
from harness.audit.rescore_runs import rescore
from harness.core.errors import ConfigError
from harness.core.evaluation import Item, LabelEdit, Span
from harness.labels.cases import Key, Vote, caption_field
from harness.labels.control_sample import control_order
from harness.labels.votes import Ballots
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store
from reports.label_audit.text import parts
from reports.values.label_audit import Bound
from tests.audit.test_rescore import keep, questions

# image -> label and answer of its one question; "b1" is an edited version of "b". Labels are rightly answered or not:
TOLD = {
    "a": ("yes", "No."), "a1": ("yes", "Yes."), "a2": ("yes", "Yes."),  # changed twice
    "b": ("yes", "Yes."), "b1": ("yes", "Yes."), "b2": ("no", "Yes."),  # changed once
    "c": ("no", "No."), "c1": ("no", "No."), "c2": ("no", "No."), "c3": ("no", "Yes."),  # changed once
}  # fmt: skip
DISPUTED = ("a1", "a2", "b1", "c", "c2", "c3")
FLIP = {"yes": "no", "no": "yes"}


def items() -> list[Item]:
    def one(name: str, label: str) -> Item:
        truth = {"label": label, "edited": len(name) > 1, "removed": False, "original": f"{name[0]}.jpg", "slices": ()}
        return Item(name, f"beaf/images/{name}.jpg", "Is there a dog?", truth, group=name[0])

    return [one(name, label) for name, (label, _) in TOLD.items()]


def indecision(turned: set[str]) -> float:
    """The share of edited images on which the rightness is another than on the original."""
    right = {n: (said == "Yes.") == ((FLIP[label] if n in turned else label) == "yes") for n, (label, said) in TOLD.items()}
    edited = [name for name in TOLD if len(name) > 1]
    return sum(right[name] != right[name[0]] for name in edited) / len(edited)


def bound_of_id(store: Store) -> Bound:
    keep(store, "one", Beaf(), {"name": "beaf"}, items(), {name: said for name, (_, said) in TOLD.items()})
    keys = [Key("beaf", name, "label", TOLD[name][0]) for name in DISPUTED]
    found = rescore(store, ["one"], [Revision("mine", "", ())], keys)
    assert len(found.disputed) == len(DISPUTED)
    (bound,) = [one for one in found.bounds if one.metric == "id"]
    return bound


@pytest.mark.parametrize("together", [4, 0], ids=["settlements of a cluster", "one label after the other"])
def test_no_settlement_leads_beyond_the_ends_of_beafs_id(store: Store, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disputed_bounds, "_TOGETHER", together)
    tried = [
        indecision({name for name, is_turned in zip(DISPUTED, turned, strict=True) if is_turned})
        for turned in product((False, True), repeat=len(DISPUTED))
    ]
    bound = bound_of_id(store)
    assert (bound.worst, bound.best) == (pytest.approx(max(tried)), pytest.approx(min(tried))) and bound.is_searched
    assert (max(tried), min(tried)) == (1.0, pytest.approx(1 / 7))  # by hand: 2 + 2 + 3 of 7 changed, and b2 alone


def test_the_table_says_where_the_ends_were_searched(store: Store) -> None:
    keep(store, "one", Beaf(), {"name": "beaf"}, items(), {name: said for name, (_, said) in TOLD.items()})
    votes = [Vote("beaf", n, "label", TOLD[n][0], j, w, "") for n in DISPUTED for w, j in (("A", "right"), ("B", "wrong"))]
    made = compare_audited(store, ["one"], [Revision("mine", "", ())], Ballots(votes))
    (part,) = [part for part in parts(made) if part.title == "Still disputed"]
    assert part.lead == "6 labels on which reviewers disagree: the worst and the best that settling them can give."
    assert "BEAF ID: not best with all labels settled for the checkpoint; searched label by label." in part.lines


def test_only_disputes_of_labels_that_the_run_has_are_counted(store: Store) -> None:
    """One of a label, one of the label that another file has, one of an id with another question, one of a caption."""
    keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), {"a": "Yes."})
    text, mark = "A dog.", Span(2, 5, "missed")
    sides = (("Ada", "right"), ("Bob", "wrong"))
    votes = [Vote("pope", "a", "label", "no", j, w, "") for w, j in sides]
    votes += [Vote("pope", "b", "label", "yes", j, w, "") for w, j in sides]
    votes += [Vote("pope", "c", "label", "no", j, w, "", about="another question") for w, j in sides]
    caption = Vote("pope", "a", caption_field(text, ()), "", "right", "Ada", "", answer=text)
    votes += [caption, replace(caption, reviewer="Bob", judgement="wrong", spans=(mark,))]
    assert len(Ballots(votes).disputed()) == 4
    found = compare_audited(store, ["one"], [Revision("mine", "", ())], Ballots(votes)).audit
    assert found is not None and found.disputed == 1
    assert [(b.worst, b.best) for _, b in found.bounds if b.metric == "accuracy"] == [(0.0, 1.0)]


# ---------------------------------------------------------------- control sets of several revisions


def drawn(name: str, benchmark: str, sample: int, seed: int, *ids: str) -> Revision:
    edits = tuple(LabelEdit(benchmark, item, "label", "no", "right", "Ada", "", "") for item in ids)
    return Revision(name, "", edits, {"sample": sample, "seed": seed} if sample else {})


def test_each_benchmark_has_the_control_set_of_its_own_revision(store: Store) -> None:
    ids = [str(n) for n in range(40)]
    says = dict.fromkeys(ids, "Yes.")
    for run, spec in (("one", {"name": "pope", "splits": ["random"]}), ("two", {"name": "beaf"})):
        if run == "one":
            keep(store, run, Pope(splits=["random"]), spec, questions(*ids), says)
        else:
            truth = {"label": "no", "edited": False, "removed": False, "original": "", "slices": ()}
            keep(store, run, Beaf(), spec, [Item(i, f"{i}.jpg", "Is there a dog?", truth) for i in ids], says)
    of_pope = [item for item, _ in control_order([(i, "label") for i in ids], 30, 0)]
    of_beaf = [item for item, _ in control_order([(i, "label") for i in ids], 32, 7)]
    revisions = [drawn("p", "pope", 30, 0, *of_pope), drawn("b", "beaf", 32, 7, *of_beaf)]
    sizes = {"pope": 30, "beaf": 32}
    for given in (revisions, revisions[::-1]):
        found = compare_audited(store, ["one", "two"], given, Ballots()).audit
        assert found is not None
        assert {r.benchmark: (r.how, r.sample) for r in found.rates} == {n: ("control set", of) for n, of in sizes.items()}
    with pytest.raises(ConfigError, match="The revisions p and q have control sets of pope .* different seeds"):
        compare_audited(store, ["one"], [revisions[0], drawn("q", "pope", 30, 1, "0")], Ballots())


def test_of_two_draws_with_one_seed_the_larger_counts() -> None:
    revisions = [
        drawn("p", "pope", 30, 3, "0"),
        drawn("q", "pope", 50, 3, "1"),
        drawn("r", "pope", 0, 0, "2"),
    ]
    assert control_of(revisions, "pope") == {"sample": 50, "seed": 3} and control_of(revisions, "beaf") == {}
