"""A real browser for the tests of the local pages: a silent console, no request outside."""

import pytest

from tests.reports.in_browser import watched


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
        watched(page, said, asked)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(tuple(homes))] == []
