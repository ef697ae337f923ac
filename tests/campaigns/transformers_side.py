"""What transformers itself says of a request, alone: its processor's inputs, its forward, its `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from harness.core.digests import seed_of
from harness.core.evaluation import HiddenImage, Request
from harness.core.preference import IMAGE_MARK, paths_of
from harness.models._checkpoint.families import PROMPT
from harness.models._checkpoint.image_noise import add_noise, frames_of
from harness.models._checkpoint.prompt_builder import visible_tokens
from harness.models._checkpoint.rope_scaling import forget_lengths
from harness.models._checkpoint.vision_tower import unpacked
from harness.models.transformers import TransformersModel


@dataclass
class Plain:
    """A module that nothing of ours has touched. The model beside it lends its processor and its rule of positions."""

    model: TransformersModel
    module: Any

    def inputs(self, request: Request, tail: Sequence[int]) -> dict[str, Tensor]:
        """What the checkpoint's own processor makes of a request, with the tokens `tail` behind it."""
        processor, family = self.model.processor, self.model.family
        if getattr(processor, "chat_template", None):
            said = [{"role": "user", "content": _content(request)}]
            text = processor.apply_chat_template(said, add_generation_prompt=True)
        elif request.image is not None:
            text = f"<image>{request.text}"  # PaliGemma's processor writes the rest
        else:
            text = f"<s>{request.text}\n"
        if request.image is None:
            special = not text.startswith("<s>")
            found = dict(processor.tokenizer([text], return_tensors="pt", add_special_tokens=special))
            if family.both_ways == PROMPT:
                found["token_type_ids"] = torch.zeros_like(found["input_ids"])
        else:
            opened = [Image.open(path).convert("RGB") for path in paths_of(request.image)]
            found = dict(processor(text=[text], images=[opened], return_tensors="pt"))
        found.pop("labels", None)
        more = torch.tensor([list(tail)], dtype=torch.long)
        kinds = {"attention_mask": 1, "token_type_ids": int(family.both_ways == PROMPT), "mm_token_type_ids": 0}
        for name, kind in kinds.items():
            if name in found:
                found[name] = torch.cat([found[name], torch.full_like(more, kind)], 1)
        found["input_ids"] = torch.cat([found["input_ids"], more], 1)
        if not self.leaves_out(request):
            self._hide(request, found, len(more[0]))
        if request.image is None:
            return found
        # noise is drawn in the order in which we keep pixels
        noisy = add_noise(unpacked(family, found), request.noise, frames_of(processor))
        return {**noisy, "pixel_values": noisy["pixel_values"].movedim(0, -1)[None]} if family.packs_pixels else noisy

    def conversation(self, request: Request, answer: str) -> list[int]:
        """Tokens of a whole conversation without an image, as the template writes it."""
        processor = self.model.processor
        if not getattr(processor, "chat_template", None):
            return list(processor.tokenizer(f"<s>{request.text}\n{answer}", add_special_tokens=False)["input_ids"])
        said = [{"role": "user", "content": [{"type": "text", "text": request.text}]}]
        said.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        text = processor.apply_chat_template(said)
        return list(processor.tokenizer(text, add_special_tokens=not text.startswith("<s>"))["input_ids"])

    def _hide(self, request: Request, found: dict[str, Tensor], tail: int) -> None:
        """Hidden image tokens: masked in the full sequence, positions as if nothing were hidden."""
        if request.hidden_image is None or request.hidden_image.share <= 0:
            return
        ids = found["input_ids"]
        at = ids == self.model.prompts.image_token_id
        found["attention_mask"][at] = self._visible(request, request.hidden_image).long()
        prompt: list[Any] = self.model.prompts.positions(ids[0, : ids.shape[1] - tail].tolist(), request.image)
        for _ in range(tail):
            last = prompt[-1]
            prompt.append(last + 1 if isinstance(last, int) else tuple(axis + 1 for axis in last))
        positions = torch.tensor(prompt)[None]
        found["position_ids"] = positions.movedim(-1, 0) if positions.dim() == 3 else positions

    def _visible(self, request: Request, hidden: HiddenImage) -> Tensor:
        """(k,) bool: which tokens of all images are seen, drawn image by image."""
        seeds = [hidden.seed, *(seed_of(hidden.seed, "image", place) for place in (1, 2))]
        counts = [one.tokens for one in self.model.prompts.inputs_of(request.image)]
        drawn = [visible_tokens(replace(hidden, seed=seed), n) for n, seed in zip(counts, seeds, strict=False)]
        return torch.cat(drawn)

    def leaves_out(self, request: Request) -> bool:
        """Whether hidden tokens have to be left out of the sequence: no mask hides them from a running state."""
        return self.model.family.recurrent and request.hidden_image is not None and request.hidden_image.share > 0

    @torch.inference_mode()
    def logits(self, request: Request, before: Sequence[int], answer: Sequence[int]) -> Tensor:
        """(n, V) that each of the n tokens of an answer is predicted from, in one forward."""
        forget_lengths(self.module)
        inputs = self.inputs(request, [*before, *answer])
        whole = self._left_out(request, inputs) if self.leaves_out(request) else self.module(**inputs).logits[0]
        return whole[len(whole) - len(answer) - 1 : -1]

    def _left_out(self, request: Request, inputs: dict[str, Tensor]) -> Tensor:
        """(T, V) where hidden image tokens are taken out of what the language model is given."""
        given: dict[str, Any] = {}
        decoder = self.module.get_decoder()
        hook = decoder.register_forward_pre_hook(lambda module, args, kwargs: given.update(kwargs), with_kwargs=True)
        self.module(**inputs)
        hook.remove()
        at = inputs["input_ids"][0] == self.model.prompts.image_token_id
        stay = torch.ones_like(at)
        stay[at] = self._visible(request, request.hidden_image)
        positions = given["position_ids"] if given["position_ids"] is not None else torch.arange(len(at))[None]
        states = decoder(inputs_embeds=given["inputs_embeds"][:, stay], position_ids=positions[..., stay]).last_hidden_state
        logits: Tensor = self.module.get_output_embeddings()(states)[0]
        return logits

    @torch.inference_mode()
    def stepwise(self, request: Request, before: Sequence[int], answer: Sequence[int]) -> Tensor:
        """The same from `generate`, which is made to say the answer."""
        if self.leaves_out(request):
            return self.logits(request, before, answer)
        forget_lengths(self.module)
        inputs = self.inputs(request, before)
        start = inputs["input_ids"].shape[1]

        def only(ids: Tensor, scores: Tensor) -> Tensor:
            forced = torch.full_like(scores, float("-inf"))
            forced[:, answer[ids.shape[1] - start]] = 0.0
            return forced

        made = self.module.generate(
            **inputs,
            max_new_tokens=len(answer),
            min_new_tokens=len(answer),
            do_sample=False,
            logits_processor=[only],
            output_logits=True,
            return_dict_in_generate=True,
        )
        return torch.cat(made.logits)

    @torch.inference_mode()
    def generate(self, request: Request, before: Sequence[int], limit: int, ends: Sequence[int]) -> tuple[list[int], Tensor]:
        """Tokens that `generate` chooses by itself, the one that ended the answer included, and the logits (n, V) of each."""
        forget_lengths(self.module)
        inputs = self.inputs(request, before)
        more = {"output_logits": True, "return_dict_in_generate": True}
        made = self.module.generate(**inputs, max_new_tokens=limit, do_sample=False, eos_token_id=list(ends), **more)
        tokens: list[int] = made.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        return tokens, torch.cat(made.logits)


def _content(request: Request) -> list[dict[str, str]]:
    """The parts of a message: images in front, or where several have their marks."""
    images = len(paths_of(request.image))
    texts = request.text.split(IMAGE_MARK) if images > 1 else [request.text]
    if len(texts) == 1:
        return [*[{"type": "image"}] * images, {"type": "text", "text": request.text}]
    parts = [part for text in texts for part in ({"type": "text", "text": text}, {"type": "image"})]
    return [part for part in parts[:-1] if part.get("text") != ""]
