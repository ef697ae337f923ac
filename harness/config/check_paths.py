"""Paths of a study that lead nowhere, found in milliseconds: before torch is imported, anything drawn or a model loaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config.option_faults import all_faults, plugins_of
from harness.config.schema import RunConfig
from harness.core.edge.files import expanded, instead_of_file, is_file, is_folder, is_hub_name, unknown_home
from harness.core.edge.own_servers import OWN_SERVERS
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean


def check_paths(config: RunConfig) -> None:
    """Raise ConfigError naming every path of the study that leads nowhere."""
    faults = path_faults(config)
    if faults:
        raise ConfigError(all_faults(faults, "the paths of this study"))


def path_faults(config: RunConfig) -> list[str]:
    """The same as a list."""
    models = [(where, spec) for kind, where, spec in plugins_of(config.model_dump()) if kind == "model"]
    faults = [fault for where, spec in models if (fault := _model(where, spec))]
    return [*faults, *data_faults(config.data), *output_faults(Path(config.output).expanduser())]


def hub_notes(config: RunConfig) -> list[str]:
    """A sentence for each model that is no folder, though a folder of the first part of its path is there: it may be a slip,
    or the name of a model on the hub."""
    models = [(where, str(spec.get("path", ""))) for kind, where, spec in plugins_of(config.model_dump()) if kind == "model"]
    meant = [(where, path, path.partition("/")[0]) for where, path in models if is_hub_name(path)]
    return [
        f"{where}.path: there is no folder {path}; {above} has {_few(above)}. It is looked for on the "
        "Hugging Face hub under that name."
        for where, path, above in meant
        if is_folder(Path(above)) and not is_folder(Path(path))
    ]


def _few(folder: str) -> str:
    """Some of the folders in a folder."""
    found = sorted(place.name for place in Path(folder).iterdir() if place.is_dir())
    return f"the folders {', '.join(found[:5])}{', ...' if len(found) > 5 else ''}" if found else "no folders"


def data_faults(name: str) -> list[str]:
    """The data folder must be there."""
    data = Path(name).expanduser()
    if name == "miniworld" or is_folder(data):
        return []
    there = f"{data} is a file, not a folder." if is_file(data) else f"there is no folder {data}."
    near = did_you_mean(name, ["miniworld"])
    return [f"data: {there}{near} Set it to the data folder, or to `miniworld` for the embedded world."]


def _model(where: str, spec: Mapping[str, Any]) -> str:
    path, serve = spec.get("path"), spec.get("serve")
    if spec.get("name") == "openai":
        if not spec.get("url") and serve is None:
            return f"{where}: give `url`, a server's address, or `path` and `serve` to start one."
        if serve in OWN_SERVERS and shutil.which(str(serve)) is None:
            return f"{where}.serve: the executable {serve!r} is not on PATH. Install it, or use `url`."
        if serve is not None and serve not in OWN_SERVERS:
            return f"{where}.serve: {serve!r} is unknown. Choose {' or '.join(OWN_SERVERS)}."
    if path == "miniworld" and where != "model":
        return (
            f"{where}.path: miniworld is the built-in model, which only `model:` of the study names so. Give a model's folder."
        )
    if spec.get("name") not in ("transformers", "openai") or not isinstance(path, str) or path == "miniworld":
        return ""
    if not path:
        return f"{where}.path: is empty. Give the model's folder."
    folder = Path(path).expanduser()
    try:
        if folder.is_dir():
            known = any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))
            found = instead_of_file(folder / "config.json")
            why = f"its config.json {found}" if found else "it has no config.json"
            return "" if known else f"{where}.path: {folder} is not a model folder: {why}."
        if folder.exists() or not is_hub_name(path):
            near = did_you_mean(path, ["miniworld"]) if where == "model" else ""
            there = f"{folder} is a file, not a model folder." if folder.is_file() else f"there is no model folder at {folder}."
            return f"{where}.path: {there}{near} Give a folder with config.json and *.safetensors."
    except (OSError, ValueError):  # a name that no file can have
        return f"{where}.path: {path[:100]!r} is not a path."
    return ""  # the name of a model on the hub


def check_file_to_write(file: Path, option: str) -> None:
    """Raise ConfigError where a file that is written at the end cannot be: before the work, not after it.

    Folders above it that are not there are no fault: `write_text_whole` makes them.
    """
    taken = f"{file} is a folder. Name a file." if is_folder(file) else ""
    if fault := taken or unknown_home(file) or _unwritable(expanded(file).parent, "Choose another place."):
        raise ConfigError(f"{option}: {fault}")


def check_folder_to_write(folder: Path, option: str) -> None:
    """The same of a folder that files are written into."""
    if fault := unknown_home(folder) or _unwritable(expanded(folder), "Choose another folder."):
        raise ConfigError(f"{option}: {fault}")


def output_faults(folder: Path) -> list[str]:
    """The output folder, or the nearest folder above it that exists, must be one that can be written to."""
    fault = _unwritable(folder, "Choose another folder with --output or `output=`.")
    return [f"output: {fault}"] if fault else []


def _unwritable(folder: Path, advice: str) -> str:
    """Why nothing can be written into a folder, which may still have to be made; "" where it can."""
    try:
        above = next(place for place in (folder, *folder.absolute().parents) if place.exists() or place.is_symlink())
        if not above.exists():
            return f"{above} is a link to {os.readlink(above)}, which is not there. Choose another folder."
    except (OSError, ValueError):
        return f"{str(folder)[:100]!r} is not a path."
    if not above.is_dir():
        return f"{above} is a file, not a folder. {advice}"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{above} cannot be written to. {advice}"
    return ""
