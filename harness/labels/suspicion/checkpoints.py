"""Checkpoints that agree against the label, each weighted by its accuracy elsewhere; correlated checkpoints count once."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from harness.labels.claims import Witness
from harness.labels.log_odds import Codes, against, decorrelated_weights
from harness.labels.suspicion.claim_table import Finding, Table, nothing
from harness.labels.suspicion.confusable_classes import is_beside, unlisted
from harness.labels.suspicion.hard_instances import is_hard

# log-odds of yes are read in these steps: two answers on one side of 0 weigh differently when one is sure
_STEPS = (-log(20), -log(3), 0.0, log(3), log(20))
_NO, _YES = 0, 1


def agreement(table: Table) -> Finding:
    """Nats of all checkpoints together; the reason counts those that contradict the label."""
    read = [made for witness in table.witnesses if ((made := _codes(table, witness))[2] >= 0).any()]
    if not read:  # no checkpoint, or none whose answers imply a label
        return nothing(table)
    hard, absent = is_hard(table) | is_beside(table), unlisted(table)
    weights = np.array([
        against(codes, n_codes, table.is_yes, table.object_codes, hard, absent) for codes, n_codes, _ in read
    ])  # fmt: skip
    answers = np.array([yes for _, _, yes in read])  # (K, N): 1 yes, 0 no, -1 nothing
    shares = decorrelated_weights((answers != table.is_yes).astype(np.float64), answers >= 0)
    return Finding((weights * shares[:, None]).sum(axis=0), _reasons(table, answers), model_evidence=True)


def _codes(table: Table, witness: Witness) -> tuple[Codes, int, NDArray[np.int8]]:
    """(N,) codes of the labels it implies, the number of codes, and (N,) yes 1, no 0, no answer -1."""
    silent = _NO if table.evidence.free_text else -1
    implied = [witness.implied.get((claim.item_id, claim.field)) for claim in table.claims]
    words = [
        int(one.yes) if one is not None else silent if claim.item_id in witness.answers else -1
        for one, claim in zip(implied, table.claims, strict=True)
    ]
    yes = np.array(words, dtype=np.int8)
    known = [one.nats for one in implied if one is not None]
    if not known or None in known:
        return yes.astype(np.intp), 2, yes
    nats = np.array([one.nats if one is not None else np.nan for one in implied], dtype=np.float64)
    steps = np.where(np.isnan(nats), -1, np.searchsorted(_STEPS, nats, side="right"))
    return steps.astype(np.intp), len(_STEPS) + 1, yes


def _reasons(table: Table, answers: NDArray[np.int8]) -> dict[int, str]:
    answered = (answers >= 0).sum(axis=0)
    contrary = ((answers >= 0) & (answers != table.is_yes)).sum(axis=0)
    right = _right_elsewhere(table, answers)
    reasons = {}
    for row in np.flatnonzero(contrary > 0).tolist():
        names = table.evidence.free_text
        what = ("name it" if names else "say yes") if not table.is_yes[row] else ("do not name it" if names else "say no")
        if names and table.is_yes[row] and contrary[row] < answered[row]:
            continue  # descriptions leave out much; only what nobody names is a reason
        reasons[row] = f"{contrary[row]} of {answered[row]} checkpoints {what} ({right})"
    return reasons


def _right_elsewhere(table: Table, answers: NDArray[np.int8]) -> str:
    shares = sorted(float((row == table.is_yes)[row >= 0].mean()) for row in answers)
    low, high = f"{shares[0]:.0%}", f"{shares[-1]:.0%}"
    return f"right on {low if low == high else f'{low} to {high}'} of all labels"
