"""Which runs of `score` are one: those of the same answers to the same questions, read and scored alike, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.answer_files.used_files import UsedFiles
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.answer_files.test_commands import done
from tests.answer_files.test_what_files_do_not_tell import MMHAL
from tests.benchmarks.scoring import put

GOOD, BAD = ("Yes", "No"), ("No", "Yes")


def answers(path: Path, texts: Sequence[str], **more: Any) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    rows = [{"question_id": n, "answer": text, **more} for n, text in enumerate(texts, 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def scored(pope: DataFolder, folder: Path, *words: str, split: str = "random") -> str:
    """The run's id, from the path of its report."""
    said = done("score", "pope", f"splits=[{split}]", *words, "--data", str(pope.folder), output=folder / "runs").output
    return Path(said.strip().splitlines()[-1]).parent.name


def stored(folder: Path) -> dict[str, tuple[float, list[str]]]:
    """Run -> share of right answers, and the answers that are kept."""
    store = harness.open_store(folder / "runs")
    frames = {run: store[run].items() for run in store.runs().id}
    return {run: (float(items.correct.mean()), items.answer.tolist()) for run, items in frames.items()}


def test_two_columns_of_a_file_are_two_checkpoints_each_with_its_own_answers(pope: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question_id,good,bad\n1,Yes,No\n2,No,Yes\n")
    words = ("--answers", str(tmp_path / "a.csv"), "--name", "same")
    good, bad = (scored(pope, tmp_path, *words, "--column", column) for column in ("good", "bad"))
    assert stored(tmp_path) == {good: (1.0, [*GOOD]), bad: (0.0, [*BAD])}
    compared = harness.compare(good, bad, output=tmp_path / "runs")
    assert [row.cells[1].value for row in compared.comparison.rows if (row.key, row.group) == ("accuracy", "")] == [0.0]
    assert "column good" in compared.comparison.protocols["pope"]["answer files"]


def test_columns_of_a_file_are_named_in_a_comparison(pope: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question_id,good,bad\n1,Yes,No\n2,No,Yes\n")
    runs = [scored(pope, tmp_path, "--answers", str(tmp_path / "a.csv"), "--column", name) for name in ("good", "bad")]
    compared = harness.compare(*runs, output=tmp_path / "runs")
    assert [column.label for column in compared.comparison.columns] == ["a-good", "a-bad"]


def test_two_splits_of_a_file_keep_their_own_answers(pope: DataFolder, tmp_path: Path) -> None:
    one, other = tmp_path / "random.jsonl", tmp_path / "popular.jsonl"
    both = Path(answers(one, GOOD, category="random")).read_text() + Path(answers(other, BAD, category="popular")).read_text()
    (tmp_path / "both.jsonl").write_text(both)
    runs = [scored(pope, tmp_path, "--answers", str(tmp_path / "both.jsonl"), split=split) for split in ("random", "popular")]
    assert stored(tmp_path) == {runs[0]: (1.0, [*GOOD]), runs[1]: (0.0, [*BAD])}


def test_files_of_one_name_are_each_part_of_the_run(pope: DataFolder, tmp_path: Path) -> None:
    files = [answers(tmp_path / split / "a.jsonl", GOOD, category=split) for split in ("random", "popular")]
    words = ("--answers", files[0], "--answers", files[1])
    before = scored(pope, tmp_path, *words, split="random,popular")
    answers(tmp_path / "random/a.jsonl", BAD, category="random")
    after = scored(pope, tmp_path, *words, split="random,popular")
    kept = stored(tmp_path)
    assert kept[before][0] == 1.0 and kept[after][0] == 0.5 and after != before


def test_reasoning_that_is_cut_is_another_run(pope: DataFolder, tmp_path: Path) -> None:
    words = ("variant=official", "--answers", answers(tmp_path / "a.jsonl", [f"<think>no</think>{text}" for text in GOOD]))
    whole, cut = scored(pope, tmp_path, *words), scored(pope, tmp_path, *words, "--cut-reasoning")
    kept = stored(tmp_path)
    assert len(kept) == 2 and (kept[whole][0], kept[cut][0]) == (0.5, 1.0)


def test_other_labels_in_the_data_folder_are_another_run(pope: DataFolder, tmp_path: Path) -> None:
    words = ("--answers", answers(tmp_path / "a.jsonl", GOOD))
    before, asked = scored(pope, tmp_path, *words), pope.folder / "pope/coco_pope_random.json"
    asked.write_text(asked.read_text().replace('"no"', '"yes"'))
    after = scored(pope, tmp_path, *words)
    kept = stored(tmp_path)
    assert len(kept) == 2 and (kept[before][0], kept[after][0]) == (1.0, 0.5)


def test_the_same_command_is_the_same_run(pope: DataFolder, tmp_path: Path) -> None:
    words = ("--answers", answers(tmp_path / "a.jsonl", GOOD))
    assert scored(pope, tmp_path, *words) == scored(pope, tmp_path, *words)


def test_a_file_is_named_by_as_much_of_its_path_as_tells_it_from_others_and_by_its_role(tmp_path: Path) -> None:
    one, other = (Path(answers(tmp_path / f"{n}/m.jsonl", GOOD)) for n in (1, 2))
    assert [*UsedFiles.of([one, other], [], "").answers] == ["1/m.jsonl", "2/m.jsonl"]
    with_review, without = UsedFiles.of([one], [other], ""), UsedFiles.of([one, other], [], "")
    assert with_review.names == ["m.jsonl", "m.jsonl"]
    assert len({with_review.digest, without.digest, UsedFiles.of([one, other], [], "text").digest}) == 3
    assert ", review m.jsonl sha256 " in with_review.fact()


def test_the_same_answers_under_other_reviews_are_one_checkpoint_with_verdicts_of_their_own(tmp_path: Path) -> None:
    said, one, other = (Path(answers(tmp_path / f"{name}.jsonl", texts)) for name, texts in zip("abc", (GOOD, BAD, GOOD[:1])))
    under = [UsedFiles.of([said], [*reviews], "") for reviews in ((), (one,), (other,))]
    assert len({used.digest for used in under}) == 1 and len({used.verdicts for used in under}) == 3
    assert UsedFiles.of([], [one], "").digest != UsedFiles.of([], [other], "").digest


def test_answers_under_two_judges_are_compared_as_one_checkpoint_measured_otherwise(tmp_path: Path) -> None:
    data, runs = DataFolder(tmp_path, tmp_path / "cache"), tmp_path / "runs"
    put(data, "mmhal/mmhal_bench.json", json.dumps([MMHAL] * 2))
    for name, rows in (("said", ["It.", "A dog."]), ("one", ["Rating: 4"] * 2), ("other", ["Rating: 1"] * 2)):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    words = ("score", "mmhal_bench", "variant=tolerant", "--answers", str(tmp_path / "said.json"), "--data", str(tmp_path))
    for name in ("one", "other"):
        done(*words, "--reviews", str(tmp_path / f"{name}.json"), "--name", name, output=runs)
    done(*words, "judge.name=keywords", "--name", "keywords", output=runs)
    for name in ("other", "keywords"):
        found = harness.compare("one", name, output=runs).comparison
        assert found.columns[1].differs and [d.fact for d in found.protocol_differences][:1] == ["judge"]
        assert f"{name} is the same checkpoint as one, measured otherwise (judge on MMHal-Bench)" in found.verdict.same
        assert found.protocol_unknown[0].facts[0] == "judge"


def test_a_file_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    file = Path(answers(tmp_path / "a/m.jsonl", GOOD))
    with pytest.raises(DataError, match=r"m.jsonl is given twice"):
        UsedFiles.of([file, file.parent], [], "")
