"""Choosing the next token of each row: greedy or sampled, each row from its own stream of random numbers.

A row's stream depends on its request's seed alone, so its text does not depend on which rows share its batch. Where a
checkpoint's generation_config changes the logits (a repetition penalty, suppressed tokens), that comes first, then
temperature and top-p: transformers' order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.final_answer import final_answer
from harness.models._conversation.answer_tokens import AnswerTokens

Bend = Callable[[Tensor, Tensor], Tensor]  # tokens so far (1, T) and logits (1, V) -> logits (1, V), as transformers does
NOT_FINITE = (
    "The model's logits are not finite (nan or infinite), so its answers are meaningless. Its weights are damaged or "
    "overflow in this dtype. Copy or train the checkpoint again, or set model.dtype=float32."
)


class RowState:
    """The tokens that one row has generated so far, and whether it is finished.

    bend: what the checkpoint's generation_config makes of the logits, see `generation_settings.py`; it looks at `read`,
    the tokens before the answer, too.
    """

    def __init__(
        self,
        decoding: Decoding,
        end_ids: frozenset[int],
        stopper: Stopper | None,
        bend: Bend | None = None,
        read: Sequence[int] = (),
        thinking: ThinkingLimit | None = None,
    ) -> None:
        self.decoding, self.bend, self.read, self._thinking = decoding, bend, read, thinking
        self.ids: list[int] = []
        self.logps: list[float] = []  # of each token that was sampled
        self.end: tuple[int, ...] = ()  # the token that ended it
        self.stopped = ""
        self._end_ids = end_ids
        self._stopper = stopper
        self._uniforms: list[float] | None = None
        self._tokens: Tensor | None = None
        self._written = 0  # of `ids`, in `_tokens`

    def uniform(self) -> float:
        """The next number in [0, 1) of this row's stream."""
        if self._uniforms is None:
            generator = torch.Generator().manual_seed(self.decoding.seed)
            n = self.decoding.max_new_tokens
            self._uniforms = torch.rand(n, generator=generator, dtype=torch.float64).tolist()
        return self._uniforms[len(self.ids)]

    def so_far(self, device: torch.device) -> Tensor:
        """The tokens before the answer and those chosen so far, (1, T); a view that the next call may write behind."""
        if self._tokens is None:
            self._tokens = torch.tensor([[*self.read, *[0] * self.decoding.max_new_tokens]], device=device)
        while self._written < len(self.ids):
            self._tokens[0, len(self.read) + self._written] = self.ids[self._written]
            self._written += 1
        return self._tokens[:, : len(self.read) + len(self.ids)]

    @property
    def sampled(self) -> tuple[int, ...]:
        """All tokens that were chosen, the one that ended the row included."""
        return (*self.ids, *self.end)

    @property
    def sampled_logps(self) -> tuple[float, ...] | None:
        """Log-probability of each of these, where all were sampled."""
        return tuple(self.logps) if len(self.logps) == len(self.sampled) else None

    def take(self, token: int) -> bool:
        """Append a token; True when the row is finished."""
        if token in self._end_ids:
            self.stopped, self.end = "end", (token,)
            return True
        self.ids.append(token)
        if self._stopper is not None and self._stopper.hit(token, self.ids):
            self.stopped = "stop"
        elif len(self.ids) >= self.decoding.max_new_tokens or (self._thinking and self._thinking.reached(token, self.ids)):
            self.stopped = "length"
        return bool(self.stopped)


class KnownRow(RowState):
    """A row whose answer is known already: it keeps its place in the batch for as many steps as it took, so that the rows
    beside it are computed in batches of the same shapes, and end in the same last bits, as if it were generated."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(Decoding(), frozenset(), None)
        self._left = answer.n_tokens + (answer.stopped == "end")

    def take(self, token: int) -> bool:
        """Count a step; True when the row would be finished."""
        self._left -= 1
        return self._left <= 0


class Stopper:
    """Finds stop strings; decodes a row only when its newest token could end one.

    It could where its own text has the last character of a stop string; where it is a part of a character, which shows as
    U+FFFD; and always where that character is white space, which decoders drop at the beginning of a text.
    """

    def __init__(self, tokens: AnswerTokens, stop: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._stop = stop
        self._last_characters = {s[-1] for s in stop} | {"\ufffd"}
        self._always = any(s[-1].isspace() for s in stop)
        self._candidate: dict[int, bool] = {}

    def may_end(self, token: int) -> bool:
        """Whether a stop string could end in this token."""
        if token not in self._candidate:
            text = self._tokens.text([token], special=True)
            self._candidate[token] = self._always or any(c in text for c in self._last_characters)
        return self._candidate[token]

    def hit(self, token: int, ids: list[int]) -> bool:
        if not self.may_end(token):
            return False
        text = self._tokens.text(ids)
        return any(s in text for s in self._stop)


class ThinkingLimit:
    """Two limits of one row: so many tokens of reasoning, and so many of the answer behind it.

    A row that does not begin with reasoning has the answer's limit alone.
    """

    def __init__(self, tokens: AnswerTokens, reasoning: int, answer: int, opened: str) -> None:
        """opened: the mark with which the prompt opened the reasoning, "" where it did not."""
        self._tokens, self._reasoning, self._answer, self._opened = tokens, reasoning, answer, opened
        self._marks = Stopper(tokens, _LAST_OF_MARKS)
        self._reasons: bool | None = True if opened else None  # None: not known yet
        self._closed: int | None = None  # tokens up to the end of the reasoning

    def reached(self, token: int, ids: list[int]) -> bool:
        """Whether the row has as many tokens as it may have."""
        if self._closed is None and self._reasons is not False and self._marks.may_end(token) and self._is_closed(ids):
            self._closed = len(ids)
        if self._closed is not None:
            return len(ids) - self._closed >= self._answer
        if self._reasons is None and len(ids) >= min(self._reasoning, self._answer):
            text = self._text(ids)
            if _BEGUN_MARK.fullmatch(text) and len(ids) < self._reasoning:
                return False
            self._reasons = not final_answer(text).finished
        return len(ids) >= (self._reasoning if self._reasons else self._answer)

    def _is_closed(self, ids: list[int]) -> bool:
        found = final_answer(self._text(ids))
        return found.reasoned and found.finished

    def _text(self, ids: list[int]) -> str:
        return self._opened + self._tokens.text(ids)


_LAST_OF_MARKS = (">", "]", "\u25b7")
_BEGUN_MARK = re.compile(r"\s*[<\[\u25c1][^>\]\u25b7]{0,24}")  # more tokens than a short answer may have


def with_room_to_think(request: Request, tokens: int) -> Request:
    """The request with so many more tokens at most."""
    if not tokens:
        return request
    return replace(request, decoding=replace(request.decoding, max_new_tokens=request.decoding.max_new_tokens + tokens))


def cut_after_stop(text: str, stop: tuple[str, ...]) -> str:
    """The text up to and with the first stop string."""
    ends = [text.index(s) + len(s) for s in stop if s in text]
    return text[: min(ends)] if ends else text


def next_tokens(logits: Tensor, rows: list[RowState], end_ids: frozenset[int]) -> list[int]:
    """One token a row from logits (R, V), in float32. Raises ModelError where they are not finite: the weights are broken."""
    logits = logits.float()
    for r, row in enumerate(rows):
        if row.bend is not None:
            logits[r] = row.bend(row.so_far(logits.device), logits[r : r + 1])[0]
        if len(row.ids) < row.decoding.min_new_tokens:
            logits[r, list(end_ids)] = float("-inf")
    best = logits.argmax(-1)  # nan counts as the largest
    chosen: list[int] = best.tolist()
    if not bool(logits.gather(1, best[:, None]).isfinite().all()):
        raise ModelError(NOT_FINITE)
    sampled = [r for r, row in enumerate(rows) if row.decoding.temperature > 0]
    if sampled:
        picks, logps = _sample(logits[sampled], [rows[r] for r in sampled])
        for r, token, logp in zip(sampled, picks, logps, strict=True):
            chosen[r] = token
            rows[r].logps.append(logp)
    return chosen


def _sample(logits: Tensor, rows: list[RowState]) -> tuple[list[int], list[float]]:
    """Inverse-CDF sampling after temperature and nucleus (top-p) filtering; tokens in falling order of probability. Also the
    log-probability of each at that temperature, before the filtering."""
    heat = torch.tensor([row.decoding.temperature for row in rows], device=logits.device)
    top_p = torch.tensor([row.decoding.top_p for row in rows], device=logits.device, dtype=torch.float64)
    probabilities = torch.softmax(logits.double() / heat[:, None], -1)
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    ordered = torch.where(before < top_p[:, None], ordered, torch.zeros_like(ordered))  # the first always stays
    total = ordered.cumsum(-1)
    u = torch.tensor([row.uniform() for row in rows], device=logits.device, dtype=torch.float64)
    place = torch.searchsorted(total, (u * total[:, -1])[:, None], right=True).squeeze(1)
    last = (ordered > 0).sum(-1) - 1
    picks = order.gather(1, torch.minimum(place, last)[:, None])
    return picks.squeeze(1).tolist(), probabilities.gather(1, picks).squeeze(1).log().tolist()
