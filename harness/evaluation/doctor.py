"""Is this machine and this checkpoint fit for a sweep whose numbers can be believed? Findings in words.

The questions put to the model are about drawn images; only whether the answers agree with each other matters.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config.check_paths import output_faults
from harness.core.capabilities import (
    NOTE,
    OK,
    WRONG,
    ChecksItself,
    Finding,
    HasReferenceEngine,
    HoldsWeights,
    ScoresAnswers,
    cost_of,
)
from harness.core.edge.processes import cores
from harness.core.edge.text import count
from harness.core.edge.versions import versions
from harness.core.errors import FactsChanged, HarnessError
from harness.core.evaluation import Answer, Decoding, Request
from harness.core.plugins import Answers, Model, in_order
from harness.core.preference import NotesSeveralImages, ShowsSeveralImages
from harness.core.run_record import UNKNOWN_WEIGHTS
from harness.evaluation.checkpoint_checks import drawn_images, said_once

QUESTIONS = ("Is there a dog in the image?", "What colours do you see?", "Describe this image in detail.", "Why?")
_TOKENS = 24
_NEAR_NATS = 0.5  # two texts closer than this in likelihood: rounding chose between them, not a fault
_GIB = 2**30


def examine(load: Callable[[], Model], output: Path, beside: Callable[[], Model] | None = None) -> Iterator[Finding]:
    """Look at the machine, then at the model that `load` opens, then at its answers, and at those of `beside`."""
    return said_once(_examined(load, output, beside))


def _examined(load: Callable[[], Model], output: Path, beside: Callable[[], Model] | None) -> Iterator[Finding]:
    yield Finding("versions", OK, ", ".join(f"{name} {version}" for name, version in versions().items()))
    yield from _machine(output)
    try:
        model = load()
        yield Finding("model", OK, f"{model.checkpoint.base}, digest {model.checkpoint.digest[:12]}")
        yield Finding(
            "backend", OK, ", ".join(f"{k}: {v}" for k, v in model.facts().items() if k not in ("torch", "transformers"))
        )
        yield from _several_images(model)
        yield from _memory(model)
        with tempfile.TemporaryDirectory() as folder:
            images = drawn_images(Path(folder))
            if isinstance(model, ChecksItself):
                yield from model.checks(images, training=True)
            try:
                yield from _answers(model, _questions_about(images))
            except FactsChanged as changed:
                model.facts()  # what it answers under from now on
                yield Finding("facts", NOTE, str(changed))
                yield from _answers(model, _questions_about(images))
            if beside is not None:
                yield _compared(model, beside(), _questions_about(images))
    except HarnessError as error:
        yield Finding("model", WRONG, str(error))


def verdict(findings: Sequence[Finding]) -> str:
    """All findings in one sentence."""
    wrong = [f.what for f in findings if f.state == WRONG]
    notes = [f.what for f in findings if f.state == NOTE]
    if "model" in wrong and not any(f.what == "model" and f.state == OK for f in findings):
        return f"Something is wrong: {', '.join(wrong)}. The checks of the model could not be made."
    if wrong:
        return f"Something is wrong: {', '.join(wrong)}. Numbers measured like this cannot be believed."
    if notes:
        return f"Fit for a sweep; read the notes on {', '.join(notes)}."
    return "Fit for a sweep: everything agrees."


def _machine(output: Path) -> Iterator[Finding]:
    import torch

    own, threads = cores(), torch.get_num_threads()
    many = threads > own
    why = "; more than there are cores: set model.threads" if many else ""
    text = f"{count(own, 'core')}, torch uses {count(threads, 'thread')} where model.threads is not set{why}"
    yield Finding("processor", NOTE if many else OK, text)
    if torch.cuda.is_available():
        yield Finding("GPU", OK, ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))
    if faults := output_faults(output):
        yield Finding("disk", WRONG, faults[0].removeprefix("output: "))
        return
    place = next(p for p in (output.resolve(), *output.resolve().parents) if p.exists())
    free = shutil.disk_usage(place).free
    state = WRONG if free < _GIB // 4 else NOTE if free < 5 * _GIB else OK
    text = f"{free / _GIB:.1f} GiB free for {output}"
    yield Finding(
        "disk", state, text + (" (a LoRA run needs about 5, a full one the checkpoint's size)" if state == NOTE else "")
    )


def _several_images(model: Model) -> Iterator[Finding]:
    """Whether a prompt may show several images; a server says so itself when it is asked."""
    if not isinstance(model, HoldsWeights) or not isinstance(model, ShowsSeveralImages):
        return
    note = model.several_images_note if isinstance(model, NotesSeveralImages) else ""
    words = f"refused: {model.one_image}" if model.one_image else f"taken, but {note}" if note else "taken"
    yield Finding("several images in a prompt", OK, words)


def _memory(model: Model) -> Iterator[Finding]:
    """Weights, and the key/value cache of a full batch, against what is free."""
    if not isinstance(model, HoldsWeights):
        yield Finding("memory", OK, "the model runs elsewhere")
        return
    module = model.module
    weights = sum(p.numel() * p.element_size() for p in module.parameters())
    free, where = _free(model.device)
    fits = max(free // model.slot_bytes, 0)
    state = NOTE if fits < 4096 else OK
    yield Finding(
        "memory",
        state,
        f"weights {weights / _GIB:.2f} GiB are loaded; {free / _GIB:.1f} GiB of the {where} are free, enough for "
        f"{fits:,} tokens of key/value cache at {model.slot_bytes / 1024:.0f} KiB each (a LLaVA-1.6 prompt has up to 2,900); "
        f"a sweep keeps at most {model.slots:,} at once"
        + ("; too few for a batch: use a smaller dtype or another device" if state == NOTE else ""),
    )


def _free(device: Any) -> tuple[int, str]:
    if device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0], "GPU's memory"
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), "memory"
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "memory"


def _questions_about(images: Sequence[Path]) -> list[Request]:
    """Four questions about each image."""
    return [Request(path, q, Decoding(max_new_tokens=_TOKENS)) for path in images for q in QUESTIONS]


def _answers(model: Model, requests: list[Request]) -> Iterator[Finding]:
    together = _asked(model, requests)
    alone = [_asked(model, [request])[0] for request in requests]
    yield _agree("one alone = one of a batch", model, requests, alone, together)
    hot = [Request(r.image, r.text, Decoding(_TOKENS, temperature=1.0, seed=n)) for n, r in enumerate(requests)]
    yield _agree("sampled: one alone = one of a batch", model, hot, [_asked(model, [r])[0] for r in hot], _asked(model, hot))
    if isinstance(model, HasReferenceEngine):
        plain = _asked(model.one_by_one(), requests)
        yield _agree("shared prefix = the model's own generate", model, requests, plain, together)
    if all(answer.stopped == "length" for answer in together):
        text = f"no answer ended within {_TOKENS} tokens: does the model emit its end token?"
        yield Finding("end of an answer", NOTE, text)
    if not any(answer.text.strip() for answer in together):
        yield Finding("answers", WRONG, "every answer is empty. Look at the chat template.")
    if (spent := cost_of(model)) is not None:
        yield Finding("server", OK, str(spent))
    if model.facts().get("weights", "").startswith(UNKNOWN_WEIGHTS):
        text = "the weights behind a server are not known by content: raise model.revision whenever they change"
        yield Finding("identity", NOTE, text)


def _compared(model: Model, other: Model, requests: list[Request]) -> Finding:
    """The model's answers beside another's, without the spaces around them; where they differ its likelihoods say why."""
    first, second = ([replace(a, text=a.text.strip()) for a in _asked(one, requests)] for one in (model, other))
    return _agree(f"answers = those of {other.checkpoint.base}", other, requests, first, second)


def _asked(model: Answers, requests: list[Request]) -> list[Answer]:
    return in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))


def _agree(what: str, model: Model, requests: list[Request], first: list[Answer], second: list[Answer]) -> Finding:
    """Whether two ways to ask gave the same texts; where not, whether rounding alone can have chosen."""
    differ = [n for n, (a, b) in enumerate(zip(first, second, strict=True)) if a.text != b.text]
    if not differ:
        return Finding(what, OK, f"{len(requests)} of {len(requests)} answers are the same")
    text = f"{len(differ)} of {len(requests)} answers differ"
    if not isinstance(model, ScoresAnswers):
        return Finding(what, NOTE, f"{text}: this server's numbers move with its load; ask it with concurrency=1 to see")
    if any(requests[n].decoding.temperature for n in differ):
        return Finding(what, NOTE, f"{text}: rounding moves a draw near its edge; only greedy answers can be compared here")
    either = [[first[n].text, second[n].text] for n in differ]
    gaps = [abs(a - b) for a, b in (model.log_probs([requests[n]] * 2, two) for n, two in zip(differ, either, strict=True))]
    near = max(gaps) <= _NEAR_NATS
    why = "rounding decides between equally likely words" if near else "more than rounding explains"
    return Finding(what, NOTE if near else WRONG, f"{text}, by up to {max(gaps):.2g} nats in likelihood: {why}")
