"""What a started server applies of a checkpoint's generation_config: what the transformers backend applies, and nothing else.

The servers are started so that the file gives requests no defaults (`arguments.py`). vLLM is sent a repetition penalty with
each request, since it counts it over prompt and answer, as transformers does. SGLang counts it over the answer alone: another
number, so it is refused there. Read in their code and not tried with a real server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.edge.foreign import refused_as
from harness.core.edge.own_servers import SGLANG, VLLM
from harness.core.errors import ConfigError, ModelError
from harness.models._engine.generation_settings import Settings

_SENT = {VLLM: ("repetition_penalty",), SGLANG: ()}


@dataclass(frozen=True)
class Generation:
    """`sent`: keys of each request. `fact`: one line of the protocol, in the words of the transformers backend."""

    sent: Mapping[str, Any]
    fact: str

    def beside(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Further keys of a request. Raises ConfigError where the user's own have another value for one that is sent."""
        for name, value in self.sent.items():
            if extra.get(name, value) != value:
                raise ConfigError(
                    f"model.extra has {name}={extra[name]!r}, and the checkpoint's generation_config {value!r}. Remove one of "
                    "them, or set model.generation_config=ignored."
                )
        return {**self.sent, **extra}


def generation_of(source: str, use: str, serve: str) -> Generation:
    """Of a model's folder. Raises ModelError for settings that the server is not given, and for a file that cannot be read."""
    with refused_as(ModelError, f"The generation_config of {source} cannot be read", "Copy the checkpoint again."):
        settings = Settings(_config_of(Path(source)), use)
        settings.check(_SENT[serve], f"with `serve: {serve}`")
        return Generation(settings.applied, settings.fact())


def _config_of(folder: Path) -> Any:  # Any: transformers' own class
    """The generation_config that a model loaded from the folder has."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(folder)
    return GenerationConfig.from_model_config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
