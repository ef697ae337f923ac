"""Image-first generation: each image is encoded once, the words its questions share are read once.

Rows are grouped by (image, hidden tokens, noise). A group's shared prefix - system text, image tokens, shared words -
goes through the language model once; the rows' remaining tokens follow as one batch over it. Groups of many images run
together up to a budget; finished rows leave the batch and waiting groups take their place.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.models._checkpoint.prompt_builder import PromptBuilder, Row
from harness.models._engine.decoding import (
    KnownRow,
    RowState,
    Stopper,
    ThinkingLimit,
    cut_after_stop,
    with_room_to_think,
)
from harness.models._engine.generation_settings import GenerationSettings
from harness.models._engine.grouping import Budget, Group, by_image, group, waves
from harness.models._engine.language_model import LanguageModel
from harness.models._engine.running_batch import Batch, RunningRow
from harness.models._engine.yes_no_log_odds import YesNoLogOdds

_TOGETHER = 32  # groups whose prompts are read before the next step
Finished = list[tuple[int, Answer]]


@dataclass(slots=True)
class Wave:
    """A wave in work: parts (indices of one group) that wait, those being taken, and rows already written out."""

    requests: Sequence[Request]
    done: Mapping[int, Answer]
    waiting: deque[list[int]]
    batch: Batch
    taken: list[list[int]] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)


class ImageFirstEngine:
    """The scheduler. What shares a batch, and when, is a function of the requests and of their answers alone."""

    def __init__(
        self,
        language: LanguageModel,
        prompts: PromptBuilder,
        end_ids: frozenset[int],
        budget: Budget,
        settings: GenerationSettings | None = None,
        thinking: int = 0,
    ) -> None:
        """thinking: tokens of reasoning at most, besides those of the answer; 0 for one limit over both."""
        self.language, self.prompts, self.end_ids, self.budget = language, prompts, end_ids, budget
        self._settings, self._thinking = settings, thinking
        self._stoppers: dict[tuple[str, ...], Stopper] = {}
        self._log_odds = YesNoLogOdds(prompts)

    def generate(self, requests: Sequence[Request], done: Mapping[int, Answer] | None = None) -> Iterator[Finished]:
        """Yield answers as they are finished; those in `done` are not generated again.

        Raises ModelError when memory does not suffice for a single request.
        """
        done = done or {}
        whole = [parts for parts in self.waves(requests) if not all(i in done for part in parts for i in part)]
        for n, parts in enumerate(whole, start=1):
            yield from self.wave(requests, parts, done, *whole[n : n + 1])

    def wave(
        self,
        requests: Sequence[Request],
        parts: Sequence[list[int]],
        done: Mapping[int, Answer],
        following: Sequence[list[int]] = (),
    ) -> Iterator[Finished]:
        """One of `waves`, as `generate` works through it; nothing where all of it is in `done`.

        following: the next one, whose images may be made ahead.
        """
        if all(i in done for part in parts for i in part):
            return
        self.prompts.expect(requests[part[0]].image for part in (*parts, *following))
        wave = Wave(requests, done, deque(parts), Batch(self.language))
        while wave.waiting or wave.batch.live:
            found = self._move(wave)
            if found:
                yield found

    def waves(self, requests: Sequence[Request]) -> list[list[list[int]]]:
        """As `grouping.waves`; requests that have to be read alone come last, each a wave of its own."""
        if self.language.original_length is None:
            return waves(requests)
        alone = {i for i, request in enumerate(requests) if self._is_alone(self._asked(i, request))}
        rest = [[[i for i in part if i not in alone] for part in wave] for wave in waves(requests)]
        return [[part for part in wave if part] for wave in rest if any(wave)] + [[[i]] for i in sorted(alone)]

    def _is_alone(self, row: Row) -> bool:
        return self.language.alone(row, row.request.decoding.max_new_tokens)

    # ------------------------------------------------------------ one move: join or step

    def _move(self, wave: Wave) -> Finished:
        """Answers that one pass of the language model finished; none where memory ran out and all in work waits again."""
        batch, at_work = wave.batch, [entry.row.index for entry in wave.batch.live]
        wave.taken = []
        try:
            return self._joined_or_stepped(wave)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(at_work) + sum(map(len, wave.taken)) <= 1:
                raise ModelError(
                    f"Memory does not suffice for a single question ({(str(error) or 'MemoryError').splitlines()[0]}). "
                    "Free some, use a smaller dtype or another device, and run the same command again; all answers are kept."
                ) from error
        batch.live.clear()
        wave.batch = Batch(self.language)
        wave.waiting.extendleft([*by_image(wave.requests, at_work), *wave.taken][::-1])
        shrink_after_out_of_memory(self.budget)
        return []

    def _joined_or_stepped(self, wave: Wave) -> Finished:
        started, batch = time.perf_counter(), wave.batch
        groups = self._take(wave) if wave.waiting and self._has_room(batch) else []
        if groups:
            worked = [self._live(row, g, wave.done) for g in groups for row in g.rows]
            finished = batch.join(worked, groups, self.end_ids, self._log_odds)
        else:
            worked = batch.live
            finished = batch.step(self.end_ids)
        each = (time.perf_counter() - started) / len(worked)
        for entry in worked:
            entry.latency_s += each
        if finished:
            batch.drop(finished)
        return [(e.row.index, self._answer(e)) for e in finished if e.row.index not in wave.done]

    # ------------------------------------------------------------ what joins

    def _has_room(self, batch: Batch) -> bool:
        """A quarter of the budget is free: joining costs the rows in work a pause, so it is not done for one place."""
        return 4 * len(batch.live) <= 3 * self.budget.rows and 4 * batch.slots() <= 3 * self.budget.tokens

    def _take(self, wave: Wave) -> list[Group]:
        """The next groups, as many as fit; where nothing is in work at least one row."""
        found: list[Group] = []
        while wave.waiting and len(found) < _TOGETHER:
            part = wave.waiting[0]
            self.prompts.ahead([wave.requests[i] for i in part if i not in wave.rows])
            rows = [self._row(wave, i) for i in part]
            n = self._fitting(rows, wave.batch, found)
            if n == 0 or (n < len(rows) and (wave.batch.live or found)):
                break  # a group that does not fit beside others waits for its turn and is read once
            wave.waiting.popleft()
            wave.taken.append(part[:n])
            found += group(rows[:n], self.prompts.image_token_id)
            for i in part[:n]:
                del wave.rows[i]
            if n < len(rows):
                wave.waiting.appendleft(part[n:])
                break
        return found

    def _fitting(self, rows: list[Row], batch: Batch, joining: list[Group]) -> int:
        """As many of a group's first rows as fit in the budget; at least one where nothing else is in work."""
        least = 0 if batch.live or joining else 1
        taken = len(batch.live) + sum(len(g.rows) for g in joining)
        slots = batch.slots() + sum(batch.needs(g) for g in joining)
        n = max(min(len(rows), self.budget.rows - taken), least)
        while n > least:
            more = sum(batch.needs(g) for g in group(rows[:n], self.prompts.image_token_id))
            if slots + more <= self.budget.tokens:
                break
            n //= 2
        return max(n, least)

    def _row(self, wave: Wave, index: int) -> Row:
        if index not in wave.rows:
            row = self._asked(index, wave.requests[index])
            wave.rows[index] = replace(row, whole=len(row.ids)) if self._is_alone(row) else row
        return wave.rows[index]

    def _asked(self, index: int, request: Request) -> Row:
        return self.prompts.row(index, with_room_to_think(request, self._thinking))

    # ------------------------------------------------------------ rows

    def _live(self, row: Row, own: Group, done: Mapping[int, Answer]) -> RunningRow:
        decoding = row.request.decoding
        known = None if self.language.mixes_rows else done.get(row.index)
        if known is not None:
            return RunningRow(row, KnownRow(known), own)
        read = row.all_ids(self.prompts.image_token_id)
        bend = self._settings.bend(len(read), decoding.max_new_tokens, self.end_ids) if self._settings else None
        limit = self._thinking_limit(row) if self._thinking else None
        return RunningRow(row, RowState(decoding, self.end_ids, self._stopper(decoding.stop), bend, read, limit), own)

    def _thinking_limit(self, row: Row) -> ThinkingLimit:
        answer = row.request.decoding.max_new_tokens - self._thinking
        return ThinkingLimit(self.prompts.tokens, self._thinking, answer, self.prompts.opened_reasoning(row.ids))

    def _stopper(self, stop: tuple[str, ...]) -> Stopper | None:
        if stop and stop not in self._stoppers:
            self._stoppers[stop] = Stopper(self.prompts.tokens, stop)
        return self._stoppers.get(stop)

    def _answer(self, entry: RunningRow) -> Answer:
        row, state = entry.row, entry.state
        text = self.prompts.answer_text(row.context, state.ids, row.head)
        if not row.request.prefix:
            text = self.prompts.opened_reasoning(row.ids) + text
        if state.stopped == "stop":
            text = cut_after_stop(text, row.request.decoding.stop)
        return Answer(
            "", text, len(state.ids), state.stopped, entry.latency_s, entry.yes_nats, state.sampled, state.sampled_logps
        )


def shrink_after_out_of_memory(budget: Budget) -> None:
    """After memory ran out: give back what the device keeps in reserve, and work in smaller batches."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    budget.halve()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is torch's error on a GPU, Python's, or torch's message on a CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return any(words in message for words in ("can't allocate memory", "out of memory", "not enough memory", "_alloc_failed"))
