"""Flagged answers are told before the numbers that they are part of: the worst first, and none without a word."""

from dataclasses import replace

import pytest

from harness.core import flags, registry
from harness.core.run_record import BenchmarkResult
from reports.comparison.compare import compare
from reports.text.flag_lines import flag_banner


def flagged(record, make, counts: dict[str, dict[str, int]]):
    """The comparison where so many of the aligned answers have these flags."""

    def change(result: BenchmarkResult) -> BenchmarkResult:
        marks = [flag for flag, n in counts.get(result.benchmark, {}).items() for _ in range(n)]
        marks += [""] * (len(result.scores) - len(marks))
        return replace(result, scores=tuple(replace(s, flag=flag) for s, flag in zip(result.scores, marks, strict=True)))

    return compare([make.with_results(record, change)])


def test_the_banner_has_the_largest_shares_and_the_number_of_the_others(record, make):
    few = dict.fromkeys((flags.CONTRADICTED, flags.SEVERAL, flags.UNFINISHED), 1)
    found = flag_banner(flagged(record, make, {"pope": {**few, flags.EMPTY: 2}, "chair": {flags.UNCLEAR: 60}}))
    assert found.startswith("CHAIR: ") and found.index("CHAIR: ") < found.index("POPE: empty answers")
    assert found.count("POPE: ") == 2 and found.endswith(" And 2 more.")


def test_no_flag_is_no_banner(compared):
    assert flag_banner(compared) == ""


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_the_banner_stands_in_every_report(record, make, name):
    text = registry.get("report", name)(flagged(record, make, {"pope": {flags.EMPTY: 2}}))
    assert text.index("Flagged answers are part of these numbers") < text.index("Significantly better")


@pytest.mark.parametrize(("n", "said"), [(540, False), (541, True)])
def test_the_conclusion_names_benchmarks_whose_answers_were_mostly_not_read(record, make, n, said):
    """Of 1,080 answers; two kinds together."""
    found = flagged(record, make, {"pope": {flags.UNCLEAR: n - 1, flags.EMPTY: 1}})
    doubt = found.verdict.doubt
    assert doubt.startswith(f"Most answers could not be read plainly: POPE of aligned ({n} of 1,080); ") is said
    assert doubt in found.verdict.sentences and doubt in registry.get("report", "html")(found)
