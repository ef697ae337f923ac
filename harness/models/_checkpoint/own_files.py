"""What a base model is computed from lies in its own folder, as safetensors: everything else is refused before it is loaded.

The digest of a checkpoint covers the files of its folder (`model_digest`) and is its identity; weights or code that come from
elsewhere, or from a pickle, could change an answer without changing the digest.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.capabilities import NOTE, WRONG, Finding
from harness.core.digests import folder_state, model_digest, value_digest
from harness.core.edge.files import instead_of_file, is_file
from harness.core.errors import ModelError
from harness.core.plugins import KEPT
from harness.core.run_record import Checkpoint
from harness.models._checkpoint.adapters import PICKLES
from harness.models._checkpoint.requirements import INDEX, SINGLE, indexed, read_object, two_sets

WEIGHTS = "weights"  # the name of the check
PROVENANCE, MERGED_DIGEST = "alignment.json", "merged_base_digest"  # as alignment/weights/checkpoint.py writes them
_TRAINED, _DONE = "checkpoint", "done.json"  # as alignment/training/train.py writes them side by side
_OBJECTS = ("config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json", "chat_template.json")
_HARMLESS = (".inv_freq", ".position_ids", ".num_batches_tracked")  # buffers that older versions stored: made anew on loading
_READ = (".json", ".jinja", ".safetensors", ".model", ".txt")  # endings of files that are loaded
_SHOWN = 3
_NAMING_CODE = ("config.json", "processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def require_own_files(folder: Path) -> None:
    """Raise ModelError for a model folder whose weights are pickles, that names weights outside itself, or in which something
    else stands in the place of a file, such as a link into a cache that was emptied."""
    for path in sorted(folder.iterdir()):
        if path.suffix in _READ and not is_file(path) and (found := instead_of_file(path)):
            raise ModelError(f"{path} {found}. Copy the checkpoint again, its files with what links lead to.")
    for name in _OBJECTS:
        read_object(folder / name)  # transformers goes on without a damaged generation_config.json
    _require_safetensors(folder)
    _require_own_shards(folder)


def ignored_pickles(folder: Path) -> list[str]:
    """Names of pickled weights beside the safetensors: never read, so not part of the digest either."""
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)


def file_findings(source: Path, adapters: Sequence[Path], unread: Sequence[str], faults: Sequence[str]) -> Iterator[Finding]:
    """What the folders of a checkpoint hold that its numbers do not come from.

    unread: names of tensors that the model of config.json does not have. faults: see `Identity`.
    """
    for fault in (*faults, *filter(None, [two_sets(source)])):
        yield Finding(WEIGHTS, WRONG, fault)
    for adapter in adapters:
        own, base = _template(adapter), _template(source)
        if own and own.strip() != base.strip():
            yield Finding(
                WEIGHTS,
                WRONG,
                f"the adapter {adapter} has a chat template of its own, and prompts are written by the one of its base "
                f"{source}: copy the template that it was trained with there, or remove the adapter's",
            )
    if lost := [name for name in unread if not name.endswith(_HARMLESS)]:
        shown = ", ".join(lost[:_SHOWN]) + (", ..." if len(lost) > _SHOWN else "")
        yield Finding(
            WEIGHTS,
            WRONG,
            f"{len(lost):,} stored tensors have no place in the model that config.json describes ({shown}), which computes "
            "without them: copy config.json and weights from one checkpoint",
        )
    if pickles := [name for folder in (source, *adapters) for name in ignored_pickles(folder)]:
        yield Finding(WEIGHTS, NOTE, f"{', '.join(pickles)} not read: safetensors only, pickles can run code")


def _template(folder: Path) -> str:
    """The chat template of a folder in the order in which transformers looks for it; "" where it has none."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8", errors="replace")
    named = [read_object(folder / name).get("chat_template") for name in ("chat_template.json", *_NAMING_CODE[1:])]
    return next((str(template) for template in named if template), "")


def _require_safetensors(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    if pickles := ignored_pickles(folder):
        raise ModelError(
            f"The weights of {folder} do not load: it has only {', '.join(pickles[:3])}, and pickles can run code when they "
            "are read (safetensors only). Load it with transformers where it comes from and save it with save_pretrained."
        )


def _require_own_shards(folder: Path) -> None:
    """An index, or `transformers_weights` in config.json, may name weights anywhere."""
    named = read_object(folder / "config.json").get("transformers_weights")
    shards = {folder / "config.json": {str(named)}} if named else {}
    if (folder / INDEX).is_file():
        shards[folder / INDEX] = set(indexed(folder).values())
    for path, names in shards.items():
        if outside := sorted(name for name in names if not _is_own(name)):
            raise ModelError(
                f"{path} names {outside[0]}; only *.safetensors files in the same folder are read. Move them there."
            )
        lost = sorted(name for name in names if not (folder / name).is_file())
        if lost and not (folder / SINGLE).is_file():
            raise ModelError(f"{path} names {lost[0]}, which is not there. Copy that file too.")


def _is_own(name: str) -> bool:
    return Path(name).name == name and name.endswith(".safetensors")


def require_own_code(folder: Path) -> None:
    """`auto_map` may name code of another repository ("owner/name--module.Class"), which no digest of this folder sees."""
    for name in _NAMING_CODE:
        auto_map = read_object(folder / name).get("auto_map")
        for reference in _texts(auto_map):
            if "--" in reference or "/" in reference:
                raise ModelError(
                    f"{folder / name} names code outside its folder ({reference}). Copy that module into {folder} and name "
                    "it there: code from elsewhere is not part of the checkpoint's digest."
                )


def _texts(value: Any) -> Iterator[str]:  # Any: a JSON value
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


# ------------------------------------------------------------ identity


@dataclass(frozen=True, slots=True)
class Identity:
    """A checkpoint by content. `faults`, in sentences: files that are not those that its training wrote, and an adapter that
    was trained on other files than those it would be merged into."""

    checkpoint: Checkpoint
    faults: tuple[str, ...] = ()


def identity_of(path: str, source: str, adapters: Sequence[Path]) -> Identity:
    """Identity by content; an adapter's digest includes its base's."""
    parent, digest, below = "", _base_digest(source), Path(source)
    faults = [_changed(below, digest)]
    for adapter in adapters:
        faults.append(_other_base(adapter, below, digest))
        faults.append(_changed(adapter, own := model_digest(adapter)))
        parent, digest, below = digest, value_digest([digest, own]), adapter
    found = tuple(fault for fault in faults if fault)
    if not adapters:
        return Identity(Checkpoint(digest[:12], path, source, digest), found)
    return Identity(Checkpoint(digest[:12], source, str(adapters[-1]), digest, parent=parent), found)


def _changed(folder: Path, digest: str) -> str:
    """That a checkpoint which was trained here is not what its training wrote; nothing is known of copies elsewhere and of
    what older versions trained."""
    place = folder.resolve()
    if place.name != _TRAINED or not (place / PROVENANCE).is_file():
        return ""
    written = _written(place.parent / _DONE)
    if written in ("", digest):
        return ""
    return (
        f"{folder} is not what its training wrote: {place.parent / _DONE} names the digest {written[:12]}, and the files "
        f"have {digest[:12]}; one was changed, lost or damaged since. Put it back, or copy the folder to another place to use "
        "it as it is."
    )


def _written(done: Path) -> str:
    """The digest that a training kept; "" where none is there, and of another tool's file of that name beside a copy."""
    try:
        facts = json.loads(done.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    own = isinstance(facts, dict) and {"fingerprint", "step", "digest"} <= facts.keys()
    return str(facts["digest"]) if own else ""


def _other_base(adapter: Path, base: Path, digest: str) -> str:
    """That what was trained here says it was trained on other files than the base's; adapters from elsewhere say nothing."""
    facts = read_object(adapter / PROVENANCE)
    trained_on = [str(facts[name]) for name in ("base_digest", MERGED_DIGEST) if facts.get(name)]
    beside = adapter.name == _TRAINED and base.resolve() == adapter.resolve().parent / "base"
    if not trained_on or digest in trained_on or (beside and MERGED_DIGEST not in facts):
        return ""  # the last: trained on an adapter by a version that did not keep the digest of the two merged
    return (
        f"The adapter {adapter} was trained on another base: its {PROVENANCE} names the digest {trained_on[-1][:12]}, and the "
        f"files of {base} have {digest[:12]}. Merged, they are a model that nobody trained. Put that base back, or name its "
        "folder in adapter_config.json."
    )


def require_as_trained(identity: Identity, despite: Sequence[str]) -> Checkpoint:
    """The checkpoint. Raises ModelError where it has faults, unless `despite` names the check of weights."""
    if identity.faults and WEIGHTS not in despite:
        raise ModelError(f"{' '.join(identity.faults)} model.despite=[{WEIGHTS}] goes on all the same.")
    return identity.checkpoint


def _base_digest(source: str) -> str:
    """`model_digest`, read once where a process keeps it and the files stay."""
    kept = KEPT.get()
    if kept is None:
        return model_digest(Path(source))
    state = (source, folder_state(Path(source)))
    if kept.get("digest", ("", ""))[0] != state:
        kept["digest"] = state, model_digest(Path(source))
    return str(kept["digest"][1])


def identity_ahead(path: str, source: str, adapters: Sequence[Path]) -> Future[Identity]:
    """`identity_of` by a thread, while weights are loaded: sha256 of 13 GiB takes as long as that."""
    found, run = Future[Identity](), copy_context().run

    def work() -> None:
        try:
            found.set_result(run(identity_of, path, source, adapters))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=work, daemon=True).start()  # a refused checkpoint waits for nothing
    return found
