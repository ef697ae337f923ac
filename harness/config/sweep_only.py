"""The configuration of a sweep without training: any checkpoint, or any server, through a list of benchmarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.plugins import HasStyles


def evaluation(
    model: str | None = None,
    benchmarks: Sequence[str] = (),
    *,
    study: Path | None = None,
    data: str | None = None,
    limit: int | None = None,
    items: Sequence[str] = (),
    output: str | None = "runs",
    changes: Sequence[str] = (),
    style: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> RunConfig:
    """A run without arms.

    Args:
        model: folder, hub name, "miniworld", or the http(s) address of an OpenAI-compatible server; the study's if None.
        benchmarks: names. A study's benchmark of that name or label keeps its options; all of the study's if empty.
        study: configuration whose model, data and sweep are taken; its arms are left out. None: the built-in one.
        data: data folder; the study's if None.
        output: folder of all runs; the study's own if None.
        limit, items: only the first `limit` items of each benchmark; only the items with these ids.
        changes: `key.path=value`, applied last.
        style: prompt style for every benchmark that has one of that name; the others are named by `say` and keep their own.
    Raises ConfigError naming what is off.
    """
    tree = config.read_tree(study)
    for key in ("arms", "reward_models", "published"):
        tree.pop(key, None)
    if study is None:
        tree["name"] = "sweep"
        if data not in (None, "miniworld") and not benchmarks:
            known = ", ".join(registry.names("benchmark"))
            raise ConfigError(f"Name the benchmarks, e.g. --benchmarks pope,chair; known: {known}.")
    if model is not None and model != "miniworld":
        tree["model"] = _model(model)
        tree["name"] = _name(model)
    if data is not None:
        tree["data"] = data
    if benchmarks:
        # Options of the built-in study fit its small world; elsewhere nobody asked for them.
        specs = tree.get("sweep") if study is not None else None
        tree["sweep"] = [_spec(name, specs) for name in dict.fromkeys(benchmarks)]
    chosen: dict[str, Any] = {"limit": limit} if limit is not None else {}
    chosen |= {"items": list(items)} if items else {}
    specs = tree.get("sweep")
    if isinstance(specs, list):  # anything else the schema refuses
        tree["sweep"] = [{**spec, **chosen} if isinstance(spec, dict) else spec for spec in specs]
    if style is not None:
        tree["sweep"] = _styled(tree.get("sweep"), style, say)
    tree |= {"output": output} if output is not None else {}
    return config.parse(tree, study.name if study is not None else "the sweep", changes)


def _styled(specs: object, style: str, say: Callable[[str], None]) -> object:
    """The benchmarks' specs with the style where they have it. Raises ConfigError where none has it."""
    if not isinstance(specs, list):
        return specs  # the schema refuses it
    styles = [_styles_of(spec) for spec in specs]
    if not any(style in known for known in styles):
        there = sorted({name for names in styles for name in names})
        raise ConfigError(
            f"No benchmark of this sweep has the prompt style {style!r}.{did_you_mean(style, there)} "
            f"Styles: {', '.join(there) or 'none'}."
        )
    for spec, known in zip(specs, styles, strict=True):
        if style not in known:
            say(f"{spec.get('name')} has no prompt style {style!r} and keeps its own.")
    return [{**spec, "style": style} if style in known else spec for spec, known in zip(specs, styles, strict=True)]


def _styles_of(spec: Any) -> Mapping[str, object]:
    name = spec.get("name") if isinstance(spec, dict) else None
    plugin = registry.get("benchmark", name) if name in registry.names("benchmark") else None
    return plugin.styles if isinstance(plugin, HasStyles) else {}


def _spec(name: str, known: Any) -> dict[str, Any]:
    own = [spec for spec in known if isinstance(spec, dict)] if isinstance(known, list) else []
    return next((dict(spec) for spec in own if name in (spec.get("label"), spec.get("name"))), {"name": name})


def _model(where: str) -> dict[str, Any]:
    return (
        {"name": "openai", "url": where}
        if where.startswith(("http://", "https://"))
        else {"name": "transformers", "path": where}
    )


def _name(model: str) -> str:
    """What the run is called: the checkpoint's folder, or the server's address."""
    last = re.sub(r"^https?://", "", model).rstrip("/")
    last = last if model.startswith("http") else Path(last).name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-._")[:60] or "sweep"
