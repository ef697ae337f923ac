"""Marks in captions hold for the scorer's marks that they were made against; votes of earlier versions do not say which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chair import Chair
from harness.audit.audited_comparison import audited
from harness.audit.review_desk import ReviewScope, caption_cases
from harness.audit.vote_files.earlier_votes import place_votes
from harness.config.schema import BenchmarkConfig
from harness.core.evaluation import Answer, Item, Score, Span
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.labels.cases import Vote, caption_field, caption_field_without_spans
from harness.labels.estimates.corrected_chair import CorrectedChair
from harness.storage.label_revisions import Revision, write
from harness.storage.run_store import Store, StoredResult, StoredRun
from harness.storage.vote_store import Reviews
from reports.label_audit.text import parts

TEXT = "A dog sits near a cat and a unicorn."
ITEM = Item("1", "1.jpg", "", {"objects": ["cat"]})
DOG, UNICORN = (Span(TEXT.index(w), TEXT.index(w) + len(w), "") for w in ("dog", "unicorn"))
CONFIG = "model: {name: scripted}\nsweep: [{name: x}]\n"


def keep(folder: Path, run: str, change: Any = None, label: str = "chair") -> Score:
    """A run with one caption; `change` makes the scorer's marks others."""
    score = Chair().score(ITEM, Answer("1", TEXT, 9, "end"))
    score = change(score) if change else score
    result = StoredResult(
        label="base",
        benchmark=label,
        checkpoint=Checkpoint(run, run, "", run[0] * 64),
        options=BenchmarkConfig.model_validate({"name": "chair"}).model_dump(exclude_none=True),
        protocol=ProtocolRecord({"benchmark version": str(Chair.version)}),
        items=(ITEM,),
        answer_keys=("1",),
        scores=(score,),
    )
    with Store(folder / "store.sqlite") as store:
        store.begin(StoredRun(run, run, "2026-01-01", "complete", CONFIG, "", {}, "/nowhere"))
        store.add_answers("d", {"1": Answer("1", TEXT, 9, "end")})
        store.add_result(run, 0, result)
    return score


def lemma(score: Score) -> Score:
    """As a variant that does not know the dog."""
    return replace(score, values={**score.values, "mentions": 1.0, "invented": 0.0}, spans=score.spans[1:])


def vote(folder: Path, field: str, *marks: Span) -> None:
    with Reviews(folder / "store.sqlite") as reviews:
        judged = "wrong" if marks else "right"
        reviews.add(Vote("chair", "1", field, "", judged, "Ada", "2026", answer=TEXT, spans=marks))


def estimates(folder: Path, *runs: str) -> dict[str, CorrectedChair]:
    write(Revision("none", "", ()), folder)
    found = audited(folder, runs, ["none"]).audit
    assert found is not None
    return {one.column: one for one in found.captions}


def test_two_variants_of_the_scorer_are_two_cases_and_the_marks_of_one_are_not_the_others(tmp_path: Path) -> None:
    official = keep(tmp_path, "official")
    keep(tmp_path, "lemma", lemma)
    with Store(tmp_path / "store.sqlite") as store:
        cases = caption_cases(store, ReviewScope("chair", captions=9))
    assert len(cases) == 2 and {case.field for case in cases} >= {caption_field(TEXT, official.spans)}
    vote(tmp_path, caption_field(TEXT, official.spans), replace(UNICORN, kind="missed"))
    found = estimates(tmp_path, "official", "lemma")
    assert [(one.marked, one.elsewhere) for one in found.values()] == [(1, 0), (0, 1)]
    assert [one.value for one in found.values()] == [pytest.approx(2 / 3), None]


def test_marks_hold_for_a_benchmark_with_a_label_of_its_own(tmp_path: Path) -> None:
    score = keep(tmp_path, "mine", label="mychair")
    vote(tmp_path, caption_field(TEXT, score.spans), replace(DOG, kind="false alarm"))
    (found,) = estimates(tmp_path, "mine").values()
    assert (found.benchmark, found.marked, found.value) == ("mychair", 1, 0.0)


def test_an_old_vote_counts_where_all_results_are_marked_alike(tmp_path: Path) -> None:
    score = keep(tmp_path, "official")
    vote(tmp_path, caption_field_without_spans(TEXT), replace(DOG, kind="false alarm"))
    (found,) = estimates(tmp_path, "official").values()
    assert (found.marked, found.elsewhere, found.value) == (1, 0, 0.0)
    with Store(tmp_path / "store.sqlite") as store, Reviews(store.path) as reviews:
        place_votes(store, reviews)
        keys = reviews.ballots().keys()
        assert [key[:4] for key in keys] == [("chair", "1", caption_field(TEXT, score.spans), "")]
    keep(tmp_path, "lemma", lemma)
    assert [(one.marked, one.elsewhere) for one in estimates(tmp_path, "official", "lemma").values()] == [(0, 1), (0, 1)]


def test_an_old_vote_whose_marks_do_not_fit_the_scorers_is_left_out(tmp_path: Path) -> None:
    keep(tmp_path, "lemma", lemma)
    vote(tmp_path, caption_field_without_spans(TEXT), replace(DOG, kind="false alarm"))
    (found,) = estimates(tmp_path, "lemma").values()
    assert (found.marked, found.elsewhere, found.value) == (0, 1, None)


def test_a_correction_from_few_images_says_why_it_has_no_interval(tmp_path: Path) -> None:
    score = keep(tmp_path, "mine")
    vote(tmp_path, caption_field(TEXT, score.spans), replace(DOG, kind="false alarm"))
    write(Revision("none", "", ()), tmp_path)
    (part,) = [part for part in parts(audited(tmp_path, ["mine"], ["none"])) if part.title == "CHAIR as people count it"]
    assert part.lines == ("CHAIR, mine: no interval, as captions of fewer than 5 images are read.",)
