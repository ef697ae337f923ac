"""The model servers that the harness can start itself, by the names of their executables, and a model behind one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

VLLM, SGLANG = "vllm", "sglang"
OWN_SERVERS = (VLLM, SGLANG)


@runtime_checkable
class StartsServer(Protocol):
    """A model whose server may be one that this process starts: with its first question, or by `start`.

    Raises ModelError where it does not start.
    """

    def start(self) -> None: ...
