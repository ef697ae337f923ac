"""Frames say what the records say: nothing twice, nothing unknown as a number."""

from __future__ import annotations

from dataclasses import replace

from harness.api.results import Results
from harness.core.evaluation import Answer, Item, Score, Verdict, ratio
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, RunRecord, SweepResult

ITEMS = (Item("1", "a.jpg", "Is it raining?", {"label": "no"}), Item("2", "b.jpg", "Is it raining?", {"label": "yes"}))
ACCURACY = ratio("accuracy", ["right"], ["asked"], headline=True)


def swept(label: str, *right: float) -> SweepResult:
    """A checkpoint that answered as many of the items as there are values; the last answer is unjudged."""
    answers = tuple(Answer(item.id, "No.", 2, "end", yes_nats=-1.5) for item, _ in zip(ITEMS, right, strict=False))
    verdict = Verdict(None, "unreadable", "???", "strict", "1")
    scores = [Score(a.item_id, {"asked": 1.0, "right": r}, correct=bool(r)) for a, r in zip(answers, right, strict=True)]
    scores[-1] = Score(answers[-1].item_id, {"asked": 1.0}, flag="unjudged", verdict=verdict)
    missing = {item.id: "the server gave up" for item in ITEMS[len(right) :]}
    result = BenchmarkResult("weather", ProtocolRecord({}), ITEMS, answers, tuple(scores), (ACCURACY,), missing)
    return SweepResult(label, Checkpoint(label, "", "", label), (result,))


def results() -> Results:
    """Two arms beside one base."""
    base = swept("base", 1.0, 0.0)
    logs: tuple[dict[str, float], ...] = ({"step": 1, "loss": 0.69}, {"step": 2, "loss": 0.6, "grad_norm": 1.0})
    return Results(
        lambda: [
            RunRecord("r", "one", True, "{}", "", (base, swept("one", 1.0, 1.0)), training=logs),
            RunRecord("r", "two", False, "{}", "", (base, swept("two", 1.0))),
        ]
    )


def test_the_base_that_two_arms_share_is_listed_once() -> None:
    assert results().items().checkpoint.tolist() == ["base", "base", "one", "one", "two", "two"]


def test_an_item_without_an_answer_has_its_reason_and_no_number() -> None:
    lost = results().items().query("checkpoint == 'two' and item == '2'").iloc[0]
    assert lost.missing == "the server gave up" and lost[["answer", "n_tokens", "correct", "yes_log_odds"]].isna().all()


def test_a_verdict_that_could_not_be_read_is_empty_not_zero() -> None:
    row = results().items().query("checkpoint == 'one' and item == '2'").iloc[0]
    assert row.flag == "unjudged" and row.judge == "strict" and row.judge_reply == "???"
    assert row[["judge_value", "correct"]].isna().all()


def test_the_value_that_older_versions_kept_for_an_unread_reply_of_a_file_is_empty() -> None:
    sweep = swept("files", 1.0)
    score = sweep.results[0].scores[0]
    old = replace(score, verdict=Verdict(0.0, "", "???", "answer files", "1"))
    sweep = replace(sweep, results=(replace(sweep.results[0], scores=(old,)),))
    assert Results(lambda: [RunRecord("r", "files", True, "{}", "", (sweep,))]).items().judge_value.isna().all()


def test_truth_and_log_odds_stand_beside_the_answer() -> None:
    row = results().items().iloc[0]
    assert row.truth == {"label": "no"} and row.yes_log_odds == -1.5 and row.group == "a.jpg"


def test_scores_are_addends_of_answered_items_only() -> None:
    scores = results().scores().query("checkpoint == 'two'")
    assert scores[["item", "addend", "value"]].values.tolist() == [["1", "asked", 1.0]]


def test_metrics_hold_a_row_for_each_checkpoint() -> None:
    metrics = results().metrics()
    assert metrics.groupby("column").value.first().to_dict() == {"base": 0.5, "one": 0.5, "two": 0.0}


def test_a_log_keeps_the_columns_that_only_some_steps_have() -> None:
    training = results().training()
    assert training.columns.tolist() == ["run", "arm", "step", "loss", "grad_norm"]
    assert training.arm.tolist() == ["one", "one"] and training.grad_norm.isna().tolist() == [True, False]
