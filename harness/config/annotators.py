"""What `python -m harness annotators` reads: annotators by name, sets of stored pairs by name.

data: data
annotators: {7b: {name: chat, model: {path: ...}}}
pairs: {povid: {name: povid, limit: 1000}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config import yaml_text
from harness.config.changes import changed
from harness.config.option_faults import all_faults, schema_faults
from harness.config.schema import JudgeConfig, Name, Plugin
from harness.core import registry
from harness.core.errors import ConfigError

TABLE = "study:table10"


class AnnotatorsConfig(BaseModel):
    """Annotators and the pairs that they are measured on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: str = Field("miniworld", description="data folder, or `miniworld` for the embedded world")
    seed: int = Field(0, description="of the sets' subsamples")
    annotators: Annotated[dict[Name, JudgeConfig], Field(min_length=1)]
    pairs: Annotated[dict[Name, Plugin], Field(min_length=1)]
    published: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="percent by annotator and set, shown beside"
    )


def load_annotators(file: str | Mapping[str, Any] | None, mini: bool = False, changes: Sequence[str] = ()) -> AnnotatorsConfig:
    """A file's or a mapping's, or table 10 of the study. Raises ConfigError naming every fault at once."""
    faults: list[str] = []
    tree, where = _read(file, mini)
    try:
        config = AnnotatorsConfig.model_validate(tree := changed(tree, changes, faults))
    except ValidationError as error:
        raise ConfigError(all_faults([*faults, *schema_faults(error, tree, AnnotatorsConfig)], where)) from error
    wanted: list[tuple[str, str, Plugin]] = [("judge", f"annotators.{name}", spec) for name, spec in config.annotators.items()]
    wanted += [("source", f"pairs.{name}", spec) for name, spec in config.pairs.items()]
    for kind, where, spec in wanted:
        try:
            registry.check_options(kind, spec.name, registry.get(kind, spec.name), spec.options)
        except ConfigError as error:
            faults.append(f"{where}: {error}")
    if faults:
        raise ConfigError(all_faults(faults, where))
    return config


def _read(file: str | Mapping[str, Any] | None, mini: bool) -> tuple[dict[str, Any], str]:
    """(keys and values, what to call them in a message)."""
    is_table = file is None or file == TABLE
    if mini and not is_table:
        raise ConfigError(f"--mini goes with {TABLE}, not with annotators of your own.")
    if isinstance(file, Mapping):
        return yaml_text.unshared(dict(file), "the annotators"), "the annotators"
    shipped = Path(__file__).parent / "studies" / "annotators" / ("small.yaml" if mini else "real.yaml")
    path = shipped if is_table else Path(str(file))
    tree = yaml_text.read_file(path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold keys and values (data, annotators, pairs).")
    return tree, TABLE if is_table else str(file)
