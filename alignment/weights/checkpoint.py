"""Checkpoints that load anywhere: a normal transformers folder, or a PEFT adapter folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from alignment.weights.trainable import Trainable
from harness.core.errors import TrainingError
from harness.core.files import write_folder_whole
from harness.core.run_record import Checkpoint

# what makes a folder of weights load as a model: tokenizer, image processor, templates
COMPANIONS = (
    *("tokenizer*", "*processor*", "chat_template*", "special_tokens*", "added_tokens*", "vocab*", "merges*"),
    *("*.jinja", "*.model", "generation_config.json"),
)
PROVENANCE = "alignment.json"
HEADS = "heads.safetensors"  # of a reward or value model, beside the weights


def write_checkpoint(
    trained: Trainable,
    base: Checkpoint,
    folder: Path,
    provenance: Mapping[str, Any],
    heads: Mapping[str, Tensor],
    weights: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write the trained weights to `folder`: complete, or not at all.

    Full weights come with the base's processor files; an adapter folder refers to the base by its path. `heads` are those
    of the objective; `weights` are given where the module (or its adapter) is divided among processes.
    """
    given = {} if weights is None else {"state_dict": dict(weights)}

    def write(part: Path) -> None:
        if trained.adapter is not None:
            trained.adapter.save_pretrained(str(part), save_embedding_layers=False, **given)
        else:
            trained.module.save_pretrained(part, **given)  # type: ignore[operator]
        if heads:
            save_file({name: t.contiguous().cpu() for name, t in heads.items()}, part / HEADS)
        _copy_companions(Path(base.folder), part)
        facts = {"base": base.folder, "base_digest": base.digest, **provenance}
        (part / PROVENANCE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    try:
        write_folder_whole(folder, write)
    except OSError as error:
        raise TrainingError(f"The checkpoint could not be written to {folder}: {error}. The state is kept.") from error
    return folder


def _copy_companions(base: Path, folder: Path) -> None:
    if not base.is_dir():  # a hub name: the adapter or config points there
        return
    for path in sorted(base.iterdir()):
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in COMPANIONS):
            target = folder / path.name
            if not target.exists():
                shutil.copyfile(path, target)
