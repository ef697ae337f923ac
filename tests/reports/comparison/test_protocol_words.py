"""What is stored of a protocol keeps its words, which are part of answers' keys; reports show others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core import registry
from harness.core.run_record import ADAPTER, ProtocolRecord
from reports.comparison.compare import compare
from reports.comparison.details import MERGED
from reports.text.formatting import protocol_text, row_name
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


def held(make, record, n: int, adapter: str | None, digest: str = "", parent: str = ""):
    """A column of the record as transformers' engine measured it in bfloat16."""
    facts = {"dtype": "bfloat16", "model class": "Llava", **({ADAPTER: adapter} if adapter else {})}
    sweep = record.sweeps[n]
    results = [replace(r, protocol=ProtocolRecord({**r.protocol.facts, **facts})) for r in sweep.results]
    checkpoint = replace(sweep.checkpoint, digest=digest or sweep.checkpoint.digest, parent=parent)
    return replace(sweep, results=tuple(results), checkpoint=checkpoint)


def test_an_adapter_beside_its_base_is_no_other_protocol(make, record) -> None:
    base, arm = held(make, record, 0, None), held(make, record, 1, "beside the weights of its base", parent="base")
    assert compare([replace(record, sweeps=(base, arm))]).protocol_differences == ()


def test_results_of_adapters_merged_in_half_precision_are_named(make, record) -> None:
    base, arm = held(make, record, 0, None), held(make, record, 1, None, parent="base")
    found = compare([replace(record, sweeps=(base, arm))]).protocol_differences
    assert {(one.fact, one.baseline, one.other) for one in found} == {(ADAPTER, "(none)", MERGED)}
    assert "sweep again" in protocol_text(found)


def test_one_adapter_merged_and_beside_is_not_one_baseline(make, record) -> None:
    before, now = (held(make, record, 0, how, digest="a", parent="base") for how in (None, "beside the weights of its base"))
    records = [replace(record, run_id=name, name=name, sweeps=(own,)) for name, own in (("old", before), ("new", now))]
    found = compare(records)
    assert len(found.columns) == 2 and {one.fact for one in found.protocol_differences} == {ADAPTER}
    assert len(compare([records[0], replace(records[0], run_id="again", name="again")]).columns) == 1
