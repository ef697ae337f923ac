"""The GRPO family on tokens: clipped surrogates and their reductions.

GRPO: Shao et al. 2024, arXiv:2402.03300; Dr. GRPO: arXiv:2503.20783; DAPO: arXiv:2503.14476; GSPO (sequence ratio):
arXiv:2507.18071; CISPO: arXiv:2506.13585; SAPO: arXiv:2511.20347; LUSPO: arXiv:2602.05261; VESPO: arXiv:2602.10693. As TRL
1.16's GRPOTrainer computes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

LOSSES = ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo")
UNCAPPED = ("cispo", "sapo", "vespo")  # whose surrogate has no branch that `delta` caps
LEVELS = ("token", "sequence")
SAPO_TEMPERATURES = (1.0, 1.05)  # of positive and of negative advantages, TRL's defaults
VESPO_WEIGHTS = ((2.0, 3.0), (3.0, 2.0))  # (k, lambda) of advantages of at least 0 and of negative ones, TRL's defaults
_FAR = 20.0  # nats; log-ratios of vespo are cut there, as in TRL


@dataclass(frozen=True, slots=True)
class Surrogate:
    """What is minimised. Names and meanings as TRL's.

    loss_type: the reduction, and for cispo, sapo and vespo the surrogate; see `share`.
    epsilon, epsilon_high: the ratio is clipped to [1 - epsilon, 1 + epsilon_high]; epsilon_high None: as epsilon; of cispo the
        largest ratio.
    delta: cap of the ratio on the branch that is not clipped.
    importance_sampling_level: token, or sequence (GSPO): the ratio is exp of an answer's mean log-ratio.
    beta: weight of the divergence from the reference (k3), per token.
    use_bias_correction_kl: that divergence times the ratio.
    max_completion_length: what dr_grpo divides by instead of an answer's length.
    """

    loss_type: str = "dapo"
    epsilon: float = 0.2
    epsilon_high: float | None = None
    delta: float | None = None
    importance_sampling_level: str = "token"
    beta: float = 0.0
    use_bias_correction_kl: bool = True
    max_completion_length: int = 256

    @property
    def high(self) -> float:
        return self.epsilon if self.epsilon_high is None else self.epsilon_high


class TokenLoss(NamedTuple):
    """Of N tokens, nothing reduced."""

    loss: Tensor  # (N,)
    clipped: Tensor | None  # (N,) bool, (A,) of ratios of answers: is the ratio beyond the clip, see `_clipped`; None: no clip
    kl: Tensor | None  # (N,) k3 estimate of the divergence from the reference, as it is in the loss: perhaps times the ratio


def token_loss(
    made: Surrogate,
    policy: Tensor,
    old: Tensor,
    reference: Tensor | None,
    advantage: Tensor,
    answer: Tensor,
    correction: Tensor | None = None,
) -> TokenLoss:
    """Loss of each token.

    Args:
        policy, old, reference: (N,) log-probabilities of the tokens now, when they were drawn, and under the reference.
        advantage: (A,) of each answer.
        answer: (N,) which answer a token belongs to.
        correction: (N,) probability of each token under the trainer over that under the sampler. It weighs the surrogate, not
            the divergence; of vespo it is a factor of the ratio that the weight of an answer is made of.
    """
    gain = advantage.to(policy)[answer]
    log_ratio = policy - old
    of_answer = None
    if made.importance_sampling_level == "sequence":
        n = torch.bincount(answer, minlength=len(advantage)).clamp(min=1)
        of_answer = log_ratio.new_zeros(len(advantage)).index_add(0, answer, log_ratio) / n
        log_ratio = of_answer[answer]
    ratio = log_ratio.exp()
    if made.loss_type == "vespo":
        loss = -_gamma_weights(policy.detach() - old, advantage.to(policy), answer, correction)[answer] * gain * policy
    else:
        loss = _surrogate(made, policy, ratio, gain) * (1.0 if correction is None else correction)
    kl = None
    if reference is not None and made.beta:
        gap = reference - policy
        kl = (gap.exp() - gap - 1) * (ratio if made.use_bias_correction_kl else 1.0)
        loss = loss + made.beta * kl
    counted = (ratio, gain) if of_answer is None else (of_answer.exp(), advantage.to(policy))
    return TokenLoss(loss, _clipped(made, *counted), None if kl is None else kl.detach())


def _clipped(made: Surrogate, ratio: Tensor, gain: Tensor) -> Tensor | None:
    """Ratios beyond the clip in the direction of their advantage, as TRL counts them: each token, or each answer where it has
    one ratio; behind the cap `delta`; of cispo the weights at their cap, of answers with a positive advantage."""
    if made.loss_type in ("sapo", "vespo"):
        return None
    if made.loss_type == "cispo":
        return (ratio > made.high) & (gain > 0)
    ratio = ratio if made.delta is None else ratio.clamp(max=made.delta)
    return ((ratio < 1 - made.epsilon) & (gain < 0)) | ((ratio > 1 + made.high) & (gain > 0))


def share(made: Surrogate, lengths: Tensor, answers: int, tokens: int) -> Tensor:
    """What each token of an answer weighs in the step's loss, (A,), by the answers' lengths (A,); `answers` and `tokens` of the
    whole step.

    grpo, sapo: mean over answers of the token mean. bnpo, dapo, cispo, vespo: token mean over the step. dr_grpo: sum over
    answers times the longest answer that is allowed. luspo: mean over answers of the token sum.
    """
    ones = torch.ones_like(lengths, dtype=torch.float64)
    if made.loss_type in ("grpo", "sapo"):
        return ones / (answers * lengths.clamp(min=1))
    if made.loss_type == "dr_grpo":
        return ones / (answers * made.max_completion_length)
    return ones / (answers if made.loss_type == "luspo" else max(1, tokens))


def _surrogate(made: Surrogate, policy: Tensor, ratio: Tensor, gain: Tensor) -> Tensor:
    if made.loss_type == "cispo":
        return -ratio.detach().clamp(max=made.high) * gain * policy
    if made.loss_type == "sapo":
        above, below = SAPO_TEMPERATURES
        heat = torch.where(gain > 0, above, below).to(ratio)
        return -(heat * (ratio - 1)).sigmoid() * 4 / heat * gain
    clipped = ratio.clamp(1 - made.epsilon, 1 + made.high)
    free = ratio if made.delta is None else ratio.clamp(max=made.delta)
    return -torch.minimum(free * gain, clipped * gain)


def _gamma_weights(log_ratio: Tensor, advantage: Tensor, answer: Tensor, correction: Tensor | None) -> Tensor:
    """VESPO's weight of each answer, (A,): e^l w^k e^(-l w), w the product of its tokens' ratios (and of their corrections for
    the sampler); 1 where w is 1."""
    lowest, of_tokens = math.log(1e-8), log_ratio.clamp(-_FAR, _FAR)
    if correction is not None:
        of_tokens = of_tokens + correction.log().clamp(lowest, _FAR)
    log_w = torch.zeros_like(advantage).index_add(0, answer, of_tokens).clamp(lowest, _FAR)
    (k_up, l_up), (k_down, l_down) = VESPO_WEIGHTS
    k, rate = torch.where(advantage >= 0, k_up, k_down), torch.where(advantage >= 0, l_up, l_down)
    return (rate + k * log_w - rate * log_w.exp()).exp()
