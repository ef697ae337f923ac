"""Files of plug-ins are parsed in one thread at a time: in two at once Python 3.11 may end in a SystemError."""

from __future__ import annotations

import ast
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.core import registry
from harness.core.edge import plugin_modules
from harness.core.options import source


def test_several_threads_parse_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of files, descriptions and options, as studies that are checked side by side ask for them."""
    at_work, most = set[object](), list[int]()

    def parse(text: str | bytes) -> ast.Module:
        at_work.add(mine := object())
        time.sleep(0.001)
        most.append(len(at_work))
        at_work.remove(mine)
        return ast.Module(body=[], type_ignores=[])

    asked = [
        lambda: plugin_modules.files_digest("benchmarks.pope"),
        lambda: registry.describe("benchmark", "chair"),
        lambda: source._module.__wrapped__("alignment.settings"),
        lambda: plugin_modules.syntax_tree(Path(__file__).read_bytes()),
    ]
    with monkeypatch.context() as patched, ThreadPoolExecutor(len(asked)) as pool:
        patched.setattr(ast, "parse", parse)
        for done in [pool.submit(ask) for ask in asked * 2]:
            done.result()
    assert len(most) >= 2 * len(asked) and set(most) == {1}
