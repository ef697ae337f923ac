"""Image-first generation: each picture is encoded once, the words its questions share are prefilled once.

Rows of one batch are grouped by (picture, hidden tokens, noise). A group's common beginning - system text, image tokens,
shared words - goes through the language model once; its key/value cache is then repeated for the group's rows, whose
remaining tokens follow as one left-padded batch. Finished rows leave the batch.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from harness.contract import Answer, Request
from harness.models._decoding import RowState, Stopper, cut_after_stop, next_tokens
from harness.models._language import LanguageModel, Piece
from harness.models._prompts import PromptBuilder, Row
from harness.models._rendering import decode_after

GroupKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much goes into one batch: rows, and distinct (picture, mask) prefixes."""

    rows: int = 96
    prefixes: int = 32


class ImageFirst:
    """The scheduler. Which requests share a batch is a function of the list of requests alone."""

    def __init__(self, language: LanguageModel, prompts: PromptBuilder, end_ids: frozenset[int], budget: Budget) -> None:
        self.language, self.prompts, self.end_ids, self.budget = language, prompts, end_ids, budget
        self._stoppers: dict[tuple[str, ...], Stopper] = {}

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Yield finished batches; a batch whose every index is in `done` is not run again."""
        for batch in self.plan(requests):
            if all(i in done for i in batch):
                continue
            started = time.perf_counter()
            states = self._run([self.prompts.row(i, requests[i]) for i in batch])
            each = (time.perf_counter() - started) / len(batch)
            yield [(row.index, self._answer(row, state, each)) for row, state in states]

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        """Indices in batches: same picture and mask together, filled up to the budget, long answers with long ones."""
        groups: dict[GroupKey, list[int]] = {}
        for i, request in enumerate(requests):
            # Long and short token limits apart: a caption would hold up a batch of one-word answers.
            groups.setdefault((request.decoding.max_new_tokens, *_seen(request)), []).append(i)
        ordered = sorted(groups.items(), key=lambda kv: kv[0][0])
        batches: list[list[int]] = []
        prefixes, limit = self.budget.prefixes, None
        for key, members in ordered:
            for start in range(0, len(members), self.budget.rows):
                part = members[start : start + self.budget.rows]
                full = not batches or prefixes >= self.budget.prefixes or len(batches[-1]) + len(part) > self.budget.rows
                if full or key[0] != limit:
                    batches.append([])
                    prefixes, limit = 0, key[0]
                batches[-1].extend(part)
                prefixes += 1
        return batches

    @torch.inference_mode()
    def _run(self, rows: list[Row]) -> list[tuple[Row, RowState]]:
        states = [RowState(r.request.decoding, self.end_ids, self._stopper(r.request.decoding.stop)) for r in rows]
        cache = self.language.cache()
        logits, mask, positions = self._prefill(rows, cache)
        alive = list(range(len(rows)))
        while alive:
            tokens = next_tokens(logits, [states[i] for i in alive], self.end_ids)
            stay = [k for k, (i, token) in enumerate(zip(alive, tokens, strict=True)) if not states[i].take(token)]
            if not stay:
                break
            if len(stay) < len(alive):  # finished rows leave the batch
                keep = torch.tensor(stay, device=mask.device)
                cache.batch_select_indices(keep)
                mask, positions = mask[keep], positions[keep]
                tokens, alive = [tokens[k] for k in stay], [alive[k] for k in stay]
            following = self.language.next(tokens, positions, mask)
            mask, positions = torch.cat([mask, following.mask], 1), following.positions[:, -1]
            logits = self.language.logits(self.language.states(following, mask, cache)[:, -1])
        return list(zip(rows, states, strict=True))

    def _prefill(self, rows: list[Row], cache: DynamicCache) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (R, V) after each prompt, mask (R, slots) and the last position (R,) of each row."""
        groups = self._sharing(rows)
        shared = [_common_length([rows[r] for r in members]) for members in groups]
        start = [0] * len(rows)
        before = None
        if max(shared) > 0:
            firsts = [Piece(rows[members[0]], 0, n) for members, n in zip(groups, shared, strict=True)]
            before = self._read_shared(firsts, groups, cache)
            start = [n for _, n in sorted((r, n) for members, n in zip(groups, shared, strict=True) for r in members)]
        rest = self.language.tokens([Piece(row, n, len(row.ids)) for row, n in zip(rows, start, strict=True)])
        mask = rest.mask if before is None else torch.cat([before, rest.mask], 1)
        states = self.language.states(rest, mask, cache)
        return self.language.logits(states[:, -1]), mask, rest.positions[:, -1]

    def _read_shared(self, firsts: list[Piece], groups: list[list[int]], cache: DynamicCache) -> Tensor:
        """Read each group's common beginning once and repeat it for its rows; their mask (R, slots)."""
        tokens = self.language.tokens(firsts)
        self.language.states(tokens, tokens.mask, cache)
        owner = torch.empty(sum(len(members) for members in groups), dtype=torch.long)
        for g, members in enumerate(groups):
            owner[members] = g
        owner = owner.to(tokens.mask.device)
        cache.batch_select_indices(owner)
        return tokens.mask[owner]

    def _sharing(self, rows: list[Row]) -> list[list[int]]:
        """Rows by common beginning. Where a template puts the question before the picture, each row stands alone."""
        groups: dict[GroupKey, list[int]] = {}
        for r, row in enumerate(rows):
            groups.setdefault(_seen(row.request), []).append(r)
        split: list[list[int]] = []
        for members in groups.values():
            n = _common_length([rows[r] for r in members])
            image_shared = self.prompts.image_token_id not in rows[members[0]].ids[n:]
            split += [members] if image_shared else [[r] for r in members]
        return split

    def _stopper(self, stop: tuple[str, ...]) -> Stopper | None:
        if stop and stop not in self._stoppers:
            self._stoppers[stop] = Stopper(self.prompts.tokenizer, stop)
        return self._stoppers.get(stop)

    def _answer(self, row: Row, state: RowState, latency_s: float) -> Answer:
        text = decode_after(self.prompts.tokenizer, row.prefix_ids, state.ids, row.head)
        if state.stopped == "stop":
            text = cut_after_stop(text, row.request.decoding.stop)
        return Answer("", text, len(state.ids), state.stopped, latency_s)


def _seen(request: Request) -> GroupKey:
    """What the model sees of a picture: requests that agree in it can share a prefix."""
    return (request.image, request.hidden_image, request.noise)


def _common_length(rows: list[Row]) -> int:
    """Length of the rows' common beginning; at least one token is left over for each row.

    Every image token lies in it: rows of one group share the picture and the mask. 0 where it would end inside tokens
    that have to be read in one piece.
    """
    shortest = min(len(r.ids) for r in rows)
    first = rows[0].ids
    n = next((i for i in range(shortest) if any(r.ids[i] != first[i] for r in rows)), shortest)
    n = min(n, shortest - 1)
    return n if n >= max(r.whole for r in rows) else 0
