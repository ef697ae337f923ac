"""People's ratings come back from spreadsheets: what is compared, what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.mmhal_bench import MmhalBench
from harness.audit.judges.human_ratings import answer_id, sample_text
from harness.audit.vote_files.read_ratings import read_ratings
from harness.cli import app
from harness.storage.run_store import Store
from tests.audit.test_human_ratings import Says, mmhal_items
from tests.audit.test_rescore import keep

Row = dict[str, str]


def fill(output: Path, run: str = "one", *ids: str) -> None:
    """A run whose answers say their own rating."""
    with Store(output / "store.sqlite") as store:
        items = mmhal_items(*(ids or "123"))
        keep(store, run, MmhalBench(Says()), {"name": "mmhal_bench"}, items, {i.id: f"{run} Rating: 4" for i in items})


def sheet(output: Path, *runs: str, change: Callable[[list[Row]], object] = lambda rows: None) -> Path:
    """All judged answers, each rated 3; `change` is what happens to the rows in a spreadsheet program."""
    with Store(output / "store.sqlite") as store:
        text = sample_text(store, runs, "mmhal_bench", 100)
    rows = [row | {"rating": "3"} for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))]
    change(rows)
    with (output / "ada.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return output / "ada.csv"


def show(output: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["ratings", "show", str(output / "ada.csv"), "--output", str(output), *words])
    return done.exit_code, f"{done.output}{done.exception or ''}"


def test_no_id_of_an_answer_reads_as_a_number() -> None:
    with pytest.raises(ValueError):
        float(answer_id("1", "7"))
    assert all(answer_id(str(n), "")[0] == "a" for n in range(20))


def test_ids_of_older_sheets_and_in_another_spelling_are_known(tmp_path: Path) -> None:
    def change(rows: list[Row]) -> None:
        rows[0]["answer_id"] = rows[0]["answer_id"][1:]
        rows[1]["answer_id"] = f" {rows[1]['answer_id'][1:].upper()}  "
        rows[2] |= {"benchmark": "mmhal_bench ", "answer_id": rows[2]["answer_id"].upper()}

    fill(tmp_path)
    sheet(tmp_path, change=change)
    code, told = show(tmp_path)
    assert code == 0 and "3 answers rated by people, 3 of them in these runs." in told


def test_an_id_that_a_program_has_changed_is_refused_by_its_row(tmp_path: Path) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=lambda rows: rows[1].update(answer_id="8.17332E+11"))
    code, told = show(tmp_path)
    assert code != 0 and "ada.csv, row 3 rates the answer '8.17332E+11' of mmhal_bench, which is in no run here." in told
    assert "No rating was taken" in told


def test_a_row_that_nobody_rated_may_have_any_id(tmp_path: Path) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=lambda rows: rows[1].update(answer_id="8.17332E+11", rating=""))
    assert show(tmp_path)[0] == 0


def test_ratings_of_answers_that_only_other_runs_have_are_counted_by_run(tmp_path: Path) -> None:
    fill(tmp_path, "one", "1", "2", "3")
    fill(tmp_path, "two", "4", "5")
    sheet(tmp_path)
    code, told = show(tmp_path, "--run", "one")
    assert code == 0 and "5 answers rated by people, 3 of them in these runs." in told
    assert "2 are of answers that only other runs have: two. They are left out." in told
    sheet(tmp_path, "two")
    code, told = show(tmp_path, "--run", "one")
    assert code != 0 and "None of the ratings is of an answer in these runs. 2 are of answers that only other runs" in told


def test_a_sheet_may_be_drawn_by_a_benchmarks_label(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        fill(tmp_path)
        result = store.results("one")[0]
        store.add_result("one", 1, replace(result, benchmark="brief"))
        rows = list(csv.DictReader(io.StringIO(sample_text(store, [], "brief", 9).removeprefix("\ufeff"))))
    assert {row["benchmark"] for row in rows} == {"mmhal_bench"}


def test_an_answer_that_the_judge_gave_no_rating_is_not_drawn_and_one_that_a_sheet_has_is_counted(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        said = {"1": "Rating: 4", "2": "No rating."}
        keep(store, "one", MmhalBench(Says()), {"name": "mmhal_bench"}, mmhal_items(*said), said)

    def change(rows: list[Row]) -> None:
        assert [row["item_id"] for row in rows] == ["1"]
        own = {"item_id": "2", "answer": said["2"], "answer_id": answer_id("2", said["2"])}
        rows.append(rows[0] | own | {"question": "", "image": ""})

    sheet(tmp_path, change=change)
    code, told = show(tmp_path)
    assert code == 0 and "1 are of answers without a rating of the judge that could be read." in told


@pytest.mark.parametrize(("rating", "says"), [
    ("60", "ada.csv, row 3: the rating 60 is not on the scale of mmhal_bench, 0 to 6."),
    ("6.0000001", "ada.csv, row 3: the rating 6.0000001 is not on the scale of mmhal_bench, 0 to 6."),
    ("6,0000001", "ada.csv, row 3: the rating 6,0000001 is not on the scale of mmhal_bench, 0 to 6."),
    ("-1", "ada.csv, row 3: the rating -1 is not on the scale of mmhal_bench, 0 to 6."),
    ("good", "ada.csv, row 3: the rating 'good' is not a number."),
])  # fmt: skip
def test_a_rating_that_is_not_on_the_scale_is_refused_by_its_row(tmp_path: Path, rating: str, says: str) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=lambda rows: rows[1].update(rating=rating))
    code, told = show(tmp_path)
    assert code != 0 and says in told and "No rating was taken" in told


def test_two_ratings_of_one_answer_in_a_sheet_are_refused_by_their_rows(tmp_path: Path) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=lambda rows: rows.append(rows[0] | {"rating": "5", "answer_id": rows[0]["answer_id"][1:]}))
    code, told = show(tmp_path)
    assert code != 0 and f"row 5 rates the same answer as {tmp_path / 'ada.csv'}, row 2: 5, and there 3." in told


def test_a_row_that_stands_twice_in_a_sheet_counts_once(tmp_path: Path) -> None:
    fill(tmp_path)
    path = sheet(tmp_path, change=lambda rows: rows.append(rows[0]))
    assert len(read_ratings([path])) == 3 and show(tmp_path)[0] == 0


def sorted_apart(rows: list[Row]) -> None:
    """The column of ids as it was, all others the other way round."""
    ids = [row["answer_id"] for row in rows]
    rows.reverse()
    for row, identity in zip(rows, ids, strict=True):
        row["answer_id"] = identity


@pytest.mark.parametrize(("change", "says"), [
    (sorted_apart, "row 2 shows the item "),
    (lambda rows: rows[1].update(item_id="999"), "row 3 shows the item '999', and its id "),
    (lambda rows: rows[1].update(answer="one Rating: 5"), "row 3 shows another answer to item "),
    (lambda rows: rows[1].update(answer=""), "row 3 shows another answer to item "),
])  # fmt: skip
def test_a_row_that_shows_another_answer_than_its_id_names_is_refused(
    tmp_path: Path, change: Callable[[list[Row]], object], says: str
) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=change)
    code, told = show(tmp_path)
    assert code != 0 and says in told and "sort whole rows only" in told and "No rating was taken" in told


def test_what_a_spreadsheet_program_does_to_a_cell_is_no_other_answer(tmp_path: Path) -> None:
    def change(rows: list[Row]) -> None:
        rows[0] |= {"item_id": f"{rows[0]['item_id']}.0", "answer": f" {rows[0]['answer'].replace(' ', chr(13) + chr(10))} "}

    fill(tmp_path)
    sheet(tmp_path, change=change)
    code, told = show(tmp_path)
    assert code == 0 and "3 answers rated by people, 3 of them in these runs." in told


def test_a_sheet_without_items_and_answers_is_taken_and_said_to_be_unchecked(tmp_path: Path) -> None:
    fill(tmp_path)
    sheet(tmp_path, change=lambda rows: [row.pop("answer") for row in rows])
    code, told = show(tmp_path)
    assert code == 0 and "ada.csv has no columns `item_id` and `answer`: whether its ratings stand beside" in told


def second(output: Path, *ratings: str) -> str:
    """Grace's sheet of the same answers."""
    with (output / "ada.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with (output / "grace.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(row | {"rating": rating} for row, rating in zip(rows, ratings, strict=False))
    return str(output / "grace.csv")


def test_two_sheets_are_compared_with_each_other_and_each_rating_with_the_judge(tmp_path: Path) -> None:
    fill(tmp_path, "one", *"12345")
    sheet(tmp_path)  # all 3; the judge says 4
    code, told = show(tmp_path, second(tmp_path, "3", "4", "4", "4", "5"))
    assert code == 0 and "5 (10 ratings)" in told and "30.0 %" in told, "three of ten single ratings are the judge's"
    raters = next(line.split() for line in told.splitlines() if " ada " in line)
    assert raters[1:8] == ["ada", "grace", "5", "20.0", "%", "80.0", "%"]


def test_a_sheet_that_is_given_twice_is_not_two_raters(tmp_path: Path) -> None:
    fill(tmp_path)
    sheet(tmp_path)
    code, told = show(tmp_path, str(tmp_path / "ada.csv"))
    assert code != 0 and "are one file, and each file is one rater's" in told


def test_an_answer_that_no_cell_holds_is_cut_and_its_rating_counts(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        said = {"1": "Rating: 4", "2": "x" + " a\x00" * 500_000 + "\nRating: 4"}
        keep(store, "one", MmhalBench(Says()), {"name": "mmhal_bench"}, mmhal_items(*said), said)
    path = sheet(tmp_path)
    assert "\x00" not in path.read_text("utf-8") and path.stat().st_size < 100_000
    code, told = show(tmp_path)
    assert code == 0 and "2 answers rated by people, 2 of them in these runs." in told
    sheet(tmp_path, change=lambda rows: [row.update(answer=row["answer"][1:]) for row in rows if row["item_id"] == "2"])
    assert "shows another answer to item '2'" in show(tmp_path)[1]
