"""Files of a run's folder that the store knows by content: still those that were made?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from pathlib import Path

from alignment.data.pairs import read_pairs
from harness.config.schema import Arm, RunConfig
from harness.core.digests import file_digest
from harness.core.errors import DataError, ModelError
from harness.results.run_state import show_command
from harness.storage.artifacts import Pairs, RewardAccuracy, TrainingLog
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store

Digests = Mapping[str, str]  # benchmark, or what else was measured -> digest of the checkpoint
_TRAINED = "its training"


def require_own_files(
    config: RunConfig,
    folder: Path,
    store: Store,
    done: Set[tuple[str, str]],
    digest_of: Callable[[Arm], str],
    say: Callable[[str], None],
) -> None:
    """Raise DataError where an arm would be trained on other pairs than those that were made for it, and where something is
    still to be done with a checkpoint that is another one than the run has results of. Of one that is done with, `say` so.

    folder: the run's, which has its id as name. done: (label, benchmark) of whole results. digest_of: of an arm's checkpoint.
    """
    arms = (*config.reward_models, *config.arms)
    trained = {arm.name: (folder / config.place_of(arm) / "alignment.json").is_file() for arm in arms}
    for arm in arms:
        if not trained[arm.name]:
            require_own_pairs(store, folder.name, arm.name, folder / config.place_of(arm) / "pairs.jsonl")
    used = {arm.name for arm in config.arms if any((arm.name, spec.title) not in done for spec in config.sweep)}
    used |= {name for arm in arms if not trained[arm.name] for name in (arm.after, arm.reference, arm.align.reward) if name}
    for arm in (arm for arm in arms if trained[arm.name]):
        if not (before := digests_of(store, folder.name, arm.name)):
            continue
        if arm.name in used:
            with suppress(ModelError, OSError):  # what cannot be read says so where it is used
                require_same_checkpoint(folder, arm.name, before, digest_of(arm))
        elif config.fleet is None and (found := _not_as_measured(before, arm, digest_of)):  # a fleet would load each of them
            say(f"{arm.name}: {found} Put its files back before you use {folder / config.place_of(arm)} or pass it on.")


def _not_as_measured(before: Digests, arm: Arm, digest_of: Callable[[Arm], str]) -> str:
    """That an arm's checkpoint is another one than that of the run's numbers, or gone; "" where it is the same or not known."""
    were = ", ".join(dict.fromkeys(digest[:12] for digest in before.values()))
    try:
        digest = digest_of(arm)
    except (ModelError, OSError) as error:
        return f"the numbers are of a checkpoint (digest {were}) that cannot be read any more: {error}"
    if not digest or digest in before.values():
        return ""
    return f"the numbers are of a checkpoint with the digest {were}; the files that are there now have {digest[:12]}."


def digests_of(store: Store, run: str, label: str) -> Digests:
    """Which checkpoint a run measured under a label; of one without results the digest that its training ended with, where the
    store has it."""
    if found := measured_as(store, run, label):
        return found
    log = store.get(TrainingLog, run, label)
    return {_TRAINED: log.digest} if log is not None and log.digest else {}


def measured_as(store: Store, run: str, label: str) -> Digests:
    """Which checkpoint a run has results of under a label."""
    found = {head.benchmark: head.checkpoint.digest for head in ResultQueries(store).heads(run) if head.label == label}
    rewards = (store.get(RewardAccuracy, run) or RewardAccuracy()).digests
    return found | ({"accuracy on held-out pairs": rewards[label]} if label in rewards else {})


def require_same_checkpoint(folder: Path, label: str, before: Digests, digest: str) -> None:
    """Raise DataError where a checkpoint is another one than a run trained, or measured under its label. "": its digest is not
    known. folder: the run's."""
    others = {what: known for what, known in before.items() if digest and known != digest}
    if not others:
        return
    digests = ", ".join(dict.fromkeys(known[:12] for known in others.values()))
    of = "trained" if _TRAINED in others else f"has results ({', '.join(others)}) of"
    raise DataError(
        f"{label}: the run {folder.name} {of} a checkpoint with the digest {digests}; the files that are there now have "
        f"{digest[:12]}. One column never holds answers of two checkpoints. Put those files back and run "
        "the same command again; or give the run another name (`name=...`) or another `output=`, where all is trained and "
        f"measured anew. What is stored stays: `{show_command(folder)}` shows it."
    )


def require_own_pairs(store: Store, run: str, arm: str, path: Path) -> None:
    """Raise DataError where a file of pairs is not the one whose pairs the store, and so the report, describes."""
    record = store.get(Pairs, run, arm)
    if record is None or not path.is_file():  # the store was lost; whoever reads the file says that it is gone
        return
    made = record.report.get("accepted") if "options" in record.report else None  # a guest's words may mean something else
    if record.file and file_digest(path) != record.file:
        what = "was changed after it was made"
    elif not record.file and isinstance(made, int) and made != (there := len(read_pairs(path))):
        what = f"has {there:,} pairs, and {made:,} were made"
    else:
        return
    begun = arm in dict(ResultQueries(store).columns(run))
    again = "" if begun else f", or remove {path.parent} to make its pairs again; nothing was measured with them"
    raise DataError(f"arm {arm}: {path} {what}, so that the report would describe other pairs. Put that file back{again}.")
