"""How often an annotator prefers the chosen answer: orders, ties, missing verdicts and preference for a place, by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import harness
from benchmarks.judges._ranking import RanksByRating
from harness.cli import app
from harness.config import study_tables
from harness.config.annotators import load_annotators
from harness.core.errors import ConfigError
from harness.core.evaluation import Verdict
from harness.core.preference import PreferencePair
from harness.evaluation.scoring import CachedAnnotator
from harness.run import annotators
from harness.storage.run_store import Store
from tests.pair_files import write_pairs


class Said:
    """An annotator that follows a table: the winner's place by (first, second)."""

    name, version = "said", "1"

    def __init__(self, wins: dict[tuple[str, str], float | None]) -> None:
        self.wins = wins

    def rate(self, question, answer, facts, image):
        raise AssertionError

    def rank(self, question, answers, facts, image):
        return Verdict(self.wins[answers], "", "", self.name, self.version)


def pair(name: str, chosen: str, rejected: str) -> PreferencePair:
    return PreferencePair(name, "", "", "What is it?", chosen, (rejected,), "file")


WINS = {
    ("a", "b"): 0.0, ("b", "a"): 1.0,  # right in both orders
    ("c", "d"): 0.0, ("d", "c"): 0.0,  # the first place wins: right once
    ("e", "f"): 0.5, ("f", "e"): 1.0,  # a tie and right
    ("g", "h"): None, ("h", "g"): 0.0,  # silence and wrong
}  # fmt: skip


def test_a_graded_preference_is_unjudged_and_neither_won_nor_lost() -> None:
    judge, asked = Said({("a", "b"): 0.3, ("b", "a"): 1.0}), pair("1", "a", "b")
    rows = annotators._both_orders(judge, [asked], Path(), lambda done, total: None)
    found = annotators._agreement("x", "own", [asked], rows, None)
    assert (found.unjudged, found.right.value, found.ties.value) == (1, 1.0, 0.0)


def test_a_stored_value_that_is_no_ranking_is_asked_for_again_and_not_kept(tmp_path: Path) -> None:
    judge = Said({("a", "b"): 0.3})
    with Store(tmp_path / "store.sqlite") as store:
        remembering = CachedAnnotator(judge, store)
        key = remembering._key("1", ["rank", "What?", "a", "b", {"task": "rank"}], None)
        store.add_verdict(key, Verdict(0.3, "", "", "said", "1"))  # as an earlier version kept it
        assert remembering.rank("What?", ("a", "b"), {}, None).value is None
        judge.wins[("a", "b")] = 1.0
        assert remembering.rank("What?", ("a", "b"), {}, None).value == 1.0


@pytest.mark.parametrize(("ratings", "value"), [((1.0, 2.0), 1.0), ((math.nan, 2.0), None), ((1.0, math.nan), None)])
def test_a_rating_that_is_not_a_number_prefers_no_answer(ratings: tuple[float, float], value: float | None) -> None:
    class Rates(RanksByRating):
        name, version = "rates", "1"

        def rate(self, question, answer, facts, image):
            return Verdict(ratings["ab".index(answer)], "", "", "rates", "1")

    assert Rates().rank("What?", ("a", "b"), {}, None).value == value


@pytest.fixture
def measured(tmp_path: Path, monkeypatch) -> tuple[annotators.Agreement, ...]:
    write_pairs(
        tmp_path / "pairs.jsonl",
        [
            pair(
                *text,
            )
            for text in (("1", "a", "b"), ("2", "c", "d"), ("3", "e", "f"), ("4", "g", "h"))
        ],
    )
    file = tmp_path / "own.yaml"
    file.write_text(
        f"data: {tmp_path}\nannotators: {{x: {{name: keywords}}}}\npairs: {{own: {{name: jsonl}}}}\n"
        "published: {x: {own: 79.1}}"
    )
    monkeypatch.setattr(annotators, "make_annotator", lambda spec, store, data: Said(WINS))
    return annotators.measure(load_annotators(str(file)), tmp_path / "runs")


def test_both_orders_are_counted(measured) -> None:
    (found,) = measured
    assert (found.annotator, found.pairs_of, found.pairs, found.unjudged, found.published) == ("x", "own", 4, 1, 79.1)
    assert (found.right.n, found.right.of) == (4, 7)  # a-b twice, c-d once, e-f once; of eight comparisons one has no verdict
    assert (found.ties.n, found.ties.of) == (1, 7)
    assert found.first == 4 / 6  # of six decided: a, c, d and h stood first, a and e second
    assert found.consistent == 1 / 4


def test_the_table_puts_the_papers_number_beside(measured) -> None:
    header, _, row = annotators.as_lines(measured)
    assert row.split("|")[1:5] == [" x ", " own ", " 4 ", " 57.14 "] and row.endswith(" 79.10 |")
    assert "in the paper" in header and json.loads(json.dumps(annotators.as_json(measured)))[0]["right"]["n"] == 4


def test_table_10_has_the_papers_annotators_sets_and_values() -> None:
    config = load_annotators("study:table10")
    assert config.published == {
        "7b": {"vlfeedback": 79.10, "rlhf-v": 81.88, "povid": 92.96},
        "34b": {"vlfeedback": 90.91, "rlhf-v": 93.90, "povid": 98.55},
    }
    assert [spec.options["model"]["path"] for spec in config.annotators.values()] == [
        "llava-hf/llava-v1.6-vicuna-7b-hf", "llava-hf/llava-v1.6-34b-hf"
    ]  # fmt: skip
    assert [spec.name for spec in config.pairs.values()] == ["vlfeedback", "rlhf_v", "povid"]


def test_all_faults_of_a_configuration_are_named(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("annotators: {x: {name: keywrods}}\npairs: {p: {name: povid, limt: 3}}")
    with pytest.raises(ConfigError, match=r"annotators\.x: (.|\n)*'keywords'(.|\n)*pairs\.p: (.|\n)*'limit'"):
        load_annotators(str(tmp_path / "own.yaml"))


def test_the_command_measures_the_annotators_of_the_miniature_world(world: Path, tmp_path: Path) -> None:
    changes = [f"data={world}", "pairs.random-edit.limit=6", "pairs.corruption.limit=6"]
    words = ["annotators", "--mini", *changes, "--output", str(tmp_path), "--to", str(tmp_path / "found.json")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(row["annotator"], row["pairs_of"], row["pairs"]) for row in found] == [
        (who, of, 6) for who in ("keywords", "annotations") for of in ("random-edit", "corruption")
    ]
    assert all(row["unjudged"] == 0 for row in found) and "| annotations | corruption | 6 |" in result.output


def test_python_gives_the_same_rows_as_a_frame_and_as_the_printed_table(world: Path, tmp_path: Path) -> None:
    asked = {
        "data": str(world),
        "annotators": {"a": {"name": "annotations"}},
        "pairs": {"p": {"name": "random_edit", "limit": 9}},
    }
    seen = list[tuple[str, int, int]]()
    found = harness.annotators(asked, {"pairs.p.limit": 6}, output=tmp_path, progress=lambda *step: seen.append(step))
    (row,), (rate,) = found.table().to_dict("records"), found.rows
    assert (row["annotator"], row["pairs_of"], row["pairs"], row["unjudged"]) == ("a", "p", 6, 0)
    assert row["right"] == rate.right.n / rate.right.of and row["right_of"] == 12 and row["right_low"] <= row["right"]
    assert "published" in row and pd.isna(row["published"])  # unknown, not 0
    assert found._repr_markdown_() == "\n".join(annotators.as_lines(found.rows)) and seen[-1] == ("a on p", 6, 6)
    assert asked["pairs"] == {"p": {"name": "random_edit", "limit": 9}}


def test_the_miniature_is_that_of_table_10_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--mini goes with study:table10"):
        load_annotators(str(tmp_path / "own.yaml"), mini=True)


def test_running_table_10_points_to_the_command_that_measures_it() -> None:
    with pytest.raises(ConfigError, match="python -m harness annotators study:table10"):
        study_tables.tree("table10", mini=False)
