"""The run browser in a real browser: from the list of runs to the report, a benchmark and an item, by clicks alone."""

import os
import re

import pytest

from harness.core.files import write_text_whole
from harness.results.archive import StoredArchive
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.web.browse.app import browser_site
from reports.web.shelf import Shelf
from reports.writers.html import write
from reports.writers.json import write as write_json
from tests.reports.conftest import make_record
from tests.reports.in_browser import IN_BROWSER
from tests.reports.web.desks import HOSTILE
from tests.reports.web.in_browser import Served
from tests.reports.web.runs import RUN, N, fill

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    fill(output)
    write_text_whole(output / RUN / "report.html", write(compare([make_record(data_folder=output / "data")])))
    write_text_whole(output / RUN / "report.json", write_json(compare([make_record()])))
    os.remove(output / "data/images/5.png")  # an image that was moved since
    shelf = Shelf()
    with (
        Store(output / "store.sqlite") as store,
        Served(lambda access: browser_site(StoredArchive(store, output, shelf), shelf, access)) as running,
    ):
        yield running.address


def names(page):
    return page.locator("tbody th[scope=row]").all_inner_texts()


def test_runs_are_sorted_by_a_click_and_back_by_another(open_page, address):
    page = open_page(address)
    page.click("thead >> text=Name")
    down = names(page)
    assert page.get_attribute("th[aria-sort]", "aria-sort") == "descending"
    page.click("thead >> text=Name")
    assert page.get_attribute("th[aria-sort]", "aria-sort") == "ascending"
    assert names(page) == down[::-1] and len(set(down)) > 1


def test_a_click_leads_to_the_report_which_works_in_its_sandbox(open_page, address):
    page = open_page(address)
    page.click(f'a[href="/run/{RUN}"] >> nth=0')
    page.click("text=Open the report")
    assert page.inner_text(".headline").startswith("Alignment lowered hallucination")
    page.select_option("select[name=kind]", "lost")
    assert page.locator(".flip:visible").count() == page.locator('.flip[data-kind="lost"]:visible').count() > 0


def test_a_click_leads_to_a_benchmark_and_its_filter_to_an_item(open_page, address):
    page = open_page(address)
    page.click(f'a[href="/run/{RUN}/items/pope"]')
    assert f"{N} items" in page.inner_text("output")
    page.select_option("select[name=show]", "lost")
    page.select_option("select[name=by]", "dpo")
    page.click("button")
    lost = int(re.match(r"\d+", page.inner_text("output"))[0])
    assert 0 < lost < N and page.locator("tbody tr").count() == min(lost, 50)
    page.click("tbody a >> nth=0")
    assert page.locator(".item-result h2").all_inner_texts()[0].startswith("base")
    assert page.locator(".frame img").evaluate("image => image.naturalWidth") > 0
    first = page.inner_text(".asked-of")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('.asked-of').innerText !== {first!r}")
    assert page.locator(".item-result").count() == 2


def test_what_a_model_said_is_text_on_every_page(open_page, address):
    page = open_page(address)
    assert HOSTILE.removesuffix("\u202e") in " ".join(names(page))
    page.goto(f"{address}/run/{RUN}/items/mmhal_bench/0")
    assert "<img src=x onerror=alert(2)>" in page.inner_text(".answer >> nth=0")
    assert page.locator("main script, main img[onerror]").count() == 0


def test_an_image_that_is_gone_has_a_placeholder_and_the_page_goes_on(open_page, address):
    page = open_page(address)
    page.goto(f"{address}/run/{RUN}/items/pope/5")
    assert "cannot be shown" in page.inner_text(".no-image")
    assert page.locator(".item-result").count() == 2


@pytest.mark.parametrize("path", ["/", f"/run/{RUN}", f"/run/{RUN}/items/pope", f"/run/{RUN}/items/mmhal_bench/0"])
def test_a_phone_scrolls_up_and_down_only(open_page, address, path):
    page = open_page(address, width=390)
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_phone_shows_the_whole_line_of_every_run(open_page, address):
    page = open_page(address, width=390)
    cells = page.locator(".runs td a, .runs td code")
    boxes = [cells.nth(i).bounding_box() for i in range(cells.count())]
    assert boxes and all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert page.locator(".runs thead a >> text=Begun").is_visible()  # lines can still be sorted


def test_a_phone_shows_the_numbers_of_every_checkpoint(open_page, address):
    page = open_page(address, width=390)
    page.goto(f"{address}/run/{RUN}")
    cells = page.locator("table.metrics tbody tr:first-child td")
    boxes = [cells.nth(n).bounding_box() for n in range(cells.count())]
    assert len(boxes) == 2 and len({box["x"] for box in boxes}) == 1  # one under the other, whatever their number
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
