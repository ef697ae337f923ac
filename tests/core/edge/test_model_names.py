"""Which name in a reply is plainly of another model."""

import pytest

from harness.core.edge.model_names import is_another


@pytest.mark.parametrize(
    ("asked", "replied"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("openai/gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o", "openai/gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4", "gpt-4-0613"),
        ("gpt-4", "gpt-4-1106-preview"),
        ("gemini-1.5-pro", "models/gemini-1.5-pro-002"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet@20241022"),
        ("qwen/qwen2.5-vl-72b-instruct:free", "qwen/qwen2.5-vl-72b-instruct"),
        ("llama3", "llama3:latest"),
        ("gpt-4-0613", "gpt-4-2023-0613"),
        ("", "gpt-4o"),
        ("gpt-4o", ""),
    ],
)
def test_prefixes_and_versions_are_the_same_model(asked: str, replied: str) -> None:
    assert not is_another(asked, replied) and not is_another(replied, asked)


@pytest.mark.parametrize(
    ("asked", "replied"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4", "gpt-4.1-2025-04-14"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("qwen2.5-vl-72b-instruct", "qwen2.5-vl-7b-instruct"),
        ("llama3:8b", "llama3:70b"),
        ("llava-1.5-7b", "llava-1.5-13b"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3-haiku"),
    ],
)
def test_other_sizes_families_and_versions_are_another_model(asked: str, replied: str) -> None:
    assert is_another(asked, replied) and is_another(replied, asked)
