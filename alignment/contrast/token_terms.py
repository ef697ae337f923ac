"""CHiP's terms of single tokens: the divergence from the reference at every position, and more weight on what differs.

Fu et al. 2025, arXiv:2501.16629; `chip_get_batch_logps` and `get_seg_weight` of LVUGAI/CHiP. The divergence needs the
reference's whole distribution at every scored position: its hidden states there are kept (D numbers a token, not V), and its
head is applied to them again.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from alignment.batching.collate import Batch, answer_tokens
from alignment.batching.logps import ImageLogps, answer_logps, logits_of, rows_at_once
from alignment.batching.policy import Policy
from harness.core.errors import TrainingError

_SHORTEST = 3  # tokens of a match; shorter ones count as differing, as in the official code


@dataclass(slots=True)
class TokenTerms:
    """tok_beta: weight of the divergence, 0 for none; token_weight: of tokens that differ between the answers, 1 for none."""

    tok_beta: float = 0.0
    token_weight: float = 1.0
    head: nn.Module | None = None  # the reference's

    def keep_head(self, policy: Policy) -> None:
        """Copy the head of the policy as loaded."""
        self.head = copy.deepcopy(policy.head()).requires_grad_(False)

    def sums(self, of_tokens: Tensor, batch: Batch, places: Sequence[Sequence[int]]) -> ImageLogps:
        """Weighted sums over answers of log-probabilities (N,); `places` of each pair's chosen answer, rejected answer, and
        chosen answer behind the damaged image."""
        lengths = answer_tokens(batch).tolist()
        parts, ids = torch.split(of_tokens, lengths), torch.split(batch.targets, lengths)
        found = []
        for chosen, rejected, elsewhere in places:
            weights = segment_weights(ids[chosen].tolist(), ids[rejected].tolist(), self.token_weight)
            of_chosen, of_rejected = (weight.to(of_tokens) for weight in weights)
            found.append([parts[chosen] @ of_chosen, parts[rejected] @ of_rejected, parts[elsewhere] @ of_chosen])
        return ImageLogps(*(torch.stack(column) for column in zip(*found, strict=True)))

    def divergence(self, policy: Policy, now: Tensor, reference: Tensor, batch: Batch) -> Tensor:
        """KL(reference || policy) of every answer, (A,): the sum over its positions."""
        if self.head is None:
            raise TrainingError("The divergence from the reference needs the reference's head: call keep_head first.")
        of_tokens = position_kl(now, reference, policy.head(), self.head.to(now.device))
        return answer_logps(of_tokens, batch.answer.to(now.device), sum(batch.answers_of_row))


def position_kl(states: Tensor, reference: Tensor, head: nn.Module, reference_head: nn.Module) -> Tensor:
    """KL(reference || policy) over the vocabulary at each scored position, (N,), in nats.

    states, reference: (N, D) hidden states of policy and reference that predict the scored tokens. In chunks, which are
    computed again in the backward pass, as `token_logps`.
    """
    step, found = rows_at_once(head), list[Tensor]()
    for i in range(0, len(states), step):
        given = (states[i : i + step], reference[i : i + step], head, reference_head)
        found.append(_kl(*given) if len(states) <= step else checkpoint(_kl, *given, use_reentrant=False))
    return torch.cat(found)


def _kl(states: Tensor, reference: Tensor, head: nn.Module, reference_head: nn.Module) -> Tensor:
    now, base = logits_of(states, head).log_softmax(-1), logits_of(reference, reference_head).log_softmax(-1)
    return (base.exp() * (base - now)).sum(-1)


def segment_weights(chosen: Sequence[int], rejected: Sequence[int], weight: float) -> tuple[Tensor, Tensor]:
    """Weights of the tokens of both answers: `weight` (rounded to bfloat16, as the official code keeps it) where they differ, 1
    where three tokens or more match; the common beginning matches in any length, since the prompt before it does."""
    start = next((n for n, (c, r) in enumerate(zip(chosen, rejected, strict=False)) if c != r), min(len(chosen), len(rejected)))
    rounded = float(torch.tensor(weight, dtype=torch.bfloat16))
    of_chosen, of_rejected = (torch.full((len(answer),), rounded) for answer in (chosen, rejected))
    of_chosen[:start] = of_rejected[:start] = 1.0
    blocks = SequenceMatcher(None, rejected[start:], chosen[start:], autojunk=False).get_matching_blocks()
    for at_rejected, at_chosen, size in blocks:
        if size >= _SHORTEST:
            of_rejected[start + at_rejected : start + at_rejected + size] = 1.0
            of_chosen[start + at_chosen : start + at_chosen + size] = 1.0
    return of_chosen, of_rejected
