"""The final table in an experiment tracker: W&B or MLflow, whichever the user has installed and set up."""

from __future__ import annotations

import re
from typing import Any

from harness.core.edge.foreign import imported, refused_as
from harness.core.errors import ConfigError
from reports.values.comparison import Comparison
from reports.values.table import Column
from reports.writers.csv import COLUMNS, rows_of

NAMES = ("wandb", "mlflow")
PROJECT = "mm-align-harness"
_REMEDIES = {
    "wandb": "Log in (`wandb login`), or keep the runs on this disk (WANDB_MODE=offline).",
    "mlflow": "Look at MLFLOW_TRACKING_URI and at its server.",
}


def log_table(tracker: str, comparison: Comparison) -> str:
    """Send the table of a comparison to a tracker: one run a checkpoint with its metrics, and the whole table.

    Returns where it is, in words. Raises ConfigError for another tracker, one that is not installed or cannot be imported, and
    with its own words for one that refuses (nobody is logged in, its server is away).
    """
    if tracker not in NAMES:
        raise ConfigError(f"There is no tracker {tracker!r}; choose {' or '.join(NAMES)}.")
    module = imported(tracker, f"{tracker} is not installed; `pip install {tracker}`, or choose another `--as`.")
    with refused_as(ConfigError, f"{tracker} did not take the table", _REMEDIES[tracker]):
        return {"wandb": _to_wandb, "mlflow": _to_mlflow}[tracker](module, comparison)


def _metrics(comparison: Comparison, column: Column) -> dict[str, float]:
    """Metric key -> value of one checkpoint, with `/low` and `/high`; unknown values are left out."""
    place = next(i for i, one in enumerate(comparison.columns) if one.label == column.label)
    found: dict[str, float] = {}
    for row in comparison.rows:
        cell = row.cells[place]
        parts = (("", cell.value), ("/low", cell.low), ("/high", cell.high)) if cell is not None else ()
        found |= {f"{row.benchmark}/{row.key}{end}": value for end, value in parts if value is not None}
    return found


def _facts(comparison: Comparison, column: Column) -> dict[str, str]:
    return {
        "run": column.run_id, "checkpoint": column.checkpoint, "weights_sha256": column.digest, "aligner": column.aligner,
        "complete": str(column.complete), "baseline": comparison.columns[0].label,
        "partial": "; ".join(column.partial), "other_protocol": str(column.differs),
        "protocol_known": str(all(one.column != column.label for one in comparison.protocol_unknown)),
    }  # fmt: skip


def _to_wandb(wandb: Any, comparison: Comparison) -> str:
    for column in comparison.columns:
        facts = _facts(comparison, column)
        run = wandb.init(project=PROJECT, group=comparison.title, name=column.label, config=facts, reinit=True)
        run.summary.update(_metrics(comparison, column))
        if column.is_baseline:
            rows = [[line.get(key) for key in COLUMNS] for line in rows_of(comparison)]
            run.log({"metrics": wandb.Table(columns=list(COLUMNS), data=rows)})
        run.finish()
    return f"{len(comparison.columns)} runs in the W&B project {PROJECT}"


def _to_mlflow(mlflow: Any, comparison: Comparison) -> str:
    from reports.writers.csv import write

    mlflow.set_experiment(PROJECT)
    for column in comparison.columns:
        with mlflow.start_run(run_name=column.label):
            mlflow.log_params(_facts(comparison, column))
            mlflow.log_metrics({_mlflow_name(key): value for key, value in _metrics(comparison, column).items()})
            if column.is_baseline:
                mlflow.log_text(write(comparison), "metrics.csv")
    return f"{len(comparison.columns)} runs in the MLflow experiment {PROJECT}"


def _mlflow_name(key: str) -> str:
    """MLflow takes letters, digits, and _ - . space : / in names."""
    return re.sub(r"[^\w\-. :/]", "_", key.replace("[", "/").replace("]", ""))
