"""The run browser over a real store: pages, filters, everything hostile as text."""

import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from harness.core.evaluation import Item
from harness.core.files import write_text_whole
from harness.results.archive import StoredArchive
from harness.storage.run_store import Store, StoredRun
from reports.web.browse.app import browser_site, neighbours, report_policy
from reports.web.browse.records import Filter, Listing, Mark, RunLine, sorted_runs
from reports.web.browse.summary import headline_rows, partial
from reports.web.guard import Access
from reports.web.shelf import Shelf
from tests.reports.web.desks import ADDRESS, HOSTILE, PORT
from tests.reports.web.runs import RUN, N, fill, pope_score, result


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    fill(output)
    write_text_whole(
        output / RUN / "report.html", "<html><script>injected()</script><body>THE REPORT<script>own()</script></body></html>"
    )
    (output.parent / "outside").mkdir(exist_ok=True)
    write_text_whole(output.parent / "outside/report.html", "SECRET")
    return output


@pytest.fixture
def client(output):
    shelf = Shelf()
    with Store(output / "store.sqlite") as store:
        site = browser_site(StoredArchive(store, output, shelf), shelf, Access(PORT))
        yield TestClient(site, base_url=ADDRESS)


def text_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def foreign_markup(html):
    """Scripts, styles and handlers that stand in the page itself."""
    found = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            names = [name for name, _ in attrs]
            if tag == "style" or (tag == "script" and "src" not in names):
                found.append(tag)
            found.extend(name for name in names if name == "style" or name.startswith("on"))

    Tags().feed(html)
    return found


def places(html):
    return [int(place) for place in re.findall(rf"/run/{RUN}/items/pope/(\d+)\?", html)]


def test_the_list_leads_to_a_run_its_benchmarks_and_its_report(client):
    html = client.get("/").text
    assert f'href="/run/{RUN}"' in html and f'href="/run/{RUN}/items/pope"' in html
    html = client.get(f"/run/{RUN}").text
    assert "Open the report" in html and "POPE items" in html
    assert "THE REPORT" in client.get(f"/run/{RUN}/report").text


def test_runs_can_be_sorted_by_every_column(client):
    lines = [RunLine("b", "Zeta", "1", "complete", ("base",), ()), RunLine("a", "alpha", "2", "running", (), ("pope",))]
    for by, first in (("name", "a"), ("begun", "b"), ("state", "b"), ("checkpoints", "a"), ("benchmarks", "b"), ("run", "a")):
        assert sorted_runs(lines, by, False)[0].id == first
        assert sorted_runs(lines, by, True)[0].id != first
        assert client.get(f"/?sort={by}&down=0").status_code == 200
    assert client.get("/?sort=nonsense").status_code == 200


def test_items_come_by_pages(client):
    first, last = client.get(f"/run/{RUN}/items/pope").text, client.get(f"/run/{RUN}/items/pope?page=3").text
    assert places(first) == list(range(50)) and places(last) == list(range(100, 120))
    assert 'href="/run/mini-1a2b/items/pope?show=all&amp;page=2"' in first
    assert places(client.get(f"/run/{RUN}/items/pope?page=99").text) == places(last)
    assert client.get(f"/run/{RUN}/items/pope?page=x").status_code == 422


def test_filters_leave_what_was_asked_for(client):
    def shown(query):
        return places(client.get(f"/run/{RUN}/items/pope?{query}").text)

    answered = [i for i in range(N) if i % 40 != 7]
    assert shown("show=wrong") == [i for i in answered if i % 3 == 0][:50]
    assert shown("show=gained&by=dpo") == [i for i in answered if i % 3 == 0 and i % 4][:50]
    assert shown("show=lost&by=dpo") == [i for i in answered if i % 3 and i % 4 == 0][:50]
    assert shown("show=flagged") == [11]
    assert shown("show=missing") == [7, 47, 87]
    assert shown("words=IMAGE+70%3f") == [70]
    assert shown("by=nobody&show=flagged") == [11]
    assert "No item passes" in client.get(f"/run/{RUN}/items/pope?words=zebra").text


def test_the_truth_has_a_column_where_an_item_has_one(client, monkeypatch):
    assert "<th>Truth</th>" not in client.get(f"/run/{RUN}/items/pope").text
    monkeypatch.setattr(StoredArchive, "references", lambda *_: lambda item: "yes" if item.id == "i9" else "")
    assert "<th>Truth</th>" in client.get(f"/run/{RUN}/items/pope").text


def test_an_item_shows_all_checkpoints_answers_and_scores(client):
    text = text_of(client.get(f"/run/{RUN}/items/pope/11").text)
    assert "A cat of base" in text and "A cat of dpo" in text
    assert "unclear" in text and "asked 1" in text and "12 of 120" in text


def test_scores_stay_with_their_items_behind_one_without_an_answer(client):
    for place, word in ((6, "wrong"), (8, "right"), (48, "wrong"), (49, "right")):
        told = text_of(client.get(f"/run/{RUN}/items/pope/{place}").text).split(" base ", 1)[1].split(" dpo ", 1)[0]
        assert word in told and "of base" in told


def test_an_item_without_an_answer_says_so(client):
    assert client.get(f"/run/{RUN}/items/pope/7").text.count("No answer is stored") == 2


def test_a_verdict_is_shown_in_the_judges_words(client):
    text = text_of(client.get(f"/run/{RUN}/items/mmhal_bench/3").text)
    assert "keywords 1: 3.0, three" in text


def test_next_stays_within_the_filter(client):
    assert neighbours([3, 11, 20], 11) == (3, 20)
    assert neighbours([3, 11, 20], 3) == (None, 11)
    html = client.get(f"/run/{RUN}/items/pope/47?show=missing&by=base").text
    assert f"/run/{RUN}/items/pope/87?show=missing&amp;by=base" in html and "/items/pope/7?show=missing" in html


@pytest.mark.parametrize(
    "path",
    ["/", f"/run/{RUN}", "/run/other-9", f"/run/{RUN}/items/mmhal_bench/3", f"/run/{RUN}/items/pope?words=" + HOSTILE[:-1]],
)
def test_hostile_names_answers_and_verdicts_are_text(client, path):
    html = client.get(path).text
    assert "<script>alert" not in html and "<img src=x" not in html and "\u202e" not in html
    assert foreign_markup(html) == []


@pytest.mark.parametrize(
    "path",
    ["nope", "nope/report", "other-9/report", f"{RUN}/items/nope", f"{RUN}/items/pope/120", f"{RUN}/items/pope/-1"],
)
def test_what_is_not_there_is_told_in_words(client, path):
    answer = client.get(f"/run/{path}")
    assert answer.status_code == 404 and "headline" in answer.text


def test_a_run_id_of_a_strangers_store_does_not_lead_out_of_the_folder(client):
    for path in ("/run/..%2f..%2foutside/report", "/run/../../outside/report", "/run/..%2foutside/report"):
        assert "SECRET" not in client.get(path).text


def test_an_unfinished_run_is_shown_as_such(client):
    text = text_of(client.get("/run/other-9").text)
    assert "Incomplete." in text and "No report yet" in text


def test_a_report_runs_its_own_script_in_a_sandbox_and_no_other(client):
    policy = client.get(f"/run/{RUN}/report").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;") and "allow-same-origin" not in policy and "script-src 'sha256-" in policy
    assert report_policy("<script>a</script>x<script>b</script>") == report_policy("<script>b</script>")
    assert "default-src 'none'" in policy and "script-src 'unsafe" not in policy


def test_results_that_were_added_meanwhile_are_seen(output, tmp_path):
    with Store(tmp_path / "s.sqlite") as reading, Store(tmp_path / "s.sqlite") as writing:
        archive = StoredArchive(reading, tmp_path, Shelf())
        writing.begin(StoredRun(RUN, "mini", "", "running", "", "", {}, ""))
        assert archive.listing(RUN, "pope") is None
        writing.add_result(RUN, 0, result("base", "pope", pope_score("base"), 10))
        assert archive.listing(RUN, "pope").checkpoints == ("base",)
        writing.add_result(RUN, 1, result("dpo", "pope", pope_score("dpo"), 10))
        assert archive.listing(RUN, "pope").checkpoints == ("base", "dpo")
        assert archive.listing(RUN, "pope") is archive.listing(RUN, "pope")


def test_a_filter_without_any_checkpoint_leaves_nothing():
    assert Filter("wrong").chosen(Listing("pope", (), {})) == []
    assert Filter().chosen(Listing("pope", (Item("1", "", "q"),), {"a": (Mark(None, ""),)})) == [0]


@pytest.mark.parametrize(
    "summary", [{}, {"columns": 1}, {"columns": [], "rows": [{"headline": True}]}, {"rows": [], "columns": None}]
)
def test_a_report_file_of_another_version_shows_no_table(summary):
    assert headline_rows(summary, ["base"]) == []


@pytest.mark.parametrize(("study", "said"), [
    ({"partial": ["POPE over its first 150 images", "CHAIR over its first 60 images"]},
     "POPE over its first 150 images; CHAIR over its first 60 images. Not comparable with numbers of whole benchmarks."),
    ({"partial": []}, ""), ({}, ""), ({"partial": "all"}, ""), (None, ""),
])  # fmt: skip
def test_a_partial_sweep_is_told_above_its_numbers_as_in_the_report(study, said):
    assert partial({"study": study}) == said


def test_an_item_has_an_address_by_its_id(client):
    page = client.get(f"/run/{RUN}/items/pope/7")
    link = re.search(rf'href="(/run/{RUN}/item/pope\?id=[^"]+)"', page.text)[1]
    assert client.get(link).text == page.text
    assert client.get(f"/run/{RUN}/item/pope?id=nope").status_code == 404


def test_addends_are_folded_and_explained(client):
    html = client.get(f"/run/{RUN}/items/pope/11").text
    assert "<summary>What it adds to the metrics\u2019 sums</summary>" in html


def test_an_answer_whose_tokens_are_not_known_tells_no_number(client):
    assert re.findall(r"-?\d+ tokens?, stopped at \w+", client.get(f"/run/{RUN}/items/pope/11").text) == [
        "4 tokens, stopped at end"
    ]
