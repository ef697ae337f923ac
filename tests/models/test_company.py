"""Nobody's answer depends on whom it is asked with: groups without a common beginning, and long texts under RoPE scaling."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

import harness.models._engine.running_batch as running_batch
from alignment.batching.rows import UNREADABLE_IMAGE, make_rows
from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, HiddenImage, Request
from harness.core.plugins import in_order
from harness.core.preference import PreferencePair
from harness.evaluation.cached_model import CachedModel, answered
from harness.models._engine.checkpoint_checks import as_trained
from harness.models._engine.grouping import by_image, group
from harness.models._engine.plain_kv_cache import PlainKVCache
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models.transformers import TransformersModel
from harness.storage.run_store import Store

BARE = (
    "{% for m in messages %}{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}"
    "{% endfor %}{% if m.role == 'assistant' %}</s>{% else %} A:{% endif %}{% endfor %}"
)
LONG = " ".join(["Is there a car in the image?"] * 8)


@pytest.mark.parametrize("memory", [SharedPrefixKVCache, PlainKVCache])
def test_a_group_without_a_common_first_token_is_exact_beside_one_with(
    llava_folder: Path, images: list[Path], memory: Any
) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    model.processor.chat_template = BARE
    hidden = HiddenImage(1.0, 0)  # nothing is left of the image: the questions begin the row
    requests = [Request(images[0], q, hidden_image=hidden) for q in ("Why?", "Is there a dog?")]
    requests += [Request(images[1], q) for q in ("Why?", "Is there a dog?")]
    parts = [[model.prompts.row(i, requests[i]) for i in part] for part in by_image(requests, range(4))]
    groups = [g for rows in parts for g in group(rows, model.prompts.image_token_id)]
    assert [g.shared > 0 for g in groups] == [False, True]
    with torch.inference_mode():
        together = memory(model._language())
        first = together.join(groups)
        second = together.step([5, 6, 7, 8])
        for n, row in enumerate(row for g in groups for row in g.rows):
            alone = PlainKVCache(model._language())
            torch.testing.assert_close(first[n], alone.join(group([row], 3))[0], atol=1e-4, rtol=0)
            torch.testing.assert_close(second[n], alone.step([5 + n])[0], atol=1e-4, rtol=0)


def test_mixtures_of_experts_end_in_the_same_bits_after_a_restart(
    tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experts take the tokens of a batch together: rows whose answers are known are computed again with the others."""
    model = TransformersModel(str(tiny_families.save("llava_next, phimoe", tmp_path)), device="cpu")
    requests = [Request(p, q, Decoding(1 + 3 * n)) for n, p in enumerate(images) for q in ("Why?", "Is there a dog?", LONG)]
    seen: list[dict[tuple[int, ...], torch.Tensor]] = []
    choose = running_batch.next_tokens

    def note(logits: Any, states: Any, end_ids: Any) -> list[int]:
        keys = [(*state.read, -1, *state.ids) for state in states]
        seen[-1] |= {key: row.clone() for key, row in zip(keys, logits, strict=True) if key[0] >= 0}
        return choose(logits, states, end_ids)

    monkeypatch.setattr(running_batch, "next_tokens", note)
    seen.append({})
    parts = list(model.generate(requests))
    done = dict(pair for part in parts[: len(parts) // 2] for pair in part)
    seen.append({})
    again = dict(pair for part in model.generate(requests, done) for pair in part)
    assert sorted([*done, *again]) == list(range(len(requests)))
    assert all(torch.equal(row, seen[0][key]) for key, row in seen[1].items())


SCALINGS = {
    "dynamic": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    "longrope": {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
        "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "original_max_position_embeddings": 64,
        "factor": 4.0,
    },
}


@pytest.fixture(scope="module", params=SCALINGS)
def scaled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose frequencies change from 64 positions on."""
    most = 64 if request.param == "dynamic" else 4096  # longrope names what it was made for, dynamic what it bends from
    settings = {"rope_parameters": SCALINGS[request.param], "max_position_embeddings": most}
    return tiny_families.save("llava_onevision", tmp_path_factory.mktemp("scaled"), **settings)


def test_texts_beyond_the_original_length_of_a_rope_scaling_get_what_a_fresh_model_gives(
    scaled: Path, images: list[Path]
) -> None:
    model = TransformersModel(str(scaled), device="cpu")
    texts = ("Why?", LONG, "Is there a dog?", LONG + " Why?")
    requests = [Request(None, text, Decoding(6)) for text in texts] + [Request(images[0], LONG, Decoding(6))]
    answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))
    known = ["A cat sits."] * len(requests)
    nats = model.log_probs(requests, known)
    with torch.inference_mode():
        for n, request in enumerate(requests):
            plain = AutoModelForImageTextToText.from_pretrained(scaled).eval()  # fresh: the module remembers lengths
            inputs = model.one_by_one().inputs(request, [])
            length = inputs["input_ids"].shape[1]
            ids = plain.generate(**inputs, max_new_tokens=6, do_sample=False)[0, length:]
            assert answers[n].text == model.prompts.tokenizer.decode(ids, skip_special_tokens=True).removeprefix(" ")
            plain = AutoModelForImageTextToText.from_pretrained(scaled).eval()
            head = model.prompts.template.around(request.image is not None).head
            tail = model.prompts.tokenizer(head + known[n], add_special_tokens=False)["input_ids"]
            logits = plain(**model.one_by_one().inputs(request, tail)).logits[0, length - 1 : -1].log_softmax(-1)
            assert nats[n] == pytest.approx(float(logits.gather(1, torch.tensor(tail)[:, None]).sum()), abs=1e-3)
    assert len(model.prompts.row(0, requests[1]).ids) > 64


def test_training_on_rows_beyond_the_original_length_of_a_rope_scaling_is_refused(scaled: Path) -> None:
    model = TransformersModel(str(scaled), device="cpu")
    ids, vision = model.prompt(None, LONG)
    with pytest.raises(ModelError, match="longer than the 64 from which on the RoPE scaling"):
        model.hidden_states(ids[None], vision, torch.zeros_like(ids)[None], torch.arange(len(ids))[None])


@pytest.mark.parametrize("family", ["mistral3", "aya_vision"])
def test_an_image_that_the_processor_refuses_costs_its_own_questions_and_pairs(
    family: str, tmp_path: Path, images: list[Path], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TransformersModel(str(tiny_families.save(family, tmp_path / "model")), device="cpu")
    thin = tmp_path / "thin.png"
    Image.new("RGB", (4, 600)).save(thin)
    if family == "aya_vision":  # whose processor takes thin ones
        refuse_tall(model.processor.image_processor, monkeypatch)
    requests = [Request(path, "Is there a dog?", Decoding(2)) for path in (images[0], thin, images[1])]
    answers, missing = answered(CachedModel(model, store), requests)
    assert set(answers) == {0, 2} and set(missing) == {1}
    assert re.fullmatch(r"The image .*thin\.png is refused by the model's image processor \(.+\)\. Leave it out\.", missing[1])


def refuse_tall(processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    preprocess = processor.preprocess

    def refusing(images: Any, *given: Any, **options: Any) -> Any:
        if "height=600" in repr(images) or "x600" in repr(images):
            raise ValueError("height and width must be > 0")
        return preprocess(images, *given, **options)

    monkeypatch.setattr(processor, "preprocess", refusing)


def test_a_pair_whose_image_the_processor_refuses_is_left_out_of_training(tmp_path: Path, images: list[Path]) -> None:
    model = TransformersModel(str(tiny_families.save("mistral3", tmp_path / "model")), device="cpu")
    Image.new("RGB", (4, 600)).save(tmp_path / "thin.png")
    pairs = [PreferencePair(name, name, "", "Why?", "no", ("yes",), "test") for name in (str(images[0]), "thin.png")]
    rows, dropped = make_rows(model, pairs, tmp_path)
    assert len(rows) == 1 and [(d.id, d.reason) for d in dropped] == [("thin.png", UNREADABLE_IMAGE)]


def test_an_image_of_one_token_is_answered_and_trained_on_alone_as_beside_others(tmp_path: Path, images: list[Path]) -> None:
    """transformers drops a dimension of Mistral 3's features where there is one token in all."""
    model = TransformersModel(str(tiny_families.save("mistral3", tmp_path / "model")), device="cpu")
    Image.new("RGB", (2, 2), "red").save(tmp_path / "dot.png")
    asked = Request(tmp_path / "dot.png", "Is there a dog?", Decoding(4))
    alone = in_order((pair for batch in model.generate([asked]) for pair in batch), 1)
    scored = model.log_probs([asked], ["Yes"])
    model.forget_features()
    beside = in_order((p for batch in model.generate([Request(images[0], "Why?", Decoding(2)), asked]) for p in batch), 2)
    assert alone[0].token_ids == beside[1].token_ids and as_trained(model, asked, "Yes") == pytest.approx(scored[0], abs=1e-4)
