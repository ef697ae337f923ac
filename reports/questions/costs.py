"""What each checkpoint took: time, pairs, tokens, requests and money, from what its run recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.run_record import RunRecord, ServerUse, SweepResult
from reports.values.questions import Cost
from reports.values.table import Column

_KEPT = ("accepted", "kept")  # what sources call the pairs that they made


def costs(
    records: Sequence[RunRecord], columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]
) -> tuple[Cost, ...]:
    """One entry for each column of the short table, a mean over its seeds."""
    place = {column.label: i for i, column in enumerate(columns)}
    found = []
    for column in short:
        own = [_cost(records, columns[i], sweeps[i]) for i in (column.places or (place[column.label],))]
        found.append(_mean(column, own))
    return tuple(found)


def _cost(records: Sequence[RunRecord], column: Column, sweep: SweepResult) -> Cost:
    of_run = [record for record in records if record.run_id == column.run_id]
    record = next((r for r in of_run if any(s is sweep for s in r.sweeps)), of_run[0])
    times, label = record.timings, sweep.label
    served = record.served.get(label, {})
    return Cost(
        column=column.label,
        aligned=column.trained,
        device=next((r.protocol.facts["device"] for r in sweep.results if "device" in r.protocol.facts), ""),
        pairs=_pairs(record.pairs_report) if column.trained else 0,
        tokens=_tokens(record) if column.trained else 0,
        pair_seconds=times.get(f"pairs {label}") if column.trained else 0.0,
        training_seconds=times.get(f"align {label}") if column.trained else 0.0,
        sweep_seconds=times.get(f"sweep {label}"),
        answer_requests=_requests(served, "answers"),
        judge_requests=_requests(served, "judge"),
        pair_requests=_requests(served, "pairs"),
        annotator_requests=_requests(served, "training"),
        dollars=_dollars(served),
    )


def _requests(served: Mapping[str, ServerUse], role: str) -> int | None:
    return served[role].requests if role in served else 0


def _dollars(served: Mapping[str, ServerUse]) -> float | None:
    money = [use.dollars for use in served.values()]
    return None if None in money else sum(dollars for dollars in money if dollars is not None)


def reward_model_costs(records: Sequence[RunRecord], labels: Sequence[str] | None) -> tuple[str, ...]:
    """What servers were asked for reward models, which have no column: a sentence each."""
    several = len({record.run_id for record in records}) > 1
    found: dict[tuple[str, str], str] = {}
    for i, record in enumerate(records):
        front = f"{labels[i] if labels is not None else record.run_id}: " if several else ""
        for name, served in record.served.items():
            if served and name not in [sweep.label for sweep in record.sweeps]:
                dollars = _dollars(served)
                asked = ", ".join(
                    f"{'an unknown number of' if use.requests is None else f'{use.requests:,}'} requests for its {role}"
                    for role, use in served.items()
                )
                cost = "cost unknown" if dollars is None else f"at most ${dollars:,.2f}"
                found.setdefault((record.run_id, name), f"{front}Reward model {name}: {asked}; {cost}.")
    return tuple(found.values())


def _pairs(report: Mapping[str, object]) -> float | None:
    number = next((report[key] for key in _KEPT if key in report), None)
    return float(number) if isinstance(number, int | float) else None


def _tokens(record: RunRecord) -> float | None:
    """Tokens of the whole training: the log's running total."""
    totals = [row["num_tokens"] for row in record.training if "num_tokens" in row]
    return float(max(totals)) if totals else None


def _mean(column: Column, own: Sequence[Cost]) -> Cost:
    def mean(name: str) -> float | None:
        values = [getattr(cost, name) for cost in own]
        return None if None in values else float(sum(values)) / len(values)

    devices = list(dict.fromkeys(cost.device for cost in own if cost.device))
    numbers = (mean(name) for name in Cost.__dataclass_fields__ if name not in ("column", "aligned", "device"))
    return Cost(column.label, own[0].aligned, devices[0] if len(devices) == 1 else "", *numbers)
