"""One situation on both sides: what our engine computed for every token, and whether transformers says the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import harness.models._engine.one_by_one as one_by_one
import harness.models._engine.running_batch as running_batch
from harness.core.evaluation import Answer, Request
from harness.models._engine.decoding import KnownRow, cut_after_stop
from harness.models._engine.grouping import Budget
from harness.models._engine.scheduler import ImageFirstEngine
from harness.models.transformers import TransformersModel
from tests.campaigns.situations import Situation
from tests.campaigns.transformers_side import Plain

LIMIT = 1e-4


@dataclass
class Found:
    """What came of a situation; `worst` is the largest difference, by the largest logit where that is above 1."""

    number: int
    kind: str
    recipe: str
    comparisons: int = 0
    worst: float = 0.0
    disagreements: list[str] = field(default_factory=list)

    def compare(self, what: str, ours: Tensor, theirs: Tensor) -> None:
        self.comparisons += len(ours)
        apart = (ours - theirs).abs().max() / theirs.abs().max().clamp(min=1)
        if not apart <= LIMIT:
            self.disagreements.append(f"{what}: {float(apart):.1e} apart")
        else:
            self.worst = max(self.worst, float(apart))

    def agree(self, what: str, ours: Any, theirs: Any) -> None:
        self.comparisons += 1
        if ours != theirs:
            self.disagreements.append(f"{what}: {ours!r} for {theirs!r}")


@dataclass
class Watched:
    """Row by row the logits that each token was chosen from, and the tokens."""

    logits: dict[int, list[Tensor]] = field(default_factory=dict)
    tokens: dict[int, list[int]] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    parts: list[list[tuple[int, Answer]]] = field(default_factory=list)


def situation_of(model: TransformersModel, plain: Plain, situation: Situation, recipe: str) -> Found:
    """Both sides of a situation."""
    found = Found(situation.seed, situation.kind, recipe)
    try:
        if situation.kind == "score":
            _scored(model, plain, situation, found)
        else:
            _answered(model, plain, situation, found)
    except Exception as error:
        found.disagreements.append(f"{type(error).__name__}: {error}")
    return found


def _answered(model: TransformersModel, plain: Plain, situation: Situation, found: Found) -> None:
    watched = run(model, situation, {})
    for i, request in enumerate(situation.requests):
        _check_answer(model, plain, situation, i, watched, found)
        _check_end(model, request, watched, i, found)
    if situation.cut and not situation.starved:
        first = watched.parts[: int(len(watched.parts) * situation.cut)]
        done = {i: answer for part in first for i, answer in part}
        again = run(model, situation, done)
        for i in again.logits:
            same = len(again.logits[i]) == len(watched.logits[i])
            same = same and all(map(torch.equal, again.logits[i], watched.logits[i]))
            found.agree(f"request {i} after a restart", same, True)


def _check_answer(model: TransformersModel, plain: Plain, situation: Situation, i: int, watched: Watched, found: Found) -> None:
    request, tokens = situation.requests[i], watched.tokens[i]
    if plain.leaves_out(request) and model.prompts.image_token_id in tokens:  # neither forward nor steps can be given it
        tokens = tokens[: tokens.index(model.prompts.image_token_id)]
        if not tokens:
            return
    row = model.prompts.row(i, request)
    before = model.prompts.prefix_ids(request)
    # Beyond the original length a forward of the whole text is not what transformers generates from; nor can it be given an
    # image token that the model said itself.
    needs_steps = model._language().alone(row, len(tokens)) or model.prompts.image_token_id in tokens
    steps = situation.by_generate or needs_steps
    decoding = request.decoding
    free, theirs = list[int](), None
    greedy = steps and decoding.temperature == 0 and not decoding.stop and not decoding.min_new_tokens
    if greedy and not plain.leaves_out(request):
        free, theirs = plain.generate(request, before, decoding.max_new_tokens, sorted(model.end_ids()))
    if theirs is None or free != tokens:
        theirs = (plain.stepwise if steps else plain.logits)(request, before, tokens)
    found.compare(f"request {i}", torch.stack(watched.logits[i][: len(tokens)]), theirs)
    if free:
        differ = next((n for n, (a, b) in enumerate(zip(tokens, free, strict=False)) if a != b), None)
        if differ is None or (theirs[differ][tokens[differ]] - theirs[differ][free[differ]]).abs() > 3 * LIMIT:
            found.agree(f"request {i} by generate", tokens, free)


def _check_end(model: TransformersModel, request: Request, watched: Watched, i: int, found: Found) -> None:
    """Why and where an answer ended, from its tokens alone."""
    answer, tokens, stop = watched.answers[i], watched.tokens[i], request.decoding.stop

    def text(n: int) -> str:
        said: str = model.prompts.tokenizer.decode(tokens[:n], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return said

    ended = tokens[-1] in model.end_ids()
    hits = [n for n in range(1, len(tokens) + 1 - ended) if any(s in text(n) for s in stop)]
    expected = "stop" if hits else "end" if ended else "length"
    found.agree(f"request {i} stopped", (answer.stopped, len(tokens)), (expected, hits[0] if hits else len(tokens)))
    if hits:
        found.agree(f"request {i} ends in its stop string", cut_after_stop(answer.text, stop), answer.text)


def _scored(model: TransformersModel, plain: Plain, situation: Situation, found: Found) -> None:
    kept = model.budget
    model.budget = Budget(situation.slots, situation.rows)
    try:
        for forced in model._scorer().forced(situation.requests, situation.answers):
            request = situation.requests[forced.answer]
            before = model.prompts.prefix_ids(request)
            ids = forced.ids.tolist()
            theirs = plain.logits(request, before, ids).log_softmax(-1)
            if request.image is None and not request.prefix:
                whole = plain.conversation(request, situation.answers[forced.answer])
                prompt = model.prompts.prompt_ids(None, request.text)
                found.agree(f"tokens of answer {forced.answer}", prompt + ids, whole[: len(prompt + ids)])
            found.compare(f"answer {forced.answer}", forced.log_probs, theirs)
    finally:
        model.budget = kept


# ------------------------------------------------------------ our side


def run(model: TransformersModel, situation: Situation, done: dict[int, Answer]) -> Watched:
    """Answer the requests that are not done, and watch."""
    watched = Watched()
    open_rows = iter([i for i in range(len(situation.requests)) if i not in done])
    engine: Any = model.engine()
    owners: dict[Any, int] = {}
    if isinstance(engine, ImageFirstEngine):
        engine.budget = Budget(situation.slots, situation.rows, halved=True)
        make = engine._live

        def live(row: Any, *rest: Any) -> Any:
            entry = make(row, *rest)
            if not isinstance(entry.state, KnownRow):
                owners[entry.state] = row.index
                watched.logits[row.index], watched.tokens[row.index] = [], []
            return entry

        engine._live = live
    with _watching(watched, owners, open_rows), _starving(situation):
        for part in engine.generate(situation.requests, done):
            watched.parts.append(part)
            watched.answers |= dict(part)
    return watched


@contextmanager
def _watching(watched: Watched, owners: dict[Any, int], open_rows: Iterator[int]) -> Iterator[None]:
    choose = running_batch.next_tokens

    def note(logits: Tensor, states: Any, end_ids: Any) -> list[int]:
        raw = logits.clone()
        tokens = choose(logits, states, end_ids)
        for row, state, token in zip(raw, states, tokens, strict=True):
            if isinstance(state, KnownRow):
                continue
            if state not in owners:  # one by one: in the order of the requests
                owners[state] = next(open_rows)
                watched.logits[owners[state]], watched.tokens[owners[state]] = [], []
            watched.logits[owners[state]].append(row)
            watched.tokens[owners[state]].append(token)
        return tokens

    running_batch.next_tokens = one_by_one.next_tokens = note
    try:
        yield
    finally:
        running_batch.next_tokens = one_by_one.next_tokens = choose


@contextmanager
def _starving(situation: Situation) -> Iterator[None]:
    """Passes of several rows sometimes find no memory."""
    draw, join, step = random.Random(situation.seed), running_batch.Batch.join, running_batch.Batch.step

    def perhaps(rows: int) -> None:
        if rows > 1 and draw.random() < situation.starved:
            raise torch.OutOfMemoryError("out of memory, says the campaign")

    def joining(batch: Any, rows: Any, *rest: Any) -> Any:
        perhaps(len(rows) + len(batch.live))
        return join(batch, rows, *rest)

    def stepping(batch: Any, *rest: Any) -> Any:
        perhaps(len(batch.live))
        return step(batch, *rest)

    running_batch.Batch.join, running_batch.Batch.step = joining, stepping  # type: ignore[method-assign]
    try:
        yield
    finally:
        running_batch.Batch.join, running_batch.Batch.step = join, step  # type: ignore[method-assign]
