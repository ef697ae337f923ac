"""Any image-text checkpoint of transformers: answers requests, scores answers, and can be trained.

Loaded by AutoModelForImageTextToText from a folder or the hub's cache; a PEFT adapter folder loads on top of its
base. safetensors only; remote code is refused unless asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from harness.core import registry
from harness.core.capabilities import Finding
from harness.core.edge.foreign import refused_as
from harness.core.edge.images import DECODING
from harness.core.errors import ModelError
from harness.core.evaluation import Answer, HiddenImage, NoisyImage, Request
from harness.core.preference import Images
from harness.models._checkpoint import loading, requirements
from harness.models._checkpoint.image_features import FeatureCache
from harness.models._checkpoint.image_noise import ONE_DRAW
from harness.models._checkpoint.own_files import file_findings, identity_ahead, require_as_trained
from harness.models._checkpoint.packed_attention import dense_masks
from harness.models._checkpoint.prompt_builder import PromptBuilder
from harness.models._checkpoint.rope_scaling import context_length
from harness.models._checkpoint.training_view import TrainingView
from harness.models._checkpoint.vision_tower import skip_unread_layers
from harness.models._conversation.answer_tokens import TOKENISATION
from harness.models._conversation.chat_template import template_name
from harness.models._conversation.template_options import TEMPLATE_DATE, checked_date, thinking_switch
from harness.models._device.cuda_graphs import CudaGraphSteps
from harness.models._device.onednn_linear import by_onednn
from harness.models._device.option_values import check_values
from harness.models._device.placement import device_of, dtype_of, use_threads
from harness.models._device.token_budget import cache_slots, checked_rows, slot_bytes
from harness.models._engine.answer_logprobs import Scorer, log_odds
from harness.models._engine.checkpoint_checks import CheckpointChecks, as_trained, check_names
from harness.models._engine.generation_settings import HONOURED, GenerationSettings, end_tokens
from harness.models._engine.grouping import Budget
from harness.models._engine.language_model import LanguageModel
from harness.models._engine.one_by_one import OneByOne
from harness.models._engine.scheduler import ImageFirstEngine
from harness.models._images.recipe import Recipe, image_store
from harness.models._images.workers import import_ahead

ENGINE = "6"  # raise it whenever an answer or a log-probability could change: stored ones of another engine are not reused


@registry.model
class TransformersModel:
    """A checkpoint behind the contract's `Model`, and the `Policy` that training needs.

    Args:
        path: folder of a model or of a PEFT adapter, or a hub name in the local cache.
        dtype: float32, bfloat16, float16 or "auto" (float32 on a CPU, bfloat16 on a GPU).
        device: "auto", "cpu", "cuda", ...
        attention: transformers' name of the implementation ("sdpa", "eager", ...).
        rows: answers in work at once in the image-first engine.
        tokens: slots of its key/value cache; None: what a GPU's free memory holds, elsewhere 32,768.
        generation_config: "honoured": settings of the checkpoint's generation_config that bend the logits (repetition_penalty,
            suppress_tokens, ..) are applied as `generate` does, beams and the like refused; "ignored": all left out.
        threads: CPU threads of torch; fix it to get the same last bits on machines with other numbers of cores.
        remote_code: allow the checkpoint's own Python code; off, because an untrusted checkpoint must not run code.
        despite: failed checks of `doctor` to go on with (weights, tokenisation, image placeholders, log-probs, precision).
        enable_thinking: given to the chat template, where it has such a switch; None leaves the template's own default.
        template_date: the day that a chat template takes for today where it writes the date, as YYYY-MM-DD.
        thinking_tokens: tokens of reasoning at most, besides a benchmark's limit for the answer; 0: one limit over both.
        image_workers: processes that decode and process images ahead; None: 4 for a GPU, none for a CPU.
        pixel_cache: GiB of disk (in the user's cache folder) for processed images, 0 for none.
    """

    check_options, outline_of = staticmethod(check_values), staticmethod(requirements.outline)  # before one is opened

    def __init__(
        self,
        path: str,
        dtype: str = "auto",
        device: str = "auto",
        attention: str = "sdpa",
        rows: int = 256,
        tokens: int | None = None,
        threads: int | None = None,
        remote_code: bool = False,
        generation_config: str = HONOURED,
        despite: Sequence[str] = (),
        enable_thinking: bool | None = None,
        thinking_tokens: int = 0,
        image_workers: int | None = None,
        pixel_cache: float = 0.0,
        template_date: str = TEMPLATE_DATE,
    ) -> None:
        self.despite, self._thinking_tokens = check_names(despite), requirements.thinking_limit(thinking_tokens)
        rows = checked_rows(rows)
        use_threads(threads)
        self.device = device_of(device)
        self.dtype = dtype_of(dtype, self.device)
        import_ahead(image_workers, self.device)
        with refused_as(ModelError, f"The checkpoint {path} does not load", "Copy it again."):
            source, adapters = loading.resolve(path)
            requirements.check_folder(Path(source), remote_code)
            ahead = identity_ahead(path, source, adapters)
            module, unread = loading.load(source, adapters, self.dtype, attention, remote_code)
            self.module: Any = by_onednn(module.to(self.device).eval())
            self._attention, self._formats = str(module.config._attn_implementation), loading.formats(module, self.dtype)
            skip_unread_layers(self.module)
            self.family = loading.family_of(self.module)
            self.one_image = self.family.one_image or self.family.why_alone  # see `ShowsSeveralImages`
            self.several_images_note = self.family.several_images_note  # see `NotesSeveralImages`
            self.unshared = self.family.unshared  # see `SharesPrefixes`
            self.processor: Any = loading.load_processor(source, self.module.config, remote_code)
            image_token = loading.image_token_id(self.module, self.family)
            requirements.check_processor(source, self.processor, self.module, image_token)
            rope, longest = loading.rope_index(self.module, self.family), context_length(self.module.config.get_text_config())
            self._thinking = {} if enable_thinking is None else {"enable_thinking": enable_thinking}
            template, name = getattr(self.processor, "chat_template", None), template_name(source)
            requirements.check_template(template, name)
            making = Recipe(source, remote_code, self.family, image_token, pixel_cache)
            switch, date = thinking_switch(template, name, enable_thinking), checked_date(template_date, template, name)
            options = {"template": name, "template_options": switch, "date": date}
            images = image_store(making, self.processor, image_workers, self.device)
            self.prompts = PromptBuilder(self.processor, self.family, image_token, rope, longest, images=images, **options)
            self.noise_rule = ONE_DRAW if self.prompts.frames > 1 else ""  # see `DrawsNoise`
            self._training = TrainingView(self.module, self.family, image_token, rope)
            self.checkpoint = require_as_trained(identity := ahead.result(), self.despite)
            self._of_files = tuple(file_findings(Path(source), adapters, unread, identity.faults))
            self.slot_bytes, self.budget = slot_bytes(self.module), Budget(cache_slots(tokens, self.module), rows)
            self._settings = GenerationSettings(self.module, generation_config)
            self._features, self._steps = FeatureCache(self.module, self.prompts), CudaGraphSteps()

    # ------------------------------------------------------------ answering

    def generate(
        self, requests: Sequence[Request], done: Mapping[int, Answer] | None = None
    ) -> Iterator[list[tuple[int, Answer]]]:
        """(index, answer) as they are finished; see `ImageFirstEngine`."""
        yield from self.engine().generate(requests, done or {})

    def engine(self) -> ImageFirstEngine | OneByOne:
        """What `generate` works with. Raises ModelError where the checkpoint's generation_config cannot be followed."""
        self._settings.check()
        if not self.family.known:
            return self.one_by_one()
        limits = self.budget, self._settings, self._thinking_tokens
        return ImageFirstEngine(self._language(), self.prompts, self.end_ids(), *limits)

    def one_by_one(self, given: bool = False) -> OneByOne:
        """The careful way without sharing, by the model's own `generate`: the yardstick of the engine; `given`: of answers."""
        settings, thinking, prompts = self._settings, self._thinking_tokens, self.prompts.given if given else self.prompts
        return OneByOne(self.module, prompts, self.end_ids(), self.family.name, settings, thinking)

    @property
    def slots(self) -> int:
        """Tokens whose keys and values the engine keeps at once, at most."""
        return self.budget.tokens

    def _language(self) -> LanguageModel:
        """Made anew each time: training may have put an adapter into the module."""
        return LanguageModel(self.module, self.family, self._features, self.prompts.image_token_id, self._steps)

    def forget_features(self) -> None:
        """Drop kept image features; an aligner that asks the model it trains calls this after each step."""
        self._features = FeatureCache(self.module, self.prompts)

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        """Log-probability in nats of each answer (without the end token) after its request's prompt, teacher-forced."""
        return self._scorer().log_probs(requests, answers)

    def yes_no_log_odds(self, requests: Sequence[Request]) -> list[float]:
        """log p(Yes or yes) - log p(No or no) of each answer in nats; above 0 the model leans to yes."""
        return log_odds(self.log_probs, requests)

    def guesses(self, requests: Sequence[Request], answers: Sequence[str]) -> list[str]:
        """What the model holds likeliest at every token of each answer, given the tokens before it (teacher forcing)."""
        found, end_ids = [""] * len(requests), self.end_ids()
        for forced in self._scorer().forced(requests, answers):
            kept = [token for token in forced.log_probs.argmax(-1).tolist() if token not in end_ids]
            found[forced.answer] = self.prompts.tokenizer.decode(kept, skip_special_tokens=True).strip()
        return found

    def _scorer(self) -> Scorer | OneByOne:
        return Scorer(self._language(), self.prompts.given, self.budget) if self.family.known else self.one_by_one(given=True)

    def checks(self, images: Sequence[Path], training: bool) -> Iterator[Finding]:
        """What the checkpoint shows on itself, see `CheckpointChecks`."""
        yield from self._of_files
        plain, trained = self.one_by_one(given=True), partial(as_trained, self)
        yield from CheckpointChecks(plain, self.log_probs, trained).run(images, training)

    def facts(self) -> dict[str, str]:
        """What can move an answer besides the weights."""
        image_processor = self.processor.image_processor
        return {
            "engine": ENGINE,
            "generation config": self._settings.fact(),
            "model class": type(self.module).__name__,
            "shared between questions": self.family.sharing,
            **self._formats,
            "attention": self._attention,
            **dense_masks(self.module.get_decoder()),
            "device": self.device.type if self.device.type != "cpu" else f"cpu, {torch.get_num_threads()} threads",
            "image decoding": DECODING,
            "image processor": f"{type(image_processor).__name__} ({getattr(image_processor, 'backend', 'pil')})",
            **{name: str(value) for name, value in self._thinking.items()},
            **self.prompts.facts(),
            **({"thinking tokens": f"{self._thinking_tokens:,} at most"} if self._thinking_tokens else {}),
            **({"checks that may fail": ", ".join(self.despite)} if self.despite else {}),
            "tokenisation": f"{TOKENISATION}: answers as they stand in the whole conversation",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }

    def end_ids(self) -> frozenset[int]:
        return end_tokens(self.module, self.prompts.tokenizer)

    # ------------------------------------------------------------ the training view (alignment's `Policy`)

    @property
    def pad_token_id(self) -> int:
        tokenizer, images = self.prompts.tokenizer, (None, self.prompts.image_token_id)  # those stand for image features
        return next(int(i) for i in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0, 1) if i not in images)

    def prompt(self, image: Images, text: str, noise: NoisyImage | None = None) -> tuple[Tensor, Mapping[str, Tensor]]:
        """input_ids (P,) of a prompt, ending where the answer begins, and the inputs of the vision tower."""
        self._training.check()
        ids = self.prompts.given.prompt_ids(image, text)
        self.prompts.check_tokens(len(ids), image, text)
        return torch.tensor(ids, dtype=torch.long), self.prompts.vision_inputs(image, noise)

    def expect_images(self, images: Iterable[Images]) -> None:
        """The images of these prompts are asked for next, in this order: workers may make them ahead."""
        self.prompts.expect(images)

    def forget_images(self, keep: int) -> None:
        self.prompts.images.forget(keep)

    def damaged_prompt(
        self, image: Images, text: str, hidden: HiddenImage | None, noise: NoisyImage | None
    ) -> tuple[Tensor, Mapping[str, Tensor], Tensor | None]:
        """`prompt` with noise on each image, and which of its positions are hidden image tokens, (P,) bool, None for none."""
        ids, vision = self.prompt(image, text, noise)
        return ids, vision, self.prompts.hidden_at(ids, hidden, image)

    def answer_ids(self, image: Images, text: str, answer: str) -> Tensor:
        """(n,) tokens of an answer behind `prompt(image, text)` as the template writes it, end token included."""
        ids = self.prompts.given.whole_answer_ids(image, text, answer)
        self.prompts.check_tokens(len(self.prompts.given.prompt_ids(image, text)) + len(ids) - 1, image, text, "pair")
        return torch.tensor(ids, dtype=torch.long)

    def hidden_states(self, input_ids: Tensor, vision: Mapping[str, Tensor], segment: Tensor, position_ids: Tensor) -> Tensor:
        """Final hidden states (B, T, D); `segment` (B, T) says who sees whom, see `packed_attention.py`."""
        return self._training.hidden_states(input_ids, vision, segment, position_ids)

    def head(self) -> nn.Module:
        return self._training.head()
