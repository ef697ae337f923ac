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

from alignment.batching.collate import Batch, Extras, Row, View, score
from alignment.batching.logps import ImageLogps, PairLoss
from alignment.batching.policy import Policy
from alignment.contrast.damage import Damage, damaged, require_images, strangers
from alignment.training.objectives import Known, Part, Totals
from harness.core.preference import PreferencePair


@dataclass(frozen=True, slots=True)
class ImageContrast:
    """Turns the log-probabilities behind both images into a step's loss, its mean over pairs.

    damage: which image is the other one; None: that of another pair, and its chosen answer stands behind both (SymMPO).
    """

    name: str
    loss: Callable[..., PairLoss]
    options: Mapping[str, Any]  # of the loss, beta among them
    damage: Damage | None
    seed: int
    needs_reference: bool = True

    def facts(self) -> dict[str, Any]:
        other = {"damage": asdict(self.damage), "seed of the damage": self.seed} if self.damage else {}
        return {"loss": self.name, **self.options, **other}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def extras(self, pairs: Sequence[PreferencePair], image_root: Path, folder: Path) -> list[Extras]:
        require_images(self.name, pairs)
        if self.damage is not None:
            return [Extras((), (view,)) for view in damaged(self.damage, pairs, image_root, folder, self.seed)]
        partners = [pairs[j] for j in strangers(pairs, same_question=True)]
        return [
            Extras((other.chosen,), (View(other.image, (pair.chosen, other.chosen)),))
            for pair, other in zip(pairs, partners, strict=True)
        ]

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(sum(len(row.all_answers) - self._beside for row in rows), 0)

    @property
    def _beside(self) -> int:
        """Answers of a row that are not rejected ones."""
        return 2 if self.damage is not None else 4

    def logps(self, answers: Tensor, answers_of_row: Sequence[int]) -> ImageLogps:
        """Answers (A,), row by row -> pairs; a row with K rejected answers becomes K pairs."""
        places, start = list[list[int]](), 0
        for n in answers_of_row:
            end, last = start + n, self._beside - 1
            others = [end - last + i for i in range(last)]
            places += [[start, start + k, *others] for k in range(1, n - last)]
            start = end
        columns = torch.tensor(places, dtype=torch.long, device=answers.device).T
        if self.damage is not None:
            return ImageLogps(*(answers[column] for column in columns))
        chosen, rejected, other, chosen_elsewhere, other_elsewhere = (answers[column] for column in columns)
        return ImageLogps(chosen, rejected, chosen_elsewhere, other, other_elsewhere)

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        answers = score(policy, batch)
        now = self.logps(answers, batch.answers_of_row)
        base = self.logps(known["reference"].to(answers), batch.answers_of_row)
        got = self.loss(now, base, **self.options)
        margin = got.chosen_reward - got.rejected_reward
        elsewhere = self.options["beta"] * (now.chosen_elsewhere - base.chosen_elsewhere).detach()
        return Part(
            got.loss.sum() / totals.pairs,
            {
                "rewards/chosen": got.chosen_reward,
                "rewards/rejected": got.rejected_reward,
                "rewards/accuracies": (margin > 0).float(),
                "rewards/margins": margin,
                "rewards/chosen_elsewhere": elsewhere,
                "rewards/image_accuracies": (got.chosen_reward > elsewhere).float(),
                "logps/chosen": now.chosen.detach(),
                "logps/rejected": now.rejected.detach(),
                "logps/chosen_elsewhere": now.chosen_elsewhere.detach(),
            },
        )
