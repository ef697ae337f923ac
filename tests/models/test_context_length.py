"""A row that is longer than the model's context is neither answered nor trained on: it is named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_families
from PIL import Image

from alignment.batching.rows import make_rows
from harness.core.errors import TooLong
from harness.core.evaluation import Decoding, Request
from harness.core.preference import PreferencePair
from harness.evaluation.cached_model import CachedModel, answered
from harness.fleet.messages import remote_error
from harness.models._checkpoint.rope_scaling import context_length
from harness.models.transformers import TransformersModel
from harness.storage.run_store import Store

QUESTION = "Is there a dog in the image?"


@pytest.fixture(scope="module")
def short(llava_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A model whose context holds the question, and not two of them."""
    folder = tmp_path_factory.mktemp("short") / "model"
    shutil.copytree(llava_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    whole = TransformersModel(str(llava_folder), dtype="float32", device="cpu")
    config["text_config"]["max_position_embeddings"] = len(whole.prompts.prompt_ids(None, QUESTION)) + 4
    (folder / "config.json").write_text(json.dumps(config))
    return TransformersModel(str(folder), dtype="float32", device="cpu")


def test_a_prompt_beyond_the_context_is_named_and_one_within_is_answered(short: TransformersModel) -> None:
    decoding = Decoding(max_new_tokens=2)
    assert list(short.generate([Request(None, QUESTION, decoding)]))
    with pytest.raises(TooLong, match=r"'Is there a dog .* tokens; the model was made for"):
        list(short.generate([Request(None, f"{QUESTION} {QUESTION}", decoding)]))


def test_a_sweep_goes_on_without_a_prompt_beyond_the_context_and_says_which(short: TransformersModel, store: Store) -> None:
    long = f"{QUESTION} {QUESTION}"
    requests = [Request(None, text, Decoding(max_new_tokens=n)) for n in (2, 3) for text in (QUESTION, long)]
    found, missing = answered(CachedModel(short, store), requests)
    assert set(found) == {0, 2} and set(missing) == {1, 3}
    assert re.search(r"has \d+ tokens; the model was made for \d+\. Use a model with a longer context", missing[1])


def test_a_prompt_beyond_the_context_is_known_behind_a_worker_too() -> None:
    error = remote_error(TooLong("The prompt is long.", (Path("a.png"), "Why?")), "a host").to_exception()
    assert isinstance(error, TooLong) and error.is_about(Path("a.png"), "Why?") and not error.is_about(None, "Why?")


def test_a_family_outside_the_table_names_what_is_beyond_its_context_too(tmp_path: Path) -> None:
    model = TransformersModel(
        str(tiny_families.save("aya_vision", tmp_path / "model", max_position_embeddings=128)), dtype="float32", device="cpu"
    )
    Image.linear_gradient("L").convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    fits, over = (Request(tmp_path / "a.png", "cat " * n, Decoding(max_new_tokens=2)) for n in (10, 400))
    assert list(model.generate([fits])) and model.log_probs([fits], ["Yes"])
    with pytest.raises(TooLong, match=r"'cat .*a\.png has .* tokens; the model was made for 128"):
        list(model.generate([over]))
    with pytest.raises(TooLong):
        model.log_probs([over], ["Yes"])


def test_a_pair_beyond_the_context_is_an_error_or_dropped_under_max_length(short: TransformersModel, tmp_path: Path) -> None:
    fits = PreferencePair("fits", "", "", QUESTION, "no", ("yes",), "test")
    over = PreferencePair("over", "", "", QUESTION, "no no no no no no no no", ("yes",), "test")
    with pytest.raises(TooLong, match=r"Pair over: .*Set max_length"):
        make_rows(short, [fits, over], tmp_path)
    rows, dropped = make_rows(short, [fits, over], tmp_path, max_length=10_000)
    assert [pair.id for pair in rows.pairs] == ["fits"] and [(d.id, d.reason) for d in dropped] == [("over", "too long")]


@pytest.mark.parametrize(("rope", "length"), [
    ({}, 4096),
    ({"rope_type": "linear", "factor": 4.0}, 16384),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192),
    ({"rope_type": "llama3", "factor": 8.0}, 4096),  # its configuration states the long length
    ({"rope_type": "dynamic", "factor": 2.0}, None),
])  # fmt: skip
def test_the_context_is_what_the_positions_were_made_for(rope: dict[str, Any], length: int | None) -> None:
    assert context_length(SimpleNamespace(max_position_embeddings=4096, rope_parameters=rope)) == length
    assert context_length(SimpleNamespace()) is None
