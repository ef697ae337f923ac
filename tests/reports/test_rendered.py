"""Reports as the programs read them that people use: LaTeX by a strict parser, Markdown by a CommonMark renderer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from pylatexenc.latexwalker import LatexCharsNode, LatexEnvironmentNode, LatexMacroNode, LatexSpecialsNode, LatexWalker

from reports.comparison.compare import compare
from reports.writers import latex as latex_writer
from reports.writers import markdown as markdown_writer
from tests.reports.test_writers import HOSTILE, hostile_record

NAMES = [
    HOSTILE,
    r"& % $ # _ { } ~ ^ \ \input{/etc/passwd} \end{tabular}",
    "a|b\n# c\n\n```\nd `e` [f](javascript:g) **h",
    "\u4e2d \u0435 \U0001f600 \x00\x1b[2J \ud800",
    "$x_1$ % --",
    "[3em] run",
    "*run",
]


def called(record, name: str):
    """The record of a run and of a checkpoint of this name."""
    base, aligned = record.sweeps
    return replace(record, name=name, sweeps=(base, replace(aligned, label=name)))


def environments(nodes) -> list[LatexEnvironmentNode]:
    found = []
    for node in nodes:
        if isinstance(node, LatexEnvironmentNode):
            found += [node, *environments(node.nodelist)]
    return found


def all_nodes(nodes):
    for node in nodes:
        yield node
        yield from all_nodes(getattr(node, "nodelist", None) or [])
        arguments = getattr(node, "nodeargd", None)
        yield from all_nodes([n for n in (arguments.argnlist if arguments else []) or [] if n is not None])


def table_rows(tabular: LatexEnvironmentNode) -> list[int]:
    """Cells of each row."""
    rows, cells = [], 1
    for node in tabular.nodelist:
        if isinstance(node, LatexSpecialsNode) and node.specials_chars == "&":
            cells += 1
        elif isinstance(node, LatexMacroNode) and node.macroname == "\\":
            rows.append(cells)
            cells = 1
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_latex_parses_and_every_row_has_all_cells_whatever_a_run_is_called(make, record, name):
    comparison = compare([called(hostile_record(make, record), name)])
    tex = latex_writer.write(comparison)
    nodes, *_ = LatexWalker(tex, tolerant_parsing=False).get_latex_nodes()
    assert [e.environmentname for e in environments(nodes)] == ["table", "tabular"]
    rows = table_rows(environments(nodes)[1])
    assert rows == [1 + len(comparison.short.headline)] * (1 + len(comparison.short.columns))
    assert not re.search(r"\\\\\s*[\[*]", tex)  # \\[3em] and \\* are commands of their own
    used = {node.macroname for node in all_nodes(nodes) if isinstance(node, LatexMacroNode)}
    assert not used & {"input", "write", "end"}


@pytest.mark.parametrize("name", NAMES)
def test_latex_has_only_characters_that_every_engine_sets(record, name):
    tex = latex_writer.write(compare([called(record, name)]))
    assert all(c == "\n" or " " <= c < "\x7f" or "\xa1" <= c <= "\u017f" for c in tex)
    nodes, *_ = LatexWalker(tex, tolerant_parsing=False).get_latex_nodes()
    assert any(isinstance(node, LatexCharsNode) for node in nodes)


def rendered(record) -> list:
    return MarkdownIt("commonmark").enable("table").parse(markdown_writer.write(compare([record])))


@pytest.mark.parametrize("name", NAMES)
def test_markdown_renders_to_the_same_parts_whatever_is_written_in_it(make, record, name):
    calm, hostile = rendered(record), rendered(called(hostile_record(make, record), name))
    kinds = ("heading_open", "table_open", "fence")
    assert [t.type for t in hostile if t.type in kinds] == [t.type for t in calm if t.type in kinds]
    inline = [child.type for token in hostile for child in token.children or []]
    assert not {"html_inline", "link_open", "image"} & set(inline)
    assert not [token for token in hostile if token.type == "html_block"]
    assert len([t for t in hostile if t.type == "td_open"]) >= len([t for t in calm if t.type == "td_open"])
