"""The one loop: pairs in, a checkpoint out, exactly resumable.

    folder/reference/   log-probabilities of the reference, by content
    folder/log.jsonl    one row a step, TRL's names
    folder/state/       weights, optimizer, random state: every `save_every` steps
    folder/checkpoint/  the result
    folder/done.json    written last

Called again on the same folder it goes on from the last state and ends in the same weights, bit for bit on a CPU.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alignment.batches import answer_tokens, collate, score
from alignment.checkpoint import write_checkpoint
from alignment.diagnosis import diagnose, dropped_note
from alignment.files import digest_of, seed_of, write_text_whole
from alignment.objectives import Objective, Totals
from alignment.pairs import pairs_digest
from alignment.policy import Policy
from alignment.reference import reference_logps
from alignment.rows import Rows, make_rows
from alignment.settings import Settings, learning_rate_factor
from alignment.state import append_log, check_fingerprint, cut_log, load_state, read_log, save_state
from alignment.supply import Online, Reference, Sample, Stored, Supply
from alignment.trainable import Trainable, prepare
from alignment.validation import require_some, table, validate
from harness.contract import PreferencePair, Progress, no_progress
from harness.errors import TrainingError

DONE = "done.json"
CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Alignment:
    """A finished training: `log` has one row a step, `dropped` counts pairs left out by reason."""

    log: tuple[Mapping[str, float], ...]
    folder: Path
    step: int
    notes: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


def train(
    policy: Policy,
    pairs: Sequence[PreferencePair],
    image_root: Path,
    folder: Path,
    objective: Objective,
    settings: Settings,
    progress: Progress = no_progress,
    online: Online | None = None,
) -> Alignment:
    """Train a freshly loaded policy on pairs, or go on where a killed run stopped.

    `online` makes each step's pairs from the policy as it is; without it the pairs are trained on as they are.

    Raises TrainingError when no pair is left, when the folder holds another training, or when a loss is not finite
    (naming the pairs; the last state is kept).
    """
    kept, dropped = validate(pairs, image_root)
    require_some(kept, dropped)
    made = {**objective.facts(), **settings.facts(), **(online.facts() if online else {})}
    fingerprint = digest_of(made, pairs_digest(kept), policy.checkpoint.digest, sorted(policy.facts().items()))
    if (folder / DONE).is_file() and (folder / CHECKPOINT).is_dir():
        return _finished(folder, fingerprint)
    folder.mkdir(parents=True, exist_ok=True)
    rows, too_long = make_rows(policy, kept, image_root, max_length=settings.max_length, progress=progress)
    dropped += too_long
    require_some(rows, dropped)
    trained, supply = _supply(policy, rows, image_root, folder, objective, settings, progress, online)
    loop = _Loop(policy, supply, objective, settings, trained, folder, fingerprint)
    loop.run(progress)
    write_checkpoint(trained, policy.checkpoint, folder / CHECKPOINT, {"step": loop.total, **made})
    facts = {"fingerprint": fingerprint, "step": loop.total, "pairs": len(pairs), "dropped": table(dropped)}
    write_text_whole(folder / DONE, json.dumps(facts) + "\n")
    return _finished(folder, fingerprint)


def _supply(
    policy: Policy,
    rows: Rows,
    image_root: Path,
    folder: Path,
    objective: Objective,
    settings: Settings,
    progress: Progress,
    online: Online | None,
) -> tuple[Trainable, Supply]:
    """Make the module ready and say where pairs come from.

    The reference is the policy as loaded, so its numbers (or a copy) are taken before adapters and before a state.
    """
    if online is not None:
        reference = Reference(policy, settings)
        trained = prepare(policy.module, settings)
        return trained, online.supply(policy, rows, image_root, reference.of(trained))
    known = None
    if objective.needs_reference:
        known = reference_logps(policy, rows, folder / "reference", progress=progress)
    return prepare(policy.module, settings), Stored(rows, known)


def _finished(folder: Path, fingerprint: str) -> Alignment:
    facts = json.loads((folder / DONE).read_text(encoding="utf-8"))
    check_fingerprint(folder, facts["fingerprint"], fingerprint)
    log = read_log(folder, facts["step"])
    notes = (*dropped_note(facts["dropped"], facts["pairs"]), *diagnose(log))
    return Alignment(tuple(log), folder / CHECKPOINT, facts["step"], notes, facts["dropped"])


class _Loop:
    """Optimizer steps over pairs; all randomness follows from the seed and the step."""

    def __init__(
        self,
        policy: Policy,
        supply: Supply,
        objective: Objective,
        settings: Settings,
        trained: Trainable,
        folder: Path,
        fingerprint: str,
    ) -> None:
        self.policy, self.supply, self.objective, self.settings = policy, supply, objective, settings
        self.trained, self.folder, self.fingerprint = trained, folder, fingerprint
        self.total = settings.steps(len(supply))
        self.optimizer = torch.optim.AdamW(trained.groups(settings))

    def run(self, progress: Progress) -> None:
        torch.manual_seed(seed_of(self.settings.seed, "train"))
        start = load_state(self.folder, self.trained.weights, self.optimizer, self.fingerprint)
        cut_log(self.folder, start)
        before = read_log(self.folder, start)
        n_tokens = int(before[-1]["num_tokens"]) if before else 0
        for step in range(start, self.total):
            row = self._step(step, n_tokens)
            n_tokens = int(row["num_tokens"])
            append_log(self.folder, row)
            if (step + 1) % self.settings.save_every == 0 and step + 1 < self.total:
                save_state(self.folder, step + 1, self.trained.weights, self.optimizer, self.fingerprint)
            progress("training", step + 1, self.total)

    def _step(self, step: int, n_tokens: int) -> dict[str, float]:
        """One optimizer step; returns its log row."""
        started = time.perf_counter()
        samples, figures = self.supply.take(step, self._indices(step))
        factor = learning_rate_factor(step, self.total, self.settings.schedule, self.settings.warmup_ratio)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor
        loss, values, tokens = self._backward(samples)
        norm = torch.nn.utils.clip_grad_norm_(self.trained.weights.values(), self.settings.clip or math.inf)
        _require_finite(float(norm), "gradient", samples)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        elapsed = time.perf_counter() - started
        return {
            "step": step + 1,
            "epoch": round((step + 1) / math.ceil(len(self.supply) / self.settings.batch_size), 4),
            "loss": loss,
            "grad_norm": float(norm),
            "learning_rate": self.settings.learning_rate * factor,
            **{name: float(value) for name, value in values.items()},
            **figures,
            "num_tokens": n_tokens + tokens,
            "time/step_s": round(elapsed, 4),
            "time/tokens_per_s": round(tokens / elapsed, 1),
        }

    def _indices(self, step: int) -> list[int]:
        """The pairs of a step: a new order each epoch, the last batch of an epoch may be smaller."""
        size = self.settings.batch_size
        epoch, place = divmod(step, math.ceil(len(self.supply) / size))
        order = list(range(len(self.supply)))
        random.Random(seed_of(self.settings.seed, "epoch", epoch)).shuffle(order)
        return order[place * size : (place + 1) * size]

    def _backward(self, samples: Sequence[Sample]) -> tuple[float, dict[str, Tensor], int]:
        """Gradients of one step: (loss, mean logged values, real tokens). Rows of like length share a forward pass."""
        needed = [s._replace(row=self.objective.row(s.row)) for s in samples]
        needed.sort(key=lambda s: s.row.length)
        totals = self.objective.totals([s.row for s in needed])
        size = self.settings.micro_batch
        loss, parts = 0.0, list[dict[str, Tensor]]()
        for chunk in (needed[i : i + size] for i in range(0, len(needed), size)):
            value, part = self._micro(chunk, totals)
            loss += value
            parts.append(part)
        values = {name: torch.cat([part[name] for part in parts]).mean() for name in parts[0]}
        return loss, values, sum(s.row.length for s in needed)

    def _micro(self, chunk: Sequence[Sample], totals: Totals) -> tuple[float, dict[str, Tensor]]:
        batch = collate([s.row for s in chunk], self.policy.pad_token_id)
        known = [s.reference for s in chunk if s.reference is not None]
        with self._precision():
            answers = score(self.policy, batch)
        reference = torch.cat(known) if known else None
        part = self.objective(answers, answer_tokens(batch), batch.answers_of_row, reference, totals)
        value = float(part.loss.detach())
        _require_finite(value, "loss", chunk)
        part.loss.backward()  # type: ignore[no-untyped-call]
        return value, part.values

    def _precision(self) -> AbstractContextManager[Any]:
        if self.settings.dtype == "as_loaded":
            return nullcontext()
        device = next(self.policy.module.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16)


def _require_finite(value: float, what: str, samples: Sequence[Sample]) -> None:
    if math.isfinite(value):
        return
    raise TrainingError(
        f"The {what} is {value}; training stopped and the last saved state is kept. Pairs of the batch: "
        f"{', '.join(s.id for s in samples)}. Look at them, or lower learning_rate."
    )
