"""A provider may answer with another model than was asked for: it is said once, stored, and told by every report."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.core.errors import Unanswered
from harness.models.openai import OpenAIModel
from harness.models.openai_batch import OpenAIBatch
from harness.run import pipeline
from harness.storage.run_store import Store
from reports.text.plain_table import warnings
from tests.models.fake_server import Said, reply, serving
from tests.models.test_openai import ask, questions

LISTED = [{"id": "gpt-4o"}]


def named(model: object, text: str = "Yes.") -> Said:
    said = reply(text)
    return Said({**said.data, "model": model})


def fallback(body: dict[str, Any], n: int) -> Said:
    """Every third reply is of another model."""
    return named("gpt-4o-mini-2024-07-18" if n % 3 == 2 else "gpt-4o-2024-08-06", "Fine.\nRating: 3")


def swept(world: Path, output: Path, url: str, judged: bool) -> Any:
    served = {"name": "openai", "url": url, "model": "gpt-4o"}
    model = {"name": "scripted", "default": "A dog on a red sofa."} if judged else served
    sweep: dict[str, Any] = {"name": "mmhal_bench", "limit": 6, "judge": {"name": "chat", "model": served}}
    if not judged:
        sweep = {"name": "pope", "limit": 6}
    done = pipeline.run(
        config.parse({"name": "x", "model": model, "sweep": [sweep], "data": str(world), "output": str(output)}), ""
    )
    assert done is not None
    return done


def test_an_answer_keeps_the_name_and_another_model_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with serving(fallback, LISTED) as server, caplog.at_level(logging.WARNING, "harness"):
        found, _ = ask(OpenAIModel(server.url, "gpt-4o", concurrency=1), questions(9))
    assert {answer.model for answer in found.values()} == {"gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"}
    assert caplog.text.count("was asked for the model gpt-4o, and replies name gpt-4o-mini-2024-07-18") == 1
    assert "2024-08-06" not in caplog.text


@pytest.mark.parametrize("model", [None, 7, "", [], {"a": 1}, "gpt-4o", "openai/gpt-4o-2024-08-06"])
def test_a_reply_that_names_no_model_or_the_same_is_an_answer_without_a_word(
    model: object, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(lambda body, n: named(model), LISTED) as server, caplog.at_level(logging.WARNING, "harness"):
        found, lost = ask(OpenAIModel(server.url, "gpt-4o"), questions(2))
    assert len(found) == 2 and not lost and not caplog.records


def test_the_name_that_the_server_itself_lists_as_the_root_is_the_same(caplog: pytest.LogCaptureFixture) -> None:
    listing = [{"id": "mine", "root": "/models/tiny"}]
    with serving(lambda body, n: named("tiny"), listing) as server, caplog.at_level(logging.WARNING, "harness"):
        ask(OpenAIModel(server.url), questions(1))
    assert not caplog.records


@pytest.mark.parametrize(("judged", "what"), [(False, "answers"), (True, "verdicts")])
def test_every_form_of_the_report_tells_which_models_replied(judged: bool, what: str, world: Path, tmp_path: Path) -> None:
    with serving(fallback, LISTED) as server:
        done = swept(world, tmp_path, server.url, judged)
        again = swept(world, tmp_path, server.url, judged)
    for outcome in (done, again):  # the second from the store
        (line,) = [text for text in warnings(outcome.comparison) if "Replies name" in text]
        assert f"{what} of x on" in line and "asked for gpt-4o, replies name gpt-4o-2024-08-06 (4 of 6)" in line
        assert "gpt-4o-mini-2024-07-18 (2 of 6)" in line
    for name in ("report.md", "report.html"):
        assert "gpt-4o-mini-2024-07-18" in (done.folder / name).read_text().split("How it was made")[0], name
    (failed,) = json.loads((done.folder / "report.json").read_text())["failures"]
    assert failed["replies"] == [
        {"what": what, "asked": "gpt-4o", "named": {"gpt-4o-2024-08-06": 4, "gpt-4o-mini-2024-07-18": 2}}
    ]


def test_one_model_of_a_dated_version_is_recorded_without_a_warning(world: Path, tmp_path: Path) -> None:
    with serving(lambda body, n: named("gpt-4o-2024-08-06"), LISTED) as server:
        done = swept(world, tmp_path, server.url, False)
    assert not [text for text in warnings(done.comparison) if "Replies name" in text]
    (failed,) = done.comparison.failures
    assert [(r.asked, r.named, r.others) for r in failed.replies] == [("gpt-4o", {"gpt-4o-2024-08-06": 6}, ())]


def test_a_store_of_an_older_version_has_answers_whose_model_is_unknown(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite"):
        pass
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("ALTER TABLE votes DROP COLUMN about")
        db.execute("ALTER TABLE answers DROP COLUMN model")
        db.execute("INSERT INTO answers VALUES ('k', 'c', 'Yes.', 1, 'end', 0.5, NULL)")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version - 2}")
    with Store(tmp_path / "s.sqlite") as store:
        assert store.answers(["k"])["k"].model is None


def test_a_batch_file_of_another_model_is_said_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = OpenAIBatch(str(tmp_path), "gpt-4o")
    with pytest.raises(Unanswered):
        list(model.generate(questions(2)))
    ids = [json.loads(line)["custom_id"] for line in (tmp_path / "requests-1.jsonl").read_text().splitlines()]
    rows = [{"custom_id": id, "response": {"status_code": 200, "body": named("gpt-4o-mini").data}} for id in ids]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with caplog.at_level(logging.WARNING, "harness"):
        ((_, first), (_, second)) = next(model.generate(questions(2)))
    assert first.model == second.model == "gpt-4o-mini" and caplog.text.count("replies name gpt-4o-mini") == 1
