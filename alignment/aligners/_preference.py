"""From options to the objective of a preference method: a loss, a named mixture, or a list of losses with weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from reprlib import repr as short
from typing import Any

import torch
from torch import Tensor

from alignment.batching.logps import PairLogps, PairLoss
from alignment.losses._mixtures import MIXTURES
from alignment.settings import check_beta
from alignment.training.preference import DIVERGENCES, Preference, Sync, Term
from harness.core import registry
from harness.core.edge.foreign import refused_as
from harness.core.errors import ConfigError, TrainingError
from harness.core.nearest import did_you_mean
from harness.core.options.types import read

_PER_TOKEN = ("simpo",)  # beta multiplies a mean log-probability
_SMALLEST_PER_TOKEN = 0.5
_NOT_PER_TOKEN = {"cpo": "the difference of two sums of log-probabilities", "orpo": "the whole odds-ratio term"}
_LARGEST = 2.0  # from here on it is a value of simpo's
_NO_BETA = "The loss sft is a likelihood, on which beta has no effect. Take its beta out."
_ALPHA = 0.5  # the default of f_alpha_divergence_coef
_NEAR_ONE = 1e-6  # where TRL takes alpha for 1: (exp((alpha - 1) r) - 1) / (alpha - 1) is rounding there


def preference(
    loss: str | Sequence[Mapping[str, Any]] = "dpo",  # a loss, a mixture, or [{name, weight, its options}, ...]
    beta: float | None = None,  # > 0, of every loss that does not set its own; None: each loss's default
    loss_options: Mapping[str, Any] | None = None,  # of a single loss
    sft_weight: float = 0.0,  # adds that much of the chosen answers' token-mean negative log-likelihood
    f_divergence_type: str = "reverse_kl",  # forward_kl, js_divergence, alpha_divergence
    f_alpha_divergence_coef: float = 0.5,  # alpha; 1 is reverse KL
    ld_alpha: float | None = None,  # weight of tokens beyond the shorter answer's length, 0 to 1 (LD-DPO)
    use_weighting: bool = False,  # weigh pairs by their likelihood under the policy (WPO)
    reference_sync: Mapping[str, Any] | None = None,  # {every: 512, mix: 0.6}: a reference that follows the policy (TR-DPO)
) -> Preference:
    """The objective. Raises ConfigError for all that is invalid in it: unknown or repeated losses, weights that sum to 0,
    options that a loss does not take or cannot use, losses that cannot be combined."""
    if sft_weight < 0:
        raise ConfigError(f"sft_weight is {sft_weight}; it cannot be negative.")
    entries = _entries(loss, loss_options or {})
    if sft_weight and any(isinstance(entry, Mapping) and entry.get("name") == "sft" for entry in entries):
        named = f"the loss {loss}" if isinstance(loss, str) else "the list of losses"
        raise ConfigError(
            f"sft_weight adds the loss sft, which {named} has already. Leave sft_weight out, or write the losses as a list, "
            "with the whole weight of sft."
        )
    entries += [{"name": "sft", "weight": sft_weight}] if sft_weight else []
    sync = None if reference_sync is None else _sync(reference_sync)
    terms = _terms(entries, beta)
    if beta not in (None, _default_beta("sft")) and all(term.name == "sft" for term in terms):
        raise ConfigError(_NO_BETA)
    alpha = 1.0 if abs(f_alpha_divergence_coef - 1) < _NEAR_ONE else f_alpha_divergence_coef
    found = Preference(terms, f_divergence_type, alpha, ld_alpha, use_weighting, sync)
    _check(found)
    return found


def preference_of(aligner: str, options: Mapping[str, Any] | None, one_rejected: str = "") -> Preference:
    """The same for the option `dpo` of an aligner that makes its pairs while it trains.

    one_rejected: what to do about a loss of two rejected answers, where its pairs have one.
    """
    made = preference(**registry.check_options("option", f"{aligner}.dpo", preference, options or {}))
    if one_rejected and averages([{"name": term.name} for term in made.terms]):
        raise ConfigError(f"{aligner}.dpo: avg_dpo needs two rejected answers, but each pair has one here. {one_rejected}")
    if wrong := [n for n, v in (("ld_alpha", made.ld_alpha), ("reference_sync", made.sync)) if v is not None]:
        raise ConfigError(f"{aligner}.dpo: {' and '.join(wrong)} needs stored pairs (the aligner dpo).")
    return made


def averages(loss: str | Sequence[Mapping[str, Any]]) -> bool:
    """Whether the option `loss` has one that needs two rejected answers in every pair."""
    entries = [entry for entry in _entries(loss, {}) if isinstance(entry, Mapping)]
    return any(registry.canonical("loss", str(entry.get("name"))) == "avg_dpo" for entry in entries)


def _sync(options: Mapping[str, Any]) -> Sync:
    made = Sync(**registry.check_options("option", "reference_sync", Sync, options))
    if made.every < 1 or not 0 < made.mix <= 1:
        raise ConfigError(f"reference_sync needs every of at least 1 and mix in (0, 1]; got {made.every} and {made.mix}.")
    return made


def _entries(loss: str | Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A loss, the name of a mixture or a mixture as the entries of a mixture."""
    if not isinstance(loss, (str, list, tuple)):
        raise ConfigError(f"loss is {loss!r}; give a name or a list of mappings, e.g. [{{name: dpo, weight: 0.8}}].")
    if isinstance(loss, str) and loss not in MIXTURES:
        known = [*registry.names("loss"), *MIXTURES]
        if registry.canonical("loss", loss) not in known:
            raise ConfigError(f"There is no loss named {loss!r}.{did_you_mean(loss, known)} Known: {', '.join(known)}.")
        return [{"name": loss, **options}]
    if options:
        raise ConfigError("loss_options are those of a single loss; in a mixture write them into its entries.")
    return list(MIXTURES[loss] if isinstance(loss, str) else loss)


def _terms(entries: Sequence[Mapping[str, Any]], beta: float | None) -> tuple[Term, ...]:
    if not entries:
        raise ConfigError("loss is an empty list; name at least one loss.")
    terms = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ConfigError(
                f"An entry of loss is {entry!r}; it must be a mapping with a name, e.g. {{name: dpo, weight: 0.8}}."
            )
        name = registry.canonical("loss", entry["name"])
        weight, _ = read(entry.get("weight", 1.0), "float")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight) or weight < 0:
            raise ConfigError(f"The weight of the loss {name} is {weight!r}; it must be a number of at least 0.")
        made = registry.get("loss", name)
        own = {k: v for k, v in entry.items() if k not in ("name", "weight")}
        default = _default_beta(name)
        options = {"beta": default if beta is None else beta, **registry.check_options("loss", name, made, own)}
        if name == "sft" and own.get("beta", default) != default:
            raise ConfigError(_NO_BETA)
        check_beta(options["beta"])
        terms.append(Term(name, made, float(weight), options))
    names = [term.name for term in terms]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        others = sorted({str(entry["name"]) for entry in entries if entry["name"] not in names})
        also = f" (also as {', '.join(others)})" if others else ""
        raise ConfigError(f"The loss {', '.join(repeated)} is named twice{also}; give each loss once, with its whole weight.")
    if not sum(term.weight for term in terms) > 0:
        raise ConfigError(f"The weights of {', '.join(names)} sum to 0; nothing would be learned.")
    return tuple(terms)


def _default_beta(loss: str) -> Any:  # Any: an option's default
    return next((option.default for option in registry.options("loss", loss) if option.name == "beta"), 0.1)


def _check(made: Preference) -> None:
    """Check combinations, and options that a loss itself refuses: each is called once on two made-up pairs."""
    if made.divergence not in DIVERGENCES:
        hint = did_you_mean(made.divergence, DIVERGENCES)
        raise ConfigError(f"f_divergence_type is {made.divergence!r}.{hint} Choose one of: {', '.join(DIVERGENCES)}.")
    if made.divergence != "alpha_divergence" and made.alpha != _ALPHA:
        raise ConfigError(
            f"f_alpha_divergence_coef is {made.alpha} and f_divergence_type {made.divergence}, which has no alpha."
        )
    if made.ld_alpha is not None and not 0 <= made.ld_alpha <= 1:
        raise ConfigError(f"ld_alpha is {made.ld_alpha}; it is a weight from 0 to 1.")
    if made.sync is not None and not made.needs_reference:
        raise ConfigError("reference_sync moves the reference, but the losses need none.")
    free = [t.name for t in made.terms if not t.traits.reference and t.name != "sft"]
    based = [t.name for t in made.terms if t.traits.reference]
    if free and based:
        raise ConfigError(
            f"{', '.join(free)} needs no reference and {', '.join(based)} does: beta has another meaning in each, so they "
            "are not mixed."
        )
    for option, wrong in _unusable(made, free).items():
        if wrong:
            raise ConfigError(f"{option} cannot be used with the loss {', '.join(wrong)}.")
    for term in made.terms:
        _try(term, made.weighted)


def _unusable(made: Preference, free: list[str]) -> dict[str, list[str]]:
    """Options that are set -> losses that cannot be used with them."""
    bent, weighted = made.bent, made.weighted
    return {
        "f_divergence_type": [t.name for t in made.terms if bent and not (t.traits.scores or t.name == "sft")],
        "ld_alpha": free if made.ld_alpha is not None else [],
        "use_weighting": [t.name for t in made.terms if weighted and (t.traits.whole_step or t.name == "sft")],
    }


def _try(term: Term, weighted: bool) -> None:
    if term.name in _PER_TOKEN and term.beta < _SMALLEST_PER_TOKEN:
        raise ConfigError(
            f"beta of {term.name} is {term.beta}: it multiplies a mean log-probability per token, so that 2 to 10 is usual; "
            "values below 0.5, usual for dpo, would leave the loss at its initial value."
        )
    if term.name in _NOT_PER_TOKEN and term.options.get("shape") != "ipo" and term.beta >= _LARGEST:
        raise ConfigError(
            f"beta of {term.name} is {term.beta}: it multiplies {_NOT_PER_TOKEN[term.name]}, so that 0.1 is usual; "
            "values of 2 and more are those of simpo, which multiplies a mean per token."
        )
    made = _of_made_up_pairs(term)
    if weighted and made.token_loss is not None and made.token_loss.any():
        raise ConfigError(
            f"use_weighting cannot be used with the loss {term.name}: it would weigh the preference and not the "
            f"likelihood beside it{', which cpo_alpha: 0 leaves out' if term.name == 'cpo' else ''}."
        )
    if not made.loss.isfinite().all():
        raise ConfigError(f"The loss {term.name} is not a finite number for ordinary pairs with {dict(term.options)}.")


def _of_made_up_pairs(term: Term) -> PairLoss:
    """The loss of two pairs whose log-probabilities carry gradients. Raises ConfigError where it is not one number a pair: a
    mean would be divided by the pairs again, and a matrix add up to another loss."""
    zero, one = torch.zeros(2), torch.ones(2)
    fixed = PairLogps(zero - 2, zero - 3, one, one, torch.tensor([0, 1]))
    start = zero.clone().requires_grad_()  # what is made of it may be changed in place, as in training
    who = f"The loss {term.name}"
    with torch.enable_grad(), refused_as(ConfigError, f"{who} fails for two made-up pairs", "Correct the loss."):
        policy = fixed._replace(chosen=start - 2, rejected=start - 3)
        try:
            made: object = term.loss(policy, fixed, **term.options)
        except TrainingError as error:
            raise ConfigError(str(error)) from error
    if not isinstance(made, PairLoss):
        raise ConfigError(f"{who} returns {short(made)}, not a PairLoss. Correct the loss.")
    for name in ("loss", "chosen_reward", "rejected_reward"):
        value = getattr(made, name)
        if not isinstance(value, Tensor) or value.shape != (2,):
            shown = f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else short(value)
            raise ConfigError(f"{who}: `{name}` of two pairs is {shown}; it must be a tensor of one number a pair.")
    if not any(value is not None and value.requires_grad for value in (made.loss, made.token_loss)):
        raise ConfigError(f"{who}: its loss carries no gradient, so that nothing would be learned. Do not detach it.")
    return made
