"""sha256 of files, texts, values and checkpoints: the identity of whatever is stored, and the seeds drawn from it."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# What can change an answer: weights, adapter, configuration, tokenizer, template, image settings.
_MODEL_FILES = (
    *("*.safetensors", "*.json", "*.jinja", "*.py", "additional_chat_templates/*"),
    *("*.model", "*.txt", "*.tiktoken", "*.spm", "*.bpe", "*.vocab", "*.codes"),  # tokenizers
)
_FileState = tuple[int, int, int, int]
_NOT_MODEL = ("training_log.json", "trainer_state.json", "alignment.json")  # say how it was made, not what it is


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hex. Reads in chunks, so a checkpoint of any size fits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_state(path: Path) -> _FileState:
    """Size, times and inode: as long as they stay, what was read of a file is what it holds.

    A copy can be given any time of modification; the time of the last change (`ctime`) is the system's alone.
    """
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def digest_if_readable(path: Path) -> str:
    """`file_digest`; "" where the file cannot be read, which whoever needs its content will say."""
    try:
        return file_digest(path)
    except OSError:
        return ""


def text_digest(text: str) -> str:
    """sha256 of a text in UTF-8; lone surrogates are kept apart rather than refused."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def value_digest(value: Any) -> str:
    """sha256 of a JSON-able value, independent of the order of keys."""
    return text_digest(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str))


def parts_digest(*parts: Any) -> str:
    """sha256 of JSON-able values, as training names its states, caches and draws.

    Not the same bytes as `value_digest` (no spaces). Neither may change: one is in every answer key, the other in every
    saved training state and in the order of every random draw.
    """
    return text_digest(json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def seed_of(*parts: Any) -> int:
    """A seed in [0, 2^63) from values: the same draw whatever the batching, the order or the process."""
    return int(parts_digest(*parts)[:16], 16) >> 1


class RoundSeed(int):
    """Seed of a later round's draws. `subsample` is that of the first: which rows a `limit` takes stays as it was."""

    subsample: int


def round_seed(seed: int, number: int | None) -> int:
    """The seed of a round 2, 3, ..; `seed` itself in the first (None): a round draws nothing as the one before did."""
    if number is None:
        return seed
    made = RoundSeed(seed_of(seed, "round", number))
    made.subsample = subsample_seed(seed)
    return made


def subsample_seed(seed: int) -> int:
    """The seed by which rows of a file are chosen, the same in all rounds."""
    return seed.subsample if isinstance(seed, RoundSeed) else seed


def image_seed(seed: int, place: int) -> int:
    """The seed of the image at a place 0.. of a prompt: each is drawn on its own, the first as if it were alone."""
    return seed if place == 0 else seed_of(seed, "image", place)


def model_digest(folder: Path) -> str:
    """Identity of a checkpoint folder: every file that can change an answer, by name and content.

    The path is not part of it: weights copied elsewhere are the same checkpoint, weights overwritten at the same
    path are another one.
    """
    names = {
        p.relative_to(folder).as_posix(): p
        for pattern in _MODEL_FILES
        for p in folder.glob(pattern)
        if p.name not in _NOT_MODEL
    }
    with ThreadPoolExecutor(4) as pool:  # sha256 leaves the interpreter to others, and a large checkpoint has several shards
        digests = pool.map(_digest_of, names.values())
        return value_digest(dict(zip(names, digests, strict=True)))


def folder_state(folder: Path) -> tuple[tuple[str, _FileState], ...]:
    """`file_state` of all files that `model_digest` could read: the same state, the same digest."""
    files = sorted((*folder.iterdir(), *folder.glob("additional_chat_templates/*")))
    return tuple((str(path), file_state(path)) for path in files if path.is_file())


def _digest_of(path: Path) -> str:
    """A file's digest; an adapter's configuration counts without the place where its base lay."""
    if path.name != "adapter_config.json":
        return file_digest(path)
    settings = json.loads(path.read_text(encoding="utf-8"))
    return value_digest({k: v for k, v in settings.items() if k != "base_model_name_or_path"})
