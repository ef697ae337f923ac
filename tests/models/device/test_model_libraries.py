"""A compiler that nobody asked for is not imported to load a model and to answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = "{'torch._dynamo', 'sympy', 'scipy', 'torch.fx.experimental.symbolic_shapes'}"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_checkpoint_is_loaded_checked_and_asked_without_compiler_and_scipy(llava_folder: Path, images: list[Path]) -> None:
    code = f"""
import sys
from pathlib import Path
from harness.core.evaluation import Decoding, Request
from harness.models.transformers import TransformersModel

model = TransformersModel({str(llava_folder)!r}, device="cpu")
states = {{finding.state for finding in model.checks([Path({str(images[0])!r})], training=False)}}
answers = [a for part in model.generate([Request(Path({str(images[0])!r}), "What?", Decoding(3))]) for _, a in part]
print(sorted(states), len(answers), sorted({HEAVY} & sys.modules.keys()))
"""
    assert run(code) == "['ok'] 1 []"


def test_stand_ins_for_the_compiler_leave_nothing_behind() -> None:
    code = f"""
import sys, torch
from harness.models._device.model_libraries import nothing_compiled

with nothing_compiled():
    made = torch.empty(4, 3, device="meta").normal_() * 2 + torch.arange(3, device="meta") / 3
    assert made.shape == (4, 3) and type(sys.modules["torch._dynamo"]).__name__ == "_Absent"
assert not {HEAVY} & sys.modules.keys(), {HEAVY} & sys.modules.keys()
from torch import _refs
seen = [f for f in vars(_refs).values() if hasattr(f, "__dynamo_disable")]
assert not seen, seen
with nothing_compiled():
    import torch.fx.experimental.symbolic_shapes as shapes
    import torch._dynamo
    assert shapes.ShapeEnv and torch._dynamo.config  # something that no stand-in knows: the real modules
import sympy
from torch.fx.experimental import symbolic_shapes
assert symbolic_shapes.ShapeEnv is shapes.ShapeEnv and symbolic_shapes.sympy.Basic is sympy.Basic
env = symbolic_shapes.ShapeEnv()
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2, 2]
print("fine")
"""
    assert run(code) == "fine"


def test_a_message_about_sizes_is_the_one_of_torch() -> None:
    code = """
import torch
from harness.models._device.model_libraries import nothing_compiled

with nothing_compiled():
    try:
        torch._check_value(False, lambda: "no such size")
    except ValueError as error:
        print(error)
"""
    assert run(code) == "no such size"


def test_the_names_of_all_models_are_found_by_one_scan_of_their_folder() -> None:
    code = """
from transformers.utils import import_utils
from harness.models._device.model_libraries import import_model_kinds

scan = import_utils.create_import_structure_from_path
before = scan.cache_info().misses
import_model_kinds()
import transformers.models as found
assert scan.cache_info().misses == before > 100 and import_utils.create_import_structure_from_path is scan
plain = import_utils._LazyModule("plain", found.__file__, import_utils.define_import_structure(found.__file__))
assert {k: set(v) for k, v in found._import_structure.items()} == {k: set(v) for k, v in plain._import_structure.items()}
assert found._class_to_module == plain._class_to_module and found.LlavaConfig.model_type == "llava"
print(scan.cache_info().misses > before)
"""
    assert run(code) == "True"
