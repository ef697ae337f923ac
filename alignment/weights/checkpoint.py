"""Checkpoints that load anywhere: a normal transformers folder, or a PEFT adapter folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from alignment.weights.joined_adapters import ADAPTER, ADAPTER_WEIGHTS, adapted_layers, join, require_joinable
from alignment.weights.trainable import Trainable
from harness.core.digests import model_digest
from harness.core.edge.foreign import refused_by_system, words_of
from harness.core.errors import TrainingError
from harness.core.files import write_folder_whole
from harness.core.run_record import Checkpoint

# what makes a folder of weights load as a model: tokenizer, image processor, templates
COMPANIONS = (
    *("tokenizer*", "*processor*", "chat_template*", "special_tokens*", "added_tokens*", "vocab*", "merges*"),
    *("*.jinja", "*.model", "generation_config.json"),
)
PROVENANCE, MERGED_DIGEST = "alignment.json", "merged_base_digest"  # an adapter is loaded on a base of one of its digests
HEADS = "heads.safetensors"  # of a reward or value model, beside the weights
_SHARD = "5GB"  # as on the hub: shards are read, and their digests computed, side by side


def is_adapter(checkpoint: Checkpoint) -> bool:
    return (Path(checkpoint.folder) / ADAPTER).is_file()


def write_merged_base(module: Any, base: Checkpoint, folder: Path) -> Path | None:
    """The folder of whole weights that an adapter trained on `base` belongs to, where `base` is an adapter that is merged; else
    None: one that stays beside half-precision weights is written together with the other, see `joined_adapters.py`.

    Written before training, in the precision that the base was loaded in: peft merges one adapter into one model, so a second
    one that names the first one's base would lose the first (and with it whatever it had learned) without a warning. What a
    killed training left in `folder` is kept where it is of the same base in the same precision.
    """
    if not is_adapter(base):
        return None
    if adapted_layers(module):
        require_joinable(Path(base.folder))
        return None
    origin = {"base": base.folder, "base_digest": base.digest, "dtype": str(module.dtype).removeprefix("torch.")}
    if not _is_of(folder, origin):

        def write(part: Path) -> None:
            module.save_pretrained(part, max_shard_size=_SHARD)
            _copy_companions(base, part)
            _write_provenance(part, origin)

        _fill(folder, write)
    return folder


def write_checkpoint(
    trained: Trainable,
    base: Checkpoint,
    folder: Path,
    provenance: Mapping[str, Any],
    heads: Mapping[str, Tensor],
    weights: Mapping[str, Tensor] | None = None,
    merged_base: Path | None = None,
) -> Path:
    """Write the trained weights to `folder`: complete, or not at all.

    Full weights come with the base's processor files; an adapter folder refers to the base by its path, which is
    `merged_base` where one was written, and holds what the base adds to its own where that is an adapter beside half-precision
    weights. `heads` are those of the objective; `weights` are given where the module (or its adapter) is divided among
    processes.
    """
    joined = trained.adapter is not None and merged_base is None and is_adapter(base)
    given = {} if weights is None else {"state_dict": dict(weights)}

    def write(part: Path) -> None:
        if trained.adapter is not None:
            if merged_base is not None:
                trained.adapter.peft_config["default"].base_model_name_or_path = str(merged_base.resolve())
            trained.adapter.save_pretrained(str(part), save_embedding_layers=False, **given)
            _add_loose(trained, part / ADAPTER_WEIGHTS, weights)
            if joined:
                join(Path(base.folder), part)
        else:
            trained.module.save_pretrained(part, max_shard_size=_SHARD, **given)  # type: ignore[operator]
        if heads:
            save_file({name: t.contiguous().cpu() for name, t in heads.items()}, part / HEADS)
        _copy_companions(base, part)
        facts = {"base": base.folder, "base_digest": base.digest, **provenance}
        if merged_base is not None:
            facts[MERGED_DIGEST] = model_digest(merged_base)
        elif joined:
            facts[MERGED_DIGEST] = base.parent
        _write_provenance(part, facts)

    _fill(folder, write)
    return folder


def _write_provenance(folder: Path, facts: Mapping[str, Any]) -> None:
    (folder / PROVENANCE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _is_of(folder: Path, origin: Mapping[str, str]) -> bool:
    """Whether a folder of merged weights has this origin, wherever the base lies; False where it does not tell."""
    try:
        found = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and all(found.get(name) == origin[name] for name in ("base_digest", "dtype"))


def _add_loose(trained: Trainable, path: Path, weights: Mapping[str, Tensor] | None) -> None:
    """Put weights that trained beside the adapter into its file, under their full names, from which peft loads them too."""
    if not trained.loose:
        return
    held = trained.adapter.state_dict() if weights is None else weights
    names = [f"base_model.model.{name}" for name in trained.loose]
    save_file({**load_file(path), **{n: held[n].contiguous().cpu() for n in names}}, path, {"format": "pt"})


def _fill(folder: Path, write: Callable[[Path], None]) -> None:
    try:
        write_folder_whole(folder, write)
    except OSError as error:
        why = refused_by_system(error) or f"{words_of(error)}. Mend that and run the same command again."
        raise TrainingError(f"The checkpoint could not be written, the state of the training is kept. {why}") from error


def _copy_companions(checkpoint: Checkpoint, folder: Path) -> None:
    """Tokenizer, processor and template as they were used in training: an adapter is used with those of its base."""
    base = Path(checkpoint.base if is_adapter(checkpoint) else checkpoint.folder)
    if not base.is_dir():  # a hub name: the adapter or config points there
        return
    for path in sorted(base.iterdir()):
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in COMPANIONS):
            target = folder / path.name
            if not target.exists():
                shutil.copyfile(path, target)
