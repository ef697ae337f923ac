"""Mixtures of losses that have a name of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# MPO, Wang et al. 2024, arXiv:2411.10442: preference, quality of each answer, likelihood of the chosen one
MIXTURES: dict[str, tuple[Mapping[str, Any], ...]] = {
    "mpo": (  # as TRL 1.16 reads it: no reward shift
        {"name": "dpo", "weight": 0.8},
        {"name": "bco_pair", "weight": 0.2},
        {"name": "sft", "weight": 1.0},
    ),
    "mpo_internvl": (  # as InternVL's trainer_dpo.py: rewards count from their running mean
        {"name": "dpo", "weight": 0.8},
        {"name": "bco_pair_running", "weight": 0.2},
        {"name": "sft", "weight": 1.0},
    ),
}
