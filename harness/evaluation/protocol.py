"""What a result was measured under, as text facts, and digests of what was asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from harness.config.schema import BenchmarkConfig
from harness.core.capabilities import CountsWhatIsAsked
from harness.core.digests import value_digest
from harness.core.edge.foreign import refused_as
from harness.core.edge.plugin_modules import as_facts, facts_of, files_of
from harness.core.errors import DataError
from harness.core.evaluation import Item, Request
from harness.core.plugins import Benchmark, Model
from harness.core.preference import paths_of
from harness.core.run_record import IMAGES, ProtocolRecord

VERSION = "benchmark version"  # a fact: see `benchmark_version`
SCORED_AGAIN = "scored again"  # a fact of stored answers that were scored by another version than the run's: by which


class Versioned(Protocol):
    """A benchmark, for audits too."""

    version: int


def protocol_of(
    benchmark: Benchmark, spec: BenchmarkConfig, items: Sequence[Item], model: Model, images: str = ""
) -> ProtocolRecord:
    """Everything that can move a score besides the weights, as text facts. `images`: see `image_digest`."""
    decoding = benchmark.decoding()
    facts = {
        "benchmark": spec.name,
        VERSION: benchmark_version(benchmark),
        "items": str(len(items)),
        "item digest": item_digest(items),
        **({IMAGES: images} if images else {}),
        "prompt (first item)": benchmark.prompt(items[0]),
        "decoding": "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature}, top-p {decoding.top_p}",
        "token limit": str(decoding.max_new_tokens),
        **benchmark_facts(benchmark, items),
        **facts_of(model),
    }
    return ProtocolRecord(facts)


def benchmark_version(benchmark: Versioned) -> str:
    """As a fact: with the digest of its files where another distribution has added it."""
    files = files_of(benchmark)
    return f"{benchmark.version}, files {files[:12]}" if files else str(benchmark.version)


def is_version(stored: str, now: str) -> bool:
    """Whether scores of the stored version are those of this one. Runs of before say nothing of files."""
    return stored in (now, now.partition(", files ")[0])


def other_version(title: str, facts: Mapping[str, str], benchmark: Versioned) -> str:
    """In words, where another version of the benchmark measured a result with these facts; "" else, or where none is known."""
    before, now = facts.get(VERSION, ""), benchmark_version(benchmark)
    if not before or is_version(before, now):
        return ""
    return f"{title} was measured by version {before} of the benchmark; here is version {now}."


def as_written(benchmark: Versioned) -> str:
    """How answers are scored as their files have them, as a fact. A benchmark raises its `as_written` where these alone are
    read otherwise than before: sweeps cut reasoning off before any rule, so that their `version` stays."""
    rule = getattr(benchmark, "as_written", 1)
    return "as the files have them" if rule == 1 else f"as the files have them, rule {rule}"


def benchmark_facts(benchmark: Benchmark, items: Sequence[Item]) -> dict[str, str]:
    """The benchmark's own facts, and those of the items that it asks."""
    with refused_as(DataError, f"{type(benchmark).__name__}: facts() fails", "Correct the benchmark."):
        of_items = benchmark.facts_of(items) if isinstance(benchmark, CountsWhatIsAsked) else {}
        return as_facts({**benchmark.facts(), **of_items})


def item_digest(items: Sequence[Item]) -> str:
    """Of what items ask and what is true of them; not of the bytes of their images."""
    return value_digest([[i.id, i.image, i.question, dict(i.truth)] for i in items])[:16]


def image_digest(requests: Sequence[Request], digest_of: Callable[[Path], str]) -> str:
    """Of the bytes of the images that are asked about, in the order of the requests; "" where there are none."""
    shown = [[digest_of(path) for path in paths_of(request.image)] for request in requests]
    return value_digest(shown)[:16] if any(shown) else ""
