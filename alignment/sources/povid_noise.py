"""POVID-style distortion: at every token of the chosen answer, what the model holds likeliest under a noisy image.

The baseline that BDHS replaces (arXiv:2407.02477, sections 3.3 and 5.4, after arXiv:2402.11411): teacher forcing along
the chosen answer, image under 500 diffusion steps of noise, the likeliest token at each place. It breaks words of several
tokens, as the study says.

Departure: POVID's trainer redraws the tokens at each step and scores them along the chosen answer's own prefix. Here they
are drawn once from the policy as loaded, put together as a text, and that text is the rejected answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignment.data.invalid_pairs import EMPTY_ANSWER, IDENTICAL_ANSWERS, Dropped
from alignment.data.prompts import PROMPTS, Prompt, ReadsPrompts, unreadable
from alignment.data.source_files import PROMPT_FILES
from alignment.data.stored_pairs import nouns
from alignment.data.yield_report import yield_report
from harness.core import registry
from harness.core.capabilities import GuessesTokens
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, ImageError
from harness.core.evaluation import NoisyImage, Request
from harness.core.final_answer import without_marks
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair, paths_of

_AT_ONCE = 64


@registry.source
class PovidNoise(ReadsPrompts):
    """Rejected answers token by token under noise."""

    files = PROMPT_FILES

    def __init__(
        self,
        prompts: str = PROMPTS,  # LLaVA-Instruct's format, in the data folder
        image_folder: str = "",  # folder of the file's images, in the data folder
        from_: Mapping[str, Any]
        | None = None,  # another source, whose prompts and chosen answers are taken: {name: vlfeedback}
        limit: int | None = None,  # use that many prompts, a uniform subsample by seed
        noise_steps: int = 500,  # diffusion steps of noise on the image, 1 to 1000
    ) -> None:
        if not 1 <= noise_steps <= 1000:
            raise ConfigError(f"povid_noise.noise_steps is {noise_steps}; give 1 to 1000 (the study's is 500).")
        self.take(locals())
        self._report: dict[str, Any] = {}

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]:
        """Pairs in the order of the prompts. Raises ConfigError for a model that cannot score a given answer."""
        prompts, dropped = self.prompts(data, model, seed)
        asked, pairs = len(prompts) + len(dropped), list[PreferencePair]()
        for start in range(0, len(prompts), _AT_ONCE):
            said, unreadable = self._said(model, prompts[start : start + _AT_ONCE], seed)
            dropped += unreadable
            for p, guessed in said:
                text = without_marks(guessed).strip()  # a model that reasons first guesses the mark of it
                if not text or text == p.chosen:
                    dropped.append(Dropped(p.id, IDENTICAL_ANSWERS if text else EMPTY_ANSWER))
                else:
                    pairs.append(PreferencePair(p.id, p.image, p.image_digest, p.text, p.chosen, (text,), "povid_noise"))
        self._report = yield_report(self.options, asked, pairs, [], dropped, nouns(data)) | self.origin_report()
        yield from pairs

    def report(self) -> dict[str, Any]:
        return self._report

    def _said(self, model: Model, prompts: Sequence[Prompt], seed: int) -> tuple[list[tuple[Prompt, str]], list[Dropped]]:
        """What the model guesses under noise, and the prompts whose image cannot be read."""
        dropped = list[Dropped]()
        while True:
            noisy = [NoisyImage(self.options["noise_steps"], seed_of(seed, p.id, "noise")) for p in prompts]
            requests = [Request(p.path, p.text, noise=noise) for p, noise in zip(prompts, noisy, strict=True)]
            try:
                return list(zip(prompts, _guesses(model, requests, [p.chosen for p in prompts]), strict=True)), dropped
            except ImageError as error:
                dropped += unreadable(prompts, error)
                prompts = [p for p in prompts if error.path not in paths_of(p.path)]


def _guesses(model: Model, requests: Sequence[Request], answers: Sequence[str]) -> list[str]:
    if not isinstance(model, GuessesTokens):
        raise ConfigError(f"povid_noise needs a model that scores given answers; {type(model).__name__} cannot.")
    return model.guesses(requests, answers)
