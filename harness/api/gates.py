"""A policy's verdict on stored runs; `harness.gate` and the command of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.changes import chosen, own_errors, study_of
from harness.api.stored import Run, ids_of, output_of

if TYPE_CHECKING:
    from reports.values.gate import Gate


@own_errors()
def gate(
    *runs: str | Run,
    policy: str | Path | Mapping[str, Any] | None = None,
    checkpoints: Sequence[str] | None = None,
    output: str | Path | None = None,
) -> Gate:
    """Whether checkpoints are better than their base and not worse, by a policy: `.verdict` is pass, fail or inconclusive.

    Args:
        runs: runs, or ids or names of runs of `output`; the base of the first is the baseline.
        policy: a policy file, "default", or the policy's keys; None: the `gates` of the last run's study, else the default.
        checkpoints: only these checkpoints, by their labels in reports; None: all.
        output: folder of the runs; by default that of the first `Run`, else "runs".
    Raises ConfigError for a policy that is wrong or does not fit what was measured.
    """
    from harness.config.gate_policy import load_policy, parse_policy, policy_of
    from harness.results.run_records import config_of, records_of_all
    from harness.storage.run_store import open_store as opened
    from reports.comparison.compare import gated

    ids, only, rules = ids_of(runs), chosen(checkpoints, "checkpoints"), study_of(policy, "the policy")
    with opened(output_of(runs, output)) as store:
        own = config_of(store.run(ids[-1])).gates
        records = records_of_all(store, ids)
    if isinstance(rules, dict):
        judged = parse_policy(rules)
    elif rules is None and own is not None:
        judged = policy_of(own)
    else:
        judged = load_policy(rules or "default")
    return gated(records, judged, only=only or ())
