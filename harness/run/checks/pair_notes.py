"""What a run warns of and its report contains about the pairs of an arm, beside what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alignment.data.stored_pairs import NotesPairs
from alignment.quality.empty_prompts import without_images
from alignment.quality.pair_weights import unused_weights
from alignment.quality.text_probe import giveaways
from harness.config.schema import Arm, JudgeConfig
from harness.core import registry
from harness.core.preference import AsksAbout, PreferencePair, noted_images
from harness.models._checkpoint.families import note_ahead
from harness.run.checks.adapters import noted_experts, noted_rank
from harness.run.checks.references import unused_reference


def pair_notes(arm: Arm, model: object, asked: Sequence[AsksAbout], pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What a run warns of and its report contains: of what an arm asks about, of its pairs and its reference."""
    noted = (*noted_images(model, asked), *noted_judge(arm.align.judge, asked), *giveaways(pairs))
    return (*noted, *noted_rank(arm, model), *noted_experts(arm, model), *unused_reference(arm))


def notes_of_run(arm: Arm, model: object, pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """`pair_notes` of the pairs that an arm trains on, how many of them show no image, or have a weight, and what its
    aligner says of them."""
    own = noted_training(arm, pairs)
    return (*without_images(pairs), *unused_weights(pairs), *pair_notes(arm, model, pairs, pairs), *own)


def noted_training(arm: Arm, pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What the arm's aligner says of its pairs."""
    aligner = registry.get("aligner", arm.align.name)
    return aligner.notes_on(pairs) if pairs and isinstance(aligner, NotesPairs) else ()


def noted_judge(judge: JudgeConfig | None, asked: Iterable[AsksAbout]) -> tuple[str, ...]:
    """What is said where a judge is to look at several images at once and most models of its kind saw one; it is not loaded."""
    asks = judge.options.get("model") if judge is not None else None
    if judge is None or not isinstance(asks, Mapping) or asks.get("name", "transformers") != "transformers":
        return ()
    note = note_ahead(str(asks["path"])) if asks.get("path") else ""
    if not note or not any(isinstance(one.image, tuple) for one in asked):
        return ()
    return (
        f"Some prompts show several images, and the judge {judge.name} sees them with {asks['path']}: {note}. Choose a judge "
        "whose family was trained with several, or leave these rows out.",
    )
