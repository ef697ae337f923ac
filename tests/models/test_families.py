"""Every model family answers through the engine as transformers answers one by one: logits, greedy text, log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModel, AutoModelForImageTextToText, BloomConfig, FalconConfig

from alignment.batching.logps import token_logps
from harness.core.capabilities import WRONG
from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, HiddenImage, Request
from harness.core.plugins import in_order
from harness.models._checkpoint import families as _checkpoint_families
from harness.models._checkpoint import packed_attention
from harness.models._checkpoint.families import PROMPT, family_of
from harness.models._checkpoint.image_features import stack_vision
from harness.models._checkpoint.packed_attention import NAME
from harness.models._checkpoint.prompt_builder import visible_tokens
from harness.models._engine.grouping import by_image, group
from harness.models._engine.running_batch import kv_cache_for
from harness.models.transformers import TransformersModel

# PaliGemma's processor makes an array of a tensor in the old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # PEFT asks for it
]
UNKNOWN = "aya_vision"
TABLE = [name for name in tiny_families.CHECKPOINTS if name != UNKNOWN]
ALONE = [f"llava_next, {text}" for text in tiny_families.UNREAD_TEXT_MODELS]
QUESTIONS = ("Is there a car in the image?", "Please describe this image in detail.", "Why?")


@dataclass
class Both:
    """A checkpoint behind the engine, and as transformers loads it."""

    model: TransformersModel
    plain: Any

    def inputs(self, request: Request, tail: list[int] | None = None) -> dict[str, Tensor]:
        """What the checkpoint's own processor makes of a request; `tail` is more text of the answer."""
        text = self.model.prompts.template.prompt(request.text, images=int(request.image is not None))
        processor = self.model.processor
        if request.image is None:
            found = dict(processor.tokenizer([text], return_tensors="pt"))
            if self.model.family.both_ways == PROMPT:
                found["token_type_ids"] = torch.zeros_like(found["input_ids"])
        else:
            if self.model.family.template:  # PaliGemma's processor writes the rest of the prompt itself
                text = text.replace("<s>", "").removesuffix("\n")
            found = dict(processor(text=[text], images=[Image.open(request.image).convert("RGB")], return_tensors="pt"))
        found.pop("labels", None)
        more = torch.tensor([tail or []], dtype=torch.long)
        for name, text_kind in (("attention_mask", 1), ("token_type_ids", int(self.model.family.both_ways == PROMPT))):
            if name in found:
                found[name] = torch.cat([found[name], torch.full_like(more, text_kind)], 1)
        if "mm_token_type_ids" in found:
            found["mm_token_type_ids"] = torch.cat([found["mm_token_type_ids"], torch.zeros_like(more)], 1)
        return found | {"input_ids": torch.cat([found["input_ids"], more], 1)}

    @torch.inference_mode()
    def logits(self, request: Request, tail: list[int] | None = None) -> Tensor:
        """(T, V) of one request alone, by transformers."""
        logits: Tensor = self.plain(**self.inputs(request, tail)).logits[0]
        return logits

    @torch.inference_mode()
    def without(self, request: Request, at: Tensor, visible: Tensor) -> Tensor:
        """(V,) behind a request whose hidden image tokens are taken out of what transformers gives its language model; `at`
        (T,) are the image tokens, `visible` (k,) those that stay."""
        given: dict[str, Any] = {}
        decoder = self.plain.get_decoder()
        hook = decoder.register_forward_pre_hook(lambda module, args, kwargs: given.update(kwargs), with_kwargs=True)
        self.plain(**self.inputs(request))
        hook.remove()
        stay = torch.ones_like(at)
        stay[at] = visible
        positions = given["position_ids"] if given["position_ids"] is not None else torch.arange(len(at))[None]
        states = decoder(inputs_embeds=given["inputs_embeds"][:, stay], position_ids=positions[..., stay]).last_hidden_state
        logits: Tensor = self.plain.get_output_embeddings()(states)[0, -1]
        return logits


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Both]:
    """A checkpoint by name, made and loaded once."""

    @cache
    def both(name: str) -> Both:
        seed = 1 if name == "llava_next, Mistral" else 0  # with seed 0 it writes two texts only
        folder = tiny_families.save(name, tmp_path_factory.mktemp("family"), seed)
        model = TransformersModel(str(folder), device="cpu")
        plain = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation=model.facts()["attention"]).eval()
        return Both(model, plain)

    return both


@pytest.fixture(params=TABLE)
def both(request: pytest.FixtureRequest, families: Callable[[str], Both]) -> Both:
    """Each checkpoint of a family in the table."""
    return families(request.param)


@pytest.fixture(params=[*TABLE, *tiny_families.CHECKPOINT_OF_TEXT, *ALONE, UNKNOWN])
def any_family(request: pytest.FixtureRequest, families: Callable[[str], Both]) -> Both:
    """Each checkpoint, that of an unknown family too."""
    return families(request.param)


def many(images: list[Path], **options: Any) -> list[Request]:
    return [Request(p, q, Decoding(max_new_tokens=10), **options) for p in images for q in QUESTIONS]


def some(images: list[Path]) -> list[Request]:
    """Two questions about one image, one about each of the others."""
    asked = [(0, 0), (0, 1), (1, 1), (2, 2), (3, 0)]
    return [Request(images[p], QUESTIONS[q], Decoding(max_new_tokens=7)) for p, q in asked]


@torch.inference_mode()
def first_logits(model: TransformersModel, requests: list[Request]) -> Tensor:
    """(R, V) of the first token of each answer, all requests in one batch."""
    image = model.prompts.image_token_id
    parts = [[model.prompts.row(i, requests[i]) for i in part] for part in by_image(requests, range(len(requests)))]
    groups = [g for rows in parts for g in group(rows, image)]
    order = [row.index for g in groups for row in g.rows]
    return kv_cache_for(model._language()).join(groups)[torch.tensor(order).argsort()]


def close(got: Tensor, expected: Tensor) -> None:
    assert expected.std() > 0.01, "logits without any spread would show nothing"
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_batched_shared_and_packed_logits_are_those_of_the_plain_forward(both: Both, images: list[Path]) -> None:
    requests = [*many(images), Request(None, QUESTIONS[0])]
    got = first_logits(both.model, requests)
    for row, request in zip(got, requests, strict=True):
        close(row, both.logits(request)[-1])
    assert (got[0] - got[3]).abs().max() > 1e-3 < (got[0] - got[1]).abs().max(), "images and questions move the logits"


@pytest.mark.parametrize("name", [*TABLE, *tiny_families.CHECKPOINT_OF_TEXT])
def test_large_logits_are_capped_where_the_class_of_transformers_caps_them_and_nowhere_else(
    families: Callable[[str], Both], name: str, images: list[Path]
) -> None:
    both = families(name)
    requests = many(images[:2])
    configs = [module.get_decoder().config for module in (both.model.module, both.plain)]
    heads = [module.get_output_embeddings() for module in (both.model.module, both.plain)]
    kept = [getattr(config, "final_logit_softcapping", None) for config in configs]
    hooks = [head.register_forward_hook(lambda module, args, out: out * 40) for head in heads]
    for config in configs:
        config.final_logit_softcapping = 5.0
    got = first_logits(both.model, requests)
    expected = torch.stack([both.logits(request)[-1] for request in requests])
    for config, value, hook in zip(configs, kept, hooks, strict=True):
        config.final_logit_softcapping = value
        hook.remove()
    assert expected.abs().max() > 4.9
    torch.testing.assert_close(got / expected.abs().max(), expected / expected.abs().max(), atol=1e-5, rtol=0)


def test_greedy_text_is_that_of_generate_one_by_one(any_family: Both, images: list[Path]) -> None:
    model, plain = any_family.model, any_family.plain
    requests = some(images)
    answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))
    assert len({answer.text for answer in answers}) > 2
    for request, answer in zip(requests, answers, strict=True):
        inputs = any_family.inputs(request)
        ids = plain.generate(**inputs, max_new_tokens=7, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        head = model.prompts.template.around(images=1).head
        assert answer.text == model.prompts.tokenizer.decode(ids, skip_special_tokens=True).removeprefix(head)


def test_log_probs_and_guesses_are_those_of_a_plain_forward(any_family: Both, images: list[Path]) -> None:
    model, answer = any_family.model, "Yes, there is a car."
    for request in (Request(images[1], QUESTIONS[0]), Request(images[2], QUESTIONS[0], prefix="A cat")):
        head = model.prompts.template.around(images=1).head
        parts = [head + request.prefix, answer] if request.prefix else ["", head + answer]
        before, tail = (model.prompts.tokenizer(part, add_special_tokens=False)["input_ids"] for part in parts)
        logits = any_family.logits(request, before + tail)[-len(tail) - 1 : -1].log_softmax(-1)
        expected = float(logits.gather(1, torch.tensor(tail)[:, None]).sum())
        assert model.log_probs([request], [answer])[0] == pytest.approx(expected, abs=1e-3)
        kept = [token for token in logits.argmax(-1).tolist() if token != 2]
        assert model.guesses([request], [answer]) == [model.prompts.tokenizer.decode(kept, skip_special_tokens=True).strip()]


def test_every_family_passes_its_own_checks(any_family: Both, images: list[Path]) -> None:
    found = {finding.what: (finding.state, finding.words) for finding in any_family.model.checks(images[:2], training=True)}
    assert len(found) == 5 and all(state != "WRONG" for state, _ in found.values()), found


@pytest.mark.parametrize(("name", "why"), [
    ("llava_next, mpt", "mpt takes no positions"),
    ("llava_next, gpt_neo", "gpt_neo attends in code of its own"),
])  # fmt: skip
def test_a_text_model_that_the_engine_cannot_read_is_asked_one_by_one_with_the_reason(
    families: Callable[[str], Both], name: str, why: str
) -> None:
    model = families(name).model
    assert why in model.facts()["shared between questions"] and why in model.unshared and why in model.one_image


@pytest.mark.parametrize(("kind", "settings", "why"), [
    (BloomConfig, {"n_layer": 1}, "bloom takes no positions"),
    (FalconConfig, {"alibi": True}, "falcon takes no positions"),
    (FalconConfig, {"alibi": False}, ""),
])  # fmt: skip
def test_text_models_with_alibi_count_tokens_themselves(kind: Any, settings: dict[str, Any], why: str) -> None:
    with torch.device("meta"):
        decoder = AutoModel.from_config(kind(**settings))
    found = family_of("llava_next", decoder).why_alone
    assert why in found and bool(found) == bool(why)


@pytest.mark.parametrize("name", ["mpt", "diffllama"])
def test_a_text_model_that_is_read_wrongly_fails_the_check_of_its_log_probabilities(
    name: str, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one of its kind, which nobody has heard of yet."""
    monkeypatch.setattr(_checkpoint_families, "_why_unread", lambda decoder: "")
    monkeypatch.setattr(packed_attention, "_attends_once_a_layer", lambda decoder: True)
    model = TransformersModel(str(tiny_families.save(f"llava_next, {name}", tmp_path)), device="cpu")
    found = {finding.what: finding for finding in model.checks(images[:2], training=False)}["log-probs"]
    assert found.state == WRONG and "scored answers and a plain forward pass differ by" in found.words


def test_differential_attention_is_read_and_trained_with_dense_masks(families: Callable[[str], Both]) -> None:
    differential, usual = families("llava_next, diffllama").model, families("llava_next, gpt2").model
    assert differential.family.known and differential.facts()["attention masks"] == "dense"
    assert "attention masks" not in usual.facts() and usual.module.get_decoder().config._attn_implementation == NAME


def test_sampled_text_depends_on_the_seed_and_not_on_the_batch(any_family: Both, images: list[Path]) -> None:
    requests = [Request(p, QUESTIONS[1], Decoding(6, temperature=1.0, top_p=0.9, seed=s)) for s, p in enumerate(images)]
    together = in_order((pair for batch in any_family.model.generate(requests) for pair in batch), len(requests))
    alone = [next(iter(any_family.model.generate([request])))[0][1] for request in requests]
    assert [a.text for a in together] == [a.text for a in alone]


def test_hidden_image_tokens_equal_a_masked_full_sequence(both: Both, images: list[Path]) -> None:
    hidden = HiddenImage(0.6, seed=3)
    requests = [Request(images[1], q, hidden_image=hidden) for q in QUESTIONS]
    for got, request in zip(first_logits(both.model, requests), requests, strict=True):
        inputs = both.inputs(request)
        at = inputs["input_ids"] == both.model.prompts.image_token_id
        if both.model.family.recurrent:
            close(got, both.without(request, at[0], visible_tokens(hidden, int(at.sum()))))
            continue
        inputs["attention_mask"][at] = visible_tokens(hidden, int(at.sum())).long()
        positions = both.model.prompts.positions(inputs["input_ids"][0].tolist(), request.image)
        inputs["position_ids"] = torch.tensor(positions)[None]
        if both.model.family.axes > 1:
            inputs["position_ids"] = inputs["position_ids"].movedim(-1, 0)
        with torch.inference_mode():
            close(got, both.plain(**inputs).logits[0, -1])


def test_a_prefix_is_shared_where_that_is_exact_and_nowhere_else(any_family: Both, images: list[Path]) -> None:
    """Tokens that the decoder reads before the first answer token, and what the model says of it."""
    model, read = any_family.model, []
    requests = [Request(images[1], question, Decoding(1)) for question in QUESTIONS]
    decoder = model.module.get_decoder()

    def count(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        read.append(kwargs["inputs_embeds"].shape[:2].numel())

    hook = decoder.register_forward_pre_hook(count, with_kwargs=True)
    list(model.generate(requests))
    hook.remove()
    lengths = [any_family.inputs(request)["input_ids"].shape[1] for request in requests]
    says = model.facts()["shared between questions"]
    if not model.family.known:
        assert read == lengths and says.startswith("nothing: requests go one by one")
    elif model.family.both_ways == PROMPT:
        assert read == [len(lengths) * max(lengths)] and says.startswith("nothing: its prompt attends both ways")
    else:
        assert sum(read) < sum(lengths) and says.startswith("the image")


def test_hidden_image_tokens_are_refused_where_they_cannot_be_found(
    families: Callable[[str], Both], images: list[Path]
) -> None:
    with pytest.raises(ModelError, match="cannot be hidden from 'aya_vision'"):
        list(families(UNKNOWN).model.generate([Request(images[0], "Why?", hidden_image=HiddenImage(0.5, 0))]))


def test_training_rows_have_the_states_of_plain_rows_or_are_refused(any_family: Both, images: list[Path]) -> None:
    """`[prompt | answer | answer]` of two images in one batch, one row without an image, one answer alone."""
    model = any_family.model
    request = Request(images[1], QUESTIONS[0])
    if not model.family.known:
        with pytest.raises(ModelError, match="cannot be trained here"):
            model.prompt(request.image, request.text)
        return
    answers = [model.answer_ids(images[1], QUESTIONS[0], text)[:-1] for text in ("A cat sits on the table.", "No dog.")]
    rows = [(request, answers), (Request(None, QUESTIONS[2]), answers[:1]), (Request(images[2], QUESTIONS[1]), answers[::-1])]
    prompts = [model.prompt(r.image, r.text) for r, _ in rows]
    pieces = [[prompt, *said] for (prompt, _), (_, said) in zip(prompts, rows, strict=True)]
    ids = [torch.cat(piece) for piece in pieces]
    segments = [torch.cat([torch.full_like(p, n) for n, p in enumerate(piece)]) for piece in pieces]
    begins = [[0, *(len(piece[0]) for _ in piece[1:])] for piece in pieces]
    places = [torch.cat([torch.arange(len(p)) + b for p, b in zip(piece, at)]) for piece, at in zip(pieces, begins)]
    stack = torch.nn.utils.rnn.pad_sequence
    segment = stack(segments, batch_first=True, padding_value=-1)
    vision = stack_vision([dict(seen) for _, seen in prompts if seen])
    with torch.no_grad():
        hidden = model.hidden_states(stack(ids, batch_first=True), vision, segment, stack(places, batch_first=True))
        logits = model.head()(hidden)
    for row, (asked, said) in enumerate(rows):
        for number, answer in enumerate(said, start=1):
            plain = any_family.logits(asked, answer.tolist())
            close(logits[row][segment[row] == number], plain[-len(answer) :])
            close(logits[row][segment[row] == 0][-1], plain[-len(answer) - 1])


def test_gradients_reach_every_layer_of_both_towers_of_every_trainable_family(both: Both, images: list[Path]) -> None:
    model = both.model
    ids, vision = model.prompt(images[1], QUESTIONS[0])
    states = model.hidden_states(ids[None], vision, torch.zeros_like(ids)[None], torch.arange(len(ids))[None])
    states[:, -1].square().sum().backward()
    eyes = torch.cat([w.grad.flatten() for n, w in model.module.named_parameters() if "vis" in n and w.grad is not None])
    assert eyes.abs().max() > 0
    layers = model.module.get_decoder().layers
    attention = [layer.self_attn.q_proj if hasattr(layer, "self_attn") else layer.linear_attn.in_proj_qkv for layer in layers]
    queries = [part.weight.grad for part in attention]
    assert all(grad is not None and grad.abs().max() > 0 for grad in queries)
    model.module.zero_grad()


@pytest.mark.parametrize("name", ["gemma4", "gemma4, images both ways", "paligemma 2"])
def test_training_caps_logits_before_the_softmax_and_gradients_pass_through_the_cap(
    families: Callable[[str], Both], name: str, images: list[Path]
) -> None:
    """Log-probabilities of an answer and their gradients, beside the plain module's own capped forward."""
    both = families(name)
    model, request = both.model, Request(images[1], QUESTIONS[0])
    modules, answer = (model.module, both.plain), model.answer_ids(images[1], QUESTIONS[0], "A cat sits.")[:-1]
    kept = [module.get_decoder().config.final_logit_softcapping for module in modules]
    hooks = [m.get_output_embeddings().register_forward_hook(lambda module, args, out: out * 40) for m in modules]
    for module in modules:
        module.get_decoder().config.final_logit_softcapping = 5.0
        module.zero_grad()
    try:
        ids, vision = model.prompt(images[1], QUESTIONS[0])
        segment = torch.cat([torch.zeros_like(ids), torch.ones_like(answer)])[None]
        hidden = model.hidden_states(torch.cat([ids, answer])[None], vision, segment, torch.arange(segment.shape[1])[None])
        got = token_logps(hidden, model.head(), len(ids) - 1 + torch.arange(len(answer)), answer)
        logits = both.plain(**both.inputs(request, answer.tolist())).logits[0, -len(answer) - 1 : -1].float()
        expected = logits.log_softmax(-1).gather(-1, answer[:, None]).squeeze(-1)
        assert 4.9 < logits.abs().max() <= 5.0
        close(got, expected)
        (got.sum() - expected.sum().detach()).backward()
        expected.sum().backward()
        pairs = zip(model.module.named_parameters(), both.plain.named_parameters(), strict=True)
        compared = [(a.grad, b.grad) for (_, a), (_, b) in pairs if a.grad is not None and b.grad is not None]
        assert len(compared) > 10 and max(float(a.abs().max()) for a, _ in compared) > 1e-2
        for ours, theirs in compared:
            torch.testing.assert_close(ours, theirs, atol=1e-4 * max(1.0, float(theirs.abs().max())), rtol=0)
    finally:
        for module, value, hook in zip(modules, kept, hooks, strict=True):
            module.get_decoder().config.final_logit_softcapping = value
            module.zero_grad()
            hook.remove()


def test_an_adapter_on_top_of_another_family_answers_as_the_adapted_model(
    families: Callable[[str], Both], images: list[Path], tmp_path: Path
) -> None:
    import peft

    plain = families("qwen2_vl").model
    base = AutoModelForImageTextToText.from_pretrained(plain.checkpoint.folder)
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    model = TransformersModel(str(tmp_path / "adapter"), device="cpu")
    assert model.checkpoint.parent == plain.checkpoint.digest != model.checkpoint.digest
    request = Request(images[1], QUESTIONS[0])
    with torch.inference_mode():
        expected = adapted.eval()(**families("qwen2_vl").inputs(request)).logits[0, -1]
    got = first_logits(model, [request])[0]
    close(got, expected)
    assert (got - first_logits(plain, [request])[0]).abs().max() > 1e-2
