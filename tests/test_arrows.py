"""The arrows of the architecture, read from the syntax trees: who may import whom."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("harness", "alignment", "benchmarks", "reports")
NETWORK = {
    "socket",
    "http",
    "urllib",
    "requests",
    "httpx",
    "httpx2",
    "aiohttp",
    "openai",
    "huggingface_hub",
    "ftplib",
    "ssl",
    "pooch",
}
OURS = set(ROOMS)

# room prefix -> modules it must never import, and why
FORBIDDEN: list[tuple[str, set[str], str]] = [
    ("harness.errors", OURS, "errors rest on nothing"),
    (
        "benchmarks",
        {"torch", "transformers", "alignment", "reports", "sqlite3", "harness.database", "harness.store", "harness.models"},
        "scores are pure",
    ),
    ("alignment", {"benchmarks", "reports", "harness.store", "sqlite3"}, "no ground truth in training"),
    (
        "reports",
        {"torch", "transformers", "alignment", "benchmarks", "sqlite3", "harness.store"},
        "reports are functions of values",
    ),
    ("harness.models", {"alignment", "benchmarks", "reports", "harness.store"}, "a model only answers"),
    ("harness.stats", {"alignment", "benchmarks", "reports", "torch"}, "statistics are pure"),
]
LOW = {"harness.contract", "harness.errors", "harness.registry", "harness.stats", "harness.digests", "harness.labels"}
LOW |= {"harness.agreement", "harness.ballots", "harness.evidence"}


def modules() -> list[tuple[str, Path]]:
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.append((name, path))
    return found


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def lies_in(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


MODULES = modules()


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[m[0] for m in MODULES])
def test_a_room_imports_only_what_its_arrows_allow(name: str, path: Path) -> None:
    found = imports(path)
    for room, forbidden, why in FORBIDDEN:
        if lies_in(name, room):
            broken = sorted(i for i in found for f in forbidden if lies_in(i, f))
            assert not broken, f"{name} imports {broken}: {why}"


def test_the_contract_rests_on_the_standard_library_alone() -> None:
    tops = {i.split(".")[0] for i in imports(ROOT / "harness/contract.py")}
    assert tops <= set(sys.stdlib_module_names)


def test_plugin_rooms_import_only_the_lowest_rooms_of_the_harness() -> None:
    for name, path in MODULES:
        if name.split(".")[0] in {"alignment", "benchmarks", "reports"} or lies_in(name, "harness.models"):
            ours = {i for i in imports(path) if i.startswith("harness.")}
            above = {i for i in ours if not any(lies_in(i, low) for low in LOW) and not lies_in(i, "harness.models")}
            assert not above, f"{name} imports {sorted(above)}"


def test_one_place_for_sql() -> None:
    assert [name for name, path in MODULES if "sqlite3" in imports(path)] == ["harness.database"]


def test_only_data_and_models_may_use_the_network() -> None:
    allowed = ("harness.data", "harness.models")
    for name, path in MODULES:
        used = {i.split(".")[0] for i in imports(path)} & NETWORK
        assert not used or name.startswith(allowed), f"{name} imports {used}"


def test_only_the_commands_print() -> None:
    commands = ("harness.cli", "harness.__main__", "harness.miniworld.build", "harness.miniworld.calibrate")
    for name, path in MODULES:
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        printing = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
        assert not printing or name in commands, f"{name}:{printing[0].lineno} prints"


def test_functions_stay_short() -> None:
    long = []
    for name, path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > 40:
                    long.append(f"{name}.{node.name}: {lines}")
    assert not long, long


def test_files_stay_small() -> None:
    most = {"harness.contract": 430}  # every word of the language in one place, half of it docstrings
    long = {name: n for name, path in MODULES if (n := len(path.read_text().splitlines())) > most.get(name, 260)}
    assert not long, long
