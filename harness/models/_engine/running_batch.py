"""The running batch: the tokens of each row, their key/value cache, and the slots they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from harness.models._checkpoint.prompt_builder import Row
from harness.models._engine.decoding import KnownRow, RowState, next_tokens
from harness.models._engine.grouping import Group
from harness.models._engine.language_model import LanguageModel
from harness.models._engine.plain_kv_cache import PlainKVCache
from harness.models._engine.shared_kv_cache import SharedPrefixKVCache
from harness.models._engine.yes_no_log_odds import YesNoLogOdds

Memory = SharedPrefixKVCache | PlainKVCache


@dataclass(slots=True, eq=False)
class RunningRow:
    """A row in work. `token` is its last one, which the model has not read yet."""

    row: Row
    state: RowState
    group: Group
    token: int = 0
    latency_s: float = 0.0
    yes_nats: float | None = None  # see `YesNoLogOdds`


@dataclass(slots=True)
class Batch:
    """Rows in work and what they have read. Made empty for a language model."""

    language: LanguageModel
    live: list[RunningRow] = field(default_factory=list)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = kv_cache_for(self.language)

    def slots(self) -> int:
        """Cache slots taken or promised to answers of the longest kind."""
        return self.memory.shared_slots + sum(self.memory.own(e.row, e.group) for e in self.live)

    def needs(self, group: Group) -> int:
        """Slots that a group would add."""
        return self.memory.cost(group)

    @torch.inference_mode()
    def join(
        self, rows: Sequence[RunningRow], groups: Sequence[Group], end_ids: frozenset[int], log_odds: YesNoLogOdds
    ) -> list[RunningRow]:
        """Take rows in, those of the groups in order, and choose the first token of each; those that are finished by it."""
        logits = self.memory.join(groups, _all_known(rows))
        self.live.extend(rows)
        if logits is not None:
            for entry, nats in zip(rows, log_odds.yes_nats([e.row for e in rows], logits), strict=True):
                entry.yes_nats = nats
        return _choose(rows, logits, end_ids)

    @torch.inference_mode()
    def step(self, end_ids: frozenset[int]) -> list[RunningRow]:
        """One more token a row; those that are finished by it."""
        return _choose(self.live, self.memory.step([e.token for e in self.live], _all_known(self.live)), end_ids)

    @torch.inference_mode()
    def drop(self, finished: Sequence[RunningRow]) -> None:
        """These rows leave."""
        gone = set(finished)
        stay = [r for r, entry in enumerate(self.live) if entry not in gone]
        self.live = [self.live[r] for r in stay]
        if stay:
            self.memory.keep(stay)
        else:
            self.memory = kv_cache_for(self.language)


def kv_cache_for(language: LanguageModel) -> Memory:
    """Shared prefixes are kept once where the model's attention lets rows read one copy."""
    return SharedPrefixKVCache(language) if language.shares_attention else PlainKVCache(language)


def _all_known(rows: Sequence[RunningRow]) -> bool:
    return all(isinstance(entry.state, KnownRow) for entry in rows)


def _choose(rows: Sequence[RunningRow], logits: torch.Tensor | None, end_ids: frozenset[int]) -> list[RunningRow]:
    tokens = [0] * len(rows) if logits is None else next_tokens(logits, [e.state for e in rows], end_ids)
    for entry, token in zip(rows, tokens, strict=True):
        entry.token = token
    return [entry for entry in rows if entry.state.take(entry.token)]
