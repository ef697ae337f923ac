"""Training from pairs to a checkpoint, exactly resumable; all aligners share it.

    cache/reference/    log-probabilities of the reference, by content
    folder/log.jsonl    one row a step, TRL's names
    folder/code.json    by which code the steps were taken
    folder/state/       weights, optimizer, the log so far: every `save_every` steps
    folder/checkpoint/  the result
    folder/base/        with LoRA on an adapter: the adapter merged into its base, which is what the result belongs to
    folder/dropped.jsonl, done.json: pairs that were left out, each with its reason; written last

Called again on the same folder it resumes from the last state and ends in the same weights, bit for bit on a CPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alignment.batching.collate import Extras
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows, make_rows, partner_images
from alignment.data.invalid_pairs import require_some, table, validate
from alignment.data.pairs import pairs_digest
from alignment.early_stopping import Rule
from alignment.settings import Settings
from alignment.training.diagnosis import diagnosed, lost_rows_note
from alignment.training.dropped_pairs import note_of_training, write_dropped
from alignment.training.end_token import end_token_note
from alignment.training.identity import facts_of, facts_of_reference, identity, with_digests
from alignment.training.loop import Loop
from alignment.training.moving_reference import MIXED, Moving, note_on_mixing
from alignment.training.no_randomness import require_no_randomness
from alignment.training.objectives import NeedsExtras, Objective, ReadsStates, ReadsTokens, ShowsNoise
from alignment.training.preference import Preference
from alignment.training.reference_logps import ANSWERS, STATES, TOKENS, reference_logps
from alignment.training.sample_supply import Online, Reference, Stored, Supply
from alignment.training.unpaired import Rated, Unpaired, mismatched
from alignment.weights.checkpoint import write_checkpoint, write_merged_base
from alignment.weights.code_used import code_used
from alignment.weights.precision import in_one_precision, reference_beside, stored_as
from alignment.weights.resume_state import Identity, read_log
from alignment.weights.strategy import divide
from alignment.weights.trainable import Trainable, prepare
from alignment.weights.workers import collective, workers
from harness.core.digests import model_digest, parts_digest
from harness.core.edge.files import is_file
from harness.core.errors import TrainingError
from harness.core.files import write_text_whole
from harness.core.plugins import Progress, no_progress
from harness.core.preference import PreferencePair, noise_rule_of, refused_images

DONE = "done.json"
CHECKPOINT, MERGED = "checkpoint", "base"


@dataclass(frozen=True, slots=True)
class Alignment:
    """A finished training: `log` has one row a step, `dropped` counts the pairs left out of those `asked` for, by reason."""

    log: tuple[Mapping[str, float], ...]
    folder: Path
    step: int
    notes: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0


@collective()
def train(
    policy: Policy,
    pairs: Sequence[PreferencePair],
    image_root: Path,
    folder: Path,
    objective: Objective,
    settings: Settings,
    progress: Progress = no_progress,
    online: Online | None = None,
    rules: Sequence[Rule] = (),
    cache: Path | None = None,
    reference: Policy | None = None,
) -> Alignment:
    """Train a freshly loaded policy on pairs, or resume where a killed run stopped.

    `online` makes each step's answers from the policy as it is; without it the pairs are trained on as they are.
    `cache`: where reference values are kept; trainings that share pairs and base share them there. Else `folder`.
    `reference`: where it is not the policy as loaded, e.g. that of an earlier round.
    `rules` end it early; the setting `early_stop` is one more.

    Raises TrainingError when no pair is left, when an image is not the one that its pair was made with, when the folder holds
    another training, or when a loss is not finite (naming the pairs; the last state is kept).
    """
    policy = in_one_precision(policy, settings)
    reference = None if reference is None else reference_beside(policy, reference, settings)
    named, dropped = validate(pairs, lambda name: is_file(image_root / name), unpaired=isinstance(objective, Unpaired))
    require_some(named, dropped)
    _require_trainable(policy, named, online)
    kept = with_digests(named, image_root, progress)
    noise = _noise_of(objective, policy)
    made = {**facts_of(objective, policy, kept), **noise, **settings.facts(), **(online.facts() if online else {})}
    made |= facts_of_reference(reference)
    asked, ends = identity(made, named, kept, policy), end_token_note(policy, objective, kept, online)
    if (folder / DONE).is_file() and (folder / CHECKPOINT).is_dir():
        return _finished(folder, asked, objective, settings, reference, ends)
    folder.mkdir(parents=True, exist_ok=True)
    extras, drawn_from = _extras(objective, kept, image_root, (cache or folder) / "images", noise)
    rows, too_long = make_rows(
        policy, kept, image_root, max_length=settings.max_length, progress=progress, extras=extras, facts=drawn_from
    )
    dropped += too_long
    require_some(rows, dropped, settings.max_length)
    asked = replace(asked, rows=pairs_digest(rows.pairs))
    merged = None
    if workers().is_main and settings.lora is not None:
        merged = write_merged_base(policy.module, policy.checkpoint, folder / MERGED)
    trained, supply = _supply(policy, rows, image_root, cache or folder, objective, settings, progress, online, reference)
    require_no_randomness(policy, rows)
    stops: list[Rule] = [*rules, settings.early_stop] if settings.early_stop else [*rules]
    shards = divide(trained, workers(), online is not None, _are_mixed(rows))
    steps, stopped = Loop(policy, supply, objective, settings, shards, folder, asked, stops).run(progress)
    weights, heads = shards.module_state(), shards.heads_state()
    _require_finite(weights if weights is not None else trained.weights, steps)
    if workers().is_main:
        precision = stored_as(trained.weights.values(), policy)
        provenance = {"step": steps, "precision": precision, "code": code_used(folder), **made}
        write_checkpoint(trained, policy.checkpoint, folder / CHECKPOINT, provenance, heads, weights, merged)
        facts = {**asked.facts(), "step": steps, "stopped": stopped, "pairs": len(pairs), **(MIXED if trained.anchor else {})}
        done = {**facts, "precision": precision, "dropped": table(dropped), "digest": model_digest(folder / CHECKPOINT)}
        write_dropped(folder, dropped, pairs)
        write_text_whole(folder / DONE, json.dumps(done) + "\n")
    workers().wait()
    return _finished(folder, asked, objective, settings, reference, ends)


def _require_trainable(policy: Policy, pairs: Sequence[PreferencePair], online: Online | None) -> None:
    """Raise TrainingError for pairs that this policy, or a method that makes its own answers, does not take."""
    if refused := refused_images(policy, pairs):
        raise TrainingError(refused)
    if online is not None and (begun := sum(bool(pair.context) for pair in pairs)):
        raise TrainingError(
            f"{begun} pairs give the beginning of their answer (context); an aligner that makes its own answers begins them "
            "itself. Use one that trains on stored pairs, e.g. dpo."
        )


def _are_mixed(rows: Rows) -> bool:
    """Whether some rows show an image and others none."""
    return len({bool(pair.images) for pair in rows.pairs}) > 1


def _supply(
    policy: Policy,
    rows: Rows,
    image_root: Path,
    cache: Path,
    objective: Objective,
    settings: Settings,
    progress: Progress,
    online: Online | None,
    other: Policy | None,
) -> tuple[Trainable, Supply]:
    """Prepare the module and the supply of pairs.

    The reference is the policy as loaded (or `other`), so its numbers (or a copy) are taken before adapters and before a state.
    """
    if online is not None:
        reference = Reference(policy, settings, other)
        trained = prepare(policy.module, settings, objective.heads(policy, settings.seed))
        return trained, online.supply(policy, rows, image_root, reference.of(trained))
    fixed = other or policy
    of_tokens = isinstance(objective, ReadsTokens) and objective.reads_tokens
    if isinstance(objective, Preference) and objective.sync is not None:
        if other is not None:
            raise TrainingError("reference_sync moves the reference from where the training begins; it cannot be another one.")
        trained = prepare(policy.module, settings, objective.heads(policy, settings.seed))
        return trained, Moving(policy, rows, trained, objective.sync, settings.micro_batch, of_tokens)
    if isinstance(objective, Unpaired):
        rated = mismatched(rows, objective.loss)
        supply = Rated(rated, reference_logps(fixed, rated, cache / "reference", progress=progress))
        return prepare(policy.module, settings, objective.heads(policy, settings.seed)), supply
    known, hidden = None, None
    if objective.needs_reference:
        kind = TOKENS if of_tokens else ANSWERS
        known = reference_logps(fixed, rows, cache / "reference", kind, progress=progress)
    if isinstance(objective, ReadsStates) and objective.reads_states:
        hidden = reference_logps(fixed, rows, cache / "reference", STATES, progress=progress)
        objective.keep_head(fixed)
    return prepare(policy.module, settings, objective.heads(policy, settings.seed)), Stored(rows, known, hidden)


def _extras(
    objective: Objective, kept: Sequence[PreferencePair], image_root: Path, folder: Path, noise: Mapping[str, str]
) -> tuple[list[Extras | None] | None, tuple[str, ...]]:
    """What the objective puts beside each pair, and what that depends on; images are written by the first process."""
    if not isinstance(objective, NeedsExtras):
        return None, ()
    with workers().first_alone():
        extras = objective.extras(kept, image_root, folder)
    others = partner_images(kept, extras)
    return extras, (parts_digest(objective.facts(), *([others] if others else []), *noise.values()),)


def _noise_of(objective: Objective, policy: Policy) -> dict[str, str]:
    """How noise is put on the images that an objective shows, where it shows some and the rule is not the first one."""
    rule = noise_rule_of(policy) if isinstance(objective, ShowsNoise) and objective.shows_noise else ""
    return {"noise on images": rule} if rule else {}


def _require_finite(weights: Mapping[str, Tensor], steps: int) -> None:
    """Raise TrainingError, in every process, where the first one holds weights that are not finite: the loss of the last step
    says nothing of what the step made of them."""
    broken = [name for name, w in weights.items() if not bool(torch.isfinite(w).all())] if workers().is_main else []
    if broken := workers().gather(broken)[0]:
        raise TrainingError(
            f"{len(broken)} weights are not finite after step {steps} (the first: {broken[0]}); no checkpoint is written. "
            "Lower learning_rate."
        )


def _done(folder: Path) -> Mapping[str, Any]:
    """What the training wrote last. Raises TrainingError where the file is damaged."""
    try:
        facts = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or not facts.keys() >= {"fingerprint", "step", "stopped", "pairs", "dropped"}:
        raise TrainingError(f"{folder / DONE} is damaged. Put it back, or remove {folder} to train again.")
    return facts


def _finished(
    folder: Path, asked: Identity, objective: Objective, settings: Settings, reference: Policy | None, ends: tuple[str, ...]
) -> Alignment:
    facts = _done(folder)
    asked.require_same(folder, facts)
    if facts.get("digest") not in (None, model_digest(folder / CHECKPOINT)):  # None: of an older version
        raise TrainingError(
            f"{folder / CHECKPOINT} is not what its training wrote: a file was changed, lost or damaged since. Put it back, or "
            f"remove {folder} to train again."
        )
    log = read_log(folder, facts["step"])
    early = (f"Training ended at step {facts['step']}: {facts['stopped']}.",) if facts["stopped"] else ()
    dropped, asked_for = facts["dropped"], facts["pairs"]
    left_out = note_of_training(folder, dropped, asked_for)
    lost = lost_rows_note(len(log), facts["step"])
    mixing = note_on_mixing(objective.sync, settings, facts) if isinstance(objective, Preference) else ()
    told = diagnosed(log, objective, reference is not None)
    notes = (*left_out, *early, *ends, *lost, *mixing, *told, *filter(None, [facts.get("precision")]))
    return Alignment(tuple(log), folder / CHECKPOINT, facts["step"], notes, dropped, asked_for)
