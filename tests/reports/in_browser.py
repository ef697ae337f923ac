"""What all tests in a real browser share: when they run, and what a page must not do."""

import os
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]

IN_BROWSER = [
    # .ci/run installs Chromium and sets the variable: there a missing browser is a failure, at home a skip
    pytest.mark.skipif(
        not CHROMIUM.is_file() and "HARNESS_REQUIRE_BROWSER" not in os.environ,
        reason="no /usr/bin/chromium: apt-get install chromium",
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def watched(page, said, asked):
    """The page; what it says on its console goes to `said`, what it asks for to `asked`."""
    # Chromium reports a key that was faster than its autofocus; that is no fault of the page.
    page.on("console", lambda message: said.append(message.text) if "Autofocus processing" not in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    return page
