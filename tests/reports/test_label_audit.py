"""What an audit changes, told from values: rates, faults, ranks, conclusions, bounds, corrected CHAIR."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness.core.evaluation import Item, LabelEdit, Score, Span
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from harness.labels.caption_marks import CaptionMarks
from harness.labels.cases import Vote, caption_field
from harness.labels.claims import Claim, Labels, ResultKey
from harness.labels.control_sample import control_order
from harness.labels.estimates.corrected_chair import CorrectedChair, corrected_chair
from harness.labels.estimates.error_attribution import error_faults
from harness.labels.estimates.label_error_rate import label_rates
from harness.labels.estimates.proportions import drawn
from harness.labels.votes import Ballots
from reports.comparison.compare import columns_of, compare
from reports.label_audit.effect import effect, ranks
from reports.label_audit.text import parts, summary
from reports.values.comparison import Comparison
from reports.values.label_audit import ChangedMetric
from reports.values.table import Cell, Row
from reports.writers.html import write as html
from reports.writers.markdown import write as markdown

N = 1000


def edit(item: int, new: str, field: str = "label") -> LabelEdit:
    return LabelEdit("pope", str(item), field, "no", new, "Ada", "", "")


RESULT = ResultKey("run", "base", "pope")


def labels(contradicted: dict[ResultKey, list[tuple[str, str]]] | None = None) -> Labels:
    claims = tuple(
        Claim(str(i), "label", "yes" if i % 4 == 0 else "no", "dog" if i % 2 else "cat", ("random",)) for i in range(N)
    )
    return Labels("pope", claims, {str(i): f"image {i // 5}" for i in range(N)}, contradicted or {})


def test_where_all_labels_were_reviewed_the_rate_is_counted() -> None:
    edits = [edit(i, "flipped" if i < 50 else "removed" if i < 80 else "right") for i in range(N)]
    found = label_rates(labels(), edits, {})
    assert found.how == "all reviewed" and found.flipped.value == 0.05 and found.removed.value == 0.03
    assert found.by_group["random"].value == 0.08 and found.by_object["dog"].n == 40 and found.flipped.low is None


def test_the_rate_of_all_labels_comes_from_the_control_set_and_not_from_suspects() -> None:
    wrong = set(range(0, N, 20))  # one in twenty
    random = {int(item) for item, _ in control_order([(str(i), "label") for i in range(N)], 300)}
    edits = [edit(i, "flipped" if i in wrong else "right") for i in random | wrong]  # all wrong ones were suspects
    found = label_rates(labels(), edits, {"sample": 300, "seed": 0})
    assert found.how == "control set" and found.flipped.of == 300 and found.missing == 0
    assert found.flipped.value == found.flipped.n / 300 and found.flipped.high is not None and found.flipped.high > 0.05
    assert found.flipped.low == 0.05  # what was found among the suspects is certain; the sample alone says less


def test_without_a_control_set_no_rate_is_told() -> None:
    found = label_rates(labels(), [edit(1, "flipped")], {})
    assert found.how == "" and found.flipped.value is None and found.decided == 1


def test_an_exact_interval_covers_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(0), 0
    for n in rng.binomial(200, 0.04, 2000):
        share = drawn(int(n), 200)
        assert share.low is not None and share.high is not None
        covered += share.low <= 0.04 <= share.high
    assert covered / 2000 >= 0.95


def test_errors_that_are_label_faults_have_an_interval_over_images() -> None:
    wrong = [(str(i), "label") for i in range(100)]
    edits = [edit(i, "flipped" if i < 20 else "removed" if i < 25 else "right") for i in range(100)]
    (found,) = error_faults(labels({RESULT: wrong}), edits, {})
    assert found.share.value == 0.25 and (found.flipped, found.removed, found.reviewed) == (20, 5, 100)
    assert found.share.low is not None and found.share.high is not None and found.share.low < 0.25 < found.share.high


def test_errors_that_nobody_reviewed_give_bounds() -> None:
    (found,) = error_faults(
        labels({RESULT: [(str(i), "label") for i in range(10)]}), [edit(0, "flipped"), edit(1, "right")], {}
    )
    assert found.least == 0.1 and found.most == 0.9 and found.share.value is None and found.how == ""


def test_an_edit_of_one_split_speaks_for_the_question() -> None:
    (found,) = error_faults(labels({RESULT: [("3", "label")]}), [edit(3, "flipped", "label/random")], {})
    assert found.flipped == 1


def test_equal_values_share_a_rank_and_unknown_ones_have_none() -> None:
    cells = [Cell(value, None, None, 9) for value in (0.7, 0.9, 0.9, None)]
    assert ranks(cells, "higher") == (3, 1, 1, None) and ranks(cells, "lower") == (1, 2, 2, None)
    assert ranks(cells, "neither") == ()


def under(results: tuple[BenchmarkResult, ...]) -> tuple[BenchmarkResult, ...]:
    facts = {"label revision": "ours"}
    return tuple(replace(r, protocol=ProtocolRecord({**r.protocol.facts, **facts})) for r in results)


@pytest.fixture
def audited(make: SimpleNamespace) -> object:
    """The runs of the reports' tests beside themselves: the better model is worse under the audited labels."""
    return audit_of(make.record())


def audit_of(record: RunRecord) -> Comparison:
    base, aligned = record.sweeps
    sweeps = replace(base, results=under(aligned.results)), replace(aligned, results=under(base.results))
    official, other = compare([record]), compare([replace(record, sweeps=sweeps)])
    known = labels({ResultKey(record.run_id, base.label, "pope"): [("1", "label")]})
    conflict = "pope, item <b>9</b>, label: there is no such item"
    columns = columns_of([record], None)
    made = effect(
        official, other, [known], [edit(1, "flipped")], columns, revision="ours (12)", conflicts=[conflict], not_asked=3
    )
    return replace(official, audit=made)


def test_ranks_and_conclusions_that_turn_are_told(audited: object) -> None:
    found = audited.audit  # type: ignore[attr-defined]
    assert any(m.is_reordered for m in found.changed_metrics) and found.reversed_conclusions
    assert {t.after for t in found.reversed_conclusions} & {"worse"} and {t.before for t in found.reversed_conclusions} & {
        "better"
    }
    titles = [part.title for part in parts(audited)]  # type: ignore[arg-type]
    assert titles[:2] == ["Metrics under both labels", "Conclusions that flip"] and "Not applied" in titles


def test_runs_whose_own_labels_are_a_revision_are_not_called_official(make: SimpleNamespace) -> None:
    record = make.record()
    base, aligned = record.sweeps
    (first, *_) = aligned.results
    own = replace(first, protocol=ProtocolRecord({**first.protocol.facts, "labels": "repope"}))
    published = [replace(r, protocol=ProtocolRecord({**r.protocol.facts, "labels": "as published"})) for r in base.results]
    sweeps = replace(base, results=tuple(published)), replace(aligned, results=(own, *aligned.results[1:]))
    made = audit_of(replace(record, sweeps=sweeps))
    column = made.columns[1].label
    assert made.audit is not None and made.audit.scored_under == ((column, own.benchmark, "repope"),)
    metrics, conclusions, *_ = parts(made)
    assert not any("official" in name for name in (*metrics.header, *conclusions.header)) and "repope" in str(metrics.lines)


def test_the_reports_show_the_audit_and_escape_what_they_show(audited: object) -> None:
    page, text = html(audited), markdown(audited)  # type: ignore[arg-type]
    assert "Audited labels" in page and "item <b>9</b>" not in page and "&lt;b&gt;9&lt;/b&gt;" in page
    assert "## Audited labels" in text and "### Conclusions that flip" in text
    assert summary(audited.audit) in page  # type: ignore[attr-defined]


def test_without_a_difference_to_the_baseline_no_conclusion_is_said_to_hold(audited: object) -> None:
    """The baseline lacks the audited benchmark."""
    found = audited.audit  # type: ignore[attr-defined]
    alone = [
        replace(m.audited, cells=tuple(c and replace(c, difference=None) for c in m.audited.cells))
        for m in found.changed_metrics
    ]
    metrics = tuple(replace(m, audited=row) for m, row in zip(found.changed_metrics, alone, strict=True))

    def said(**changes: object) -> str:
        return markdown(replace(audited, audit=replace(found, reversed_conclusions=(), **changes)))  # type: ignore

    assert "No conclusion changes." in said() and "has a difference to the baseline" not in said()
    none = said(changed_metrics=metrics)
    assert "No metric of the audited benchmark has a difference to the baseline." in none and "No conclusion" not in none


def test_without_an_audit_the_reports_say_nothing_of_one(make: SimpleNamespace) -> None:
    comparison = compare([make.record()])
    assert "Audited labels" not in html(comparison) + markdown(comparison) and parts(comparison) == []


# ---------------------------------------------------------------- marks


TEXT = "abcdefgh IJKLM rest"  # one letter an object; the scorer takes I to M for objects


def caption(item: int, invented: int) -> Score:
    spans = tuple(Span(9 + i, 10 + i, "invented" if i < invented else "found") for i in range(5))
    return Score(str(item), {"mentions": 5.0, "invented": float(invented)}, spans=spans)


def marked(score: Score, missed: int = 0, alarms: int = 0, found: int = 0, word: str = "") -> Vote:
    """A vote with marks on words that the scorer did not see, on its invented objects, and on the last of its found ones."""
    spans = [Span(i, i + 1, "missed") for i in range(missed)]
    spans += [Span(9 + i, 10 + i, "false alarm") for i in range(alarms)]
    spans += [Span(13 - i, 14 - i, "missed") for i in range(found)]
    word = word or ("wrong" if spans else "right")
    field = caption_field(TEXT, score.spans)
    return Vote("chair", score.item_id, field, "", word, "Ada", "", answer=TEXT, spans=tuple(spans))


def corrected(scores: list[Score], votes: list[Vote], text: str = TEXT) -> CorrectedChair | None:
    texts, items = {s.item_id: text for s in scores}, {s.item_id: Item(s.item_id, f"{s.item_id}.jpg", "") for s in scores}
    return corrected_chair("chair", "base", scores, texts, CaptionMarks(Ballots(votes), "chair"), items)


def test_what_the_detector_missed_is_carried_over_to_all_captions() -> None:
    scores = [caption(i, 1) for i in range(100)]
    found = corrected(scores, [marked(scores[i], 1 if i < 10 else 0) for i in range(20)])
    assert found is not None and found.plain == 0.2 and found.value == pytest.approx(1.5 / 5.5)
    assert found.low is not None and found.high is not None and found.low < 1.5 / 5.5 < found.high
    assert (found.found.n, found.found.of) == (20, 30) and found.rightly.value == 1.0 and found.marked == 20


def test_false_alarms_are_taken_back() -> None:
    scores = [caption(i, 2) for i in range(50)]
    found = corrected(scores, [marked(scores[i], alarms=1) for i in range(25)])
    assert found is not None and found.plain == 0.4 and found.value == pytest.approx(0.2) and found.rightly.value == 0.5


def test_marks_in_another_caption_do_not_count() -> None:
    assert corrected([caption(1, 1)], [marked(caption(1, 1), 1)], "another one") is None


def test_a_benchmark_that_counts_no_mentions_is_not_corrected_as_chair() -> None:
    nouns = Score("1", {"uncovered": 3.0, "unsupported": 1.0})
    assert corrected([nouns], [marked(nouns, 1)]) is None


def test_objects_taken_for_true_that_people_call_missed_are_named_already() -> None:
    scores = [caption(i, 1) for i in range(30)]
    found = corrected(scores, [marked(score, found=4) for score in scores])
    assert found is not None and found.value == 1.0 and (found.found.n, found.found.of) == (30, 150)


def test_a_mark_over_several_objects_counts_each_and_two_marks_on_one_count_once() -> None:
    score = caption(1, 2)
    wide = replace(marked(score), judgement="wrong", spans=(Span(9, 11, "false alarm"), Span(11, 14, "missed")))
    found = corrected([score], [wide])
    assert found is not None and found.value == 0.6 and (found.rightly.n, found.rightly.of) == (0, 2)
    twice = replace(wide, spans=(Span(9, 10, "false alarm"), Span(9, 10, "false alarm")))
    assert (again := corrected([score], [twice])) is not None and again.value == 0.2


def test_an_ambiguous_caption_is_not_read_and_is_counted_apart() -> None:
    scores = [caption(i, 1) for i in range(30)]
    found = corrected(scores, [marked(score, word="ambiguous") for score in scores])
    assert found is not None and (found.marked, found.ambiguous, found.value, found.low) == (0, 30, None, None)
    assert found.found.value is None and found.plain == 0.2


def test_marks_against_other_spans_of_the_scorer_are_not_used_and_are_counted_apart() -> None:
    found = corrected([caption(1, 2)], [marked(caption(1, 1), 1)])
    assert found is not None and (found.marked, found.elsewhere, found.value) == (0, 1, None)


def test_the_corrected_interval_covers_the_truth() -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(60):
        missed = rng.random(400) < 0.3
        scores = [caption(i, int(rng.random() < 0.5)) for i in range(400)]
        found = corrected(scores, [marked(scores[i], int(missed[i])) for i in range(80)])
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= (0.5 + 0.3) / 5.3 <= found.high
    assert covered >= 53


# ---------------------------------------------------------------- ranks


def ranked(values: tuple[float, ...], order: tuple[tuple[int, int], ...]) -> Row:
    cells = tuple(Cell(value, None, None, 9) for value in values)
    return Row("pope", "accuracy", "", "higher", "share", True, "", "", cells, order=order)


def test_a_rank_change_counts_only_between_distinguishable_checkpoints() -> None:
    before, after = (0.9, 0.8, 0.7), (0.8, 0.9, 0.7)
    changed = [
        ChangedMetric(ranked(before, order), ranked(after, ()), (1, 2, 3), (2, 1, 3)) for order in ((), ((0, 2),), ((0, 1),))
    ]
    assert [metric.reordered for metric in changed] == [(), (), (0, 1)]


def test_ranks_that_the_tests_leave_open_are_a_range() -> None:
    row = ranked((0.9, 0.8, 0.7), ((0, 2), (1, 2)))
    assert [row.rank_range(j) for j in range(3)] == [(1, 2), (1, 2), (3, 3)]


def test_a_report_of_three_checkpoints_shows_the_ranks_that_are_left_open(make: SimpleNamespace) -> None:
    records = [replace(make.record(f"run{n}", seed=n), config_yaml=f"beta: {n}") for n in range(2)]
    text, page = markdown(compare(records)), html(compare(records))
    assert "## Ranks" in text and "1 to 2" in text.partition("## Ranks")[2] and 'id="ranks"' in page
    assert "## Ranks" not in markdown(compare(records[:1]))
