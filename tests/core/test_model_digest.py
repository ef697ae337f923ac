"""The identity of a checkpoint: every file that can change what it computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.digests import model_digest


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "config.json",
        "chat_template.jinja",
        "tokenizer.model",
        "merges.txt",
        "modeling.py",
        "qwen.tiktoken",
    ],
)
def test_a_file_that_can_change_an_answer_changes_the_digest(name: str, tmp_path: Path) -> None:
    before = model_digest(tmp_path)
    (tmp_path / name).write_text("1")
    assert model_digest(tmp_path) != before


def test_named_templates_in_their_folder_count_too(tmp_path: Path) -> None:
    (tmp_path / "additional_chat_templates").mkdir()
    before = model_digest(tmp_path)
    (tmp_path / "additional_chat_templates" / "tools.jinja").write_text("1")
    assert model_digest(tmp_path) != before


def test_what_only_says_how_it_was_made_does_not(tmp_path: Path) -> None:
    before = model_digest(tmp_path)
    (tmp_path / "alignment.json").write_text("{}")
    assert model_digest(tmp_path) == before
