"""Every Eval Ever, schema 0.3.0 (EvalEval Coalition, arXiv:2606.14516): one file a checkpoint and benchmark, and its items.

    data/<benchmark>/<developer>/<model>/<uuid4>.json            all metrics with their 95 % intervals
    data/<benchmark>/<developer>/<model>/<uuid4>_samples.jsonl   one line an answered item, scored by the first headline metric

An item's score is the metric of this item alone, and the line names that metric: the first headline one or, where that is of
several items together (MMVP's pairs, MME's totals, POPE's mean over splits), the share of right answers of the item's slice
(`reports.exports.item_scores`). An item of several slices has one line for each, as the schema asks ("if a single underlying
interaction/sample contributes to multiple aggregate results, emit multiple instance records"), so that the lines of a slice
are all its items. `is_correct` is the benchmark's right or wrong; where a benchmark has none (captions) it is
whether the item's own score is the best possible one, and `metadata.is_correct` says so. Items without an answer, a verdict or
a score are left out and counted with the reason in `detailed_evaluation_results.additional_details`: the schema has no score
that is unknown.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness.core.evaluation import Answer, Formula, Item, Metric, Score
from harness.core.files import storable, write_text_whole
from harness.core.run_record import RunRecord
from harness.core.stats import scale_of
from reports.exports.item_scores import ItemScore, item_scores
from reports.exports.sweeps import Measured, file_part, measured, model_name

VERSION = "0.3.0"
_BEST = {"higher": 1.0, "lower": 0.0}


def export(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    """Write the records below `folder` and give the paths of all files."""
    return [path for one in measured(records) for path in _write(one, folder)]


def _write(one: Measured, folder: Path) -> list[Path]:
    organization, model = model_name(one)
    place = Path("data", file_part(one.result.benchmark), organization, model)
    name = one.id("eee")
    scored, left_out = item_scores(one)
    rows = [_instance(one, *found, own) for found in one.answered for own in scored.get(found[0].id, ())]
    lines = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n" for row in rows)
    samples = place / f"{name}_samples.jsonl"
    whole = _aggregate(one, samples.as_posix(), storable(lines), (len(scored), len(rows)), left_out)
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"
    made = [(place / f"{name}.json", text), (samples, lines)]
    for path, content in made:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(folder / path, storable(content))
    return [folder / path for path, _ in made]


def _evaluation_id(one: Measured) -> str:
    return f"{one.result.benchmark}/{'/'.join(model_name(one))}/{_epoch(one)}"


def _epoch(one: Measured) -> str:
    try:
        return f"{datetime.fromisoformat(one.record.begun).replace(tzinfo=timezone.utc).timestamp():.0f}"
    except ValueError:
        return "0"  # a record without a time


def _aggregate(one: Measured, samples: str, lines: str, n: tuple[int, int], why: Mapping[str, int]) -> dict[str, Any]:
    """`n`: items with a score, and their lines."""
    n_scored, n_rows = n
    facts = {key: str(value) for key, value in one.result.protocol.facts.items()}
    counts = {"items": str(len(one.result.items)), "items_left_out": str(len(one.result.items) - n_scored)}
    if n_rows > n_scored:
        counts["lines_per_item"] = (
            "an item has one line for each of its slices; `evaluation_result_id` names the slice's metric"
        )
    reasons = "; ".join(f"{n:,} {reason}" for reason, n in why.items())
    counts |= {"items_left_out_because": reasons} if reasons else {}
    return {
        "schema_version": VERSION,
        "evaluation_id": _evaluation_id(one),
        "evaluation_timestamp": one.record.begun,
        "retrieved_timestamp": _epoch(one),
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_name": "mm-align-harness",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": {"run": one.record.run_id, "complete": str(one.record.complete).lower()},
        },
        "eval_library": {
            "name": "mm-align-harness",
            "version": one.record.versions.get("mm-align-harness", "unknown"),
            "additional_details": {f"protocol: {key}": value for key, value in facts.items()},
        },
        "model_info": _model_info(one),
        "evaluation_results": [_result(one, m) for m in one.metrics if m.value is not None],
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": samples,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(lines.encode("utf-8")).hexdigest(),
            "total_rows": n_rows,
            "additional_details": counts,
        },
    }


def _model_info(one: Measured) -> dict[str, Any]:
    organization, name = model_name(one)
    details = {"deployment_type": "unknown", "model_availability": "unknown", "weights_sha256": one.checkpoint.digest}
    details |= {"label": one.label, "base": one.checkpoint.base, "aligner": one.checkpoint.aligner}
    info = {"name": name, "id": f"{organization}/{name}", "developer": organization}
    return info | {"additional_details": {k: v for k, v in details.items() if v}}


def _result(one: Measured, metric: Metric) -> dict[str, Any]:
    formula = next(f for f in one.result.formulas if (f.name, f.group) == (metric.name, metric.group))
    uncertainty: dict[str, Any] = {"num_samples": metric.n}
    if metric.low is not None and metric.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": metric.low, "upper": metric.high, "confidence_level": 0.95, "method": "over images, see docs/statistics",
        }  # fmt: skip
    return {
        "evaluation_result_id": one.id("eee", metric.key),
        "evaluation_name": f"{one.result.benchmark}.{metric.key}",
        "source_data": {
            "dataset_name": one.result.benchmark,
            "source_type": "other",
            **({"additional_details": {"partial": one.partial}} if one.partial else {}),
        },
        "metric_config": _metric_config(one, metric, formula),
        "score_details": {"score": metric.value, "uncertainty": uncertainty},
    }


def _metric_config(one: Measured, metric: Metric, formula: Formula) -> dict[str, Any]:
    low, high = scale_of(formula.unit, formula.bounds)
    config: dict[str, Any] = {
        "metric_id": f"{one.result.benchmark}.{metric.key}",
        "metric_name": formula.title or metric.name,
        "metric_unit": {"share": "proportion"}.get(formula.unit, formula.unit),
        "lower_is_better": formula.better == "lower",
        "score_type": "continuous",
        "min_score": low if math.isfinite(low) else "-Infinity",
        "max_score": high if math.isfinite(high) else "Infinity",
        "evaluation_description": formula.about or formula.title or metric.name,
    }
    if formula.better == "neither":
        config["additional_details"] = {"better": "neither direction"}
    return config


def _instance(one: Measured, item: Item, answer: Answer, score: Score, own: ItemScore) -> dict[str, Any]:
    """One line."""
    formula, value = own.formula, own.value
    reference = [one.result.reference(item) or json.dumps(dict(item.truth), ensure_ascii=False, sort_keys=True, default=str)]
    stated = score.correct is not None
    metadata = {"image": item.image, "scored_by": own.scored_by, "flag": score.flag}
    metadata["is_correct"] = "as the benchmark reads the answer" if stated else "own score is the best possible one"
    return {
        "schema_version": VERSION,
        "evaluation_id": _evaluation_id(one),
        "evaluation_result_id": one.id("eee", f"{formula.name}[{formula.group}]" if formula.group else formula.name),
        "model_id": "/".join(model_name(one)),
        "evaluation_name": f"{one.result.benchmark}.{formula.name}{f'[{formula.group}]' if formula.group else ''}",
        "sample_id": item.id,
        "sample_hash": hashlib.sha256((item.question + "".join(reference)).encode("utf-8", "replace")).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": item.question, "reference": reference},
        "output": {"raw": [answer.text]},
        "answer_attribution": [_attribution(score, answer)],
        "evaluation": {"score": value, "is_correct": bool(score.correct) if stated else value == _BEST.get(formula.better)},
        "metadata": {key: text for key, text in metadata.items() if text},
    }


def _attribution(score: Score, answer: Answer) -> dict[str, Any]:
    judged = score.verdict is not None
    return {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": score.reading or answer.text,
        "extraction_method": "llm_judge" if judged else "custom",
        "is_terminal": True,
    }
