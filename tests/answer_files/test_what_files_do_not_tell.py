"""What files of answers do not tell is unknown: lengths, how an answer ended, verdicts of replies that nothing reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import harness
from harness.core.edge.text import ending
from harness.results.archive import StoredArchive
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store
from reports.web.browse.app import browser_site
from reports.web.guard import Access
from reports.web.shelf import Shelf
from tests.answer_files.test_commands import done, log
from tests.benchmarks.scoring import put
from tests.reports.web.desks import ADDRESS, PORT

MMHAL = {"question_type": "attribute", "image_content": ["dog"], "image_src": "x/1.jpg", "question": "?", "gt_answer": "It."}


@pytest.fixture
def output(pope: DataFolder, tmp_path: Path) -> Path:
    """A run of `score`, one of `import-run`."""
    output = tmp_path / "runs"
    (tmp_path / "random.jsonl").write_text('{"question_id": 1, "text": "No"}\n{"question_id": 2, "text": "No"}\n')
    words = ("score", "pope", "splits=[random]", "--answers", str(tmp_path / "random.jsonl"), "--name", "scored")
    done(*words, "--data", str(pope.folder), output=output)
    done("import-run", log(tmp_path), "--name", "imported", "--data", str(pope.folder), output=output)
    return output


@pytest.mark.parametrize("name", ["scored", "imported"])
def test_length_and_end_of_an_answer_are_empty(output: Path, name: str) -> None:
    items = harness.open_store(output)[name].items()
    assert items.answer.notna().all() and items[["n_tokens", "stopped"]].isna().all(axis=None)


@pytest.mark.parametrize("name", ["scored", "imported"])
def test_the_items_page_shows_neither(output: Path, name: str) -> None:
    with Store(output / "store.sqlite") as store:
        shelf, run = Shelf(), store.run(name).id
        site = browser_site(StoredArchive(store, output, shelf), shelf, Access(PORT))
        page = TestClient(site, base_url=ADDRESS).get(f"/run/{run}/items/pope/0").text
    assert "What it adds" in page and "1 token" not in page and "stopped at" not in page


def test_what_is_known_of_an_end_is_said() -> None:
    assert [ending(1, "end"), ending(-1, "length"), ending(2, ""), ending(-1, "")] == [
        "1 token, stopped at end", "stopped at length", "2 tokens", ""]  # fmt: skip


def test_a_reply_that_no_rule_reads_has_no_value(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, tmp_path / "cache")
    put(folder, "mmhal/mmhal_bench.json", json.dumps([MMHAL] * 2))
    (tmp_path / "reviews.json").write_text(json.dumps(["Rating: 4", "It is fine."]))
    words = ("score", "mmhal_bench", "variant=tolerant", "--reviews", str(tmp_path / "reviews.json"), "--data", str(tmp_path))
    done(*words, output=tmp_path)
    items = harness.open_store(tmp_path)["reviews"].items()
    assert items.judge_value.tolist()[0] == 4 and items.judge_value.isna().tolist() == [False, True]
    with Store(tmp_path / "store.sqlite") as store:
        (result,) = store.results(store.run("reviews").id)
    assert [score.verdict.value for score in result.scores] == [4, None]
