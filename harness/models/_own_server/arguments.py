"""Arguments of a started server: which of them a user may give, and the whole command."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.core.digests import file_digest
from harness.core.edge.own_servers import OWN_SERVERS, SGLANG, VLLM
from harness.core.errors import ConfigError, ModelError
from harness.core.nearest import did_you_mean

# Servers take what generation_config.json says as defaults of each request, vLLM also as a limit of tokens. Started so they do
# not; they read its end tokens all the same. What of it is applied goes with each request, see `generation.py`.
_NO_DEFAULTS = {VLLM: ("--generation-config", "vllm"), SGLANG: ("--sampling-defaults", "openai")}
_OWN_ARGUMENTS = (
    *("model", "model-path", "host", "port", "uds", "served-model-name"),
    *("enable-lora", "lora-modules", "lora-paths", "max-lora-rank"),
    *(flags[0].lstrip("-") for flags in _NO_DEFAULTS.values()),
)  # what is set here
# Secrets, and what would change answers unseen.
_HIDDEN = ("api-key", "hf-token", "config", "tokenizer", "tokenizer-path", "revision")


def checked(serve: str, arguments: Sequence[str], start_s: float) -> str:
    """The executable's path."""
    if serve not in OWN_SERVERS:
        raise ConfigError(f"`serve` is {serve!r}.{did_you_mean(serve, OWN_SERVERS)} Choose {' or '.join(OWN_SERVERS)}.")
    if start_s <= 0:
        raise ConfigError("`start_s` must be above 0.")
    for argument in arguments:
        flag = str(argument).partition("=")[0].lstrip("-").replace("_", "-")
        of_whom = next((name for name in (*_OWN_ARGUMENTS, *_HIDDEN) if name.startswith(flag)), "")  # servers complete names
        if str(argument).startswith("--") and of_whom:
            why = "the harness sets itself" if of_whom in _OWN_ARGUMENTS else "could change answers unseen, or is a secret"
            raise ConfigError(f"`serve_args` holds --{flag}, which {why}. Leave it out.")
        value = str(argument).rpartition("=")[2]
        if "/" in value and Path(value).expanduser().is_dir():
            raise ConfigError(
                f"`serve_args` names the folder {value}, whose content is not known. Name files, or leave it out."
            )
    executable = shutil.which(serve)
    if executable is None:
        raise ConfigError(f"`serve: {serve}` needs the executable {serve!r}, which is not on PATH. Install it, or use `url`.")
    return executable


def command(serve: str, source: str, adapters: Sequence[Path], name: str, port: int) -> list[str]:
    """What stands behind the executable's path, without the user's own arguments: the server serves `source`, or the adapter on
    it, under `name`."""
    lora = lora_arguments(serve, adapters)
    model = [source] if serve == VLLM else ["--model-path", source]
    own = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", f"{name}-base" if lora else name]
    named = [*lora, "--lora-modules", f"{name}={adapters[-1].resolve()}"] if lora else []
    return ["serve", *model, *own, *_NO_DEFAULTS[serve], *named]


def lora_arguments(serve: str, adapters: Sequence[Path]) -> list[str]:
    """What makes vLLM take the adapter. Raises ModelError where a server would refuse it or leave a part of it out."""
    if not adapters:
        return []
    from harness.models._own_server.lora import unserved, vllm_rank

    why = "sglang is given no adapters here" if serve == SGLANG else unserved(adapters)
    if why:
        raise ModelError(
            f"The adapter {adapters[-1]} cannot be served by {serve}: {why}. Merge it into its base, or use "
            "model.name: transformers."
        )
    return ["--enable-lora", "--max-lora-rank", str(vllm_rank(adapters[-1]))]


def with_content(argument: str) -> str:
    """An argument, with the digest of the file that it names."""
    file = Path(argument.rpartition("=")[2]).expanduser()
    with suppress(OSError, ValueError):
        return f"{argument} ({file_digest(file)[:12]})" if file.is_file() else argument
    return argument
