"""The methods of `all_methods`: what each is in a configuration, and between which strengths it is searched.

"strength" is the one number of a method beside the learning rate that its authors tune: beta for most. The ranges are those
of its scale, not chosen by trial: SUMMED where beta multiplies summed log-ratios (a factor of 40 round 0.3), PER_TOKEN where it
multiplies means over tokens (as much, round 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUMMED, PER_TOKEN, PENALTY = (0.05, 2.0), (0.7, 28.0), (0.005, 0.2)
PROMPTS = 48
_BDHS = {
    "name": "bdhs", "rho_th": 0.99, "limit": PROMPTS, "max_new_tokens": 40, "top_p": 0.9, "n_tries": 8, "free_last_try": False,
    "matched": {"mentions": 0, "length": 0.2, "unit": "sentence", "vocabulary": "nouns.txt"},
}  # fmt: skip
PAIRS: dict[str, Mapping[str, Any]] = {
    "bdhs": _BDHS,
    "two rejected": {"name": "union", "first": {"name": "random_edit", "limit": PROMPTS}, "second": _BDHS},
    "sentences": {"name": "sentences", "limit": PROMPTS, "n_sentences": 2, "n_samples": 3, "max_new_tokens": 32},
}
_JUDGED = {"judge": {"name": "annotations"}, "sampling": {"max_new_tokens": 64}}
_GROUPS = {"name": "grpo", "num_generations": 4, **_JUDGED}


@dataclass(frozen=True)
class Method:
    """One row of the tables. `strength`: the searched setting below `align`, "" for none; `between`: its range."""

    name: str
    align: Mapping[str, Any]
    strength: str = "beta"
    between: tuple[float, float] = SUMMED
    pairs: str = "bdhs"


def _loss(name: str, between: tuple[float, float] = SUMMED, **options: Any) -> Method:
    return Method(name, {"name": "dpo", "loss": name, **options}, "beta", between)


def _dpo(name: str, pairs: str = "bdhs", **options: Any) -> Method:
    return Method(name, {"name": "dpo", **options}, pairs=pairs)


METHODS = [
    _dpo("dpo"),
    Method("sft", {"name": "sft"}, ""),
    _loss("mpo"),
    Method("mdpo", {"name": "mdpo"}),
    Method("kto", {"name": "kto"}),
    _loss("simpo", PER_TOKEN),
    _loss("ipo", PER_TOKEN),
    Method("online-dpo", {"name": "online_dpo", **_JUDGED}, "dpo.beta"),
    Method("grpo", {**_GROUPS, "loss_type": "grpo"}, "beta", PENALTY),
    _dpo("sentence-pairs", "sentences"),
    Method("chip", {"name": "chip"}),
    Method("symmpo", {"name": "symmpo"}),
    Method("vdpo", {"name": "vdpo"}),
    Method("dapo", {**_GROUPS, "loss_type": "dapo", "epsilon_high": 0.28}, "beta", PENALTY),
    Method("online-bdhs", {"name": "online_bdhs", "bdhs": {"rho_th": 0.99, "max_new_tokens": 40, "n_tries": 2}}, "dpo.beta"),
    Method("mixed-dpo", {"name": "mixed_dpo", **_JUDGED}, "dpo.beta"),
    Method("rloo", {"name": "rloo", **_JUDGED}, "beta", (0.01, 0.4)),
    _loss("orpo"),
    _loss("cpo"),
    _loss("hinge"),
    _loss("mpo_internvl"),
    _dpo("wpo", use_weighting=True),
    _dpo("ld-dpo", ld_alpha=0.5),
    _dpo("tr-dpo", reference_sync={"every": 2, "mix": 0.6}),
    _dpo("forward-kl", f_divergence_type="forward_kl"),
    _dpo("js-divergence", f_divergence_type="js_divergence"),
    _dpo("alpha-divergence", f_divergence_type="alpha_divergence"),
    _loss("sigmoid_norm", PER_TOKEN),
    _loss("exo_pair"),
    _loss("nca_pair"),
    _loss("bco_pair"),
    _loss("bco_pair_running"),
    _loss("sppo_hard"),
    _loss("apo_zero"),
    _loss("apo_down"),
    _loss("discopop"),
    _loss("aot"),
    _loss("aot_unpaired"),
    _loss("robust"),
    _loss("cdpo"),
    _dpo("avg-dpo", "two rejected", loss="avg_dpo"),
    Method("apo_zero_unpaired", {"name": "kto", "loss": "apo_zero_unpaired"}),
    Method("dr-grpo", {**_GROUPS, "loss_type": "dr_grpo", "scale_rewards": "none"}, "beta", PENALTY),
    Method(
        "gspo",
        {**_GROUPS, "loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4},
        "beta",
        PENALTY,
    ),
    Method("vespo", {**_GROUPS, "loss_type": "vespo"}, "beta", PENALTY),
    Method("ppo", {"name": "ppo", **_JUDGED}, "beta", (0.01, 0.4)),
]
