"""Log-probabilities of the reference, or its hidden states: computed once before training, in a file named by their content.

The reference is the policy as loaded, before adapters and before the first step, so no second model is needed.
Shared-prefix rows give the same numbers as plain ones, at half the cost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alignment.batching.collate import Row, collate, predictors, score_rows, states
from alignment.batching.policy import Policy
from alignment.batching.rows import PairRows
from alignment.data.pairs import pairs_digest
from alignment.weights.precision import held_in
from alignment.weights.workers import workers
from harness.core.digests import parts_digest
from harness.core.files import write_whole
from harness.core.plugins import Progress, no_progress

ANSWERS, TOKENS, STATES = "answers", "tokens", "states"
_ROWS_AT_ONCE = 16  # part of the key: a batch's shape can move the last bit


def reference_key(policy: Policy, rows: PairRows) -> str:
    """Names the numbers by all they depend on: weights, pairs in order, template, processor, dtype.

    The format in which the weights are held is part of it alone, not of the policy's facts, which half-done trainings are
    known by.
    """
    facts = (*held_in(policy), *rows.facts)
    return parts_digest(policy.checkpoint.digest, pairs_digest(rows.pairs), sorted(policy.facts().items()), *facts)


def reference_logps(
    policy: Policy,
    rows: PairRows,
    folder: Path,
    kind: str = ANSWERS,
    *,
    progress: Progress = no_progress,
) -> list[Tensor]:
    """Summed log-probabilities of each row's answers, (1 + K,) a row; or those of their tokens, one answer after the other; or
    the hidden states (N, D) that predict these tokens; from `folder` where they are already known."""
    key = parts_digest(reference_key(policy, rows), _ROWS_AT_ONCE, *([] if kind == ANSWERS else [kind]))
    path = folder / f"{key[:32]}.safetensors"
    found = _read(path, key) if path.is_file() else None
    known = workers().gather(found is not None)  # another arm may write it between two processes' looks
    if found is not None and all(known):
        return found
    values = compute(policy, rows, kind, progress=progress)
    if workers().is_main:
        _write(path, values, key)
    return values


@torch.no_grad()
def compute(
    policy: Policy, rows: PairRows, kind: str = ANSWERS, *, rows_at_once: int = _ROWS_AT_ONCE, progress: Progress = no_progress
) -> list[Tensor]:
    """The same without a file: rows of like length side by side, results in the rows' order; processes share the work."""
    order = sorted(range(len(rows)), key=rows.length)
    values: dict[int, Tensor] = {}
    starts = workers().share(range(0, len(order), rows_at_once))
    rows.expect([i for start in starts for i in order[start : start + rows_at_once]])
    for start in starts:
        indices = order[start : start + rows_at_once]
        values.update(zip(indices, _of(kind, policy, [rows[i] for i in indices]), strict=True))
        progress("reference log-probabilities", len(values), len(order))
    every = {i: value for part in workers().gather(values) for i, value in part.items()}
    return [every[i] for i in range(len(rows))]


def _of(kind: str, policy: Policy, rows: Sequence[Row]) -> list[Tensor]:
    if kind != STATES:
        return score_rows(policy, rows, of_tokens=kind == TOKENS)
    batch = collate(rows, policy.pad_token_id)
    return list(torch.split(predictors(states(policy, batch), batch).cpu(), [row.scored for row in rows]))


def _write(path: Path, values: Sequence[Tensor], key: str) -> None:
    counts, logps = json.dumps([len(v) for v in values]), torch.cat(list(values))
    facts = {"key": key, "counts": counts, "checksum": _checksum(key, counts, logps)}
    write_whole(path, lambda p: save_file({"logps": logps}, p, facts))


def _read(path: Path, key: str) -> list[Tensor] | None:
    """The values of a file; None where it is damaged, so that they are computed again."""
    try:
        with safe_open(path, "pt") as file:
            logps: Tensor = file.get_tensor("logps")
            facts = file.metadata()
        if facts["checksum"] == _checksum(key, facts["counts"], logps):
            return list(torch.split(logps, json.loads(facts["counts"])))
    except (KeyError, OSError, SafetensorError, TypeError, ValueError):
        pass
    return None


def _checksum(key: str, counts: str, logps: Tensor) -> str:
    values = logps.contiguous().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{key} {counts} {logps.dtype} ".encode() + values).hexdigest()
