"""Answers behind a prompt as tokens, where a pair gives the beginning of its answer too (sentence-level pairs)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alignment.batching.policy import Policy, PromptInputs
from harness.core.preference import Images, PreferencePair


def behind(
    policy: Policy, pair: PreferencePair, image: Images, prompt: PromptInputs, texts: Sequence[str]
) -> tuple[PromptInputs, tuple[Tensor, ...]]:
    """The prompt and the tokens of each answer behind it.

    The context of a pair stands behind the prompt and is not scored; nor is an end token, since a sentence is not the end of an
    answer. Tokens are those of the whole answer: where they merge over the border, the border is put before them.
    """
    if not pair.context:
        return prompt, tuple(policy.answer_ids(image, pair.prompt, text) for text in texts)
    gap = "" if pair.context[-1].isspace() else " "
    whole = [policy.answer_ids(image, pair.prompt, pair.context + gap + text.lstrip()).tolist() for text in texts]
    tail = len(written_behind(policy, image, pair.prompt))
    whole = [ids[: len(ids) - tail] for ids in whole]
    given = policy.answer_ids(image, pair.prompt, pair.context).tolist()
    border = _common([given[: len(given) - tail], *whole])
    ids = torch.cat([prompt.input_ids, torch.tensor(whole[0][:border], dtype=torch.long)])
    hidden = prompt.hidden if prompt.hidden is None else torch.cat([prompt.hidden, torch.zeros(border, dtype=torch.bool)])
    answers = tuple(torch.tensor(own[border:], dtype=torch.long) for own in whole)
    return PromptInputs(ids, prompt.vision, hidden), answers


def written_behind(policy: Policy, image: Images = None, prompt: str = "?") -> list[int]:
    """The tokens that the chat template writes behind every answer (the end token, a line break); none where it writes none."""
    ends = [policy.answer_ids(image, prompt, text).tolist()[::-1] for text in ("Yes", "cat")]
    return ends[0][: _common(ends)][::-1]


def _common(rows: Sequence[Sequence[int]]) -> int:
    """How many first tokens all rows share."""
    return next((n for n, same in enumerate(zip(*rows, strict=False)) if len(set(same)) > 1), min(map(len, rows)))
