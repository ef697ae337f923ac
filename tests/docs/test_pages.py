"""The documentation is true where a machine can tell: links, commands, YAML, examples, reference pages, language."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

import harness.cli  # noqa: F401  # registers the commands
from alignment.data.pairs import from_json
from harness.commands._app import app
from harness.config.schema import parse
from harness.core.stats import VERSION
from tests.docs.pages import PAGES, ROOT, blocks
from tests.docs.reference_pages import PAGES as WRITTEN

_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]+)?\)")
_TESTS = re.compile(r"(?<![\w/.-])tests/[\w/.*-]+")
_TEST_MODULES = re.compile(r"python -m (tests\.[\w.]*\w)")
_FUNCTIONS = re.compile(r"`(tests/[\w/]+\.py)` \(((?:`test_\w+`(?:, | and )?)+)\)")
_ITEM = re.compile(r"\s*([-*]|\d+\.) ")
_OLD_WORDS = re.compile(r"\b(pictures?|surely|hearsay|so many|is none of)\b", re.IGNORECASE)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def prose(page: Path) -> str:
    """A page without its code blocks and code."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {"#" + re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_list_is_one(page: Path) -> None:
    """Python-Markdown takes lines that follow a paragraph without an empty line for its text."""
    before, run_in = "", []
    for line in prose(page).splitlines():
        if _ITEM.match(line) and before.strip() and not _ITEM.match(before) and not before.startswith((" ", "|", "#", "<")):
            run_in.append(line)
        before = line
    assert run_in == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(prose(page)):
        if "://" in target:
            continue
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(place), f"{target}{anchor}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_and_option_exists(page: Path) -> None:
    root: Any = typer.main.get_command(app)
    for block in (*blocks(page, ""), *blocks(page, "bash")):
        for text in re.findall(r"python -m harness(?!\.)\s*(.*)", block.replace("\\\n", " ")):
            words = shlex.split(re.split(r"[;|>]", text)[0], comments=True)
            if words and words[0] in ("COMMAND", "NAME"):
                continue
            command = root
            while words and hasattr(command, "commands"):
                assert words[0] in command.commands, text
                command = command.commands[words.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
            unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
            assert not unknown, f"{text}: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_test_that_is_named_exists(page: Path) -> None:
    """`tests/api/test_lazy.py`, `pytest tests/labels -k words`, and functions in brackets behind a file (`test_x`)."""
    text = page.read_text(encoding="utf-8")
    named = set(_TESTS.findall(text)) | {f"{name.replace('.', '/')}.py" for name in _TEST_MODULES.findall(text)}
    assert [place for place in sorted(named) if not any(ROOT.glob(place.rstrip("/.")))] == []
    for place, behind in _FUNCTIONS.findall(text):
        functions = re.findall(r"def (test_\w+)", (ROOT / place).read_text(encoding="utf-8"))
        assert set(re.findall(r"`(test_\w+)`", behind)) <= set(functions), place


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_yaml_parses_and_whole_studies_are_valid(page: Path) -> None:
    for text in blocks(page, "yaml"):
        tree = yaml.safe_load(text)
        assert isinstance(tree, dict)
        if "model" in tree and "sweep" in tree:
            parse(tree)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_compiles(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(code, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_bar_in_a_table_stands_behind_a_backslash_which_the_site_would_show(page: Path) -> None:
    assert "\\|" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_reference_pages_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path](), "run `make reference` and commit the pages"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_pages_are_written_in_the_projects_own_language(page: Path) -> None:
    found = _OLD_WORDS.search(prose(page))
    assert found is None, found


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = set(re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.M))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}


def test_the_page_on_statistics_is_of_the_version_that_reports_name() -> None:
    assert f" Version {VERSION}; " in (ROOT / "docs/statistics.md").read_text(encoding="utf-8").split("\n##", 1)[0]


def test_the_row_of_a_pair_file_is_one() -> None:
    row = next(json.loads(text) for text in blocks(ROOT / "docs/pair_files.md", "json") if "chosen" in text)
    pair = from_json(row, "line 1")
    assert (pair.id, pair.image, pair.rejected) == ("line 1", row["image"], (row["rejected"],))
    required = {"prompt", "chosen", "rejected"}
    assert from_json({key: row[key] for key in required}, "line 1").image == ""
    for key in required:
        with pytest.raises(ValueError, match=key):
            from_json({name: value for name, value in row.items() if name != key}, "line 1")
