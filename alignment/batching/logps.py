"""Log-probabilities of answers, and the two types that every loss takes and returns.

Only the positions that score an answer's token ever reach the head, and those in chunks: the full-vocabulary
logits of a batch, (B, T, V), never exist. Sums run in float32 (float64 for a float64 model), as in TRL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LOGITS_AT_ONCE = 2**24  # entries of one chunk: 64 MiB in float32


class PairLogps(NamedTuple):
    """Log-probabilities of B pairs under one model; a pair is one chosen and one rejected answer.

    A row with K rejected answers appears K times, with the same `chosen` and `rank` 0..K-1.
    """

    chosen: Tensor  # (B,) summed log-probability of each chosen answer, in nats
    rejected: Tensor  # (B,)
    chosen_tokens: Tensor | None = None  # (B,) scored tokens, end token included; needed by length-normalised losses
    rejected_tokens: Tensor | None = None  # (B,)
    rank: Tensor | None = None  # (B,) which rejected answer of its row this is; needed by avg_dpo
    chosen_whole: Tensor | None = None  # (B,) `chosen` with every token counted, where some count less (LD-DPO)


def each(pairs: PairLogps, change: Callable[[Tensor], Tensor]) -> PairLogps:
    """The same pairs with every tensor changed."""
    more = (None if value is None else change(value) for value in pairs[2:])
    return PairLogps(change(pairs.chosen), change(pairs.rejected), *more)


class AnswerLogps(NamedTuple):
    """Log-probabilities of A unpaired answers, each good or bad."""

    logps: Tensor  # (A,) summed log-probability, in nats
    desirable: Tensor  # (A,) bool


class ImageLogps(NamedTuple):
    """Log-probabilities of B pairs and of answers to the same question about another image (or the damaged one), in nats."""

    chosen: Tensor  # (B,) the better answer behind its own image
    rejected: Tensor  # (B,) the worse answer behind it
    chosen_elsewhere: Tensor  # (B,) the better answer behind the other image
    other: Tensor | None = None  # (B,) the answer that is right for the other image, behind the pair's own
    other_elsewhere: Tensor | None = None  # (B,) the same behind its own, the other image
    rejected_elsewhere: Tensor | None = None  # (B,) the worse answer behind the other image


class PairLoss(NamedTuple):
    """What a loss returns, nothing reduced."""

    loss: Tensor  # (B,) averaged over the step's pairs
    chosen_reward: Tensor  # (B,) beta * (policy - reference), detached; without a reference beta * policy
    rejected_reward: Tensor  # (B,)
    token_loss: Tensor | None = None  # (B,) summed and divided by the step's chosen tokens: a likelihood term
    figures: Mapping[str, float] = {}  # of the whole step, for its log row


def rewards(policy: PairLogps, reference: PairLogps, beta: float) -> tuple[Tensor, Tensor]:
    """The two implicit rewards, each (B,): beta * (policy - reference), as logged by TRL under every loss."""
    return beta * (policy.chosen - reference.chosen), beta * (policy.rejected - reference.rejected)


def nll(policy: PairLogps) -> Tensor:
    """-log p of each chosen answer, (B,); of an answer with several rejected ones once, at the first of its pairs."""
    if policy.rank is None:
        return -policy.chosen
    return torch.where(policy.rank == 0, -policy.chosen, torch.zeros_like(policy.chosen))


def tokens_of(logps: PairLogps) -> tuple[Tensor, Tensor]:
    """(chosen, rejected) answer lengths, at least 1, as TRL divides by them."""
    if logps.chosen_tokens is None or logps.rejected_tokens is None:
        raise ValueError("a length-normalised loss needs PairLogps with chosen_tokens and rejected_tokens")
    return logps.chosen_tokens.clamp(min=1), logps.rejected_tokens.clamp(min=1)


def token_logps(hidden: Tensor, head: nn.Module, score_at: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability of each target token, (N,), in nats.

    Args:
        hidden: (B, T, D) final hidden states.
        head: hidden states -> logits over the vocabulary.
        score_at: (N,) positions in the flattened (B*T) whose hidden state predicts each target.
        targets: (N,) token ids.
        temperature: that the tokens were drawn at; logits are divided by it, as in TRL's RLOO.
    """
    states = hidden.reshape(-1, hidden.shape[-1])[score_at]  # (N, D)
    step = rows_at_once(head)
    if len(targets) <= step:
        return _chunk(states, targets, head, temperature)
    parts = [
        # recomputed in the backward pass, so that one chunk of logits is alive at a time
        checkpoint(_chunk, states[i : i + step], targets[i : i + step], head, temperature, use_reentrant=False)
        for i in range(0, len(targets), step)
    ]
    return torch.cat(parts)


def answer_logps(per_token: Tensor, answer: Tensor, n_answers: int) -> Tensor:
    """Sum token log-probabilities (N,) by answer index (N,) -> (n_answers,)."""
    return per_token.new_zeros(n_answers).index_add(0, answer, per_token)


@torch.no_grad()
def log_sum_squares(hidden: Tensor, head: nn.Module, score_at: Tensor) -> Tensor:
    """log of the sum over the vocabulary of squared probabilities at each scored position, (N,): how peaked it is there."""
    states = hidden.reshape(-1, hidden.shape[-1])[score_at]
    step = rows_at_once(head)
    found = []
    for i in range(0, len(states), step):
        logits = logits_of(states[i : i + step], head)
        found.append((2 * logits).logsumexp(-1) - 2 * logits.logsumexp(-1))
    return torch.cat(found)


def answer_weights(per_token: Tensor, sum_squares: Tensor, answer: Tensor, n_answers: int) -> Tensor:
    """exp of an answer's mean (log p - log sum p^2), (n_answers,), without gradient: how likely its tokens were beside what the
    policy would have drawn. WPO, Zhou et al. 2024, arXiv:2406.11827; TRL: `use_weighting`."""
    sums = answer_logps((per_token - sum_squares).detach(), answer, n_answers)
    counts = torch.bincount(answer, minlength=n_answers).clamp(min=1)
    return (sums / counts).exp()


def desensitised(
    per_token: Tensor, lengths: Sequence[int], pairs: Sequence[tuple[int, int]], alpha: float
) -> tuple[Tensor, Tensor]:
    """(chosen, rejected) log-probabilities, each (B,), in which tokens beyond the shorter answer's length count `alpha`.

    LD-DPO, Liu et al. 2024, arXiv:2409.06411; TRL: `ld_alpha`. `per_token` (N,) answer by answer, `lengths` of each, `pairs` of
    indices (chosen, rejected).
    """
    tokens = torch.split(per_token, list(lengths))

    def weighed(one: int, other: int) -> Tensor:
        shared = min(lengths[one], lengths[other])
        return tokens[one][:shared].sum() + alpha * tokens[one][shared:].sum()

    chosen = torch.stack([weighed(c, r) for c, r in pairs])
    return chosen, torch.stack([weighed(r, c) for c, r in pairs])


def _chunk(states: Tensor, targets: Tensor, head: nn.Module, temperature: float) -> Tensor:
    logits = logits_of(states, head)
    logits = logits if temperature == 1.0 else logits / temperature
    return logits.gather(-1, targets[:, None]).squeeze(-1) - logits.logsumexp(-1)


def logits_of(states: Tensor, head: nn.Module) -> Tensor:
    """(N, V) in float32, or float64 where the model is."""
    logits: Tensor = head(states)
    return logits if logits.dtype == torch.float64 else logits.float()


def rows_at_once(head: nn.Module) -> int:
    return max(1, LOGITS_AT_ONCE // head_weight(head).shape[0])


def head_weight(head: nn.Module) -> Tensor:
    """(V, D) weight of a head; behind an adapter it is in the base layer."""
    weight = getattr(head, "weight", None)
    if isinstance(weight, Tensor):
        return weight
    return max(head.parameters(), key=lambda p: p.shape[0] if p.ndim > 1 else 0)
