"""Many turns about one image as one training sequence.

A row is the image's prefix "<s>USER: <image>...\\n" followed by its turns "question ASSISTANT: answer</s>". In a
"star" batch every turn sees the prefix and itself only and is placed right after the prefix, as if it were the first
and only turn: nine questions for the price of one image, without an answer being copied from an earlier turn. In a
plain batch later turns follow as the chat template writes them, and see all before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from harness.miniworld.model.architecture import IMAGE_TOKENS, SPECIAL_TOKENS
from harness.miniworld.world.captions import Turn

PAD = SPECIAL_TOKENS.index("<pad>")
IMAGE = SPECIAL_TOKENS.index("<image>")
BLIND_SIGHT = 0.01  # share of image tokens that a blind row sees


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of one image's conversation: a prefix, and for each turn (as first turn, as later turn, answer)."""

    prefix: list[int]
    turns: list[tuple[list[int], list[int], list[int]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """B rows padded to T tokens. `mask` (B, 1, T, T) is 0 where a query may look and very negative elsewhere;
    `answer_at`: row and column of every token that is learned."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    answer_at: tuple[Tensor, Tensor]


def make_row(tokenizer: PreTrainedTokenizerFast, turns: Sequence[Turn]) -> Row:
    """Tokenise a conversation once."""
    texts = ["<s>USER: " + "<image>" * IMAGE_TOKENS + "\n"]
    for question, answer in turns:
        texts += [f"{question} ASSISTANT:", f"USER: {question} ASSISTANT:", f" {answer}</s>"]
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return Row(ids[0], [(ids[i], ids[i + 1], ids[i + 2]) for i in range(1, len(ids), 3)])


def join_rows(rows: Sequence[Row], *, star: bool, blind: Sequence[bool] = ()) -> Batch:
    """Stack rows of one kind; see the module's head.

    `blind` marks rows that see about one image token in a hundred: they teach typical captions,
    which a large model knows from its text, so that an answer without an image is still good English.
    """
    laid = [_lay_out(row, star) for row in rows]
    length = max(len(ids) for ids, *_ in laid)
    ids = torch.full((len(rows), length), PAD)
    positions = torch.zeros(len(rows), length, dtype=torch.long)
    turn_of = torch.full((len(rows), length), -1)  # 0: prefix, 1..: turn, -1: padding
    learned = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, (row_ids, row_positions, row_turns, row_learned) in enumerate(laid):
        end = len(row_ids)
        ids[i, :end], positions[i, :end] = torch.tensor(row_ids), torch.tensor(row_positions)
        turn_of[i, :end], learned[i, :end] = torch.tensor(row_turns), torch.tensor(row_learned)
    query, key = turn_of[:, :, None], turn_of[:, None, :]
    allowed = torch.ones(length, length).tril().bool() & (key >= 0)
    if star:
        allowed &= (key == 0) | (key == query)
    if any(blind):
        hidden = torch.tensor(blind)[:, None] & (ids == IMAGE) & (torch.rand(ids.shape) >= BLIND_SIGHT)
        allowed &= ~hidden[:, None, :]
    allowed |= torch.eye(length, dtype=torch.bool)  # padding looks at itself, or its softmax would be undefined
    mask = torch.zeros(len(rows), 1, length, length).masked_fill_(~allowed[:, None], torch.finfo(torch.float32).min)
    found = learned.nonzero(as_tuple=True)
    return Batch(ids, positions, mask, (found[0], found[1]))


def _lay_out(row: Row, star: bool) -> tuple[list[int], list[int], list[int], list[bool]]:
    """ids, positions, turn numbers and "is learned" of one row, each of the row's length."""
    start = len(row.prefix)
    ids, positions, turns, learned = list(row.prefix), list(range(start)), [0] * start, [False] * start
    for number, (first, later, answer) in enumerate(row.turns, 1):
        question = first if star or number == 1 else later
        size = len(question) + len(answer)
        begin = start if star else len(ids)
        ids += question + answer
        positions += range(begin, begin + size)
        turns += [number] * size
        learned += [False] * len(question) + [True] * len(answer)
    return ids, positions, turns, learned
