"""The special tokens of a checkpoint, from its tokenizer's files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.core.edge.foreign import refused_as
from harness.core.errors import ModelError

_FILES = ("tokenizer.json", "tokenizer_config.json", "tekken.json")  # Hugging Face's two, and Mistral's


def special_tokens(source: str) -> frozenset[str]:
    """Of a model's folder. Raises ModelError for a file that cannot be read."""
    found = frozenset[str]()
    for name in _FILES:
        if (file := Path(source) / name).is_file():
            with refused_as(ModelError, f"The file {file} cannot be read", "Copy the checkpoint again."):
                found |= _named(json.loads(file.read_text(encoding="utf-8")))
    return found


def _named(file: Any) -> frozenset[str]:  # Any: what a file holds
    added = [*(file.get("added_tokens") or ()), *(file.get("added_tokens_decoder") or {}).values()]
    plain = {str(token["content"]) for token in added if token.get("special")}
    mistral = {str(token["token_str"]) for token in file.get("special_tokens") or () if token.get("is_control")}
    return frozenset(plain | mistral)
