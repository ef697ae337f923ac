"""Every stored run under audited labels: nothing is generated or judged again, official numbers stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chair import Chair
from benchmarks.pope import Pope
from harness.audit.audited_comparison import compare_audited
from harness.audit.rescore_result import rescore_result
from harness.audit.rescore_runs import FACT, rescore
from harness.config.schema import BenchmarkConfig
from harness.core import stats
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, LabelEdit, Score, Verdict
from harness.core.plugins import Benchmark
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.labels.cases import Key, Vote
from harness.labels.votes import Ballots
from harness.results.run_records import results_of
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store, StoredResult, StoredRun
from reports.writers.markdown import write as markdown

SAYS = {"a": "Yes.", "b": "Yes.", "c": "No."}


def keep(store: Store, run: str, benchmark: Benchmark, spec: dict[str, Any], items: list[Item], said: dict[str, str]) -> None:
    store.begin(
        StoredRun(run, run, "2026-01-01", "complete", "model: {name: scripted}\nsweep: [{name: x}]\n", "", {}, "/nowhere")
    )
    answers = {i: Answer(i, text, 2, "end") for i, text in said.items()}
    store.add_answers("digest", {f"{run}/{i}": answer for i, answer in answers.items()})
    result = StoredResult(
        label="base",
        benchmark=spec["name"],
        checkpoint=Checkpoint("tiny", "tiny", "", "d" * 64),
        options=BenchmarkConfig.model_validate(spec).model_dump(exclude_none=True),
        protocol=ProtocolRecord({"variant": "official", "items": str(len(items))}),
        items=tuple(items),
        answer_keys=tuple(f"{run}/{i.id}" if i.id in said else None for i in items),
        scores=tuple(benchmark.score(i, answers[i.id]) for i in items if i.id in said),
    )
    store.add_result(run, 0, result)


def questions(*ids: str) -> list[Item]:
    return [Item(i, f"{i}.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"]}}) for i in ids]


def edit(item: str, new: str, old: str = "no", field: str = "label", benchmark: str = "pope") -> LabelEdit:
    return LabelEdit(benchmark, item, field, old, new, "Ada", "", "")


def accuracy(result: Any) -> float | None:
    return stats.metrics(result.items, result.scores, result.formulas)[0].value


def test_official_and_audited_numbers_stand_side_by_side(store: Store) -> None:
    keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    found = rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"), edit("b", "removed"), edit("c", "right")))])
    (official,), (audited,) = (record.sweeps[0].results for record in (found.official[0], found.audited[0]))
    assert accuracy(official) == pytest.approx(1 / 3) and accuracy(audited) == 1.0
    assert [i.id for i in audited.items] == [a.item_id for a in audited.answers] == ["a", "c"]
    assert FACT not in official.protocol.facts and audited.protocol.facts[FACT].startswith("mine (")
    assert not found.conflicts and found.not_asked == 0 and len(found.edits) == 3


@pytest.mark.parametrize("edits", [(), (edit("c", "right"),)])
def test_a_disputed_label_gives_the_headline_metrics_at_both_ends(store: Store, edits: tuple[LabelEdit, ...]) -> None:
    keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    found = rescore(store, ["one"], [Revision("mine", "", edits)], [Key("pope", "a", "label", "no")])
    (bound,) = [one for one in found.bounds if one.metric == "accuracy"]
    assert (bound.worst, bound.best) == (pytest.approx(1 / 3), pytest.approx(2 / 3))  # only c right; a and c right
    assert bound.result == ("one", "base", "pope") and rescore(store, ["one"], [Revision("mine", "", edits)]).bounds == ()


def test_runs_of_the_same_weights_have_errors_and_bounds_of_their_own(store: Store) -> None:
    pope, spec = Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}
    keep(store, "one", pope, spec, questions("a"), {"a": "Yes."})
    keep(store, "two", pope, spec, questions("a", "b", "c"), SAYS)
    mine = Revision("mine", "", (edit("a", "flipped"),))
    disputed = Ballots(
        [Vote("pope", "b", "label", "no", judgement, by, "") for by, judgement in (("A", "right"), ("B", "wrong"))]
    )
    found = compare_audited(store, ["one", "two"], [mine], disputed).audit
    assert found is not None
    assert [(column, fault.errors, fault.flipped) for column, fault in found.faults] == [("one", 1, 1), ("two", 2, 1)]
    worst = {column: bound.worst for column, bound in found.bounds if bound.metric == "accuracy"}
    assert worst == {"two": pytest.approx(2 / 3)} and found.disputed == 1


def test_errors_are_told_of_the_labels_of_the_first_run_where_another_has_corrected_ones(store: Store) -> None:
    pope, spec = Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}
    keep(store, "one", pope, spec, questions("a"), {"a": "Yes."})
    corrected = [replace(item, truth={"labels": {"random": ["yes"]}}) for item in questions("a")]
    keep(store, "two", pope, spec, corrected, {"a": "Yes."})
    mine = Revision("mine", "", (edit("a", "flipped"), edit("a", "right", old="yes")))
    for runs, wanted in ((["one", "two"], "flipped"), (["two", "one"], "right")):
        found = rescore(store, runs, [mine])
        assert [e.new for e in found.edits] == [wanted] and not found.conflicts
        assert [accuracy(record.sweeps[0].results[0]) for record in found.audited] == [1.0, 1.0]


def test_a_result_is_rescored_without_a_store(store: Store) -> None:
    pope = Pope(splits=["random"])
    keep(store, "one", pope, {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    ((_, result),) = results_of(store, store.run("one"))
    made = rescore_result(result, pope, [edit("a", "flipped"), edit("b", "flipped", old="yes"), edit("z", "flipped")])
    assert accuracy(result) == pytest.approx(1 / 3) and accuracy(made.result) == pytest.approx(2 / 3)
    assert [e.item_id for e in made.edits] == ["a"] and [c.edit.item_id for c in made.conflicts] == ["b"]


def test_the_store_is_not_changed(store: Store, tmp_path: Path) -> None:
    keep(store, "one", Pope(), {"name": "pope"}, questions("a"), SAYS)
    before = store.results("one")
    rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),))])
    assert store.results("one") == before


def test_conflicts_are_shown_and_the_other_edits_applied(store: Store) -> None:
    keep(store, "one", Pope(), {"name": "pope"}, questions("a", "b"), SAYS)
    edits = (edit("a", "flipped", old="yes"), edit("b", "flipped"), edit("z", "flipped"))
    found = rescore(store, ["one"], [Revision("mine", "", edits)])
    assert [str(c) for c in found.conflicts] == [
        "pope, item a, label: the label is no, the edit is of yes: the label has changed since, or other files were reviewed"
    ]
    assert found.not_asked == 1 and [e.item_id for e in found.edits] == ["b"]


def test_one_ambiguous_object_drops_the_caption_and_leaves_the_other_decisions_on_it_in_rates_and_faults(store: Store) -> None:
    items = [Item(i, f"{i}.jpg", "", {"objects": ["cat", "dog"]}) for i in "ab"]
    keep(store, "one", Chair(), {"name": "chair"}, items, {"a": "A cat and a bench.", "b": "A cat."})
    fields = {"cat": ("yes", "removed"), "dog": ("yes", "flipped"), "bench": ("no", "flipped")}
    edits = tuple(edit("a", new, old, field, "chair") for field, (old, new) in fields.items())
    edits += tuple(edit("b", "right", "yes", field, "chair") for field in ("cat", "dog"))
    made = compare_audited(store, ["one"], [Revision("mine", "", edits)], Ballots([]))
    found = made.audit
    assert found is not None and not found.conflicts and found.edits == {"right": 2, "flipped": 2, "removed": 1}
    (rates,), ((_, faults),) = found.rates, found.faults
    assert (rates.how, rates.flipped.n, rates.removed.n, rates.flipped.of) == ("all reviewed", 2, 1, 5)
    assert (faults.errors, faults.flipped) == (1, 1)
    assert "CHAIR: 1 of 2 items left the audited metrics" in markdown(made)


def test_a_benchmark_that_the_baseline_lacks_has_its_metrics_under_both_labels(store: Store) -> None:
    chair = [Item("a", "a.jpg", "", {"objects": ["cat"]})]
    keep(store, "other", Chair(), {"name": "chair"}, chair, {"a": "A cat."})
    keep(store, "both", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    (pope,), (named,) = store.results("both"), store.results("other")
    other = replace(pope.checkpoint, digest="e" * 64)
    store.add_result("both", 0, replace(pope, checkpoint=other))
    store.add_result("both", 1, replace(named, checkpoint=other))
    made = compare_audited(store, ["other", "both"], [Revision("mine", "", (edit("a", "flipped"),))], Ballots([]))
    assert made.audit is not None and {m.official.benchmark for m in made.audit.changed_metrics} == {"pope"}
    assert made.protocols["pope"]["items"] == "3"


def test_an_item_without_an_answer_stays_missing_unless_it_is_dropped(store: Store) -> None:
    keep(store, "one", Pope(), {"name": "pope"}, questions("a", "b", "x", "y"), SAYS)
    found = rescore(store, ["one"], [Revision("mine", "", (edit("x", "removed"), edit("y", "flipped")))])
    assert found.official[0].sweeps[0].results[0].missing.keys() == {"x", "y"}
    assert found.audited[0].sweeps[0].results[0].missing.keys() == {"y"}


class Judged(Pope):
    """POPE whose answers a judge reads."""

    def __init__(self, judge: Any) -> None:
        super().__init__(splits=["random"])
        self.judge = judge

    def score(self, item: Item, answer: Answer) -> Score:
        verdict = self.judge.judge(None, item.question, answer.text, {}, None)
        return replace(super().score(item, replace(answer, text=verdict.raw)), verdict=verdict)


class Paid:
    asked = 0

    def judge(self, *_: object) -> Verdict:
        self.asked += 1
        return Verdict(1.0, "", "Yes", "paid", "1")


def test_a_judge_is_not_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    paid = Paid()
    keep(store, "one", Judged(paid), {"name": "pope"}, questions("a", "b"), {"a": "", "b": ""})
    monkeypatch.setattr("harness.core.registry.make", lambda kind, name, options, judge: Judged(judge))
    found = rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),))])
    official, audited = (r[0].sweeps[0].results[0].scores[0] for r in (found.official, found.audited))
    assert not official.correct and audited.correct and audited.verdict == official.verdict and paid.asked == 2


def test_a_benchmark_that_the_revision_does_not_speak_of_is_the_same_object(store: Store) -> None:
    keep(store, "one", Pope(), {"name": "pope"}, questions("a"), SAYS)
    found = rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped", benchmark="amber"),))])
    assert found.audited[0].sweeps[0].results[0] is found.official[0].sweeps[0].results[0]


@pytest.mark.parametrize("stored", ["0", None])
def test_a_run_scored_by_another_version_is_scored_anew_as_a_whole_on_both_sides(store: Store, stored: str | None) -> None:
    """Else one wrong answer would count by the old rule and another one by the new."""
    pope = Pope(splits=["random"])
    keep(store, "one", pope, {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    row = store.results("one")[0]
    facts = {"benchmark version": stored} if stored else {}
    wrong = tuple(replace(score, values={"random/tp": 1.0}) for score in row.scores)  # as an old rule may have counted
    store.add_result("one", 0, replace(row, protocol=ProtocolRecord(facts), scores=wrong))
    found = rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),))])
    (official,), (audited,) = (record.sweeps[0].results for record in (found.official[0], found.audited[0]))
    assert accuracy(official) == pytest.approx(1 / 3) and accuracy(audited) == pytest.approx(2 / 3)
    for result in (official, audited):
        assert result.protocol.facts["benchmark version"] == str(pope.version)
        assert f"scores of version {stored or 'unknown'}" in result.protocol.facts["scored again"]
    assert store.results("one")[0].scores == wrong
    (told,) = found.official[0].caveats
    assert told.startswith(f"POPE was scored again by version {pope.version}; the run has scores of ")


def test_scores_of_this_version_are_not_made_again(store: Store) -> None:
    pope = Pope(splits=["random"])
    keep(store, "one", pope, {"name": "pope", "splits": ["random"]}, questions("a", "b", "c"), SAYS)
    row = store.results("one")[0]
    store.add_result("one", 0, replace(row, protocol=ProtocolRecord({"benchmark version": str(pope.version)})))
    (official,) = rescore(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),))]).official[0].sweeps[0].results
    assert "scored again" not in official.protocol.facts


def test_a_revision_of_other_benchmarks_than_the_runs_swept_is_refused(store: Store) -> None:
    keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, questions("a"), {"a": "Yes."})
    other = Revision("other", "", (edit("a", "flipped", "no", "label", "mmvp"),))
    with pytest.raises(ConfigError, match="The revision other holds labels of mmvp, of which .* they swept pope"):
        compare_audited(store, ["one"], [Revision("mine", "", (edit("a", "flipped"),)), other], Ballots([]))
