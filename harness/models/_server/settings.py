"""What a served model's options say: addresses, the key, numbers. Each is checked before anything is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.core.errors import ConfigError, ModelError
from harness.core.options.secrets import secret_in
from harness.models._engine.generation_settings import HONOURED, checked_use
from harness.models._server.client import Server
from harness.models._server.spend_cap import SpendCap
from harness.models._server.thinking import Thinking


def check_given(options: Mapping[str, Any]) -> None:
    """Raises ConfigError for what is wrong with options of the openai backend by themselves; nothing is asked or started."""
    prices = (options.get("price_in"), options.get("price_out"))
    check_numbers(options.get("concurrency", 1), options.get("timeout_s", 1.0), options.get("retries", 0), prices)
    key_of(options.get("api_key_env"))
    try:
        checked_use(options.get("generation_config", HONOURED))
    except ModelError as error:
        raise ConfigError(str(error)) from error
    if options.get("url") is not None:
        addresses_of(options["url"])
    SpendCap(options.get("max_cost"), *prices)
    Thinking(options.get("enable_thinking"), options.get("thinking_tokens", 0)).extra(options.get("extra") or {})


def check_numbers(concurrency: int, timeout_s: float, retries: int, prices: Sequence[float | None]) -> None:
    if concurrency < 1 or timeout_s <= 0 or retries < 0:
        raise ConfigError("The openai backend needs concurrency of 1 or more, timeout_s above 0 and retries of 0 or more.")
    if any(price is not None and not 0 <= price < float("inf") for price in prices):
        raise ConfigError("`price_in` and `price_out` are US dollars per million tokens, 0 or more.")


def addresses_of(url: str | Sequence[str]) -> list[str]:
    """One address or several, each once."""
    given = [url] if isinstance(url, str) else list(url)
    if not given or not all(isinstance(one, str) for one in given):
        raise ConfigError(f"`url` is {url!r}; give the server's address, or a list of addresses of the same model.")
    found = [_address(one) for one in given]
    if len(set(found)) < len(found):
        raise ConfigError("`url` lists an address twice.")
    return found


def check_same(servers: Sequence[Server], name: str, entry: Mapping[str, Any]) -> None:
    """Every server of a pool serves the model under its name, from the same weights as far as they say."""
    for server in servers[1:]:
        other = next((e for e in server.listing if e["id"] == name), {} if not server.listing else None)
        if other is None or str(other.get("root") or "") != str(entry.get("root") or ""):
            raise ConfigError(
                f"{server.url} does not serve the same model {name!r} as {servers[0].url}: "
                f"{'not in its list' if other is None else 'loaded from another place'}. A pool answers as one model."
            )


def _address(url: str) -> str:
    """The base address; a bare host gets the usual /v1. No part of it may be a secret, for it is stored with the run."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or secret_in(parts.path.split("/")):
        raise ConfigError(
            "`url` must hold no user, password, query, fragment or key: it is stored with every run. Use `api_key_env`."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"`url` is {url!r}; give the server's address, e.g. http://localhost:8000/v1.")
    return url.rstrip("/") if parts.path.strip("/") else url.rstrip("/") + "/v1"


def key_of(variable: str | None) -> str:
    if variable is None:
        return ""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):  # it may be the key itself, so it is not repeated
        raise ConfigError("`api_key_env` must be the name of an environment variable, not the key.")
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError("The environment variable that `api_key_env` names is not set. Put the key into it: export NAME=...")
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(
            "The environment variable that `api_key_env` names holds no key: a space, a line break or a character beyond ASCII "
            "stands in it (two lines, or quotation marks of a text program). Put the key alone into it."
        )
    return key
