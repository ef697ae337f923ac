"""Runs of answer files are compared item by item: parts of a question with the whole, and an id never with another question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.storage.data_folder import DataFolder
from reports.values.comparison import Comparison
from tests.answer_files.test_commands import done
from tests.benchmarks.scoring import put

SPLITS, N = ("random", "popular"), 12
TURNED = {"Yes": "No", "No": "Yes"}


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """Two splits of one question about each of twelve images; the labels of both are alike."""
    (tmp_path / "data").mkdir()
    folder = DataFolder(tmp_path / "data", tmp_path / "cache")
    rows = [
        {"question_id": n, "image": f"{n}.jpg", "text": "Is there a dog in the image?", "label": ("yes", "no")[n % 2]}
        for n in range(1, N + 1)
    ]
    for split, listed in zip(SPLITS, (rows, rows[::-1]), strict=True):
        put(folder, f"pope/coco_pope_{split}.json", listed)
    return folder


def scored(data: DataFolder, runs: Path, name: str, wrong: Sequence[int], dot: str = "") -> None:
    """A run whose answers to these questions are wrong; `dot` stands behind those of the second split."""
    right = {n: ("Yes", "No")[n % 2] for n in range(1, N + 1)}
    said = {n: TURNED[text] if n in wrong else text for n, text in right.items()}
    files = []
    for split, ending in zip(SPLITS, ("", dot), strict=True):
        files.append(runs.parent / f"{name}_{split}.jsonl")
        rows = [json.dumps({"question_id": n, "answer": text + ending}) for n, text in said.items()]
        files[-1].write_text("\n".join(rows))
    words = [word for file in files for word in ("--answers", str(file))]
    done("score", "pope", "splits=[random,popular]", *words, "--name", name, "--data", str(data.folder), output=runs)


def shift(found: Comparison) -> tuple[Any, ...]:
    """Difference, p, over how many items, and how many are left out, of the headline accuracy."""
    (cell,) = [row.cells[1] for row in found.rows if (row.metric, row.group) == ("accuracy", "")]
    assert cell is not None and cell.difference is not None
    return cell.difference.value, cell.difference.p, cell.n_paired, cell.n_left_out


def test_answers_that_differ_between_splits_by_a_full_stop_are_compared_as_if_they_did_not(
    data: DataFolder, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    scored(data, runs, "base", wrong=[1, 2])
    scored(data, runs, "plain", wrong=[1, 3, 4, 5])
    scored(data, runs, "dot", wrong=[1, 3, 4, 5], dot=".")
    plain, dot, back = (
        harness.compare(*pair, output=runs).comparison for pair in (("base", "plain"), ("base", "dot"), ("dot", "base"))
    )
    assert shift(dot) == shift(plain) and shift(dot)[0] == pytest.approx(-2 / 12) and shift(dot)[2:] == (12, 0)
    assert shift(back)[0] == pytest.approx(2 / 12)
    assert not dot.columns[1].differs and not dot.protocol_differences


def test_an_id_that_is_another_question_on_each_side_is_compared_with_nothing(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name, thing in (("one", "dog"), ("other", "cat")):
        (tmp_path / name).mkdir()
        folder = DataFolder(tmp_path / name, tmp_path / "cache")
        asked = {str(n): {"imageId": f"{thing}{n}", "question": f"Is it a {thing}?", "answer": "yes"} for n in range(9)}
        put(folder, "gqa/testdev_balanced_questions.json", json.dumps(asked))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps({"question_id": n, "text": "yes"}) for n in asked))
        words = ("--answers", str(tmp_path / f"{name}.jsonl"), "--name", name)
        done("score", "gqa", *words, "--data", str(folder.folder), output=runs)
    found = harness.compare("one", "other", output=runs).comparison
    (cell,) = [row.cells[1] for row in found.rows if (row.metric, row.group) == ("accuracy", "")]
    assert cell is not None and cell.difference is None and cell.n_left_out == 18 and not found.flips
    told = {d.fact: d.other for d in found.protocol_differences}
    assert told["ids"] == "9 are of another question or image"
