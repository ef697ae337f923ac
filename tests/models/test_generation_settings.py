"""A checkpoint's generation_config: what bends an answer is applied as `generate` applies it, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from transformers import GenerationConfig

from alignment.online.ranked_pairs import require_own_distribution
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Decoding, HiddenImage, Request
from harness.core.plugins import in_order
from harness.models._engine.generation_settings import GenerationSettings
from harness.models.transformers import TransformersModel

BENDS: list[dict[str, Any]] = [
    {"repetition_penalty": 1.7},
    {"no_repeat_ngram_size": 1},
    {"suppress_tokens": list(range(30, 200))},
    {"begin_suppress_tokens": list(range(60, 400))},
    {"bad_words_ids": [[n] for n in range(100, 300)]},
    {"forced_eos_token_id": 2},
    {"sequence_bias": [[[n], 40.0] for n in range(200, 240)]},
    {"min_new_tokens": 5, "repetition_penalty": 1.3},
]


@pytest.fixture(scope="module", params=["llava_onevision", "aya_vision"], ids=["image first", "one by one"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """One model of either engine."""
    return TransformersModel(str(tiny_families.save(request.param, tmp_path_factory.mktemp("model"))), device="cpu")


@pytest.fixture
def configured(model: TransformersModel) -> Iterator[Any]:
    """Sets the checkpoint's generation_config, as if it had been loaded with it."""
    kept = model.module.generation_config

    def set_to(use: str = "honoured", **settings: Any) -> TransformersModel:
        model.module.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0, **settings)
        model._settings = GenerationSettings(model.module, use)
        return model

    yield set_to
    model.module.generation_config = kept


def asked(images: list[Path]) -> list[Request]:
    return [Request(p, "Is there a car in the image?", Decoding(7)) for p in images[:2]] + [
        Request(images[0], "Please describe this image in detail.", Decoding(7), prefix="A cat")
    ]


def ours(model: TransformersModel, requests: list[Request]) -> list[str]:
    answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))
    return [answer.text for answer in answers]


def theirs(model: TransformersModel, request: Request) -> str:
    one = model.one_by_one()
    head = model.prompts.template.around(images=1).head
    prefix = model.prompts.tokenizer(head + request.prefix, add_special_tokens=False)["input_ids"] if request.prefix else []
    inputs = one.inputs(request, prefix)
    settings = {"max_new_tokens": request.decoding.max_new_tokens, "do_sample": False}
    ids = model.module.generate(**inputs, **settings)[0, inputs["input_ids"].shape[1] :]
    text: str = model.prompts.tokenizer.decode(ids, skip_special_tokens=True)
    return text if request.prefix else text.removeprefix(head)


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: next(iter(bend)))
def test_settings_that_bend_the_logits_give_the_text_of_generate(configured: Any, bend: Any, images: list[Path]) -> None:
    requests = asked(images)
    plain = ours(configured(), requests)
    model = configured(**bend)
    bent = ours(model, requests)
    assert bent == [theirs(model, request) for request in requests]
    assert bent != plain, "a setting that changes nothing would show nothing"


def test_hidden_image_tokens_count_as_read_where_repetition_is_punished(images: list[Path], tmp_path: Path) -> None:
    """`generate` gets them with a mask, so its processors see them; here the image's token is wanted most, and is not new."""
    model = TransformersModel(str(tiny_families.save("llava_onevision", tmp_path)), device="cpu")
    image_token = model.prompts.image_token_id
    hidden = [Request(p, "Is there a car?", Decoding(6), hidden_image=HiddenImage(1.0, 0)) for p in images[:2]]
    said = []
    for settings in ({"sequence_bias": [[[image_token], 40.0]]}, {"suppress_tokens": [image_token]}):
        model.module.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0, no_repeat_ngram_size=1, **settings)
        model._settings = GenerationSettings(model.module, "honoured")
        said.append(ours(model, hidden))
    assert said[0] == said[1]


@pytest.mark.parametrize("asking", [{"num_beams": 3}, {"guidance_scale": 1.5}, {"stop_strings": ["x"]}])
def test_settings_that_need_another_search_are_refused_by_name_or_left_out_by_name(
    configured: Any, asking: Any, images: list[Path]
) -> None:
    (name,) = asking
    with pytest.raises(ModelError, match=rf"sets {name}=.*set model.generation_config=ignored"):
        list(configured(**asking).generate(asked(images)))
    plain = ours(configured(), asked(images))
    model = configured("ignored", **asking)
    assert ours(model, asked(images)) == plain and model.facts()["generation config"].startswith(f"ignored: {name}=")


def test_what_is_honoured_stands_in_the_protocol(configured: Any) -> None:
    assert configured().facts()["generation config"] == "bends nothing"
    drawn = configured(do_sample=True, temperature=0.3, top_k=5, repetition_penalty=1.05)
    assert drawn.facts()["generation config"] == "honoured: repetition_penalty=1.05"
    assert configured("ignored", num_beams=4).facts()["generation config"] == "ignored: num_beams=4"
    with pytest.raises(ModelError, match="choose honoured or ignored"):
        configured("maybe")


def test_policy_gradients_refuse_answers_that_are_not_drawn_from_the_models_own_distribution(configured: Any) -> None:
    assert require_own_distribution(configured(), "rloo")
    assert require_own_distribution(configured("ignored", repetition_penalty=1.05), "rloo")
    with pytest.raises(ConfigError, match=r"rloo learns from .*repetition_penalty=1.05.*generation_config=ignored"):
        require_own_distribution(configured(repetition_penalty=1.05), "rloo")


def test_the_log_odds_of_yes_and_given_answers_are_the_models_own_distribution(configured: Any, images: list[Path]) -> None:
    request = asked(images)[0]
    plain = configured().log_probs([request], ["Yes"])
    assert configured(repetition_penalty=1.9).log_probs([request], ["Yes"]) == plain


def test_asking_for_the_end_tokens_leaves_the_checkpoints_own_list_as_it_is(configured: Any) -> None:
    model = configured()
    model.module.generation_config.eos_token_id = [2, 7]
    with torch.inference_mode():
        assert model.end_ids() == model.end_ids() == {2, 7}
    assert model.module.generation_config.eos_token_id == [2, 7]
