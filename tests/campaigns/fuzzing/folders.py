"""Fuzz targets that are folders: the miniature world's files of every benchmark, checkpoints, adapters, stores, caches.

The good folder of each is made once a process; an input is a copy of it with one file damaged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from harness.storage.data_folder import DataFolder
from tests.campaigns.mutations import damaged, mutated

Target = Callable[[random.Random, Path], None]
_JUDGES = {"llava_bench", "mmvet", "mmhal_bench", "mmhal_bench_v"}
_TEMPLATE_PARTS = (
    "{% for m in messages %}", "{% endfor %}", "{{ m['content'] }}", "{{ m.role }}", "{{ m['content'][0]['text'] }}", "<image>",
    "{% for a in range(99999) %}", "{{ 'x' * 9999 }}", "{% set n = namespace(x='ab') %}", "{% set n.x = n.x ~ n.x %}",
    "{{ n.x }}", "{% if m['role'] == 'user' %}", "{% endif %}", "{{ raise_exception('no') }}", "{{ strftime_now('%Y') }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ messages | tojson }}", "{{ ''.__class__.__mro__ }}", "\x00",
    "{{ 1/0 }}", "{% generation %}", "{% break %}", "{{ messages[10**9] }}",
    "{%- if add_generation_prompt %}ASSISTANT:{% endif %}",
)  # fmt: skip


# ------------------------------------------------------------ files of benchmarks


@cache
def _world() -> DataFolder:
    from harness.miniworld.world.sketch import SketchedWorld
    from tests.small_world import SMALL

    return SketchedWorld(Path(tempfile.mkdtemp()), SMALL)


class _OneDamaged(DataFolder):
    """The miniature world, in which one of the first few text files that are asked for is damaged."""

    def __init__(self, draw: random.Random, folder: Path) -> None:
        super().__init__(folder, folder / ".cache")
        self._draw, self._victim, self._asked = draw, draw.randrange(3), dict[str, Path]()

    def has(self, name: str) -> bool:
        return _world().has(name)

    def path(self, name: str) -> Path:
        good = _world().path(name)
        if good.suffix not in (".json", ".jsonl", ".tsv", ".csv", ".txt"):
            return good
        if name not in self._asked:
            bad = len(self._asked) == self._victim
            self._asked[name] = self._folder / f"{len(self._asked)}{good.suffix}" if bad else good
            if bad:
                self._asked[name].write_bytes(_damaged_text(good.read_bytes(), self._draw))
        return self._asked[name]


def _damaged_text(raw: bytes, draw: random.Random) -> bytes:
    """A file's values mutated where it is JSON or lines of it, else its bytes."""
    if draw.random() < 0.3:
        return damaged(raw, draw)
    try:
        return json.dumps(mutated(json.loads(raw), draw, 0.002)).encode()
    except ValueError:
        pass
    try:
        rows = [json.loads(line) for line in raw.splitlines()]
    except ValueError:
        return damaged(raw, draw)
    return "\n".join(json.dumps(mutated(row, draw, 0.02)) for row in rows).encode()


def benchmark_target(name: str) -> Target:
    def run(draw: random.Random, folder: Path) -> None:
        from harness.config.schema import BenchmarkConfig
        from harness.evaluation.asked_items import items_of, requests_of
        from harness.evaluation.scoring import unjudged

        judge = {"judge": {"name": "keywords"}} if name in _JUDGES else {}
        spec = BenchmarkConfig.model_validate({"name": name, **judge})
        benchmark, data = unjudged(spec), _OneDamaged(draw, folder)
        requests_of(name, benchmark, items_of(spec, benchmark, data), data, 2)

    return run


# ------------------------------------------------------------ checkpoints


@cache
def _model() -> Path:
    from tests import tiny_models

    return tiny_models.save_llava(Path(tempfile.mkdtemp()))


@cache
def _adapter() -> Path:
    import peft
    import torch
    from transformers import AutoModelForImageTextToText

    module = AutoModelForImageTextToText.from_pretrained(_model())
    made = peft.get_peft_model(module, peft.LoraConfig(r=2, target_modules=r".*language_model.*q_proj"))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.add_(0.05)
    folder = Path(tempfile.mkdtemp())
    made.save_pretrained(str(folder))
    settings = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": str(_model())}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def _copy(good: Path, folder: Path, draw: random.Random, names: tuple[str, ...]) -> Path:
    """A copy of links, in which one file is damaged, left out or emptied."""
    made = folder / "copy"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(good, made, copy_function=os.link if os.stat(good).st_dev == os.stat(folder).st_dev else shutil.copy)
    victim = made / draw.choice([name for name in names if (made / name).is_file()])
    raw = victim.read_bytes()
    victim.unlink()
    what = draw.random()
    if what < 0.08:
        return made
    if victim.suffix == ".json" and what < 0.7:
        raw = json.dumps(mutated(json.loads(raw), draw, 0.1)).encode()
    elif victim.suffix == ".safetensors":  # its header, most of the time
        size = 8 + int.from_bytes(raw[:8], "little")
        raw = damaged(raw[:size], draw) + raw[size:] if what < 0.8 else damaged(raw, draw)
    else:
        raw = damaged(raw, draw)
    victim.write_bytes(raw)
    return made


def _answered(folder: Path) -> None:
    from harness.core.evaluation import Decoding, Request
    from harness.models.transformers import TransformersModel

    model = TransformersModel(str(folder), device="cpu")
    list(model.generate([Request(None, "What is it?", Decoding(max_new_tokens=2))]))


def checkpoints(draw: random.Random, folder: Path) -> None:
    names = ("config.json", "model.safetensors", "generation_config.json", "chat_template.jinja")
    _answered(_copy(_model(), folder, draw, names))


def processors(draw: random.Random, folder: Path) -> None:
    names = ("processor_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")
    _answered(_copy(_model(), folder, draw, names))


def adapters(draw: random.Random, folder: Path) -> None:
    _answered(_copy(_adapter(), folder, draw, ("adapter_config.json", "adapter_model.safetensors")))


@cache
def _processor() -> Any:  # Any: transformers' own class
    from transformers import AutoConfig

    from harness.models._checkpoint.loading import load_processor

    return load_processor(str(_model()), AutoConfig.from_pretrained(_model()), False)


def templates(draw: random.Random, folder: Path) -> None:
    from harness.models._conversation.chat_template import Template

    processor = _processor()
    processor.chat_template = "".join(draw.choice(_TEMPLATE_PARTS) for _ in range(draw.randrange(1, 9)))
    template = Template(processor)
    template.prompt("What is it?", draw.random() < 0.5)
    template.finished("What is it?", "A dog.", False)


# ------------------------------------------------------------ what the harness itself keeps


@cache
def _stored() -> bytes:
    from benchmarks.pope import Pope
    from harness.core.evaluation import Item
    from harness.storage.run_store import Store
    from tests.audit.test_rescore import keep

    path = Path(tempfile.mkdtemp()) / "store.sqlite"
    items = [Item(i, f"{i}.jpg", "Is there a dog?", {"labels": {"random": ["no"]}}) for i in "abc"]
    with Store(path) as store:
        keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, items, dict.fromkeys("abc", "Yes."))
    return path.read_bytes()


def stores(draw: random.Random, folder: Path) -> None:
    from harness.results.run_records import records_of
    from harness.storage.run_store import open_store

    for old in folder.glob("store.sqlite*"):
        old.unlink()
    (folder / "store.sqlite").write_bytes(damaged(_stored(), draw))
    with open_store(folder) as store:
        for run in store.runs():
            records_of(store, run.id)


@cache
def _reference() -> bytes:
    import torch

    from alignment.training.reference_logps import _write

    path = Path(tempfile.mkdtemp()) / "a.safetensors"
    _write(path, [torch.tensor([-1.0, -2.0]), torch.tensor([-3.0])], "key")
    return path.read_bytes()


def reference_caches(draw: random.Random, folder: Path) -> None:
    from alignment.training.reference_logps import _read

    (folder / "a.safetensors").write_bytes(damaged(_reference(), draw))
    found = _read(folder / "a.safetensors", "key")
    assert found is None or [v.tolist() for v in found] == [[-1.0, -2.0], [-3.0]]


def folder_targets() -> dict[str, Target]:
    from harness.core import registry

    plain = {f.__name__: f for f in (checkpoints, processors, adapters, templates, stores, reference_caches)}
    own = [name for name in registry.names("benchmark") if not name.startswith("over_")]
    return plain | {f"world {name}": benchmark_target(name) for name in own}
