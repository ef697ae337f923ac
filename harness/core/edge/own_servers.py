"""The model servers that the harness can start itself, by the names of their executables."""

from __future__ import annotations

VLLM, SGLANG = "vllm", "sglang"
OWN_SERVERS = (VLLM, SGLANG)
