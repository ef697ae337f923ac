"""A real browser for the tests of the local pages: a silent console, no request outside."""

import pytest

from tests.reports.web.in_browser import ARGS, CHROMIUM


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """open_page(address, width) -> page of a browser of its own; afterwards: a silent console, no outside request."""
    said, asked, contexts, homes = [], [], [], []

    def opened(address, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 800 if width > 500 else 844}, **options)
        page = context.new_page()
        page.set_default_timeout(10_000)
        contexts.append(context)
        homes.append(address)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(tuple(homes))] == []
