"""The options of a plug-in, read from its source: name, type, default and one line about each, without importing it.

An option is a parameter of the plug-in's constructor (of the function, for losses). Its line is the comment beside the
parameter, or its entry under `Args:` in the docstring. Reading the syntax tree takes milliseconds; importing an aligner takes
seconds of torch.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.core.edge.plugin_modules import syntax_tree
from harness.core.options.option import GIVEN, NEEDED, Option, option_name

# What options of aligners hold: the class of their settings.
HELD = {
    "training": ("alignment.settings", "Settings"),
    "sampling": ("alignment.online.ranked_pairs", "Sampling"),
    "collapse": ("alignment.early_stopping", "Collapse"),
}
_ENTRY = re.compile(r"^\s*((?:\w+, )*\w+): (.+)$")
_INLINE = re.compile(r"`(\w+)`: (.+?)(?=\s`\w+`: |\.\s|\.?$)", re.S)
_OF_LOSSES = {"beta": "pull back to the reference, > 0", "flip": "share of pairs that are the wrong way round, in [0, 0.5)"}
_OF_LOSSES |= {"tau": "temperature, > 0"}  # what the losses have in common and do not explain again
Function = ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A module as text: its tree, its comments by line, its literal constants and what it imports by name."""

    tree: ast.Module
    comments: dict[int, str]
    constants: dict[str, Any]
    imports: dict[str, tuple[str, str]]


@cache
def read_options(module_name: str, kind: str) -> tuple[Option, ...] | None:
    """The options of the plug-in in a module; None where they cannot be read off its text."""
    module = _module(module_name)
    marked = next((n for n in module.tree.body if _is_marked(n, kind)), None) if module is not None else None
    if module is None or marked is None:
        return None
    found = _constructor(module, marked)
    if found is None:
        return ()
    home, function, docs = found
    return tuple(o for o in _options(home, function, docs) if o.name not in GIVEN and not o.name.startswith("_"))


@cache
def _module(name: str) -> Source | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    text = Path(spec.origin).read_text(encoding="utf-8")
    tree = syntax_tree(text)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    constants: dict[str, Any] = {}
    module = Source(tree, comments, constants, imports)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            constants |= _assigned(module, node.targets[0], node.value)
    return module


def _assigned(module: Source, target: ast.expr, value: ast.expr) -> dict[str, Any]:
    """Name -> literal of `A = 1` and of `A, B = 1, 2`."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return {name: found for one, own in pairs for name, found in _assigned(module, one, own).items()}
    found = _literal(module, value) if isinstance(target, ast.Name) else NEEDED
    return {target.id: found} if isinstance(target, ast.Name) and found is not NEEDED else {}


def _literal(module: Source, node: ast.expr) -> Any:  # Any: a literal of any type
    """A literal, or the name of one; `NEEDED` where it is neither."""
    if isinstance(node, ast.Name):
        if node.id in module.imports:
            origin, name = module.imports[node.id]
            other = _module(origin) if origin.split(".")[0] in ("alignment", "benchmarks", "harness", "reports") else None
            return other.constants.get(name, NEEDED) if other is not None else NEEDED
        return module.constants.get(node.id, NEEDED)
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return NEEDED
    return list(value) if isinstance(value, tuple) else value


def _is_marked(node: ast.stmt, kind: str) -> bool:
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return False
    return any(ast.unparse(decorator).partition("(")[0] == f"registry.{kind}" for decorator in node.decorator_list)


def _constructor(module: Source, node: ast.stmt) -> tuple[Source, Function, str] | None:
    """Where a plug-in's parameters stand: the function itself, a class's own or inherited constructor; its docstrings."""
    if isinstance(node, ast.FunctionDef):
        return module, node, ast.get_docstring(node) or ""
    if not isinstance(node, ast.ClassDef):
        return None
    docs = ast.get_docstring(node) or ""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return module, part, f"{docs}\n{ast.get_docstring(part) or ''}"
    for base in node.bases:
        found = _class(module, ast.unparse(base))
        inherited = _constructor(*found) if found is not None else None
        if inherited is not None:
            return inherited[0], inherited[1], f"{docs}\n{inherited[2]}"
    return None


def _class(module: Source, name: str) -> tuple[Source, ast.ClassDef] | None:
    own = next((n for n in module.tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if own is not None:
        return module, own
    if name not in module.imports:
        return None
    origin, original = module.imports[name]
    other = _module(origin)
    return _class(other, original) if other is not None else None


def _options(module: Source, function: Function, docs: str) -> list[Option]:
    said = _documented(docs)
    arguments = function.args
    plain = arguments.args[1:] if arguments.args and arguments.args[0].arg == "self" else arguments.args
    late = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    lines = [argument.lineno for argument in (*plain, *arguments.kwonlyargs)]
    found = []
    for argument, default in zip((*plain, *arguments.kwonlyargs), (*late, *arguments.kw_defaults), strict=True):
        alone = lines.count(argument.lineno) == 1
        last = (default.end_lineno if default is not None else argument.end_lineno) or argument.lineno
        about = next((c for n in range(argument.lineno, last + 1) if (c := module.comments.get(n))), "") if alone else ""
        about = about or said.get(argument.arg, "") or _OF_LOSSES.get(argument.arg, "")
        annotation = ast.unparse(argument.annotation) if argument.annotation is not None else "Any"
        value = NEEDED if default is None else _literal(module, default)
        if default is not None and value is NEEDED:
            value = f"{ast.unparse(default)}"
        found.append(Option(option_name(argument.arg), annotation, value, about))
    return found


def _documented(docs: str) -> dict[str, str]:
    """Name -> one line, from the entries under `Args:` and from sentences that begin with "`name`: ".

    An entry goes on in the lines below it that are indented further.
    """
    entries: list[tuple[str, str]] = []
    inside, depth = False, 0
    for line in docs.splitlines():
        entry, indent = _ENTRY.match(line), len(line) - len(line.lstrip())
        if inside and entries and line.strip() and indent > depth > 0:
            entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}")
        elif inside and entry and (indent == depth or not depth):
            entries.append((entry[1], entry[2]))
            depth = indent
        else:
            inside, depth = line.strip() == "Args:", 0
    said = {name: _line(text) for names, text in entries for name in names.split(", ")}
    flat = " ".join(docs.split())
    return {name: _line(text) for name, text in _INLINE.findall(flat)} | said


def _line(text: str) -> str:
    """Without the period at its end; "..." stays."""
    text = text.strip()
    return text if text.endswith("..") else text.removesuffix(".")


def training_options() -> tuple[Option, ...]:
    """The settings of the training loop, which an aligner's option `training` holds."""
    return held_options("training")


@cache
def held_options(option: str) -> tuple[Option, ...]:
    """The settings that an option of aligners holds, one of `HELD`."""
    place, name = HELD[option]
    module = _module(place)
    found = _class(module, name) if module is not None else None
    if module is None or found is None:
        return ()
    made = []
    for field in found[1].body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None:
            written = ast.unparse(field.annotation)
            own = "Mapping[str, Any] | None" if field.target.id in ("lora", "early_stop") else written  # made from a mapping
            made.append(Option(field.target.id, own, _literal(module, field.value), module.comments.get(field.lineno, "")))
    return tuple(made)
