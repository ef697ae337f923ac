"""Fuzz targets that read preference sets, in all forms and packings."""

from __future__ import annotations

import gzip
import io
import json
import random
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.core.plugins import NoModel
from harness.storage.data_folder import DataFolder
from tests.campaigns.fuzzing.folders import Target
from tests.campaigns.mutations import damaged, mutated, text_of

_TEXTS = {"question": "What?", "chosen": "A cat.", "rejected": "A dog."}
_SAID = {"role": "assistant", "content": "A cat."}
_ASKED = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}
_TURNS = [{"from": "human", "value": "<image>What?"}]
_FORMS: list[dict[str, Any]] = [
    {"prompt": "What?", "chosen": "A cat.", "rejected": "A dog.", "image": "a.jpg"},
    {"images": ["a.jpg"], "prompt": [_ASKED], "chosen": [_SAID], "rejected": [{**_SAID, "content": "A dog."}]},
    {"conversations": _TURNS, "chosen": {"from": "gpt", "value": "A."}, "rejected": {"value": "B."}, "images": ["a.jpg"]},
    {"messages": [{"role": "user", "content": "<image>What?"}, _SAID], "images": ["a.jpg"], "rejected_response": "A dog."},
    {"instruction": "<image>What?", "input": "", "chosen": "A cat.", "rejected": "A dog.", "images": ["a.jpg"]},
    {"prompt": "Is <image> like <image>?", "chosen": "Yes.", "rejected": "No.", "image": ["a.jpg", "a.jpg"]},
]
_MATCHED = {"mentions": 0, "length": 0.2, "unit": "sentence", "vocabulary": "nouns.txt"}
_TOLD = {"from": "gpt", "value": "A cat and a dog. A red car."}
_PROMPTS = [{"id": "1", "image": "a.jpg", "conversations": [*_TURNS, _TOLD]}]
_PROMPTS += [{"id": "2", "images": ["a.jpg"] * 2, "conversations": [{"from": "human", "value": "<image><image>Which?"}, _TOLD]}]
_PAIR = {"prompt": "p", "chosen": "a", "rejected": ["b"]}
SETS: dict[str, tuple[dict[str, Any], Any]] = {  # source -> its options, and rows that it reads
    "rlaif_v": ({"file": "r.jsonl"}, [{"idx": 3, "image": "a.jpg", **_TEXTS}]),
    "rlaif_v_formatted": ({"file": "r.jsonl"}, [_FORMS[1]]),
    "dataset": ({"file": "r.jsonl"}, _FORMS),
    "hsa_dpo": ({"file": "r.jsonl"}, [{"id": 7, **_TEXTS, "rejected_score": 2}]),
    "mm_rlhf": ({"file": "r.jsonl"}, [_FORMS[0], {**_FORMS[0], "image": None, "video": "x.mp4"}]),
    "spa_vl": ({"file": "r.jsonl"}, [{**_TEXTS, "image": "a.jpg"}]),
    "sentinel": (
        {"file": "r.jsonl"},
        [{"image_path": "a.jpg", "question": "q", "context": "A. ", "y_win": "B.", "y_lose": "C."}],
    ),
    "jsonl": ({"file": "r.jsonl"}, [{"id": "1", "image": "a.jpg", **_PAIR}, {"id": "2", "images": ["a.jpg"] * 2, **_PAIR}]),
    "povid_noise": ({"prompts": "r.jsonl"}, _PROMPTS),
    "random_edit": ({"prompts": "r.jsonl", "vocabulary": "nouns.txt"}, _PROMPTS),
    "corruption": ({"prompts": "r.jsonl"}, _PROMPTS),
    "sentences": ({"prompts": "r.jsonl"}, _PROMPTS),
}  # fmt: skip
_PACKAGES = {"jsonl.zst": "zstandard", "parquet": "pyarrow"}
_NOUNS = b"cat, cats, kitten\ndog, dogs\ncar, cars\n"


def preference_set(name: str) -> Target:
    def run(draw: random.Random, folder: Path) -> None:
        from harness.core import registry

        options, good = SETS[name]
        raw = text_of(mutated(good, draw), draw)
        packed = draw.random() < 0.1
        key = "file" if "file" in options else "prompts"
        given = {**options, key: "r.jsonl.gz"} if packed and key == "file" else options
        (folder / given[key]).write_bytes(gzip.compress(raw) if packed else raw)
        (folder / "nouns.txt").write_bytes(damaged(_NOUNS, draw) if draw.random() < 0.2 else _NOUNS)
        (folder / "a.jpg").write_bytes(b"image")
        source = registry.make("source", name, given)
        source.check(DataFolder(folder), 0)
        if name not in ("povid_noise", "sentences"):  # these ask a model
            list(source.pairs(DataFolder(folder), NoModel(), 0))

    return run


def mmpr(draw: random.Random, folder: Path) -> None:
    from alignment.sources.sets.mmpr import Mmpr

    row = {"image": "a.jpg", **_TEXTS}
    for name, good in (("meta.json", {"one": {"root": "x/images", "annotation": "x/r.jsonl"}}), ("r.jsonl", [row])):
        (folder / "mmpr").mkdir(exist_ok=True)
        (folder / "mmpr" / name).write_bytes(text_of(mutated(good, draw), draw))
    list(Mmpr().pairs(DataFolder(folder), NoModel(), 0))


def packed_tables(draw: random.Random, folder: Path) -> None:
    from alignment.data.forms.tables import table_rows

    installed = [ending for ending, package in _PACKAGES.items() if find_spec(package)]
    ending = draw.choice(["jsonl.gz", *installed])
    (folder / f"t.{ending}").write_bytes(damaged(_packed(ending), draw))
    table_rows(DataFolder(folder), f"t.{ending}")


@cache
def _packed(ending: str) -> bytes:
    raw = json.dumps(_FORMS[0]).encode()
    if ending.endswith("gz"):
        return gzip.compress(raw)
    if ending.endswith("zst"):
        import zstandard

        return zstandard.ZstdCompressor().compress(raw)
    import pyarrow
    import pyarrow.parquet

    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**_TEXTS, "image": {"bytes": b"\x89PNG", "path": None}}] * 3), made)
    return made.getvalue()


def vocabularies(draw: random.Random, folder: Path) -> None:
    from alignment.data.noun_counts import Vocabulary

    Vocabulary.parse(damaged(_NOUNS, draw).decode("utf-8", "replace"), "nouns.txt").mentions("A cat and two dogs near a car.")


def set_targets() -> dict[str, Target]:
    plain = {f.__name__: f for f in (mmpr, packed_tables, vocabularies)}
    return plain | {f"set {name}": preference_set(name) for name in SETS}
