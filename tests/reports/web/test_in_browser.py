"""The review page in a real browser: by mouse, by keyboard, two reviewers, a phone; nothing on the console, nothing outside."""

from dataclasses import replace

import pytest

from reports.web.review.app import review_site
from tests.reports.in_browser import IN_BROWSER
from tests.reports.web.desks import CAPTION, HOSTILE, Memory, caption_case, draw_images, label_case, new_desk
from tests.reports.web.in_browser import Served

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw_images(folder)
    return folder


@pytest.fixture
def served(folder):
    desk = new_desk(folder)
    with Served(lambda access: review_site(desk, access)) as running:
        running.desk = desk
        yield running


def sit_down(page, name):
    page.fill("#name", name)
    page.click("text=Begin")
    shown(page, ".asked-of")


def shown(page, selector):
    """Waits for it on a page whose scripts have run: a key that is pressed before them is lost."""
    page.wait_for_selector(selector)
    page.wait_for_load_state()


def tab_to(page, selector):
    """Presses Tab until it has the focus, as who has no mouse."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def words(desk, name):
    votes = [desk.standing(place).votes.get(name) for place in range(len(desk.cases))]
    return [vote.judgement if vote else None for vote in votes]


def test_a_whole_review_by_mouse(served, open_page):
    page = open_page(served.address)
    sit_down(page, "ann")
    assert page.locator(".stage img").evaluate("image => image.naturalWidth") == 320
    told = ("No, there is no cup", "3 of 3 checkpoints")
    assert not any(text in page.content() for text in told)
    for place, word in enumerate(["right", "wrong", "ambiguous", "skip", "right"]):
        page.click(f".judgement.{word}")
        shown(page, f".judgement.{word}[aria-pressed=true]")
        assert all((text in page.inner_text(".panel")) == (word != "skip") for text in told)
        assert page.inner_text(".done").startswith(f"{place + 1} of 7")
        page.click("text=Go on")
        shown(page, ".words")
    page.click("summary")
    page.fill("textarea", "hardly to be seen")
    page.click(".judgement.wrong")
    shown(page, "[aria-pressed=true]")
    page.click("text=Undo")
    shown(page, ".hidden-answers")
    page.click(".judgement.right")
    page.click("text=Go on")
    page.click(".caption-text >> text=lamp")
    page.click(".judgement.wrong")
    shown(page, ".judgement.wrong[aria-pressed=true]")
    page.click("text=All done")
    assert "6 labels decided" in page.inner_text(".headline")
    assert words(served.desk, "ann") == ["right", "wrong", "ambiguous", "skip", "right", "right", "wrong"]
    assert [v.comment for v in served.desk.votes.votes if v.comment] == ["hardly to be seen"]


def test_a_whole_review_by_keyboard(served, open_page):
    page = open_page(served.address)
    page.wait_for_selector("input:focus")  # a letter typed before the page has its focus is lost
    page.keyboard.type("bob")
    page.keyboard.press("Enter")
    shown(page, ".words")
    for key, word in zip("rwas", ["right", "wrong", "ambiguous", "skip"]):
        page.keyboard.press(key)
        shown(page, f".judgement.{word}[aria-pressed=true]")
        page.keyboard.press("Enter")
        shown(page, "form.vote:not(:has([aria-pressed]))")  # a skipped case hides its answers, too
    page.keyboard.press("c")
    page.wait_for_selector("textarea:focus")
    page.keyboard.type("ways of writing r w a s")  # letters of a comment are no judgements
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    shown(page, ".judgement.right[aria-pressed=true]")
    page.keyboard.press("u")
    shown(page, ".hidden-answers")
    page.keyboard.press("w")
    shown(page, ".judgement.wrong[aria-pressed=true]")
    page.keyboard.press("p")
    shown(page, ".judgement.skip[aria-pressed=true]")
    page.keyboard.press("n")
    shown(page, ".judgement.wrong[aria-pressed=true]")
    page.keyboard.press("Enter")
    shown(page, ".hidden-answers")
    page.keyboard.press("r")
    shown(page, ".judgement.right[aria-pressed=true]")
    page.keyboard.press("Enter")
    shown(page, "[data-caption]")
    tab_to(page, "[data-caption] .token")
    for key in ["ArrowRight"] * 9 + [" "]:
        page.keyboard.press(key)
    page.keyboard.press("w")
    shown(page, ".judgement.wrong[aria-pressed=true]")
    page.keyboard.press("Enter")
    shown(page, "h1")
    assert words(served.desk, "bob") == ["right", "wrong", "ambiguous", "skip", "wrong", "right", "wrong"]
    assert [v.comment for v in served.desk.votes.votes if v.comment] == ["ways of writing r w a s"]
    (mark,) = served.desk.standing(6).votes["bob"].spans
    assert CAPTION[mark.start : mark.end] == "lamp"


def test_two_reviewers_disagree_and_one_settles_it(served, open_page):
    ann, bob = open_page(served.address), open_page(served.address)
    sit_down(ann, "ann")
    sit_down(bob, "bob")
    ann.keyboard.press("c")
    ann.keyboard.type("a truck")
    ann.keyboard.press("Escape")
    ann.keyboard.press("w")
    shown(ann, "[aria-pressed=true]")
    bob.reload()
    assert "a truck" not in bob.content() and "ann" not in bob.inner_text("main")
    bob.keyboard.press("r")
    shown(bob, "[aria-pressed=true]")
    assert "a truck" not in bob.content()
    bob.click("text=Adjudication")
    bob.click(".cases a")
    assert "a truck" in bob.inner_text(".others")
    bob.keyboard.press("w")
    shown(bob, ".judgement.wrong[aria-pressed=true]")
    bob.keyboard.press("Enter")
    assert "No disagreements" in bob.inner_text(".headline")
    bob.click("text=Progress")
    assert "ann and bob" in bob.inner_text("main")
    assert served.desk.standing(0).settled.judgement == "wrong"


def test_a_double_click_and_a_key_that_is_held_are_one_vote(served, open_page):
    page = open_page(served.address)
    sit_down(page, "ann")
    page.dblclick(".judgement.right", no_wait_after=True)
    shown(page, "[aria-pressed=true]")
    assert len(served.desk.votes.votes) == 1
    page.keyboard.press("Enter")
    shown(page, ".hidden-answers")
    page.keyboard.down("w")
    shown(page, "[aria-pressed=true]")
    for _ in range(3):
        page.keyboard.down("w")
    page.keyboard.up("w")
    page.wait_for_timeout(100)
    assert len(served.desk.votes.votes) == 2


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(served, open_page, width):
    page = open_page(served.address, width)
    sit_down(page, "a reviewer with a name that is rather long")
    for path in (f"/case/{served.desk.ids[0]}", f"/case/{served.desk.ids[6]}", "/queue", "/progress", "/adjudication"):
        page.goto(served.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_review_on_a_phone(served, open_page):
    page = open_page(served.address, 390, has_touch=True, is_mobile=True)
    sit_down(page, "ann")
    button = page.locator(".judgement.wrong")
    assert button.bounding_box()["y"] + button.bounding_box()["height"] <= 844  # within the first screen, under the image
    assert button.bounding_box()["height"] >= 44
    button.tap()
    shown(page, "[aria-pressed=true]")
    page.locator("text=Go on").tap()
    shown(page, ".hidden-answers")
    page.goto(f"{served.address}/case/{served.desk.ids[6]}")
    page.locator(".token >> text=sofa").tap()
    page.locator(".judgement.wrong").tap()
    shown(page, "[aria-pressed=true]")
    (mark,) = served.desk.standing(6).votes["ann"].spans
    assert (CAPTION[mark.start : mark.end], mark.kind) == ("sofa", "false alarm")


def test_words_are_marked_by_dragging_and_unmarked_by_a_click(served, open_page):
    page = open_page(served.address)
    sit_down(page, "ann")
    page.goto(f"{served.address}/case/{served.desk.ids[6]}")
    assert page.is_disabled(".judgement.wrong") and page.is_enabled(".judgement.right")
    page.locator(".token >> text=red").drag_to(page.locator(".token >> text=red"))
    assert page.is_enabled(".judgement.wrong") and page.is_disabled(".judgement.right")
    page.click(".token >> text=red")
    assert page.is_disabled(".judgement.wrong")
    page.hover(".token >> text=beside")
    page.mouse.down()
    page.hover(".token >> text=lamp")
    page.mouse.up()
    page.click(".judgement.wrong")
    shown(page, "[aria-pressed=true]")
    (mark,) = served.desk.standing(6).votes["ann"].spans
    assert CAPTION[mark.start : mark.end] == "beside a lamp"
    assert page.locator(".mark.missed").count() == 4  # three words, and the legend's
    page.click(".judgement.wrong")  # what was marked before is sent again as it was
    page.wait_for_load_state()
    assert [v.spans for v in served.desk.votes.votes] == [(mark,), (mark,)]


def test_the_image_zooms_and_its_boxes_can_be_hidden(served, open_page):
    page = open_page(served.address)
    sit_down(page, "ann")
    assert page.locator(".box.asked rect").first.is_visible()
    page.keyboard.press("b")
    assert not page.locator(".box.asked rect").first.is_visible()
    page.keyboard.press("+")
    assert page.get_attribute(".stage", "data-scale") == "1.50"
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -400)
    page.wait_for_function("Number(document.querySelector('.stage').dataset.scale) > 3")
    page.keyboard.press("0")
    assert page.get_attribute(".stage", "data-scale") == "1.00"


def test_boxes_lie_on_the_image_where_they_were_annotated(served, open_page):
    page = open_page(served.address)
    sit_down(page, "ann")
    drawn = page.locator(".box.asked rect").last.bounding_box()
    stage = page.locator(".sheet img").bounding_box()
    scale = min(stage["width"] / 320, stage["height"] / 240)
    left, top = stage["x"] + (stage["width"] - 320 * scale) / 2, stage["y"] + (stage["height"] - 240 * scale) / 2
    assert drawn["x"] == pytest.approx(left + 60 * scale, abs=3) and drawn["y"] == pytest.approx(top + 90 * scale, abs=3)
    assert drawn["width"] == pytest.approx(70 * scale, abs=5)


def test_without_script_a_label_can_be_reviewed(served, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.address)
    sit_down(page, "ann")
    page.click(".judgement.wrong")
    page.click("text=Go on")
    page.click("text=Undo")
    assert [v.judgement for v in served.desk.votes.votes] == ["wrong", "undo"]
    context.close()


def test_hostile_answers_run_nothing(folder, open_page):
    case = label_case(0, question=HOSTILE, reasons=(HOSTILE,), answers={HOSTILE: HOSTILE + "\u0430" * 100_000})
    caption = replace(caption_case(), caption=HOSTILE, spans=())
    desk = new_desk(folder, cases=[case, caption], votes=Memory())
    with Served(lambda access: review_site(desk, access)) as running:
        page = open_page(running.address)
        sit_down(page, HOSTILE[:-1][:60])
        page.keyboard.press("w")
        shown(page, "[aria-pressed=true]")
        assert "<script>alert(1)</script>" in page.inner_text(".answers")
        page.keyboard.press("Enter")
        shown(page, "[data-caption]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
