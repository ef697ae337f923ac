"""Pairs -> rows -> one padded batch in which all answers to a prompt share it.

A row is `[prompt + image | answer_1 | .. | answer_n]`: the prompt and the image run once, every answer's positions
restart at the prompt's end, and a mask keeps answers from seeing each other. Exact: an answer's log-probability is
that of the plain row `[prompt + image | answer]` (which is simply a row with one answer).

    token     p p p p a a b b b        a_1 and b_1 are both scored from the last p;
    position  0 1 2 3 4 5 4 5 6        an answer's last token scores nothing and is seen by nobody,
    segment   0 0 0 0 1 1 2 2 2        so it is a target only and never enters the row
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from alignment.batching.contexts import behind
from alignment.batching.logps import PairLogps, answer_logps, token_logps
from alignment.batching.policy import DamagesImages, Policy, PromptInputs
from alignment.data.pairs import image_of
from harness.core.errors import ConfigError, ImageError, TrainingError
from harness.core.evaluation import HiddenImage, NoisyImage
from harness.core.preference import ImageNames, Images, PreferencePair, paths_of, paths_under

_PAD = -1  # segment of padding


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt as tokens and the answers that share it; for a pair the chosen one comes first.

    `others`: the same question about other images, with answers of their own. They lie behind the row in a batch and belong to
    it: its answers are all of theirs, in order.
    """

    id: str
    prompt: PromptInputs
    answers: tuple[Tensor, ...]  # each (n,) long, end token included
    others: tuple[Row, ...] = ()

    @property
    def length(self) -> int:
        """Positions it takes in a batch."""
        hidden = 0 if self.prompt.hidden is None else int(self.prompt.hidden.sum())
        own = len(self.prompt.input_ids) - hidden + sum(len(a) - 1 for a in self.answers)
        return own + sum(other.length for other in self.others)

    @property
    def width(self) -> int:
        """Positions of its own line in a batch, hidden ones included, without the lines behind it."""
        return len(self.prompt.input_ids) + sum(len(a) - 1 for a in self.answers)

    @property
    def all_answers(self) -> tuple[Tensor, ...]:
        return self.answers + tuple(answer for other in self.others for answer in other.all_answers)

    @property
    def scored(self) -> int:
        return sum(len(a) for a in self.all_answers)


class Batch(NamedTuple):
    """B lines with A answers and N scored tokens, right-padded to T positions; a row is a line, or several (`Row.others`)."""

    input_ids: Tensor  # (B, T)
    position_ids: Tensor  # (B, T)
    segment: Tensor  # (B, T) 0 prompt, 1.. answers, -1 padding and hidden image tokens
    vision: Mapping[str, Tensor]
    score_at: Tensor  # (N,) positions in the flattened (B*T) that predict the targets
    targets: Tensor  # (N,)
    answer: Tensor  # (N,) which answer of the batch a target belongs to, 0..A-1, row by row
    answers_of_row: tuple[int, ...]  # one a row, sums to A


class View(NamedTuple):
    """The question of a pair about other images, or about its own damaged, and the answers that are scored behind it."""

    image: ImageNames  # relative to the data folder, or absolute
    answers: tuple[str, ...]
    hidden: HiddenImage | None = None
    noise: NoisyImage | None = None

    def paths(self, image_root: Path) -> Images:
        return paths_under(image_root, self.image)


class Extras(NamedTuple):
    """What a row has beside its pair: more answers behind its own image, and other images."""

    answers: tuple[str, ...] = ()
    views: tuple[View, ...] = ()


NO_EXTRAS = Extras()


def make_row(policy: Policy, pair: PreferencePair, image_root: Path, extras: Extras = NO_EXTRAS) -> Row:
    """Tokens of a pair. Raises ImageError for an image that cannot be read, TrainingError for an answer without tokens."""
    own = plain_row(policy, pair, image_of(pair, image_root), (*pair.answers, *extras.answers))
    others = [plain_row(policy, pair, view.paths(image_root), view.answers, view) for view in extras.views]
    if any(len(answer) == 0 for row in (own, *others) for answer in row.answers):
        raise TrainingError(f"Pair {pair.id!r} has an answer without tokens; drop it or correct the pair file.")
    return replace(own, others=tuple(others))


def prompt_of(policy: Policy, image: Images, text: str, view: View | None = None) -> PromptInputs:
    """A prompt as tokens, its images damaged where the view says so. Raises ConfigError for a policy that cannot do that."""
    if image is None or view is None or (view.hidden is None and view.noise is None):
        return PromptInputs(*policy.prompt(image, text))
    if not isinstance(policy, DamagesImages):
        raise ConfigError(f"{type(policy).__name__} cannot hide image tokens or add noise; choose crop or other as the damage.")
    return PromptInputs(*policy.damaged_prompt(image, text, view.hidden, view.noise))


def plain_row(policy: Policy, pair: PreferencePair, image: Images, texts: Sequence[str], view: View | None = None) -> Row:
    """A pair's prompt about an image and these answers behind it. Raises ImageError for an image that cannot be read."""
    try:
        prompt = prompt_of(policy, image, pair.prompt, view)
    except OSError as error:
        raise ImageError(next(iter(paths_of(image)), Path()), f"of pair {pair.id!r} cannot be read ({error}).") from error
    prompt, answers = behind(policy, pair, image, prompt, texts)
    return Row(pair.id, prompt, answers)


def collate(rows: Sequence[Row], pad_token_id: int) -> Batch:
    """Lay rows side by side, right-padded to the longest."""
    counts = tuple(len(row.all_answers) for row in rows)
    lines = [line for row in rows for line in (row, *row.others)]
    width = max(line.width for line in lines)
    ids = torch.full((len(lines), width), pad_token_id, dtype=torch.long)
    positions = torch.zeros_like(ids)
    segment = torch.full_like(ids, _PAD)
    score_at: list[Tensor] = []
    answers: list[Tensor] = []
    for b, row in enumerate(lines):
        at = _fill(row, ids[b], positions[b], segment[b])
        score_at += [start + b * width for start in at]
        answers += row.answers
    owner = torch.cat([torch.full_like(a, i) for i, a in enumerate(answers)])
    vision = stack_vision([line.prompt.vision for line in lines])
    return Batch(ids, positions, segment, vision, torch.cat(score_at), torch.cat(answers), owner, counts)


def _fill(row: Row, ids: Tensor, positions: Tensor, segment: Tensor) -> list[Tensor]:
    """Write one row in place; returns, for each answer, the positions that predict it."""
    prompt_length = len(row.prompt.input_ids)
    ids[:prompt_length] = row.prompt.input_ids
    positions[:prompt_length] = torch.arange(prompt_length)
    segment[:prompt_length] = 0
    if row.prompt.hidden is not None:
        segment[:prompt_length][row.prompt.hidden] = _PAD
    start, score_at = prompt_length, list[Tensor]()
    for number, answer in enumerate(row.answers, start=1):
        end = start + len(answer) - 1
        ids[start:end] = answer[:-1]
        positions[start:end] = torch.arange(prompt_length, prompt_length + len(answer) - 1)
        segment[start:end] = number
        score_at.append(torch.cat([torch.tensor([prompt_length - 1]), torch.arange(start, end)]))
        start = end
    return score_at


def stack_vision(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Put vision inputs together along the images; other dimensions are zero-padded to the widest (anyres tiles)."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _stack([part[name] for part in parts if name in part]) for name in names}


def _stack(tensors: list[Tensor]) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    whole = tensors[0].new_zeros(sum(t.shape[0] for t in tensors), *shape)
    start = 0
    for tensor in tensors:
        whole[(slice(start, start + len(tensor)), *(slice(0, n) for n in tensor.shape[1:]))] = tensor
        start += len(tensor)
    return whole


def states(policy: Policy, batch: Batch) -> Tensor:
    """Final hidden states (B, T, D) of a batch: one forward pass, one vision pass a row."""
    weight = next(policy.module.parameters())
    device, dtype = weight.device, weight.dtype
    seen = {k: v.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else v for k, v in batch.vision.items()}
    vision = {k: v.to(device, dtype if v.is_floating_point() else None) for k, v in seen.items()}
    return policy.hidden_states(batch.input_ids.to(device), vision, batch.segment.to(device), batch.position_ids.to(device))


def score_tokens(policy: Policy, hidden: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
    """Log-probability of every scored token, (N,), in nats."""
    return token_logps(hidden, policy.head(), batch.score_at.to(hidden.device), batch.targets.to(hidden.device), temperature)


def score(policy: Policy, batch: Batch, temperature: float = 1.0) -> Tensor:
    """Summed log-probability of every answer of the batch, (A,), in nats."""
    per_token = score_tokens(policy, states(policy, batch), batch, temperature)
    return answer_logps(per_token, batch.answer.to(per_token.device), sum(batch.answers_of_row))


def predictors(hidden: Tensor, batch: Batch) -> Tensor:
    """Hidden states (N, D) that predict each scored token: the policy's state just before it generates it."""
    return hidden.reshape(-1, hidden.shape[-1])[batch.score_at.to(hidden.device)]


def answer_states(hidden: Tensor, batch: Batch) -> Tensor:
    """Hidden states (A, D) that predict the last token of each answer: all before it was read (`Row`)."""
    ends = answer_tokens(batch).cumsum(0) - 1
    return predictors(hidden, batch)[ends.to(hidden.device)]


def answer_tokens(batch: Batch) -> Tensor:
    """Scored tokens of every answer, (A,)."""
    return torch.bincount(batch.answer, minlength=sum(batch.answers_of_row))


def pair_indices(answers_of_row: Sequence[int]) -> list[tuple[int, int]]:
    """(chosen, rejected) indices of each pair among a batch's answers."""
    found, start = list[tuple[int, int]](), 0
    for n in answers_of_row:
        found += [(start, start + k) for k in range(1, n)]
        start += n
    return found


def pair_logps(answers: Tensor, tokens: Tensor, answers_of_row: Sequence[int]) -> PairLogps:
    """Answers (A,), row by row and chosen first -> pairs; a row with K rejected answers becomes K pairs."""
    pairs = pair_indices(answers_of_row)
    chosen, rejected = [c for c, _ in pairs], [r for _, r in pairs]
    rank = [r - c - 1 for c, r in pairs]
    c, r = (torch.tensor(i, dtype=torch.long, device=answers.device) for i in (chosen, rejected))
    tokens = tokens.to(answers.device)
    return PairLogps(answers[c], answers[r], tokens[c], tokens[r], torch.tensor(rank, device=answers.device))


def score_rows(policy: Policy, rows: Sequence[Row], of_tokens: bool = False, temperature: float = 1.0) -> list[Tensor]:
    """Log-probabilities row by row, on the CPU: of each answer, (1 + K,) a row, or of each scored token, answer by answer."""
    batch = collate(rows, policy.pad_token_id)
    if of_tokens:
        tokens = score_tokens(policy, states(policy, batch), batch, temperature)
        return list(torch.split(tokens.cpu(), [row.scored for row in rows]))
    return list(torch.split(score(policy, batch, temperature).cpu(), list(batch.answers_of_row)))
