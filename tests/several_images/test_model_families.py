"""Several images in one prompt: the numbers of transformers' own forward, family by family; what cannot is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import tiny_models
import torch
from PIL import Image
from torch import Tensor

from alignment.batching.collate import collate, make_row, score
from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, HiddenImage, NoisyImage, Request
from harness.core.plugins import in_order
from harness.core.preference import PreferencePair, refused_images
from harness.models._checkpoint.image_noise import add_noise
from harness.models.transformers import TransformersModel

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
ONE_ONLY = ("paligemma", "paligemma 2", "aya_vision")
SEVERAL = [name for name in tiny_families.CHECKPOINTS if name not in ONE_ONLY]
ANSWER = "Yes, there is a car."
PLACED = "Is <image> the same as <image>?"
Shown = tuple[tuple[int, ...], str]  # places of the images in the fixture, and the question
ASKED: list[Shown] = [
    ((0,), "Is there a car in the image?"),
    ((1, 2), "Which image shows a car?"),
    ((3, 0, 1), "Which image shows a car?"),
    ((1, 2), PLACED),
    ((2, 1), PLACED),
    ((1, 1), PLACED),
    ((), "Is there a car in the image?"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TransformersModel]:
    """A checkpoint by name, made and loaded once."""

    @cache
    def made(name: str) -> TransformersModel:
        return TransformersModel(str(tiny_families.save(name, tmp_path_factory.mktemp("family"))), device="cpu")

    return made


def request(images: Sequence[Path], asked: Shown, **options: Any) -> Request:
    places, text = asked
    paths = tuple(images[place] for place in places)
    return Request(paths if len(paths) > 1 else next(iter(paths), None), text, **options)


def inputs(model: TransformersModel, images: Sequence[Path], asked: Shown, tail: Sequence[int] = ()) -> dict[str, Tensor]:
    """What template and processor of the checkpoint make of the parts of a message, each image where it stands."""
    places, text = asked
    opened = [Image.open(images[place]).convert("RGB") for place in places]
    texts = text.split("<image>") if len(places) > 1 else [text]
    behind = [{"type": "text", "text": text}]
    parts = [{"type": "image"}] * len(places) + behind if len(texts) == 1 else []
    for one in texts if len(texts) > 1 else []:
        parts += [{"type": "text", "text": one}, {"type": "image"}]
    content = parts if len(texts) == 1 else parts[:-1]
    written = model.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    found = dict(model.processor(text=[written], return_tensors="pt", **({"images": [opened]} if opened else {})))
    more = torch.tensor([list(tail)], dtype=torch.long)
    for name, kind in (("attention_mask", 1), ("token_type_ids", 0), ("mm_token_type_ids", 0)):
        if name in found:
            found[name] = torch.cat([found[name], torch.full_like(more, kind)], 1)
    return {**found, "input_ids": torch.cat([found["input_ids"], more], 1)}


def plain(model: TransformersModel, images: Sequence[Path], asked: Shown, tail: Sequence[int]) -> Tensor:
    """Log-probability of an answer's tokens by one forward of the module alone, ()."""
    logits = model.module(**inputs(model, images, asked, tail)).logits[0, -len(tail) - 1 : -1].log_softmax(-1)
    return logits.gather(1, torch.tensor(list(tail))[:, None]).sum()


@pytest.mark.parametrize("name", SEVERAL)
def test_log_probs_in_a_mixed_batch_are_those_of_the_models_own_forward(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    model = models(name)
    asked = [request(images, one) for one in ASKED]
    got = model.log_probs(asked, [ANSWER] * len(ASKED))
    tails = [model.prompts.answer_ids(one, [ANSWER])[0] for one in asked]
    with torch.inference_mode():
        expected = [float(plain(model, images, one, tail)) for one, tail in zip(ASKED, tails, strict=True)]
    assert got == pytest.approx(expected, abs=1e-4)
    assert abs(got[3] - got[4]) > 1e-3 and abs(got[1] - got[3]) > 1e-3, "order and place of images move the numbers"


@pytest.mark.parametrize("name", SEVERAL)
def test_greedy_text_is_that_of_generate(models: Callable[[str], TransformersModel], images: list[Path], name: str) -> None:
    model, decoding = models(name), Decoding(max_new_tokens=6)
    asked = [request(images, one, decoding=decoding) for one in ASKED]
    answers = in_order((pair for batch in model.generate(asked) for pair in batch), len(asked))
    for one, answer in zip(ASKED[1:6], answers[1:6], strict=True):
        given = inputs(model, images, one)
        ids = model.module.generate(**given, max_new_tokens=6, do_sample=False)[0, given["input_ids"].shape[1] :]
        assert list(answer.token_ids or ()) == ids.tolist()[: len(answer.token_ids or ())]
    assert model.one_by_one() and [a.text for a in answers[1:3]] == [
        batch[0][1].text for batch in model.one_by_one().generate(asked[1:3])
    ]


def pairs_of(images: Sequence[Path], shown: Sequence[Shown] = ASKED) -> list[PreferencePair]:
    def pair(number: int, asked: Shown) -> PreferencePair:
        names = tuple(str(images[place]) for place in asked[0])
        image = names if len(names) > 1 else "".join(names)
        return PreferencePair(f"{number}", image, "", asked[1], ANSWER, ("No, there is a dog.", "No."), "test")

    return [pair(number, asked) for number, asked in enumerate(shown)]


@pytest.mark.parametrize("name", SEVERAL)
def test_training_rows_of_none_one_and_several_images_score_as_plain_forwards_with_the_same_gradients(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    model = models(name)
    shown = [ASKED[0], ASKED[3]] if name.startswith("gemma4") else ASKED  # a forward of it takes a quarter of a second
    rows = [make_row(model, pair, Path()) for pair in pairs_of(images, shown)]
    names, watched = zip(*((n, p) for n, p in model.module.named_parameters() if p.requires_grad), strict=True)
    got = score(model, collate(rows, model.pad_token_id))
    gradients = torch.autograd.grad(got.sum(), watched, allow_unused=True)
    tails = [answer.tolist() for row in rows for answer in row.answers]
    asked = [one for one in shown for _ in range(3)]
    expected = torch.stack([plain(model, images, one, tail) for one, tail in zip(asked, tails, strict=True)])
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)
    largest = 0.0
    wanted = torch.autograd.grad(expected.sum(), watched, allow_unused=True)
    for weight, mine, theirs in zip(names, gradients, wanted, strict=True):
        if theirs is not None and mine is not None:
            # weights moved by 6e-8 of them, which is rounding, move the gradients of Qwen3.5's decay by 4e-6
            scale = float(theirs.abs().max()) + (1e-2 if weight.endswith((".A_log", ".dt_bias")) else 1e-3)
            torch.testing.assert_close(mine / scale, theirs / scale, atol=1e-3, rtol=0)
            largest = max(largest, float(theirs.abs().max()))
    assert largest > 1e-2, "gradients without any size would show nothing"


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llava_onevision", "internvl", "qwen3_vl"])
def test_hidden_tokens_are_drawn_for_each_image_and_the_first_as_if_it_were_alone(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    model, hidden = models(name), HiddenImage(0.5, 7)
    prompts = model.prompts
    both = request(images, ((3, 3), "Why?"), hidden_image=hidden)
    row, (one, other) = prompts.row(0, both), prompts.inputs_of(both.image)
    first, second = row.visible[: one.tokens], row.visible[one.tokens :]
    assert len(second) == other.tokens == one.tokens and first.tolist() != second.tolist()
    alone = prompts.visible(hidden, images[3])
    assert first[: len(alone)].tolist() == alone[: len(first)].tolist()
    ids, _, gone = model.damaged_prompt(both.image, "Why?", hidden, None)
    assert (~gone[ids == prompts.image_token_id]).tolist() == row.visible.tolist()
    everything = Request(both.image, "Why?", hidden_image=HiddenImage(1.0, 7))
    shown = model.log_probs([both, everything, Request(both.image, "Why?")], [ANSWER] * 3)
    assert len({round(value, 3) for value in shown}) == 3


@pytest.mark.parametrize(
    "name", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "glm4v", "glm46v", "llava_onevision", "gemma4"]
)
def test_equal_frames_of_a_still_image_are_equal_under_noise(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    """Qwen's and GLM's processors make two of each image; others make one, whose noise is what it was (`noise_rule` "")."""
    model = models(name)
    two = name.startswith(("qwen", "glm"))
    assert model.prompts.frames == (2 if two else 1) and bool(model.noise_rule) == two
    if two:
        pixels = model.prompts.vision_inputs(images[0], NoisyImage(500, 3))["pixel_values"]
        frames = pixels.reshape(len(pixels), 3, 2, -1)
        assert torch.equal(frames[:, :, 0], frames[:, :, 1])


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llava_onevision", "internvl", "idefics3"])
def test_noise_is_drawn_for_each_image_alike_in_generation_and_training(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    model, noise = models(name), NoisyImage(500, 3)
    asked = request(images, ((0, 0), "Why?"), noise=noise)
    pixels = model.prompts.vision_inputs(asked.image, noise)["pixel_values"]
    halves = pixels.chunk(2)
    assert not torch.equal(*halves)
    first = model.prompts.inputs_of(asked.image)[0].tensors
    assert torch.equal(halves[0].reshape(-1), add_noise(first, noise, model.prompts.frames)["pixel_values"].reshape(-1))
    (ids,) = model.prompts.answer_ids(asked, [ANSWER])
    prompt, vision, _ = model.damaged_prompt(asked.image, "Why?", None, noise)
    whole = torch.cat([prompt, torch.tensor(ids)])[None]
    places = torch.arange(whole.shape[1])[None]
    with torch.no_grad():
        states = model.hidden_states(whole, vision, (places >= len(prompt)).long(), places)
        logits = model.head()(states[0, len(prompt) - 1 : -1]).log_softmax(-1)
    trained = float(logits.gather(1, torch.tensor(ids)[:, None]).sum())
    assert model.log_probs([asked], [ANSWER])[0] == pytest.approx(trained, abs=1e-4)


@pytest.mark.parametrize("name", ONE_ONLY)
def test_a_family_that_cannot_show_several_images_is_refused_with_its_reason_and_the_first_row(
    models: Callable[[str], TransformersModel], images: list[Path], name: str
) -> None:
    model, pairs = models(name), pairs_of(images)
    refused = refused_images(model, pairs)
    assert "5 of 7 rows are about several images (the first: '1')" in refused and model.one_image in refused
    assert not refused_images(model, pairs[:1])
    if model.family.known:
        with pytest.raises(ModelError, match="takes one image a prompt, not 2"):
            list(model.generate([request(images, ASKED[1])]))


def test_one_image_shown_twice_is_read_without_tiles_too(
    models: Callable[[str], TransformersModel], images: list[Path]
) -> None:
    model, twice = models("llava_onevision"), ((1, 1), "Is it the same?")
    model.forget_features()
    (tail,) = model.prompts.answer_ids(request(images, twice), [ANSWER])
    with torch.inference_mode():
        expected = float(plain(model, images, twice, tail))
    assert model.log_probs([request(images, twice)], [ANSWER]) == pytest.approx([expected], abs=1e-4)
    alone = request(images, ((1,), "Is it the same?"))
    assert len(model.prompts.prompt_ids(alone.image, "Why?")) > len(model.prompts.prompt_ids(images[0], "Why?"))


def test_a_prompt_with_more_marks_than_images_is_refused(
    models: Callable[[str], TransformersModel], images: list[Path]
) -> None:
    model = models("qwen2_5_vl")
    with pytest.raises(ModelError, match="has 2 marks <image> for 3 images"):
        model.prompts.prompt_ids(tuple(images[:3]), PLACED)


def test_a_mark_in_a_question_about_one_image_is_text(models: Callable[[str], TransformersModel], images: list[Path]) -> None:
    prompts = models("llava_onevision").prompts
    assert "< image>" in prompts.text(images[0], "What does <image> mean?")


IMAGES_FIRST = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + ' ' }}"
    "{% for c in m.content | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for c in m.content | selectattr('type', 'equalto', 'text') %}{{ '\n' + c.text }}{% endfor %}"
    "{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_template_that_writes_images_first_gets_them_where_the_marks_stand(tmp_path: Path, images: list[Path]) -> None:
    folder = tiny_models.save_llava(tmp_path, template=IMAGES_FIRST)
    prompts = TransformersModel(str(folder), device="cpu").prompts
    shown = (images[0], images[1])
    assert prompts.text(shown, "Compare.") == "<|im_start|>user <image><image>\nCompare.<|im_end|><|im_start|>assistant\n"
    placed = prompts.text(shown, "First: <image>\nSecond: <image>\nCompare.")
    assert placed == "<|im_start|>user \nFirst: <image>\nSecond: <image>\nCompare.<|im_end|><|im_start|>assistant\n"


def test_a_line_break_behind_a_mark_is_not_doubled_where_the_template_writes_one(
    models: Callable[[str], TransformersModel], images: list[Path]
) -> None:
    asked, shown = "Image-1: <image>\nImage-2: <image>\nCompare.", (images[0], images[1])
    assert "Image-1: <IMG_CONTEXT>\nImage-2: <IMG_CONTEXT>\nCompare." in models("internvl").prompts.text(shown, asked)
    pad = "<|vision_start|><|image_pad|><|vision_end|>"
    assert f"Image-1: {pad}\nImage-2: {pad}\nCompare." in models("qwen2_5_vl").prompts.text(shown, asked)
