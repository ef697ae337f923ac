"""`labels agreement`: what chair_open lists as hallucinated, held against people's marks in stored captions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.cli  # noqa: F401  # registers the commands
from benchmarks.chair_open import ChairOpen
from harness.audit.marked_captions import list_agreement
from harness.commands._app import app
from harness.config.schema import BenchmarkConfig
from harness.core.errors import ConfigError
from harness.core.evaluation import Answer, Item, Span
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.labels.cases import Vote, caption_field
from harness.labels.votes import Ballots
from harness.storage.run_store import Store, StoredResult, StoredRun
from harness.storage.vote_store import Reviews
from reports.text.formatting import UNKNOWN

CAPTION = "A dog sits on a carpet near a lamp and a fireplace."  # lamp is supported; carpet and fireplace are listed
ITEMS = tuple(Item(str(n), f"{n}.jpg", "", {"objects": ["dog", "lamp"]}) for n in range(3))


def keep(folder: Path, *results: tuple[str, str]) -> None:
    """A run with one result for each (label, who decides); every item has the same caption."""
    with Store(folder / "store.sqlite") as store:
        store.begin(StoredRun("r-1", "r", "2026-01-01", "complete", "{}", "", {}, "/nowhere"))
        store.add_answers("d", {i.id: Answer(i.id, CAPTION, 9, "end") for i in ITEMS})
        for place, (label, by) in enumerate(results):
            result = StoredResult(
                label=label,
                benchmark="chair_open",
                checkpoint=Checkpoint(label, label, "", str(place) * 64),
                options=BenchmarkConfig(name="chair_open").model_dump(exclude_none=True),
                protocol=ProtocolRecord({"supported by": by}),
                items=ITEMS,
                answer_keys=tuple(item.id for item in ITEMS),
                scores=tuple(ChairOpen().score(item, Answer(item.id, CAPTION, 9, "end")) for item in ITEMS),
            )
            store.add_result("r-1", place, result)


def mark(item: str, word: str = "", kind: str = "", text: str = CAPTION) -> Vote:
    spans = (Span(text.index(word), text.index(word) + len(word), kind),) if word else ()
    judged = "wrong" if spans else "right"
    field = caption_field(text, ChairOpen().score(ITEMS[0], Answer(item, text, 9, "end")).spans)
    return Vote("chair_open", item, field, "", judged, "Ada", "2026", answer=text, spans=spans)


def test_the_command_shows_precision_and_recall_with_counts(tmp_path: Path) -> None:
    keep(tmp_path, ("base", "the references' words"), ("dpo", "the references' words"))
    words = ["labels", "agreement", "chair_open", "--output", str(tmp_path)]
    before = CliRunner().invoke(app, words).output
    assert "No caption is marked yet: python -m harness audit chair_open --captions 50" in before and UNKNOWN in before
    with Reviews(tmp_path / "store.sqlite") as reviews:
        reviews.take([mark("0"), mark("1", "carpet", "false alarm"), mark("2", "lamp", "missed")])
    said = CliRunner().invoke(app, words).output
    assert "3 (3 images)" in said and "83.3 %" in said and "(5 of 6)" in said, said  # carpet once wrong of 3 x 2
    assert "(5 of 6)" in said.partition("recall")[2] and said.count("the references' words") == 3, said  # all, base, dpo


def test_other_texts_disputes_and_unjudged_captions_do_not_count_and_a_shared_caption_counts_once(tmp_path: Path) -> None:
    keep(tmp_path, ("base", "words"), ("dpo", "words"), ("judged", "judge chat"))
    other = mark("0", "dog", "missed", "A dog.")
    disputed = [mark("1"), replace(mark("1", "carpet", "false alarm"), reviewer="Bo")]
    with Store(tmp_path / "store.sqlite") as store:
        (pooled, *_) = list_agreement(store, "chair_open", (), Ballots([other, *disputed]))
        assert pooled.found is None
        found = list_agreement(store, "chair_open", ("r",), Ballots([mark("0", "carpet", "false alarm")]))
    assert [(one.decided_by, one.checkpoint.partition(" ")[0]) for one in found] == [
        ("words", ""), ("words", "base"), ("words", "dpo"), ("judge chat", ""),
    ]  # fmt: skip
    assert all(one.found is not None and (one.found.captions, one.found.precision.value) == (1, 0.5) for one in found)


def test_an_ambiguous_caption_is_no_caption_whose_marks_are_right(tmp_path: Path) -> None:
    keep(tmp_path, ("base", "words"))
    with Reviews(tmp_path / "store.sqlite") as reviews:
        reviews.take([replace(mark("0"), judgement="ambiguous")])
    said = CliRunner().invoke(app, ["labels", "agreement", "chair_open", "--output", str(tmp_path)]).output
    assert "Decided by words: 1 caption that people called ambiguous is left out." in said and "No caption is marked" in said


def test_runs_without_such_a_list_are_refused(tmp_path: Path) -> None:
    keep(tmp_path)
    with Store(tmp_path / "store.sqlite") as store, pytest.raises(ConfigError, match="chair_open makes such lists"):
        list_agreement(store, "pope", (), Ballots())
