"""A filled-in sheet is held against the labels of the stored runs before any of its votes is kept."""

from __future__ import annotations

import csv
import io
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.pope import SPLITS, Pope
from harness.audit.review_sheet import queue_text, votes_of
from harness.cli import app
from harness.labels.cases import Case
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews
from tests.audit.test_rescore import keep
from tests.reports.web.stores import DOUBTFUL, ask, fill


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """The queue of a store with three checkpoints."""
    invoke(fill(tmp_path), "queue", "pope", "--to", str(tmp_path / "q.csv"))
    return tmp_path / "q.csv"


def invoke(output: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["labels", *words, "--output", str(output)])
    return f"{done.output}{done.exception or ''}"


def votes(sheet: Path, **cells: str) -> str:
    """What `labels votes` says of the sheet with these cells in its first row."""
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    assert rows[0]["item_id"] == DOUBTFUL
    rows[0] |= cells
    with sheet.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return invoke(sheet.parent, "votes", str(sheet), "--reviewer", "Ada")


def kept(sheet: Path) -> list[str]:
    with Reviews(sheet.parent / "store.sqlite") as reviews:
        return [vote.judgement for vote in reviews.votes()]


def test_a_filled_row_is_kept_and_the_rows_without_a_judgement_are_counted(sheet: Path) -> None:
    assert "1 judgement read, 1 of them new. 19 of 20 rows have nothing in the column `judgement`" in votes(
        sheet, judgement="w"
    )
    assert kept(sheet) == ["wrong"]


def test_a_sheet_that_nobody_filled_in_says_which_column(sheet: Path) -> None:
    assert "the column `judgement` is empty in all 20 rows. Write one of right, wrong" in votes(sheet)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"label": "no"}, "q.csv, row 2 has 'no' in the column `label`, where the label is 'yes'.\nThe column `label` tells"),
        ({"item_id": "99 dog"}, "q.csv, row 2 judges item '99 dog' of pope, which is in no run here."),
        ({"benchmark": "popee"}, f"q.csv, row 2 judges item '{DOUBTFUL}' of popee, which is in no run here."),
        ({"field": "label/random/9"}, f"q.csv, row 2 judges the field 'label/random/9', which item '{DOUBTFUL}' of"),
        ({"field": "noun/plate", "label": "yes"}, "row 2 has 'yes' in the column `label`, where the label is 'not judged'"),
    ],
)  # fmt: skip
def test_a_row_about_no_label_of_these_runs_is_refused_and_nothing_is_kept(
    sheet: Path, cells: dict[str, str], says: str
) -> None:
    told = votes(sheet, judgement="right", **cells)
    assert says in told and "Nothing was taken from the sheet." in told
    assert kept(sheet) == []


@pytest.mark.parametrize("column", ["question", "image"])
def test_a_row_with_the_question_or_image_of_another_is_refused(sheet: Path, column: str) -> None:
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    other = next(row[column] for row in rows if row[column] != rows[0][column])
    told = votes(sheet, judgement="wrong", **{column: other})
    assert "q.csv, row 2 shows another question or image than the label that it names." in told and kept(sheet) == []


def test_a_task_of_label_studio_with_the_question_of_another_is_refused(sheet: Path) -> None:
    invoke(sheet.parent, "queue", "pope", "--to", str(sheet.with_suffix(".json")))
    tasks = json.loads(sheet.with_suffix(".json").read_text())
    right = {"from_name": "judgement", "type": "choices", "value": {"choices": ["right"]}}
    note = {"completed_by": "Ada", "created_at": "2026-01-01T00:00:00Z", "result": [right]}
    for question, says in ((tasks[0]["data"]["question"], "1 of them new"), ("Is there a kite?", "shows another question")):
        task = {"data": tasks[0]["data"] | {"question": question}, "annotations": [note]}
        (export := sheet.with_name("e.json")).write_text(json.dumps([task]))
        assert says in invoke(sheet.parent, "votes", str(export))


def test_a_vote_on_a_label_that_only_an_older_run_has_is_kept_with_a_warning(sheet: Path) -> None:
    (item, *rest) = ask(4)
    assert item.id == DOUBTFUL
    other = replace(item, truth={**item.truth, "labels": {SPLITS[0]: ["no"]}})
    with Store(sheet.parent / "store.sqlite") as store:
        keep(store, "run-2", Pope(), {"name": "pope"}, [other, *rest], {})
    told = votes(sheet, judgement="right")
    assert "1 of them new" in told and f"item {DOUBTFUL}: the vote is on 'yes', the newest run has 'no'" in told


@pytest.mark.parametrize(("name", "has"), [("q.xlsx", "ends in '.xlsx'"), ("q", "has no ending"), ("q.tsv", "ends in '.tsv'")])
def test_a_queue_is_not_written_under_an_ending_of_another_form(tmp_path: Path, name: str, has: str) -> None:
    told = invoke(fill(tmp_path), "queue", "pope", "--to", str(tmp_path / name))
    assert f"{name} {has}; what can be written: .csv is a sheet; .json is tasks" in told
    assert not (tmp_path / name).exists()


def test_endings_in_capitals_are_the_same(tmp_path: Path) -> None:
    invoke(fill(tmp_path), "queue", "pope", "--to", str(tmp_path / "Q.JSON"))
    assert (tmp_path / "Q.JSON").read_text().startswith("[")


def test_a_number_and_an_address_of_two_exports_are_one_reviewer(sheet: Path) -> None:
    invoke(sheet.parent, "queue", "pope", "--to", str(sheet.with_suffix(".json")))
    task = next(t for t in json.loads(sheet.with_suffix(".json").read_text()) if t["data"]["item_id"] == DOUBTFUL)
    right = {"from_name": "judgement", "type": "choices", "value": {"choices": ["right"]}}
    for n, who in enumerate([3, {"id": 3, "email": "ada@example.org"}, 3]):
        note = {"completed_by": who, "created_at": "2026-01-01T00:00:00Z", "result": [right]}
        export = sheet.with_name(f"{n}.json")
        export.write_text(json.dumps([task | {"annotations": [note]}]))
        told = invoke(sheet.parent, "votes", str(export))
        assert f"{1 if n == 0 else 0} of them new" in told
    assert "The votes of 'label-studio user 3' count as those of 'ada@example.org', who is known." in told


def test_a_sheet_with_answers_of_any_length_comes_back(tmp_path: Path) -> None:
    answers = {f"checkpoint {n}": "ab\x00" * 700_000 for n in range(60)}
    text = queue_text([Case("pope", "1", "label", "no", "a.jpg", "Is it?", 0.5, answers=answers)], with_answers=True)
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert row["answers"].startswith("checkpoint 0: ab\u2400ab") and "\x00" not in text
    assert len(row["answers"]) < 32_767 and row["answers"].endswith("more characters)")
    filled = text.replace(",label,no,,", ",label,no,right,").encode()
    assert [vote.judgement for vote in votes_of(filled, "q.csv", "Ada", "now").votes] == ["right"]


def test_a_sheet_of_an_earlier_version_with_an_answer_in_full_is_read() -> None:
    text = f"benchmark,item_id,field,label,judgement,answers\r\npope,1,label,no,w,{'x' * 2_000_000}\r\n"
    assert [vote.judgement for vote in votes_of(text.encode(), "q.csv", "Ada", "now").votes] == ["wrong"]


@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_the_command_that_follows_can_be_pasted_whatever_the_names_of_files(tmp_path: Path, ending: str) -> None:
    (folder := tmp_path / "my runs").mkdir()
    told = invoke(fill(folder), "queue", "pope", "--to", str(folder / f"a b{ending}"))
    (command,) = [line.partition("then: ")[2] or line for line in told.splitlines() if "harness labels votes" in line]
    words = shlex.split(command)
    assert words[-2:] == ["--output", str(folder)] and words[5] in (str(folder / "a b.csv"), "EXPORT.json")
