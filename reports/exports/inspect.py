"""Logs that `inspect view` opens (inspect_ai, log format version 2): one JSON file a checkpoint and benchmark.

Samples hold the question with its image (inside the log: nothing has to stay where it was), the answer, the reference and the
score; metrics hold their 95 % intervals as `metadata`. A score that is right or wrong is C or I, as inspect shows it; others
are the item's own value of the headline metric.
"""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness.core.evaluation import Answer, Item, Score
from harness.core.files import storable, write_text_whole
from harness.core.flags import UNJUDGED
from harness.core.run_record import RunRecord
from reports.exports.sweeps import Measured, file_part, headline, measured, model_name, own_value, within

_MOST_BYTES = 20_000_000  # of one image
_SCORER = "mm_align_harness"


def export(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    """Write the logs into `folder` and give their paths."""
    paths = []
    for one in measured(records):
        when = _time(one).strftime("%Y-%m-%dT%H-%M-%S+00-00")
        name = f"{when}_{file_part(one.result.benchmark)}_{file_part(one.label)}-{one.id('inspect')[:8]}.json"
        folder.mkdir(parents=True, exist_ok=True)
        write_text_whole(folder / name, storable(json.dumps(_log(one), ensure_ascii=False, allow_nan=False)))
        paths.append(folder / name)
    return paths


def _time(one: Measured) -> datetime:
    try:
        return datetime.fromisoformat(one.record.begun).astimezone(timezone.utc)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=timezone.utc)  # a record without a time


def _log(one: Measured) -> dict[str, Any]:
    when, samples, fault = _time(one).isoformat(), _samples(one), _fault(one)
    return {
        "version": 2,
        "status": "error" if fault else "success",
        **({"error": {"message": fault, "traceback": "", "traceback_ansi": ""}} if fault else {}),
        "eval": {
            "eval_id": one.id("inspect"),
            "run_id": one.record.run_id,
            "created": when,
            "task": one.result.benchmark,
            "task_id": one.id("inspect", "task"),
            "task_version": one.result.protocol.facts.get("benchmark version", "0"),
            "dataset": {
                "name": one.result.benchmark,
                "samples": len(one.result.items),
                "sample_ids": [s["id"] for s in samples],
            },
            "model": "/".join(model_name(one)),
            "config": {"limit": len(one.result.items)} if one.partial else {},
            "packages": {key: str(value) for key, value in one.record.versions.items()},
            "metadata": {
                "weights_sha256": one.checkpoint.digest,
                "protocol": dict(one.result.protocol.facts),
                **({"partial": one.partial} if one.partial else {}),
            },
            "scorers": [{"name": _SCORER}],
        },
        "results": {
            "total_samples": len(one.result.items),
            "completed_samples": len(samples) - len(_unjudged(one)),
            "scores": [{"name": _SCORER, "scorer": _SCORER, "metrics": _metrics(one)}],
        },
        "stats": {"started_at": when, "completed_at": when},
        "samples": samples,
    }


def _fault(one: Measured) -> str:
    """Why the benchmark is not finished: items without an answer, answers without a verdict; "" where it is."""
    missing, unjudged, total = one.result.missing, _unjudged(one), f"{len(one.result.items):,}"
    faults = []
    if missing:
        faults.append(f"{len(missing):,} of {total} items have no answer; the first: {next(iter(missing.values()))}")
    if unjudged:
        first = unjudged[0].why
        faults.append(f"{len(unjudged):,} of {total} items have no verdict{f'; the first: {first}' if first else ''}")
    return ". ".join(faults)


def _unjudged(one: Measured) -> list[Score]:
    return [score for _, _, score in one.answered if score.flag == UNJUDGED]


def _metrics(one: Measured) -> dict[str, Any]:
    return {
        m.key: {"name": m.key, "value": m.value, "metadata": {"low": m.low, "high": m.high, "n": m.n, "better": m.better}}
        for m in one.metrics
        if m.value is not None
    }


def _samples(one: Measured) -> list[dict[str, Any]]:
    images: dict[str, str | None] = {}
    rows = []
    for item, answer, score in one.answered:
        if item.image not in images:
            images[item.image] = _data_uri(one.record.data_folder, item.image)
        rows.append(_sample(one, item, answer, score, images[item.image]))
    return rows


def _sample(one: Measured, item: Item, answer: Answer, score: Score, image: str | None) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "image", "image": image}] if image else []
    asked = {"role": "user", "content": [*content, {"type": "text", "text": item.question}], "source": "input"}
    said = {"role": "assistant", "content": answer.text, "source": "generate", "model": "/".join(model_name(one))}
    reference = one.result.reference(item) or json.dumps(dict(item.truth), ensure_ascii=False, sort_keys=True, default=str)
    stopped = {"end": "stop", "stop": "stop", "length": "max_tokens"}.get(answer.stopped, "unknown")
    return {
        "id": item.id,
        "epoch": 1,
        "input": [asked],
        "target": reference,
        "messages": [asked, said],
        "output": {"model": "/".join(model_name(one)), "choices": [{"message": said, "stop_reason": stopped}]},
        "scores": {_SCORER: _score(one, score)},
        "metadata": {"image": item.image, "image_in_log": image is not None, "flag": score.flag, **_plain(score)},
    }


def _plain(score: Score) -> dict[str, Any]:
    return {"addends": {name: value for name, value in score.values.items() if value}}


def _score(one: Measured, score: Score) -> dict[str, Any]:
    if score.correct is not None:
        value: str | float = "C" if score.correct else "I"
    else:
        own = own_value(headline(one.result), score) if score.flag != UNJUDGED else None
        value = "N" if own is None else own  # inspect's "no answer"
    return {"value": value, "answer": score.reading, "explanation": score.why or (score.verdict.raw if score.verdict else "")}


def _data_uri(folder: Path, image: str) -> str | None:
    """The image as it lies in the data folder; None where it is gone, outside, or too large for a log."""
    path = within(folder, image)
    kind = mimetypes.guess_type(image)[0] or ""
    if path is None or not kind.startswith("image/") or path.stat().st_size > _MOST_BYTES:
        return None
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
