"""The configuration of a sweep without training: any checkpoint, or any server, through a list of benchmarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import schema as config
from harness.config.changes import refuse_twice
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
    output: str | None = None,
    changes: Sequence[str] = (),
    style: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> RunConfig:
    """A run without arms.

    Args:
        model: folder, hub name, "miniworld", or the http(s) address of an OpenAI-compatible server, measured with the options
            of the study's model where that is of the same kind; the study's if None.
        benchmarks: labels or names. A study's benchmarks of that name keep their options; all of the study's if empty.
        study: configuration whose model, data and sweep are taken; its arms are left out. None: the built-in one.
        data: data folder; the study's if None.
        output: folder of all runs; the study's own if None.
        limit, items: only the first `limit` items of each benchmark; only the items with these ids.
        changes: `key.path=value`, applied last: `limit`, `items` and `style` may be set otherwise for some of the benchmarks.
        style: prompt style for every benchmark that has one of that name; the others keep their own.
        say: hears what an argument leaves out, or leaves as it is.
    Raises ConfigError naming what is off, and arguments that the changes would make useless.
    """
    per_item = {"limit": limit, "items": list(items) or None}
    own = "url" if _is_address(model) else "path"
    refuse_twice({f"model.{own}": model, "data": data, "output": output, "sweep": list(benchmarks) or None}, changes)
    refuse_twice({f"sweep.*.{key}": value for key, value in {**per_item, "style": style}.items()}, changes)
    tree = _without_arms(study, say)
    if study is None and data not in (None, "miniworld") and not benchmarks:
        raise ConfigError(
            f"Name the benchmarks, e.g. --benchmarks pope,chair; known: {', '.join(registry.names('benchmark'))}."
        )
    if model is not None and not (study is None and model == "miniworld"):
        tree["model"] = _model(model, tree.get("model") if study is not None else None, say)
        tree["name"] = _name(model)
    if benchmarks:
        # Options of the built-in study fit its small world; elsewhere nobody asked for them.
        tree["sweep"] = _chosen(benchmarks, tree.get("sweep") if study is not None else None)
    chosen = {key: value for key, value in per_item.items() if value is not None}
    if isinstance(specs := tree.get("sweep"), list):  # anything else the schema refuses
        tree["sweep"] = [{**spec, **chosen} if isinstance(spec, dict) else spec for spec in specs]
    if style is not None:
        tree["sweep"] = _styled(tree.get("sweep"), style, say)
    tree |= {key: value for key, value in {"data": data, "output": output}.items() if value is not None}
    made = config.parse(tree, study.name if study is not None else "the sweep", changes)
    _require_used(made, limit, style)
    return made


def _without_arms(study: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """The study's keys without its arms and what is about them."""
    tree = config.read_tree(study)
    for key in ("arms", "reward_models", "published", "baseline"):
        tree.pop(key, None)
    if tree.pop("gates", None) is not None:
        say("The `gates` of the study are left out: a sweep has one checkpoint. `gate BASE_RUN RUN --policy ...` decides.")
    return tree if study is not None else {**tree, "name": "sweep"}


def _require_used(made: RunConfig, limit: int | None, style: str | None) -> None:
    """Raise ConfigError for an option that no benchmark takes."""
    if limit is not None and all(spec.limit != limit for spec in made.sweep):
        raise ConfigError(
            f"The option `limit` ({limit}) changes nothing: changes set another limit for every benchmark. Give one of the two."
        )
    if style is not None and all(spec.options.get("style") != style for spec in made.sweep):
        raise ConfigError(
            f"The option `style` ({style}) changes nothing: every benchmark has a change, `wordings` or a `prompt_suffix` in "
            "its place. Give one of the two."
        )


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
    made = []
    for spec, known in zip(specs, styles, strict=True):
        kept = f"has no prompt style {style!r} and keeps its own" if style not in known else _in_place_of_style(spec)
        if kept:
            say(f"{spec.get('label') or spec.get('name')} {kept}.")
        made.append(spec if kept else {**spec, "style": style})
    return made


def _in_place_of_style(spec: Mapping[str, Any]) -> str:
    """Why a style would change nothing; "" where it would."""
    wordings = spec.get("wordings")
    each = wordings if isinstance(wordings, list) else [spec]
    if spec.get("prompt_suffix") or all(isinstance(one, Mapping) and one.get("prompt_suffix") for one in each):
        return "has a prompt_suffix, which stands in the place of a style"
    if isinstance(wordings, list) and all(isinstance(one, Mapping) and "style" in one for one in wordings):
        return "is asked in its own `wordings`"
    return ""


def _styles_of(spec: Any) -> Mapping[str, object]:
    name = spec.get("name") if isinstance(spec, dict) else None
    plugin = registry.get("benchmark", name) if name in registry.names("benchmark") else None
    return plugin.styles if isinstance(plugin, HasStyles) else {}


def _chosen(names: Sequence[str], known: object) -> list[dict[str, Any]]:
    """The study's benchmarks of these labels or names, each once; one that the study does not have, with its defaults."""
    own = [spec for spec in known if isinstance(spec, dict)] if isinstance(known, list) else []
    found = list[dict[str, Any]]()
    for name in dict.fromkeys(names):
        labelled = [spec for spec in own if spec.get("label") == name]
        named = labelled or [spec for spec in own if spec.get("name") == name] or [{"name": name}]
        found += [spec for spec in named if not any(spec is other for other in found)]
    return [dict(spec) for spec in found]


# Of a server, and not of how it is asked: another one has its own. A key is never sent to another address.
_OF_SERVER = (
    "url",
    "model",
    "revision",
    "api_key_env",
    "price_in",
    "price_out",
    "path",
    "serve",
    "serve_args",
    "start_s",
    "replicas",
)


def _is_address(model: str | None) -> bool:
    return model is not None and model.startswith(("http://", "https://"))


def _model(where: str, known: object, say: Callable[[str], None]) -> dict[str, Any]:
    """The model at a path or an address, with the options of the study's where that is of the same kind."""
    own = {str(key): value for key, value in known.items()} if isinstance(known, Mapping) else {}
    if not _is_address(where):
        if own.get("name") == "transformers" or (own.get("name") == "openai" and own.get("serve")):
            return {**own, "path": where}
        made: dict[str, Any] = {"name": "transformers", "path": where}
    elif own.get("name") == "openai":
        kept = own if own.get("url") == where else {key: value for key, value in own.items() if key not in _OF_SERVER}
        made = {**kept, "url": where}
    else:
        made = {"name": "openai", "url": where}
    if lost := [key for key in own if key not in ("path", "url", *made)]:
        say(f"The model at {where} is measured without these options of the study's model: {', '.join(lost)}.")
    return made


def _name(model: str) -> str:
    """What the run is called: the checkpoint's folder, or the server's address."""
    last = re.sub(r"^https?://", "", model).rstrip("/")
    last = last if _is_address(model) else Path(last).name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-._")[:60] or "sweep"
