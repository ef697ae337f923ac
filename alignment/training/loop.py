"""Optimizer steps over prompts; all randomness follows from the seed and the step, so that any step can be resumed."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from alignment.batching.collate import Batch, Row, collate
from alignment.batching.policy import Policy
from alignment.early_stopping import Rule
from alignment.losses.answer.bco_pair_running import RUNNING
from alignment.settings import Settings, learning_rate_factor
from alignment.trackers import Tracker, trackers
from alignment.training.objectives import Objective, Part, ReadsStep, Totals
from alignment.training.sample_supply import LooksAhead, Sample, Supply
from alignment.weights.code_used import note_code
from alignment.weights.replicated import Replicated
from alignment.weights.resume_state import (
    Identity,
    LogRow,
    append_log,
    load_state,
    remove_older_states,
    save_state,
    write_log,
)
from alignment.weights.single_writer import SingleWriter
from harness.core.digests import seed_of
from harness.core.errors import TrainingError
from harness.core.plugins import Progress

T = TypeVar("T")


class Loop:
    """One training: `run` goes from the last state to the end, or to where a rule stops it."""

    def __init__(
        self,
        policy: Policy,
        supply: Supply,
        objective: Objective,
        settings: Settings,
        shards: Replicated,
        folder: Path,
        identity: Identity,
        rules: Sequence[Rule],
    ) -> None:
        self.policy, self.supply, self.objective, self.settings = policy, supply, objective, settings
        self.shards, self.folder, self.identity = shards, folder, identity
        self.rules, self.workers = rules, shards.workers
        self.total = settings.steps(len(supply), supply.repeats)
        self.optimizer = shards.optimizer(settings)
        self._orders: dict[int, list[int]] = {}  # epoch -> the prompts in its order

    def run(self, progress: Progress) -> tuple[int, str]:
        """(steps done, why it stopped early or "")."""
        log = load_state(self.folder, self.shards, self.optimizer, self.identity)
        start = len(log)
        self.workers.wait()  # until all have read what the first one is about to change
        writer = SingleWriter(self.folder) if self.workers.is_main else None
        if self.workers.is_main:
            write_log(self.folder, log)  # the steps behind the state are done again
            note_code(self.folder, start)
            remove_older_states(self.folder, start, self.settings.keep_states)
        watching = trackers(self.settings.trackers, self.folder, start) if self.workers.is_main else []
        try:
            done = self._steps(start, log, watching, progress, writer)
            if writer is not None:
                writer.check()
                write_log(self.folder, log)  # flushed, before the result is written
            return done
        finally:
            for tracker in watching:
                tracker.close()
            if writer is not None:
                writer.leave()

    def _steps(
        self, start: int, log: list[LogRow], watching: Sequence[Tracker], progress: Progress, writer: SingleWriter | None
    ) -> tuple[int, str]:
        for step in range(start, self.total):
            why = next(filter(None, (rule(log) for rule in self.rules)), "")
            if stopped := self.workers.gather(why)[0]:  # by the first one's log: times of a step differ
                return step, stopped
            log.append(self._step(step, log[-1] if log else {}))
            if writer is not None:
                writer.check()
                append_log(self.folder, log[-1])
            for tracker in watching:
                tracker.log(step + 1, log[-1])
            if any("loss" in row for row in log):  # before the first update there is nothing to keep
                self._save(log)
            progress(_told(log[-1]), step + 1, self.total)
        return self.total, ""

    def _save(self, log: Sequence[LogRow]) -> None:
        """Write the state where one is due; all processes put it together."""
        done = len(log)
        due = done // self.settings.save_every > (done - self.supply.repeats) // self.settings.save_every
        if due and done % self.supply.repeats == 0 and done < self.total:
            held = self.shards.held(self.optimizer)
            if self.workers.is_main:
                save_state(self.folder, log, held, self.identity, self.settings.keep_states)

    def _step(self, step: int, past: LogRow) -> LogRow:
        """One optimizer step behind the one with the log row `past`; returns its own."""
        started = time.perf_counter()
        torch.manual_seed(seed_of(self.settings.seed, "step", step, self.workers.rank))  # dropout of adapters
        batch = self._indices(step // self.supply.repeats)
        own = self.workers.share(batch)
        if isinstance(self.supply, LooksAhead):
            following = self._indices((step + 1) // self.supply.repeats) if step + 1 < self.total else []
            self.supply.expect([*own, *self.workers.share(following)])
        samples, figures = self.supply.take(step, own)
        factor = learning_rate_factor(step, self.total, self.settings.schedule, self.settings.warmup_ratio)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor
        loss, values, tokens = self._backward(samples, past, step)
        learned = self._update(samples, loss)
        elapsed = time.perf_counter() - started
        return {
            "step": step + 1,
            "epoch": round((step + 1) / (math.ceil(len(self.supply) / self.settings.batch_size) * self.supply.repeats), 4),
            **learned,
            "learning_rate": self.settings.learning_rate * factor,
            **(values if loss is not None else {name: past[name] for name in RUNNING if name in past}),
            **figures,
            "num_tokens": int(past.get("num_tokens", 0)) + tokens,
            "time/step_s": round(elapsed, 4),
            "time/tokens_per_s": round(tokens / elapsed, 1),
        }

    def _indices(self, batch: int) -> list[int]:
        """The prompts of a batch: a new order each epoch, the last batch of an epoch may be smaller."""
        size = self.settings.batch_size
        epoch, place = divmod(batch, math.ceil(len(self.supply) / size))
        if epoch not in self._orders:
            order = list(range(len(self.supply)))
            random.Random(seed_of(self.settings.seed, "epoch", epoch)).shuffle(order)
            self._orders = {epoch: order}
        return self._orders[epoch][place * size : (place + 1) * size]

    def _update(self, samples: Sequence[Sample], loss: float | None) -> LogRow:
        """The weights' step. Without a loss there is nothing to learn from: weights and optimizer stay as they are."""
        if loss is None:
            return {"skipped": 1.0}
        norm = self.shards.update(self.optimizer, self.settings.clip, lambda norm: _require_finite(norm, "gradient", samples))
        return {"loss": loss, "grad_norm": norm}

    def _backward(self, samples: Sequence[Sample], past: LogRow, step: int) -> tuple[float | None, LogRow, int]:
        """Gradients of one step: (loss, logged means, real tokens), over all processes. Rows of like length go together.

        The loss is None where no process has a sample.
        """
        rows = [self.objective.row(s.row) for s in samples]
        order = sorted(range(len(rows)), key=lambda i: rows[i].length)
        needed = [samples[i] for i in order]
        every = self.workers.gather(self.objective.totals(rows))
        totals = Totals(*(sum(counts) for counts in zip(*(t[:4] for t in every), strict=True)))
        size = self.settings.micro_batch
        chunks = [needed[i : i + size] for i in range(0, len(needed), size)]
        passes = self.workers.gather(len(chunks))
        spares = self._spares(chunks, passes)
        views = self._views(chunks, spares, past, step) if any(passes) else []
        loss, parts = 0.0, list[Part]()
        for number, chunk in enumerate(chunks):
            self._seed_part(step, number)
            value, part = self._micro(chunk, totals._replace(step=views[number]))
            loss += value
            parts.append(part)
        for unused in spares:  # a process with fewer rows makes an idle pass, or the others would wait without end
            self._micro(unused, totals._replace(step=views[-1]), weight=0.0)
        mine = {name: [float(v) for part in parts for v in part.values[name]] for name in (parts[0].values if parts else ())}
        of_step = dict(parts[0].figures) if parts else {}
        found = self.workers.gather((loss, mine, sum(row.length for row in rows), of_step))
        names = dict.fromkeys(name for _, values, *_ in found for name in values)
        of = {n: [v for _, values, *_ in found for v in values.get(n, ())] for n in names}
        means = {n: _mean(values) for n, values in of.items() if values}
        if {"rewards/chosen", "rewards/rejected"} <= means.keys():  # of answers that are no pairs: of the step's two means
            means.setdefault("rewards/margins", means["rewards/chosen"] - means["rewards/rejected"])
        means |= next((f[3] for f in found if f[3]), {})  # a process without a sample has none
        return sum(f[0] for f in found) if any(passes) else None, means, sum(f[2] for f in found)

    def _spares(self, chunks: Sequence[Sequence[Sample]], passes: Sequence[int]) -> list[Sequence[Sample]]:
        """What a process with fewer passes than another takes in its idle ones: a sample of its own, or of another's."""
        if not self.shards.in_step or not any(passes):
            return []
        own = chunks[0][:1] if chunks else []
        spare = own if all(passes) else next(filter(None, self.workers.gather(own)))
        return [spare] * (max(passes) - len(chunks))

    def _views(
        self, chunks: Sequence[Sequence[Sample]], spares: Sequence[Sequence[Sample]], past: LogRow, step: int
    ) -> Sequence[Any]:
        """For an objective that reads the whole step: what it finds there, by a pass without gradients, for each micro-batch;
        behind them once more for idle passes."""
        if not isinstance(self.objective, ReadsStep) or not self.objective.whole_step:
            return [None] * (len(chunks) + 1)
        looks = list[Any]()
        for number, chunk in enumerate([*chunks, *spares]):
            self._seed_part(step, number)
            with torch.no_grad():
                found = self._passed(chunk, self.objective.seen, self.objective.look)
            looks += [found] if number < len(chunks) else []
        return self.objective.views(self.workers.gather(looks), self.workers.rank, past)

    def _seed_part(self, step: int, number: int) -> None:
        """The same dropout in both passes over a micro-batch."""
        if isinstance(self.objective, ReadsStep) and self.objective.whole_step:
            torch.manual_seed(seed_of(self.settings.seed, "part", step, self.workers.rank, number))

    def _micro(self, chunk: Sequence[Sample], totals: Totals, weight: float = 1.0) -> tuple[float, Part]:
        part = self._passed(
            chunk, self.objective.row, lambda policy, batch, known: self.objective(policy, batch, known, totals)
        )
        value = float(part.loss.detach())
        _require_finite(value, "loss", chunk)
        self.shards.backward(part.loss * weight)
        return value, part

    def _passed(
        self, chunk: Sequence[Sample], part: Callable[[Row], Row], work: Callable[[Policy, Batch, Mapping[str, Tensor]], T]
    ) -> T:
        """Let `work` pass a micro-batch through the module, of each row the answers that `part` takes."""
        batch = collate([part(s.row) for s in chunk], self.policy.pad_token_id)
        known = {name: torch.cat([s.known[name] for s in chunk]) for name in chunk[0].known}
        return self.shards.run(lambda: work(self.policy, batch, known), bool(batch.vision))


def _told(row: LogRow) -> str:
    """The progress line of a step."""
    shown = (("loss", "loss"), ("rewards/margins", "margin"), ("rewards/accuracies", "accuracy"),
             ("rewards/chosen", "chosen"), ("objective/kl", "KL"))  # fmt: skip
    values = [f"{name} {row[key]:.3f}" for key, name in shown if key in row]
    return "training\t" + "  ".join([*values, f"{row['time/tokens_per_s']:.0f} tokens/s"])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _require_finite(value: float, what: str, samples: Sequence[Sample]) -> None:
    if math.isfinite(value):
        return
    raise TrainingError(
        f"The {what} is {value}; training stopped and the last saved state is kept. Pairs of the batch: "
        f"{', '.join(s.id for s in samples)}. Look at them, or lower learning_rate."
    )
