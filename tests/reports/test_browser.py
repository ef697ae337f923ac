"""The page in a real browser: opens from disk, filters, complains of nothing, asks the network for nothing."""

from dataclasses import replace
from itertools import cycle

import pytest

from harness.config.gate_policy import load_policy, parse_policy
from reports.comparison.compare import compare
from reports.writers.html import write
from tests.reports.in_browser import IN_BROWSER, watched

pytestmark = IN_BROWSER


@pytest.fixture
def opened(browser, tmp_path):
    """open(html, width) -> page; afterwards nothing was said on the console and nothing was asked of a network."""
    said: list[str] = []
    asked: list[str] = []
    pages = []

    def open_page(html: str, width: int = 1280, whole: bool = True):
        """`whole`: with all sections shown, on a narrow screen too."""
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 800})
        pages.append(page)
        watched(page, said, asked)
        page.goto(file.as_uri())
        if whole and page.locator(".unfold").is_visible():
            page.click(".unfold")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_page_opens_from_disk_and_shows_its_verdict(opened, compared):
    page = opened(write(compared))
    assert page.inner_text(".headline").startswith("Alignment lowered hallucination")
    assert page.locator(".frame img").first.evaluate("image => image.naturalWidth") > 50


@pytest.mark.parametrize("width", [1280, 390])
def test_a_gate_fits_the_width_of_the_page(opened, record, width):
    rules = [{"metric": "chair.chair_i", "role": "improve"}, {"metric": "pope.f1", "role": "guard", "margin": "1 point"}]
    page = opened(write(compare([record], policy=parse_policy({"rules": rules}))), width)
    assert page.locator("#gate .gate tbody tr").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_filter_leaves_only_what_was_asked_for(opened, compared):
    page = opened(write(compared))
    assert page.locator(".flip:visible").count() == 12  # the first few
    page.click(".cards + .more")
    everything = page.locator(".flip:visible").count()
    assert everything > 12
    page.select_option("select[name=kind]", "lost")
    lost = page.locator(".flip:visible").count()
    assert 0 < lost < everything
    assert page.locator(".flip:visible[data-kind=gained]").count() == 0
    assert page.inner_text("[data-count]") == f"{lost} flips"
    page.select_option("select[name=kind]", "")
    assert page.locator(".flip:visible").count() == everything


def test_a_filter_survives_back_and_reload(opened, compared):
    page = opened(write(compared))
    page.select_option("select[name=kind]", "lost")
    page.goto("about:blank")
    page.go_back()
    assert page.input_value("select[name=kind]") == "lost" and page.locator(".flip:visible[data-kind=gained]").count() == 0
    page.reload()
    assert page.input_value("select[name=kind]") == "lost" and page.locator(".flip:visible[data-kind=gained]").count() == 0


def test_on_a_phone_no_metric_of_the_headline_table_is_cut(opened, make, record, images):
    page = opened(write(compare([make.record(f"run{n}", seed=n, data_folder=images) for n in range(3)])), 390)
    cells = page.locator(".checkpoints").first.locator("tbody td")
    for cell in cells.all():
        box = cell.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert cells.count() >= 6


def test_a_phone_shows_p_n_effect_and_detectable_difference_too(opened, compared):
    cells = opened(write(compared), 390).locator("#results > .body > .wide > .single tbody tr:first-child .p")
    assert cells.count() == 4 and all(cell.is_visible() for cell in cells.all())


@pytest.fixture(scope="module", params=[1, 5])
def with_the_published(request, make, images):
    records = [make.record(f"run{n}", seed=n, data_folder=images) for n in range(request.param)]
    return write(compare(records, published=["Table 2"]))


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(opened, with_the_published, width):
    page = opened(with_the_published, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_column_of_the_published_table_is_cut_off_on_a_desktop(opened, make, images):
    comparison = compare([make.record(data_folder=images)], published=["Table 3"])
    theirs = cycle(comparison.short.rows)  # a metric of ours under every column of the paper
    rows = tuple(replace(next(theirs), published_as=study) for study in comparison.published[0].values)
    page = opened(write(replace(comparison, short=replace(comparison.short, rows=rows))), 1280)
    inner, shown = page.eval_on_selector(".wide:has(.published)", "e => [e.scrollWidth, e.clientWidth]")
    assert inner <= shown


@pytest.fixture(scope="module", params=[2, 3, 6])
def long_names(request, make, images):
    """Of so many runs that differ in their seed, and of as many that differ in a setting."""
    records = [make.record(f"{'averylongname' * 5}{i}", seed=i, data_folder=images) for i in range(request.param)]
    policy = parse_policy({"rules": [{"metric": "chair.chair_i", "role": "improve"}]})
    unlike = [replace(one, config_yaml=f"beta: {i}") for i, one in enumerate(records)]
    return [write(compare(by_seed, policy=policy)) for by_seed in (records, unlike)]


@pytest.mark.parametrize("width", [390, 1280])
def test_names_without_a_break_widen_nothing(opened, long_names, width):
    for html in long_names:
        page = opened(html, width)
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_is_wider_than_a_sheet_of_paper(opened, make, images):
    records = [make.record(f"arm {n}", seed=n, data_folder=images) for n in (1, 2)]
    made = compare([replace(one, config_yaml=f"beta: {n}") for n, one in enumerate(records)])
    rows = tuple(replace(row, headline=True) for row in made.short.rows[:14])
    page = opened(write(replace(made, short=replace(made.short, rows=rows))), 688)  # A4 within its margins
    page.emulate_media(media="print")
    assert page.locator("#ranks th[scope=col]").count() > 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 688


def test_on_a_phone_whatever_scrolls_sideways_has_a_shade_at_its_edge(opened, make, record, images):
    records = [replace(make.record(f"run{n}", seed=n, data_folder=images), config_yaml=f"beta: {n}") for n in range(6)]
    page = opened(write(compare(records)), 390)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = page.evaluate("""[...document.querySelectorAll('body *')].filter(e =>
        e.scrollWidth > e.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)
    ).map(e => [e.className, getComputedStyle(e).backgroundImage.split('linear-gradient').length - 1])""")
    assert {"wide", "pan"} <= {name for name, _ in found} and all(n == 4 for _, n in found), found


def test_on_a_phone_the_chart_of_few_checkpoints_fits_and_its_text_can_be_read(opened, make, images):
    page = opened(write(compare([make.record(f"run{n}", seed=n, data_folder=images) for n in range(3)])), 390)
    charts = page.evaluate("""[...document.querySelectorAll('.figures .fits .plot')].map(svg => {
        const own = svg.getBoundingClientRect();
        const sizes = [...svg.querySelectorAll('text')].filter(t => getComputedStyle(t).display != 'none').map(
            t => parseFloat(getComputedStyle(t).fontSize) * own.width / svg.viewBox.baseVal.width);
        return [own.right, Math.min(...sizes)];
    })""")
    assert charts and all(right <= 390 and size > 9.9 for right, size in charts), charts


def test_on_a_phone_sections_are_folded_under_their_titles(opened, compared):
    page = opened(write(compared), 390, whole=False)
    assert page.is_visible("#results > .body") and not page.is_visible("#captions > .body")
    assert page.evaluate("document.documentElement.scrollHeight") < 8000  # 21,000 with all sections
    page.click(".contents a[href='#captions']")
    page.wait_for_selector("#captions > .body", state="visible")
    page.click("#captions .fold")
    assert not page.is_visible("#captions > .body")


def test_a_link_that_is_opened_in_a_new_tab_does_not_move_this_page(opened, compared):
    page = opened(write(compared))
    page.click(".contents a[href='#captions']")
    page.evaluate("scrollTo(0, 0)")
    with page.context.expect_page():
        page.click(".contents a[href='#training']", modifiers=["Control"])
    page.wait_for_timeout(50)
    assert page.evaluate("scrollY") == 0


def test_a_section_that_is_folded_on_a_phone_is_printed(opened, compared):
    page = opened(write(compared), 390, whole=False)
    page.emulate_media(media="print")
    assert page.locator(".part > .body:visible").count() == page.locator(".part").count()
    assert not page.is_visible(".contents")


def test_every_section_is_in_the_contents(opened, compared):
    page = opened(write(compared))
    linked = page.eval_on_selector_all(".contents a", "links => links.map(link => link.hash.slice(1))")
    assert linked == page.eval_on_selector_all(".part", "parts => parts.map(part => part.id)")
    assert page.locator(".fold:visible, .unfold:visible").count() == 0  # of narrow screens alone


def test_a_long_reference_answer_does_not_widen_a_phone(opened, make, record):
    def wordy(result):
        return replace(result, items=tuple(replace(i, truth=i.truth | {"label": "a reference " * 20}) for i in result.items))

    page = opened(write(compare([make.with_results(record, wordy)])), 390)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_answers_run_nothing(opened, make, record):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e" + "\u0430" * 100_000
    page = opened(write(compare([make.with_answer(record, hostile)])))
    assert "<script>alert(1)</script>" in page.locator(".said").nth(1).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_light_and_dark_differ(opened, compared):
    page = opened(write(compared))
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(colours)) == 2


def test_without_script_every_flip_is_there_and_the_filters_are_not(browser, tmp_path, compared):
    (tmp_path / "r.html").write_text(write(compared), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "r.html").as_uri())
    assert page.locator(".flip:visible").count() == 60
    assert page.locator(".filters:visible").count() == 0
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.locator(".part > .body:visible").count() == page.locator(".part").count()
    context.close()


@pytest.mark.parametrize("n", [1, 3])
def test_on_a_phone_a_long_gate_is_folded_and_its_verdict_is_not(opened, make, images, n):
    records = [replace(make.record(f"run{i}", seed=i, data_folder=images), config_yaml=f"beta: {i}") for i in range(n)]
    page = opened(write(compare(records, policy=load_policy("default"))), 390, whole=False)
    assert page.is_visible("#gate .lead") and page.is_visible("#gate > .body") == (n == 1)
