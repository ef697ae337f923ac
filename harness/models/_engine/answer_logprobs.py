"""Exact scoring: log-probabilities of given answers, read in batches over shared prefixes.

An answer's last token is never read, only predicted. Answers to one prompt that differ in their last token alone (Yes
and No, most of the time) are therefore one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from harness.core.errors import ModelError
from harness.core.evaluation import Request
from harness.models._checkpoint.prompt_builder import PromptBuilder, Row
from harness.models._engine.decoding import NOT_FINITE
from harness.models._engine.grouping import Budget, Group, by_image, group
from harness.models._engine.language_model import LanguageModel
from harness.models._engine.running_batch import kv_cache_for
from harness.models._engine.scheduler import is_out_of_memory, shrink_after_out_of_memory
from harness.models._engine.yes_no_log_odds import NO, YES

_LOGITS = 1 << 26  # elements in work


class Forced(NamedTuple):
    """The answer that is teacher-forced; log-probabilities (n, V) of every next token, and the answer's tokens (n,)."""

    answer: int
    log_probs: Tensor
    ids: Tensor


class Scorer:
    """Reads given answers behind their prompts (teacher forcing)."""

    def __init__(self, language: LanguageModel, prompts: PromptBuilder, budget: Budget) -> None:
        self.language, self.prompts, self.budget = language, prompts, budget

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        """Log-probability in nats of each answer (without the end token) after its request's prompt."""
        return summed(self.forced(requests, answers), len(requests))

    @torch.inference_mode()
    def forced(self, requests: Sequence[Request], answers: Sequence[str]) -> Iterator[Forced]:
        """Every answer that has a token, in an order of the engine's choice."""
        parts = by_image(requests, range(len(requests)))
        self.prompts.expect(requests[part[0]].image for part in parts)
        for part in parts:
            rows, led = self._rows(part, requests, answers)
            start = 0
            while start < len(rows):
                n = self._fitting(rows[start:])
                try:
                    found = list(self._read(rows[start : start + n], led))
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error) or n == 1:
                        raise
                    shrink_after_out_of_memory(self.budget)
                    continue
                yield from found
                start += n

    def _rows(
        self, part: Sequence[int], requests: Sequence[Request], answers: Sequence[str]
    ) -> tuple[list[tuple[Row, int]], dict[int, list[tuple[int, list[int]]]]]:
        """Rows to read with the number of states wanted of each; row's index -> (answer's index, its tokens)."""
        places: dict[tuple[int, ...], int] = {}
        rows: list[tuple[Row, int]] = []
        led: dict[int, list[tuple[int, list[int]]]] = {}
        for i in part:
            row = self.prompts.row(i, requests[i])
            (tail,) = self.prompts.answer_ids(requests[i], [answers[i]])
            if not tail:
                continue
            whole, read = row.followed_by(tail[:-1]), len(tail)
            if self.language.alone(row, len(tail)):  # its length counts, that of the last token too
                whole, read = replace(row.followed_by(tail), whole=len(row.ids) + len(tail)), len(tail) + 1
            place = places.setdefault((len(tail), *whole.ids), i)
            if place == i:
                rows.append((whole, read))
            led.setdefault(place, []).append((i, tail))
        return rows, led

    def _fitting(self, rows: Sequence[tuple[Row, int]]) -> int:
        """The number of rows that fit in the budget, at least one."""
        if self.language.alone(rows[0][0]):
            return 1
        n, tokens, states = 0, len(rows[0][0].ids), 0
        limit = max(1, _LOGITS // self.language.vocabulary)
        for row, wanted in rows:
            tokens, states = tokens + len(row.ids), states + wanted
            is_full = tokens > self.budget.tokens or n >= self.budget.rows or states > limit
            if n and (is_full or self.language.alone(row)):
                break
            n += 1
        return n

    def _read(self, rows: Sequence[tuple[Row, int]], led: dict[int, list[tuple[int, list[int]]]]) -> Iterator[Forced]:
        wanted = {row.index: n for row, n in rows}
        groups: list[Group] = group([row for row, _ in rows], self.prompts.image_token_id, list(wanted.values()))
        states = kv_cache_for(self.language).read(groups)
        log_probs = self.language.logits(states).float().log_softmax(-1)
        order = [row.index for g in groups for row in g.rows]
        for index, own in zip(order, torch.split(log_probs, [wanted[i] for i in order]), strict=True):
            for i, tail in led[index]:
                yield Forced(i, own[: len(tail)], torch.tensor(tail, device=own.device))


def summed(answers: Iterable[Forced], n: int) -> list[float]:
    """Log-probability of each of n answers; of an empty one it is 0. Raises ModelError where it is not a number."""
    values = [0.0] * n
    for forced in answers:
        values[forced.answer] = float(forced.log_probs.gather(1, forced.ids[:, None]).sum())
    if any(math.isnan(value) for value in values):
        raise ModelError(NOT_FINITE)
    return values


def log_odds(log_probs: Callable[[Sequence[Request], Sequence[str]], list[float]], requests: Sequence[Request]) -> list[float]:
    """log p(Yes or yes) - log p(No or no) of each request's answer, in nats: above 0 the model prefers yes."""
    words = [*YES, *NO]
    asked = [request for request in requests for _ in words]
    values = log_probs(asked, words * len(requests))
    found = []
    for start in range(0, len(values), len(words)):
        own = values[start : start + len(words)]
        found.append(_log_sum(own[: len(YES)]) - _log_sum(own[len(YES) :]))
    return found


def _log_sum(values: Sequence[float]) -> float:
    peak = max(values)
    return peak + math.log(sum(math.exp(v - peak) for v in values))
