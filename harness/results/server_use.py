"""What servers were asked for each checkpoint of a run, over its benchmarks and its processes, as reports read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from harness.config.option_faults import plugins_of
from harness.config.schema import Arm, RunConfig
from harness.core.capabilities import cost_of
from harness.core.run_record import ServerUse
from harness.storage.artifacts import ArmCost, ServerCost
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store

_HERE = ("transformers", "scripted")  # models that answer in this process: no server


def served(store: Store, run_id: str, labels: Sequence[str], config: RunConfig) -> dict[str, dict[str, ServerUse]]:
    """Label -> role -> use; of the base, of arms and of reward models. A role without an entry asked no server."""
    arms = {arm.name: arm for arm in (*config.reward_models, *config.arms)}
    found = {}
    for label in labels:
        swept = [store.get(ServerCost, run_id, label, spec.title) for spec in config.sweep]
        uses = {role: _sum(getattr(cost, role) for cost in swept if cost is not None) for role in ("answers", "judge")}
        if label in arms:
            uses |= _of_arm(ResultQueries(store).by_products(ArmCost, run_id, label), arms[label])
        found[label] = {role: use for role, use in uses.items() if use is not None}
    return found


def _of_arm(costs: Sequence[ArmCost], arm: Arm) -> dict[str, ServerUse | None]:
    """Unknown where a server may have been asked by an older version, which did not count."""
    may_ask = {"pairs": False, "training": False}
    for kind, where, spec in plugins_of({"arms": [arm.model_dump()]}):
        if kind == "model" and spec.get("name") not in _HERE:
            may_ask["pairs" if where.startswith("arms.0.pairs") else "training"] = True
    uses = dict[str, ServerUse | None]()
    for role in (field.name for field in fields(ArmCost)):
        counted = [spent for cost in costs if (spent := getattr(cost, role)) is not None]
        uses[role] = ServerUse(None, None) if may_ask[role] and not counted else _sum(counted)
    return uses


def asked_since_cleared(judge: object) -> ServerUse | None:
    """What a judge's server was asked, which then counts anew; None where none was asked."""
    if (spent := cost_of(judge)) is None or not spent.requests:
        return None
    use = _sum([spent.added_to({})])
    spent.clear()
    return use


def _sum(costs: Iterable[Mapping[str, Any]]) -> ServerUse | None:
    """None where nothing was asked."""
    spent = [cost for cost in costs if cost]
    if not spent:
        return None
    dollars = [cost.get("cost") for cost in spent]
    total = None if None in dollars else float(sum(amount for amount in dollars if amount is not None))
    return ServerUse(sum(int(cost.get("requests", 0)) for cost in spent), total)
