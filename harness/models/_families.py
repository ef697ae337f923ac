"""What differs between model families, as one table; everything else is asked of the model itself.

The engine reads a prompt in pieces over one key/value cache. That is exact where a token's states depend on the tokens
before it alone. Two families look ahead: Gemma 3 inside a picture, PaliGemma in the whole prompt. The first is read with
each picture in one piece, the second with its prompt in one piece, so that nothing of it can be shared.
"""

from __future__ import annotations

from dataclasses import dataclass

CAUSAL, PICTURE, PROMPT = "causal", "picture", "prompt"


@dataclass(frozen=True, slots=True)
class Family:
    """How a family's language model wants to be spoken to.

    both_ways: where tokens also see what comes after them: nowhere (CAUSAL), inside a picture, or in the whole prompt.
    window_first: a sliding window also cuts what is seen both ways.
    axes: positions a token: 1, or 3 (time, height, width; M-RoPE).
    first_position: of the first token.
    deepstack: features of earlier vision layers are added behind the first layers of the language model.
    template: the prompt of checkpoints that come without a chat template: (before the question, behind it).
    """

    name: str
    both_ways: str = CAUSAL
    window_first: bool = False
    axes: int = 1
    first_position: int = 0
    deepstack: bool = False
    template: tuple[str, str] | None = None

    @property
    def sharing(self) -> str:
        """In words, what of a prompt is read once for all questions about a picture."""
        if self.both_ways == PROMPT:
            return "none: its prompt attends both ways, so each question is read with its picture in one piece"
        return "the picture and all words before the questions part"


_TABLE = (
    Family("llava"),
    Family("llava_next"),
    Family("llava_onevision"),
    Family("internvl"),
    Family("idefics3"),
    Family("smolvlm"),
    Family("qwen2_vl", axes=3),
    Family("qwen2_5_vl", axes=3),
    Family("qwen3_vl", axes=3, deepstack=True),
    Family("gemma3", both_ways=PICTURE, window_first=True),
    Family("paligemma", both_ways=PROMPT, first_position=1, template=("{image}{bos}", "\n")),
)
FAMILIES = {family.name: family for family in _TABLE}
