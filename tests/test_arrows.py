"""Import rules of docs/architecture.md, read from the syntax trees: which package may import which."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("harness", "alignment", "benchmarks", "reports")
NETWORK = {"socket", "http", "urllib", "requests", "httpx", "httpx2", "aiohttp", "openai", "huggingface_hub", "ftplib", "ssl"}
NETWORK |= {"pooch"}
MOST_MODULES, MOST_LINES = 15, 260
FOLDERS = {*OURS, "tests", "docs", "examples", ".ci"}  # the layout of the repository

# package -> packages of ours that it may import beside itself
ALLOWED: dict[str, set[str]] = {
    "harness.core": set(),
    "harness.labels": {"harness.core"},
    "harness.config": {"harness.core"},
    "harness.models": {"harness.core"},
    "harness.storage": {"harness.core", "harness.labels"},
    "harness.evaluation": {"harness.core", "harness.labels", "harness.config", "harness.storage"},
    "harness.fleet": {
        "harness.core",
        "harness.config",
        "harness.storage",
        "harness.evaluation",
        "harness.startup",
        "reports.text",
    },
    "harness.answer_files": {
        "harness.core",
        "harness.config",
        "harness.storage",
        "harness.evaluation",
        "harness.results",
    },
    # its questions are drawn by POPE's own rule and lie in the splits, types, tasks and axes of the benchmarks
    "harness.miniworld": {
        "harness.core",
        "harness.storage",
        "benchmarks.pope",
        "benchmarks.llava_bench",
        "benchmarks.mmhal_bench",
        "benchmarks.yes_no.hallucinogen",
        "benchmarks.yes_no.mme",
        "benchmarks.choice.mmstar",
    },
    "alignment": {"harness.core", "harness.labels"},
    "benchmarks": {"harness.core", "harness.labels"},
    "reports": {"harness.core", "harness.labels"},
}
# packages above them may import all of harness, and of the top level only this
ABOVE: dict[str, set[str]] = {
    "harness.results": {"reports"},
    "harness.audit": {"reports"},
    "harness.run": {"reports", "alignment"},
    "harness.api": {"reports"},
    "harness.commands": {"reports"},
}
# packages of reports, each of which may import only those before it
REPORTS = ("values", "text", "published", "tables", "questions", "gate", "label_audit")
REPORTS += ("comparison", "page", "writers", "exports", "web")
MODULES_ALONE = {"__main__", "cli", "startup"}  # of harness, in no package of it
HEAVY = {"torch", "transformers", "sqlite3"}


def modules(*packages: str) -> list[tuple[str, Path]]:
    found = []
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.append((name, path))
    return found


SQL = re.compile(
    r"\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|ALTER TABLE|PRAGMA \w+)\b", re.S
)


@dataclass(frozen=True)
class Read:
    """What the rules ask of a module, read off its syntax tree once: names that it imports, lines that print, lines with SQL,
    and its functions with the lines of their bodies."""

    imports: frozenset[str]
    prints: tuple[int, ...]
    sql: tuple[int, ...]
    functions: tuple[tuple[str, int], ...]


@cache
def read(path: Path) -> Read:
    names, prints, sql, functions = set[str](), list[int](), list[int](), list[tuple[str, int]]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            prints.append(node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
            sql.append(node.lineno)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            functions.append((node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0))
    return Read(frozenset(names), tuple(prints), tuple(sql), tuple(functions))


def imports(path: Path) -> frozenset[str]:
    return read(path).imports


def lies_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


MODULES = modules(*OURS)
NAMES = {name for name, _ in MODULES}


def package_of(name: str) -> str:
    return next((p for p in (*ALLOWED, *ABOVE) if lies_in(name, p)), name)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[m[0] for m in MODULES])
def test_a_package_imports_only_what_the_rules_allow(name: str, path: Path) -> None:
    package = package_of(name)
    ours = {i for i in imports(path) if i.split(".")[0] in OURS and not lies_in(i, package)}
    if package in ALLOWED:
        broken = {i for i in ours if not any(lies_in(i, allowed) for allowed in ALLOWED[package])}
    else:
        broken = {i for i in ours if i.split(".")[0] != "harness" and i.split(".")[0] not in ABOVE.get(package, set())}
    assert not broken, f"{name} imports {sorted(broken)}"


def test_every_package_has_a_rule() -> None:
    tops = {name.split(".")[1] for name in NAMES if name.startswith("harness.")}
    assert {f"harness.{top}" for top in tops - MODULES_ALONE} == {p for p in (*ALLOWED, *ABOVE) if lies_in(p, "harness")}


def test_the_page_names_every_package() -> None:
    """Of two levels, and of three in `harness`."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = page[page.index("## Packages") : page.index("## Import rules")].split("\n| ")[2:]
    said = [re.findall(r"`([\w/.]+)`", row) for row in rows]
    homes = sorted(path.parent.relative_to(ROOT) for top in OURS for path in (ROOT / top).rglob("__init__.py"))
    homes = [home for home in homes if 1 < len(home.parts) <= 2 + (home.parts[0] == "harness")]
    for_row = [(home, words) for home in homes for words in said]
    named = {home for home, words in for_row if str(home) in words or (str(home.parent) in words and home.name in words)}
    assert not [str(home) for home in homes if home not in named]


@pytest.mark.parametrize("package", ["benchmarks", "reports"])
def test_scores_and_reports_are_pure(package: str) -> None:
    for name, path in modules(package):
        heavy = {i.split(".")[0] for i in imports(path)} & HEAVY
        assert not heavy, f"{name} imports {heavy}"


def target_modules(path: Path) -> set[str]:
    return {found for i in imports(path) for found in (i, i.rpartition(".")[0]) if found in NAMES}


def test_no_import_cycles_between_modules() -> None:
    """Imports inside functions count too: they only hide a cycle."""
    graph = {name: target_modules(path) - {name} for name, path in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def packages(depth_of: dict[str, int]) -> dict[tuple[str, str], set[str]]:
    """(importing package, imported package) -> modules that import."""
    edges: dict[tuple[str, str], set[str]] = {}
    for name, path in MODULES:
        for target in target_modules(path):
            pair = (folder(name, depth_of), folder(target, depth_of))
            if pair[0] != pair[1]:
                edges.setdefault(pair, set()).add(name)
    return edges


def folder(name: str, depth_of: dict[str, int]) -> str:
    return ".".join(name.split(".")[: depth_of[name.split(".", maxsplit=1)[0]]])


def test_no_import_cycles_between_packages() -> None:
    edges = packages({"harness": 2, "alignment": 2, "benchmarks": 1, "reports": 2})
    graph: dict[str, set[str]] = {}
    for source, target in edges:
        graph.setdefault(source, set()).add(target)

    def reach(start: str) -> set[str]:
        seen, queue = set(), [start]
        while queue:
            for target in graph.get(queue.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
        return seen

    cycles = sorted(p for p in graph if p in reach(p))
    assert not cycles, {pair: sorted(m) for pair, m in edges.items() if pair[0] in cycles and pair[1] in cycles}


def test_packages_of_reports_import_only_those_before_them() -> None:
    """What a report says, its text and its tables do not know who puts the whole together or who writes it."""
    depth_of = {"harness": 2, "alignment": 2, "benchmarks": 1, "reports": 2}
    assert {name.split(".")[1] for name in NAMES if name.count(".") and lies_in(name, "reports")} == set(REPORTS)
    place = {f"reports.{package}": n for n, package in enumerate(REPORTS)}
    edges = {pair: names for pair, names in packages(depth_of).items() if pair[0] in place and pair[1] in place}
    assert not {pair: sorted(names) for pair, names in edges.items() if place[pair[1]] > place[pair[0]]}


def test_the_contracts_rest_on_the_standard_library_alone() -> None:
    for topic in ("evaluation", "preference", "run_record", "plugins", "judging", "capabilities"):
        tops = {i.split(".")[0] for i in imports(ROOT / f"harness/core/{topic}.py") if not lies_in(i, "harness.core")}
        assert tops <= set(sys.stdlib_module_names), f"{topic} imports {tops}"


def test_a_function_of_any_says_why() -> None:
    """`-> Any` stands only with a comment "# Any: ..." on its line or the one above: elsewhere a protocol or a type says it."""
    for name, path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        bare = [n for n, line in enumerate(lines) if re.search(r"-> Any\b", line) and "# Any" not in lines[n - 1] + line]
        assert not bare, f"{name}:{bare[0] + 1} returns Any without a reason"


def test_sql_only_in_storage() -> None:
    assert [name for name, path in MODULES if "sqlite3" in imports(path)] == ["harness.storage.database"]
    for name, path in MODULES:
        sql = read(path).sql
        assert not sql or lies_in(name, "harness.storage"), f"{name}:{sql[0]} holds SQL"


def test_only_official_files_and_models_may_use_the_network() -> None:
    allowed = ("harness.storage.data_folder", "harness.storage.official_files", "harness.models", "harness.fleet.ray_cluster")
    allowed += ("harness.fleet.local_ray",)  # a Unix socket
    for name, path in MODULES:
        used = {i.split(".")[0] for i in imports(path)} & NETWORK
        assert not used or name.startswith(allowed), f"{name} imports {used}"


def test_only_the_commands_print() -> None:
    allowed = ("harness.cli", "harness.__main__", "harness.commands", "harness.miniworld.model")
    for name, path in MODULES:
        printing = read(path).prints
        assert not printing or name.startswith(allowed), f"{name}:{printing[0]} prints"


def test_folders_hold_at_most_fifteen_modules() -> None:
    folders: dict[Path, int] = {}
    for top in (*OURS, "tests"):
        for path in (ROOT / top).rglob("*.py"):
            folders[path.parent] = folders.get(path.parent, 0) + (path.name not in {"__init__.py", "conftest.py"})
    crowded = {str(path.relative_to(ROOT)): n for path, n in folders.items() if n > MOST_MODULES}
    assert not crowded, crowded


def test_nothing_else_is_kept_in_the_repository() -> None:
    """A folder that an experiment left was committed once."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout, or no git: what is kept is not known")
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"git does not tell what is kept: {listed.stderr.strip()}")
    assert {path.split("/")[0] for path in listed.stdout.splitlines() if "/" in path} == FOLDERS


def test_functions_stay_short() -> None:
    long = [f"{name}.{own}: {lines}" for name, path in MODULES for own, lines in read(path).functions if lines > 40]
    assert not long, long


def test_files_stay_small() -> None:
    long = {name: n for name, path in MODULES if (n := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES}
    assert not long, long
