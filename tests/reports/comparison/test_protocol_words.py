"""What is stored of a protocol keeps its words, which are part of answers' keys; reports show others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core import registry
from harness.core.run_record import ProtocolRecord
from reports.comparison.compare import compare
from reports.text.formatting import row_name
from reports.values.table import Row

FACT = "generation config"


def test_a_generation_config_without_effect_is_told_in_plain_words(make, record) -> None:
    def with_fact(fact: str):
        return lambda result: replace(result, protocol=ProtocolRecord({**result.protocol.facts, FACT: fact}))

    base = make.with_results(record, with_fact("honoured: top_k 5")).sweeps[1]
    quiet = tuple(map(with_fact("bends nothing"), record.sweeps[0].results))
    found = compare([replace(record, sweeps=(replace(record.sweeps[0], results=quiet), base))])
    assert found.protocols["pope"][FACT] == "no effect on decoding"
    (difference,) = [one for one in found.protocol_differences if one.benchmark == "pope"]
    assert (difference.baseline, difference.other) == ("no effect on decoding", "honoured: top_k 5")


@pytest.mark.parametrize(("benchmark", "metric", "shown"), [
    ("beaf", "tu", "BEAF TU"), ("beaf", "id", "BEAF ID"), ("beaf", "f1_tuid", "BEAF F1_TUID"), ("dash_b", "tnr", "DASH-B TNR"),
    ("pope", "brier", "POPE Brier score"), ("hallusionbench", "a_acc", "HallusionBench aAcc"),
    ("pope", "yes_rate", "POPE yes rate"),
])  # fmt: skip
def test_metrics_are_spelled_as_their_authors_do(benchmark: str, metric: str, shown: str) -> None:
    formulas = registry.make("benchmark", benchmark, {"log_odds": True} if benchmark == "pope" else {}).formulas
    f = next(f for f in formulas if f.name == metric)
    row = Row(benchmark, f.name, "", f.better, f.unit, True, f.about, f.role, (), f.title)
    assert row_name(row) == shown
