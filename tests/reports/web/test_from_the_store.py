"""The review page over a run store: what is hidden before a judgement, the queue as a sheet, a killed server."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from harness.audit import review_desk as reviewing
from harness.audit.review_desk import ReviewScope, open_desk
from harness.audit.review_sheet import queue_text
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews
from reports.web.review.desk import Desk, case_id
from tests.reports.web.desks import caption_case, label_case, new_client, secret_of
from tests.reports.web.stores import CHECKPOINTS, DOUBTFUL, fill


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return fill(tmp_path)


@pytest.fixture
def desk(output: Path) -> Iterator[Desk]:
    with Store(output / "store.sqlite") as store, Reviews(output / "store.sqlite") as reviews:
        yield open_desk(store, reviews, ReviewScope("pope"), "ann")


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return new_client(desk)


def said_of(desk: Desk, item_id: str = DOUBTFUL) -> str:
    """What the store knows of the doubtful label under "ann"."""
    (position,) = [n for n, case in enumerate(desk.cases) if case.item_id == item_id]
    own = desk.standing(position).votes.get("ann")
    return own.judgement if own else ""


# ---------------------------------------------------------------- nobody is led


def test_what_checkpoints_say_is_on_no_page_before_the_own_judgement(client: TestClient, desk: Desk) -> None:
    first = desk.cases[0]
    assert first.item_id == DOUBTFUL and first.model_evidence[0].startswith("3 of 3 checkpoints say no")
    told = re.compile(r"\d of \d checkpoints|right on \d|, says |" + "|".join(CHECKPOINTS))
    pages = ["/", "/next", "/queue", "/progress", "/adjudication", "/table", *(f"/case/{id}" for id in desk.ids)]
    for path in pages:
        assert not told.search(client.get(path).text), path
    form = {"secret": secret_of(client), "case": desk.ids[0], "judgement": "wrong", "form": "f"}
    after = client.post("/vote", data=form).text
    assert "3 of 3 checkpoints say no" in after and "No, says base." in after
    assert not told.search(client.get(f"/case/{desk.ids[1]}").text)


# ---------------------------------------------------------------- the queue as a sheet


def sheet(client: TestClient, words: dict[str, str], comment: str = "") -> list[list[str]]:
    """The downloaded table with these words filled in, by item."""
    rows = list(csv.reader(io.StringIO(client.get("/table").text.removeprefix("\ufeff"), newline="")))
    for row in rows[1:]:
        if row[1] in words:
            row[4:6] = words[row[1]], comment
    return rows


def saved(rows: list[list[str]], comma: str = ",", mark: str = "") -> bytes:
    """As a spreadsheet program saves it."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=comma, lineterminator="\r\n").writerows(rows)
    return (mark + out.getvalue()).encode()


def bring_back(client: TestClient, raw: bytes) -> httpx.Response:
    return client.post("/table", data={"secret": secret_of(client)}, files={"file": ("queue.csv", raw, "text/csv")})


@pytest.mark.parametrize(("comma", "mark"), [(",", ""), (";", "\ufeff"), ("\t", "\ufeff")])
def test_the_queue_is_filled_in_with_a_spreadsheet_program_and_brought_back(
    client: TestClient, desk: Desk, comma: str, mark: str
) -> None:
    rows = sheet(client, {DOUBTFUL: "wrong", "1 dog": "S"}, 'two lines,\nand "quotes"; no cup')
    told = bring_back(client, saved(rows, comma, mark)).text
    assert f"2 judgements read, 2 of them new. {len(rows) - 3} of {len(rows) - 1} rows have nothing in the column" in told
    votes = {vote.item_id: vote for vote in desk.votes.votes()}  # type: ignore[attr-defined]
    assert (votes[DOUBTFUL].judgement, votes["1 dog"].judgement) == ("wrong", "skip")
    assert votes[DOUBTFUL].comment == 'two lines,\nand "quotes"; no cup' and votes[DOUBTFUL].reviewer == "ann"


def test_the_same_sheet_again_changes_nothing_and_a_changed_mind_counts(client: TestClient, desk: Desk) -> None:
    first = saved(sheet(client, {DOUBTFUL: "right"}))
    for raw, told, stands in [
        (first, "1 of them new", "right"),
        (first, "0 of them new", "right"),
        (saved(sheet(client, {DOUBTFUL: "wrong"})), "1 of them new", "wrong"),
        (first, "0 of them new. Left out: 1 that the reviewer has changed since.", "wrong"),
        (saved(sheet(client, {DOUBTFUL: "right"}, "a cup after all")), "1 of them new", "right"),
    ]:
        assert told in bring_back(client, raw).text and said_of(desk) == stands
    assert [vote.judgement for vote in desk.votes.votes()] == ["right", "wrong", "right"]  # type: ignore[attr-defined]


def test_a_sheet_tells_neither_suspicions_nor_controls_unless_asked(desk: Desk) -> None:
    plain, full = (list(csv.DictReader(io.StringIO(queue_text(desk.cases, told)[1:], newline=""))) for told in (False, True))
    assert {row["suspicion"] + row["answers"] for row in plain} == {""} and float(full[0]["suspicion"]) > 0.5
    assert full[0]["reasons"].startswith("3 of 3 checkpoints") and "base: No" in full[0]["answers"]


def test_ones_own_words_are_on_the_sheet_and_nobody_elses(client: TestClient, desk: Desk) -> None:
    bring_back(client, saved(sheet(client, {DOUBTFUL: "wrong"}, "seen it")))
    other = new_client(desk)
    other.post("/reviewer", data={"secret": secret_of(other), "name": "bob"})
    assert [row[4:6] for row in sheet(client, {}) if row[1] == DOUBTFUL] == [["wrong", "seen it"]]
    assert [row[4:6] for row in sheet(other, {}) if row[1] == DOUBTFUL] == [["", ""]]


def test_a_reviewer_who_types_the_name_in_another_case_finds_the_own_votes(client: TestClient, desk: Desk) -> None:
    bring_back(client, saved(sheet(client, {DOUBTFUL: "wrong"}, "seen it")))
    again = new_client(desk)
    again.post("/reviewer", data={"secret": secret_of(again), "name": " ANN"})
    assert [row[4:6] for row in sheet(again, {}) if row[1] == DOUBTFUL] == [["wrong", "seen it"]]


def test_a_settled_label_stays_settled(client: TestClient, desk: Desk) -> None:
    vote = {"secret": secret_of(client), "case": desk.ids[0], "judgement": "wrong"}
    client.post("/vote", data={**vote, "form": "1"})
    other = new_client(desk)
    other.post("/reviewer", data={"secret": secret_of(other), "name": "bob"})
    other.post("/vote", data={**vote, "secret": secret_of(other), "judgement": "right", "form": "1"})
    client.post("/vote", data={**vote, "form": "2", "adjudication": "true"})
    told = bring_back(client, saved(sheet(client, {DOUBTFUL: "right"}))).text
    assert "0 of them new. 1 on settled labels were left out." in told and said_of(desk) == "wrong"


def test_a_sheet_of_release_0_1_with_its_column_word_is_read(client: TestClient, desk: Desk) -> None:
    rows = sheet(client, {DOUBTFUL: "wrong"})
    assert rows[0][4] == "judgement"
    rows[0][4] = "word"
    assert "1 judgement read, 1 of them new." in bring_back(client, saved(rows)).text and said_of(desk) == "wrong"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[1].__setitem__(4, "maybe"), "row 2 has the judgement &#39;maybe&#39;"),
        (lambda rows: rows[1].__setitem__(3, "no"), "row 2 has &#39;no&#39; in the column `label`, where the label is"),
        (lambda rows: rows[1].__setitem__(1, "99 dog"), "row 2 judges a label that is not in this queue"),
        (lambda rows: [row.__setitem__(4, "") for row in rows[1:]], "the column `judgement` is empty in all"),
        (lambda rows: rows[1].__setitem__(0, ""), "row 2 has nothing under benchmark"),
        (lambda rows: rows.append(rows[1]), "judges the same label as The table, row 2"),
        (lambda rows: rows[0].__setitem__(4, "verdict"), "has no column &#39;judgement&#39;"),
    ],
)
def test_a_sheet_with_a_fault_is_refused_whole_and_says_where(client: TestClient, desk: Desk, change, words: str) -> None:
    rows = sheet(client, {DOUBTFUL: "wrong", "1 dog": "right"})
    change(rows)
    answer = bring_back(client, saved(rows))
    assert answer.status_code == 400 and words in answer.text
    assert desk.votes.votes() == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("raw", [b"", b"\x00\x01\x02", b"\xff\xfe", b'"' * 10_000, b"PK\x03\x04 a workbook"])
def test_what_is_no_sheet_is_told_and_nothing_is_taken(client: TestClient, desk: Desk, raw: bytes) -> None:
    assert bring_back(client, raw).status_code == 400
    assert desk.votes.votes() == []  # type: ignore[attr-defined]


# ---------------------------------------------------------------- a killed server


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(output: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness", "audit", "pope", "--output", str(output), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
            return server
        except httpx.TransportError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def review(port: int, name: str, ids: list[str], accepted: list[tuple[str, str]]) -> None:
    """Clicks through the queue, again and again, until the server is gone; notes what it was told was kept."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            secret = secret_of(client)
            client.post("/reviewer", data={"secret": secret, "name": name})
            for n in range(10_000):
                case, comment = ids[n % len(ids)], f"click {n}"
                form = {"secret": secret, "case": case, "judgement": "wrong", "form": f"{name} {n}", "comment": comment}
                if client.post("/vote", data=form).status_code == 303:
                    accepted.append((name, comment))
        except httpx.TransportError:
            return


def test_sigkill_in_the_middle_of_a_review_loses_no_accepted_vote(output: Path) -> None:
    port, accepted = free_port(), []  # type: ignore[var-annotated]
    with Store(output / "store.sqlite") as store, Reviews(store.path) as reviews:
        ids = [case_id(case) for case in open_desk(store, reviews, ReviewScope("pope")).cases]
    server = started(output, port)
    try:
        threads = [threading.Thread(target=review, args=(port, f"r{n}", ids, accepted)) for n in range(3)]
        for thread in threads:
            thread.start()
        while len(accepted) < 60 and any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
        os.kill(server.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
    finally:
        server.kill()
        server.wait()
    with Reviews(output / "store.sqlite") as reviews:
        kept = [(vote.reviewer, vote.comment) for vote in reviews.votes()]
    assert len(accepted) >= 60
    assert set(accepted) <= set(kept) and len(kept) == len(set(kept))


def test_a_caption_is_marked_with_the_boxes_of_its_image_in_sight(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "queue", lambda *_, **__: (label_case(0),))
    monkeypatch.setattr(reviewing, "caption_cases", lambda *_: [caption_case()])
    with Store(output / "store.sqlite") as store, Reviews(output / "store.sqlite") as reviews:
        desk = open_desk(store, reviews, ReviewScope("chair", captions=1))
    (caption,) = (case for case in desk.cases if case.caption)
    assert caption.boxes == label_case(0).boxes
