"""By what a training's folder knows that it goes on with the same one: settings, pairs, images by content, base weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignment.batching.policy import Policy
from alignment.data.invalid_pairs import image_list
from alignment.data.pairs import pairs_digest
from alignment.training.objectives import DependsOnTemplate, Objective
from alignment.weights.precision import held_in
from alignment.weights.resume_state import Identity
from alignment.weights.workers import workers
from harness.core.digests import digest_if_readable, parts_digest
from harness.core.errors import TrainingError
from harness.core.plugins import Progress, no_progress
from harness.core.preference import PreferencePair, together


def identity(
    made: Mapping[str, Any], named: Sequence[PreferencePair], pairs: Sequence[PreferencePair], policy: Policy
) -> Identity:
    """Of a training on `pairs`, the same as `named` with the digests of their images; `made` is all else that it depends on."""
    base = policy.checkpoint.digest, sorted(policy.facts().items())
    return Identity(*(parts_digest(made, pairs_digest(of), *base) for of in (pairs, named)))


def facts_of(objective: Objective, policy: Policy, pairs: Sequence[PreferencePair]) -> dict[str, Any]:
    """Of an objective, with what it depends on of the chat template."""
    return {**objective.facts(), **(objective.facts_of(policy, pairs) if isinstance(objective, DependsOnTemplate) else {})}


def facts_of_reference(reference: Policy | None) -> dict[str, Any]:
    """Of a reference that is another checkpoint; its precision where the version before had it as loaded."""
    if reference is None:
        return {}
    formats = held_in(reference)
    return {"reference": reference.checkpoint.digest, **({"precision of the reference": formats[0]} if formats else {})}


def with_digests(pairs: Sequence[PreferencePair], image_root: Path, progress: Progress = no_progress) -> list[PreferencePair]:
    """The pairs with the sha256 of each of their images, read once; an image that cannot be read keeps what its pair says.

    Raises TrainingError where an image is not the one that its pair was made with, or not the same for all processes.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in pair.images))
    found = dict[str, str]()
    with ThreadPoolExecutor(4) as pool:  # sha256 leaves the interpreter to others
        for name, digest in zip(names, pool.map(lambda n: digest_if_readable(image_root / n), names), strict=True):
            found[name] = digest
            progress("comparing images", len(found), len(names))
    _require_one_for_all(found)
    if other := {n: None for pair in pairs for n, known in _known(pair) if known and found[n] and known != found[n]}:
        raise TrainingError(
            f"{len(other):,} of {len(names):,} images are not those that the pairs were made with: the sha256 of "
            f"{image_list(other)} is not the `image_digest` of the pairs, so that the files have changed. Put them back, or "
            "make the pairs again (in a run: remove the arm's folder)."
        )
    return [replace(p, image_digest=together(tuple(found[n] or known for n, known in _known(p)))) for p in pairs]


def _known(pair: PreferencePair) -> list[tuple[str, str]]:
    """Name and digest of each image of a pair; "" where it has no digest."""
    digests = pair.image_digest if isinstance(pair.image_digest, tuple) else (pair.image_digest,)
    return list(zip(pair.images, digests if len(digests) == len(pair.images) else [""] * len(pair.images), strict=True))


def _require_one_for_all(found: Mapping[str, str]) -> None:
    """Raise TrainingError, in every process, where two of them read other files under the same names."""
    apart = [n for other in workers().gather(dict(found)) for n, digest in other.items() if digest != found.get(n)]
    if apart:
        raise TrainingError(
            f"The processes that train together read other files under the same names: {image_list(apart)}. Give all hosts the "
            "same images."
        )
