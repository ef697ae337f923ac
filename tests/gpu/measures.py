"""What is measured on a device, by the speed scripts: each function returns figures, or raises `Skipped` with its reason.

On a GPU the shapes are those of LLaVA-1.5-7B, with random weights that are written once into the output folder.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from checks import ROOT, Figures, Skipped

_SPEED = ROOT / "tests" / "speed"
sys.path.insert(0, str(_SPEED / "benchmarks"))
_LINE = re.compile(r"^  (?P<side>\S.*?)\s{2,}(?P<cpu>[\d. /]+) CPU s\s+[\d.]+ answers/CPU s\s+(?P<wall>[\d.]+) s wall \((?P<own>[\d.]+) s answering\).*?(?P<same>[\d,]+) of (?P<asked>[\d,]+) answers")  # fmt: skip  # noqa: E501
_STEP = re.compile(
    r"^  (?P<side>.+?)\s+(?P<s>[\d.]+) a step \(.*?\)(?:, peak (?P<gib>[\d.]+) GiB)?\s+.*loss of step 1 (?P<loss>[\d.]+)"
)
_PROMPT = re.compile(r"^  (?P<side>\S.*?)\s{2,}(?P<ms>[\d.]+) ms a prompt")


def images(device: str, tiny: bool, folder: Path) -> Figures:
    """An any-resolution image, processed and copied to the device: in this process, by workers ahead, from the cache."""
    import pixels

    from harness.models._checkpoint.families import FAMILIES
    from harness.models._checkpoint.loading import load_processor
    from harness.models._images.image_store import ImageStore
    from harness.models._images.recipe import Recipe
    from harness.models._images.workers import ON_A_GPU, ImageWorkers

    own = folder / "images"
    pixels.save("llava_next", own)
    paths = pixels.photographs(own, 8 if tiny else 96)
    plain, kept = (Recipe(str(own), False, FAMILIES["llava_next"], 3, gib, own / "cache") for gib in (0.0, 4.0))
    processor = load_processor(str(own), None, False)
    size = 2 if tiny else ON_A_GPU
    ahead = ImageWorkers(plain, size)
    ahead.expect(paths[:1])
    if ahead.take(paths[0]) is None:
        raise AssertionError("the image workers did not come up")
    cache = kept.process(processor)
    for path in paths:
        cache(path)
    stores = {
        "in this process": ImageStore(plain.process(processor)),
        f"{size} workers": ImageStore(plain.process(processor), ahead),
        "from the cache": ImageStore(cache),
    }
    return {f"ms an image, {name}": _each(store, paths, device) for name, store in stores.items()}


def _each(store: Any, paths: list[Path], device: str) -> float:
    """Milliseconds of wall time."""
    import torch

    began = time.perf_counter()
    store.expect(paths)
    for path in paths:
        made = store.of(path).tensors["pixel_values"]
        (made.pin_memory() if device == "cuda" else made).to(device, non_blocking=True)
    if device == "cuda":
        torch.cuda.synchronize()
    return round(1000 * (time.perf_counter() - began) / len(paths), 2)


def model(device: str, tiny: bool, folder: Path) -> Figures:
    """The model of random weights that the other measures share: drawn and written."""
    from common import save_model

    began = time.perf_counter()
    if not (folder / "model/config.json").is_file():
        save_model(folder / "model", "tiny" if tiny else "7b", device)
    size = sum(path.stat().st_size for path in (folder / "model").iterdir())
    return {"s to draw and write": round(time.perf_counter() - began, 1), "GiB": round(size / 2**30, 2)}


def decode_step(device: str, tiny: bool, folder: Path) -> Figures:
    """A decode step of rows of one image each: the engine's, what of it the GPU computes, and the language model's alone over
    keys and values that stay where they are, launched from Python and recorded as a CUDA graph."""
    import decoding
    from common import save_images

    model(device, tiny, folder)
    began = time.perf_counter()
    loaded = decoding.loaded(folder / "model", device)
    found: Figures = {"s to load": round(time.perf_counter() - began, 1)}
    paths = [folder / "noise" / name for name in save_images(folder / "noise", 2 if tiny else 64)]
    for rows in (2,) if tiny else (8, 64):
        found |= {
            f"{rows} rows, {name}": value for name, value in decoding.steps(loaded, paths[:rows], 4 if tiny else 32).items()
        }
    return found


def sweep(device: str, tiny: bool, folder: Path) -> Figures:
    """Questions of two tokens, through the engine and through `generate` by 8."""
    return _sweep(device, tiny, folder, "--images", "4" if tiny else "20", "--tokens", "2")


def captions(device: str, tiny: bool, folder: Path) -> Figures:
    """Captions of 128 tokens, through the engine and through `generate` by 8."""
    tokens, many = ("8", "2") if tiny else ("128", "32")
    return _sweep(device, tiny, folder, "--images", "32" if not tiny else "4", "--tokens", "--captions", many,
                  "--caption-tokens", tokens)  # fmt: skip


def dpo_step(device: str, tiny: bool, folder: Path) -> Figures:
    """A DPO step and its memory."""
    return _dpo(device, tiny, folder, "ours")


def trl_step(device: str, tiny: bool, folder: Path) -> Figures:
    """TRL's, in a process of its own for the memory."""
    _require_trl()
    return _dpo(device, tiny, folder, "trl")


def trl_plain_step(device: str, tiny: bool, folder: Path) -> Figures:
    """TRL's without gradient checkpointing, which may not fit."""
    _require_trl()
    return _dpo(device, tiny, folder, "trl-plain")


def _require_trl() -> None:
    if importlib.util.find_spec("trl") is None:
        raise Skipped("TRL is not installed")


def _dpo(device: str, tiny: bool, folder: Path, side: str) -> Figures:
    words = ["--device", device, "--size", "tiny" if tiny else "7b", "--steps", "1" if tiny else "5", "--rejected", "1"]
    words += ["--lora", "--profile", "--prompts", "8" if tiny else "32", "--model", str(folder / "model")]
    text = _run("dpo_step.py", *words, "--sides", side)
    match = next(filter(None, map(_STEP.match, text.splitlines())), None)
    if match is None:
        raise AssertionError(f"the script printed no figures:\n{text[-1500:]}")
    found: Figures = {"s a step": float(match["s"]), "first loss": float(match["loss"])}
    return found | ({"peak GiB": float(match["gib"])} if match["gib"] else {})


def hidden_prefill(device: str, tiny: bool, folder: Path) -> Figures:
    """Prompts with 99 % of their image tokens hidden: left out, or masked in the full sequence."""
    words = [
        "--device",
        device,
        "--size",
        "tiny" if tiny else "7b",
        "--model",
        str(folder / "model"),
        "--answers",
        "16" if tiny else "32",
    ]
    text = _run("hidden_prefill.py", *words)
    return _whole(
        {m["side"].strip(): float(m["ms"]) for m in map(_PROMPT.match, text.splitlines()) if m}, "masked, 8 at once", text
    )


def _sweep(device: str, tiny: bool, folder: Path, *words: str) -> Figures:
    try:
        import harness.evaluation.sweep
        import harness.storage.run_store  # noqa: F401
    except ModuleNotFoundError as error:
        raise Skipped(f"{error.name} is not installed, which sweeps need") from error
    size = "tiny" if tiny else "7b"
    text = _run("sweep.py", "--device", device, "--size", size, "--folder", str(folder), "--sides", "ours", "eight", *words)
    found: Figures = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            found[f"{match['side']}, s of wall time"] = float(match["wall"])
            found[f"{match['side']}, s of it answering"] = float(match["own"])
            found[f"{match['side']}, s of CPU"] = float(match["cpu"].split("/")[0])
            found["same answers"] = found.get("same answers", f"{match['same']} of {match['asked']}")
    return _whole(found, "ours, s of wall time", text)


def _whole(found: Figures, needed: str, text: str) -> Figures:
    if needed not in found:
        raise AssertionError(f"the script printed no figures:\n{text[-1500:]}")
    return found


def _run(script: str, *words: str) -> str:
    command: list[Any] = [sys.executable, str(_SPEED / script), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # its errors are the section's
    if done.returncode:
        raise AssertionError(f"{script} failed with exit code {done.returncode}")
    return done.stdout
