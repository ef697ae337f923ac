"""The objective of methods that contrast images: the question again about a damaged or another image, in the same row.

    [prompt + image | chosen | rejected] [prompt + damaged image | chosen]

lie in one batch and one forward pass: each image goes through the vision tower once, and the prompt behind each is read once.
(A prompt cannot be shared between two images, since its tokens have seen the image.) The authors' code makes three passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alignment.batching.collate import Batch, Extras, Row, View, predictors, score, score_tokens, states
from alignment.batching.logps import ImageLogps, PairLoss
from alignment.batching.policy import Policy
from alignment.contrast.damage import Damage, damaged, partners, require_images, require_one_image
from alignment.contrast.token_terms import TokenTerms
from alignment.training.objectives import Known, Part, Rewards, Totals
from harness.core.preference import PreferencePair

_ONE = ("chosen", "rejected", "chosen_elsewhere")  # fields of ImageLogps, in the order of their answers in a row
_BOTH = (*_ONE, "rejected_elsewhere")
_PARTNERS = ("chosen", "rejected", "other", "chosen_elsewhere", "other_elsewhere")


@dataclass(frozen=True, slots=True)
class ImageContrast:
    """Turns the log-probabilities behind both images into a step's loss, its mean over pairs.

    damage: which image is the other one; None: that of another pair, and its chosen answer stands behind both (SymMPO).
    both: the rejected answers stand behind the damaged image too (V-DPO).
    tokens: terms of single tokens (CHiP).
    """

    name: str
    loss: Callable[..., PairLoss]
    options: Mapping[str, Any]  # of the loss, beta among them
    damage: Damage | None
    seed: int
    both: bool = False
    tokens: TokenTerms | None = None
    needs_reference: bool = True

    @property
    def rewards(self) -> Rewards:
        return Rewards(self.options["beta"])

    def facts(self) -> dict[str, Any]:
        other = {"damage": asdict(self.damage), "seed of the damage": self.seed} if self.damage else {}
        weight = {} if self.tokens is None else {"token_weight": self.tokens.token_weight}
        return {"loss": self.name, **self.options, **other, **weight}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def extras(self, pairs: Sequence[PreferencePair], image_root: Path, folder: Path) -> list[Extras | None]:
        require_images(self.name, pairs)
        if self.damage is None or self.damage.name == "other":
            require_one_image(self.name, pairs)
        if self.damage is None:
            others = partners(pairs, image_root, same_question=True)
            return [None if other is None else _with_partner(pair, other) for pair, other in zip(pairs, others, strict=True)]
        views = damaged(self.damage, pairs, image_root, folder, self.seed)
        return [None if view is None else self._behind(view, pair) for view, pair in zip(views, pairs, strict=True)]

    def _behind(self, view: View, pair: PreferencePair) -> Extras:
        return Extras((), (view._replace(answers=pair.answers) if self.both else view,))

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(len(self.places([len(row.all_answers) for row in rows])), 0)

    @property
    def shows_noise(self) -> bool:
        return self.damage is not None and self.damage.name == "noise"

    @property
    def reads_tokens(self) -> bool:
        return self.tokens is not None

    @property
    def reads_states(self) -> bool:
        return self.tokens is not None and self.tokens.tok_beta > 0

    def keep_head(self, policy: Policy) -> None:
        if self.tokens is not None:
            self.tokens.keep_head(policy)

    @property
    def _fields(self) -> tuple[str, ...]:
        return _PARTNERS if self.damage is None else _BOTH if self.both else _ONE

    def places(self, answers_of_row: Sequence[int]) -> list[list[int]]:
        """Where the answers of each pair stand among those of a batch; a row with K rejected answers becomes K pairs."""
        found, start, beside = list[list[int]](), 0, len(self._fields) - 2
        for n in answers_of_row:
            if self.both:
                half = n // 2
                found += [[start, start + k, start + half, start + half + k] for k in range(1, half)]
            else:
                others = [start + n - beside + i for i in range(beside)]
                found += [[start, start + k, *others] for k in range(1, n - beside)]
            start += n
        return found

    def logps(self, answers: Tensor, answers_of_row: Sequence[int]) -> ImageLogps:
        """Answers (A,), row by row -> pairs."""
        columns = torch.tensor(self.places(answers_of_row), dtype=torch.long, device=answers.device).T
        return ImageLogps(**{name: answers[column] for name, column in zip(self._fields, columns, strict=True)})

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        now, base, terms = self._scored(policy, batch, known)
        got = self.loss(now, base, **terms, **self.options)
        margin = got.chosen_reward - got.rejected_reward
        here, there = now.chosen - base.chosen, (now.chosen_elsewhere - base.chosen_elsewhere).detach()
        return Part(
            got.loss.sum() / totals.pairs,
            {
                "rewards/chosen": got.chosen_reward,
                "rewards/rejected": got.rejected_reward,
                "rewards/accuracies": (margin > 0).float(),
                "rewards/margins": margin,
                "rewards/chosen_elsewhere": self.options["beta"] * there,
                "rewards/image_accuracies": (here > there).float(),  # without CHiP's divergence, which one side alone has
                "logps/chosen": now.chosen.detach(),
                "logps/rejected": now.rejected.detach(),
                "logps/chosen_elsewhere": now.chosen_elsewhere.detach(),
            },
        )

    def _scored(self, policy: Policy, batch: Batch, known: Known) -> tuple[ImageLogps, ImageLogps, dict[str, Tensor]]:
        """Pairs under policy and reference, and the divergences of their answers where the loss takes them."""
        counts, tokens = batch.answers_of_row, self.tokens
        if tokens is None:
            answers = score(policy, batch)
            return self.logps(answers, counts), self.logps(known["reference"].to(answers), counts), {}
        hidden, places = states(policy, batch), self.places(counts)
        of_policy = score_tokens(policy, hidden, batch)
        now, base = (tokens.sums(of, batch, places) for of in (of_policy, known["reference"].to(of_policy)))
        if "reference_states" not in known:
            return now, base, {}
        ids = torch.tensor(places, device=hidden.device).T
        kl = tokens.divergence(policy, predictors(hidden, batch), known["reference_states"].to(hidden), batch)
        return now, base, {"chosen_kl": kl[ids[0]], "rejected_kl": kl[ids[1]]}


def _with_partner(pair: PreferencePair, other: PreferencePair) -> Extras:
    """Another pair's chosen answer behind this one's image, and both behind the other's."""
    return Extras((other.chosen,), (View(other.image, (pair.chosen, other.chosen)),))
