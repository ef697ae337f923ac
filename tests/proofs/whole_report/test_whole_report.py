"""A whole report of the small study, recomputed by independent code: every table, and every number that a writer prints.

The study (small_study.py): the miniature checkpoint and two seeds of one arm over POPE, CHAIR and MMHal-Bench; of the same
store, the report of one arm alone. `recompute*.py` know docs/statistics.md and docs/benchmarks, not the code. Several arms:
test_report_of_arms.py.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from pytest import approx

from tests.proofs.whole_report import recompute_report as again
from tests.proofs.whole_report.printed import latex_rows, markdown_tables, numbers, page, shown, with_head
from tests.proofs.whole_report.recompute import Rule
from tests.proofs.whole_report.recompute_report import Cell
from tests.proofs.whole_report.recompute_scores import SPLITS, rules
from tests.proofs.whole_report.small_study import DPO, Written

RULES = rules()
HEADLINE = [i for i, rule in enumerate(RULES) if rule.headline]
SEEDS = {"dpo": DPO}


@pytest.fixture(scope="module")
def table(whole: Written) -> list[list[Cell]]:
    return again.full_table(whole.sweeps, RULES)


@pytest.fixture(scope="module")
def methods(whole: Written) -> tuple[list[list[Cell]], list[list[tuple]]]:
    return again.method_table(whole.sweeps, RULES, SEEDS)


def same(theirs: float | None, ours: float | None, what: object, rel: float = 2e-6) -> None:
    assert (theirs is None) == (ours is None), what
    assert theirs is None or theirs == approx(ours, rel=rel, abs=2e-7), what


def same_cell(theirs: dict[str, Any], ours: Cell, what: object) -> None:
    for key in ("value", "low", "high", "n"):
        same(theirs[key], getattr(ours, key), (what, key))
    if ours.shift is None:
        assert theirs["difference"] is None
        return
    for key in ("value", "low", "high", "effect", "error", "freedom"):
        same(theirs["difference"][key], getattr(ours.shift, key), (what, "difference", key), 1e-5)
    same(theirs["difference"]["p"], ours.shift.p, (what, "p"), 1e-3)  # four digits are written
    same(theirs["p_holm"], ours.holm, (what, "Holm"), 1e-3)
    same(theirs["p_fdr"], ours.fdr, (what, "false discovery rate"), 1e-3)
    none = ours.detectable is not None and ours.detectable == float("inf")  # null in JSON
    same(theirs["detectable"], None if none else ours.detectable, (what, "detectable"), 1e-5)
    assert theirs["significant"] == ours.significant, what


def test_every_metric_interval_difference_and_test_of_json(whole: Written, table: list[list[Cell]]) -> None:
    rows = whole.json["rows"]
    assert [(r["benchmark"], r["metric"], r["group"], r["better"], r["unit"], r["headline"]) for r in rows] == [
        (r.benchmark, r.metric, r.group, r.better, r.unit, r.headline) for r in RULES
    ]
    for row, rule, cells in zip(rows, RULES, table, strict=True):
        for theirs, ours in zip(row["cells"], cells, strict=True):
            same_cell(theirs, ours, rule)


def test_seeds_put_together_in_json(whole: Written, methods: tuple) -> None:
    cells, told = methods
    short = whole.json["short"]
    assert [c["label"] for c in short["columns"]] == ["base", "dpo"]
    for row, rule, own in zip(short["rows"], RULES, cells, strict=True):
        for theirs, ours in zip(row["cells"], own, strict=True):
            same_cell(theirs, ours, rule)
    for row, rule, ((metric, shift),) in zip(whole.json["seeds"], RULES, told, strict=True):
        for theirs, ours in ((row["values"], metric), (row["difference"], shift)):
            for key, mine in (("mean", ours.mean), ("low", ours.low), ("high", ours.high), ("between_seed_sd", ours.seed_sd),
                              ("item_error", ours.item_error), ("error", ours.error)):  # fmt: skip
                same(theirs[key], mine, (rule, key), 1e-5)
            same(theirs["p"], ours.p, (rule, "p"), 1e-3)
            same(theirs["freedom"], ours.freedom, (rule, "freedom"), 1e-4)


def test_flips_confusions_calibration_and_curves_of_json(whole: Written) -> None:
    made, base = whole.json, whole.sweeps["base"]
    for benchmark in ("pope", "chair", "mmhal_bench"):
        for label in SEEDS["dpo"]:
            ours = again.flips(base[benchmark], whole.sweeps[label][benchmark])
            assert made["flips"].get(benchmark, {}).get(label, {"gained": [], "lost": []}) == ours
    sides = {"base": [base], "dpo": [whole.sweeps[label] for label in SEEDS["dpo"]]}
    for row in made["confusions"]:
        ours = again.confusion([side["pope"] for side in sides[row["column"]]], row["group"])
        assert {cell: row[cell] for cell in ours} == ours and row["unread_yes"] == row["unread_no"] == 0
    assert len(made["confusions"]) == 2 * len(SPLITS)
    for entry in made["reliability"]:
        bins = again.calibration([side["pope"] for side in sides[entry["column"]]])
        for theirs, ours in zip(entry["bins"], bins, strict=True):
            for key, mine in zip(("n", "mean_p", "yes", "low", "high"), ours, strict=True):
                same(theirs[key], mine, (entry["column"], key))
    hallucination = {r.benchmark: r for r in RULES if (r.benchmark, r.metric, r.group) in _HALLUCINATION}
    curves = {(c["name"].split(":")[0], c["column"]): c for c in made["length_curves"]}
    wanted = {}
    for label, seeds in sides.items():
        for benchmark, title in (("chair", "CHAIR"), ("mmhal_bench", "MMHal-Bench")):
            rows = [side[benchmark] for side in seeds]
            points = again.curve(hallucination[benchmark], rows) if again.has_curve(rows) else []
            wanted |= {(title, label): points} if len(points) > 1 else {}
    assert {("CHAIR" if name.startswith("CHAIR") else name, label) for name, label in curves} == set(wanted)
    for (name, label), theirs in curves.items():
        points = wanted["CHAIR" if name.startswith("CHAIR") else name, label]
        for key, mine in zip(("x", "y", "low", "high"), zip(*points, strict=True), strict=True):
            assert theirs[key] == approx(mine, rel=1e-5), (name, label, key)


_HALLUCINATION = {("chair", "chair_i", ""), ("mmhal_bench", "hallucination_rate", "")}


def test_objects_of_json(whole: Written) -> None:
    sides = {"base": ["base"], "dpo": SEEDS["dpo"]}
    for row in whole.json["objects"]:
        labels = sides[row["column"]]
        if row["benchmark"] == "pope":
            ours = again.right_by_object([whole.sweeps[label]["pope"] for label in labels], whole.questions)
            counts = {k: n / len(labels) for k, n in ours.get(row["subject"], {}).items()}
            assert {k: n for k, n in row["counts"].items() if n} == counts, row
    wrong = {row["subject"] for row in whole.json["objects"] if row["benchmark"] == "pope"}
    found = [
        again.right_by_object([whole.sweeps[label]["pope"] for label in labels], whole.questions) for labels in sides.values()
    ]
    assert wrong == {name for counts in found for name, c in counts.items() if c["fp"] + c["fn"]}


def test_ranks_that_pairs_leave_open(whole: Written) -> None:
    for row, rule in zip(whole.json["rows"], RULES, strict=True):
        assert {tuple(pair) for pair in row["order"]} == again.order(whole.sweeps, rule), rule


def test_csv(whole: Written, table: list[list[Cell]]) -> None:
    lines = iter(csv.DictReader(io.StringIO(whole.texts["csv"])))
    for rule, cells in zip(RULES, table, strict=True):
        for label, cell in zip(whole.sweeps, cells, strict=True):
            line = next(lines)
            assert (line["column"], line["benchmark"], line["metric"], line["group"]) == (label, *_key(rule))
            shift = cell.shift
            told = {"value": cell.value, "low": cell.low, "high": cell.high, "n": cell.n, "p_holm": cell.holm,
                    "p_fdr": cell.fdr, "detectable": cell.detectable}  # fmt: skip
            told |= {"difference": shift.value, "difference_low": shift.low, "difference_high": shift.high, "p": shift.p,
                     "effect": shift.effect, "error": shift.error} if shift else {}  # fmt: skip
            for key, ours in told.items():
                same(float(line[key]) if line[key] else None, ours, (label, rule, key), 1e-3 if key[:1] == "p" else 1e-5)
    assert next(lines, None) is None


def _key(rule: Rule) -> tuple[str, str, str]:
    return rule.benchmark, rule.metric, rule.group


def digits(rule: Rule, cells: list[Cell]) -> int:
    """1 for shares and words, 2 for points; one more where values as shown differ by another number than is shown in these and
    by that number in one more."""
    usual, scale = (1 if rule.unit in ("share", "words") else 2), (100 if rule.unit == "share" else 1)

    def odd(n: int) -> bool:
        for cell in cells[1:]:
            before, after, shift = (scale * round(v, 10) for v in (cells[0].value, cell.value, cell.shift.value))
            shown = round(round(after, n) - round(before, n), n)
            if abs(after - before - shift) < 1e-7 and abs(shown - round(shift, n)) >= 0.5 * 10**-n:
                return True
        return False

    return usual + 1 if odd(usual) and not odd(usual + 1) else usual


def printed(rule: Rule, cells: list[Cell], cell: Cell, arrow: bool = True) -> list[str]:
    """Numbers of a cell in a table: value, interval, difference, its interval."""
    n, unit = digits(rule, cells), rule.unit
    found = [shown(cell.value, unit, n), *(shown(v, unit, n) for v in (cell.low, cell.high) if v is not None)]
    if cell.shift is not None:
        found += [shown(v, unit, n, True) for v in (cell.shift.value, cell.shift.low, cell.shift.high) if v is not None]
    return found


def close(theirs: list[str], ours: list[str], what: object) -> None:
    """The same texts, but for the last digit of a number whose rounding hangs on less than a ten-thousandth of that digit."""
    assert len(theirs) == len(ours), (what, theirs, ours)
    assert theirs == ours, what


def test_html_of_methods(whole: Written, methods: tuple) -> None:
    cells, told = methods
    read = page(whole.texts["html"])
    headline, everything = (table[1:] for table in read.tables if table[0][:3] == ["Metric", "base", "dpo 2 seeds"])
    for lines, shown_ in ((headline, HEADLINE), (everything, range(len(RULES)))):
        for line, i in zip(lines, shown_, strict=True):
            for text, cell in zip(line[1:], cells[i], strict=True):
                close(numbers(text), [*printed(RULES[i], cells[i], cell), *_p_beside(cell)], (RULES[i], text))
    scatter = with_head(read.tables, "Method")
    for text, i in zip(scatter[0][1:], HEADLINE, strict=True):
        (_, shift), rule = told[i][0], RULES[i]
        usual = 1 if rule.unit in ("share", "words") else 2
        close(numbers(text), [shown(v, rule.unit, usual) for v in (shift.seed_sd, shift.item_error)], rule)
    confusions = with_head(read.tables, "Slice", "Checkpoint")
    counts = [_confusion(whole, label, group).values() for label in ("base", "dpo") for group in ("", *SPLITS)]
    digits_ = int(any(n % 1 for own in counts for n in own))  # of all counts, where one mean over seeds is not whole
    for line in confusions:
        _confusion_line(whole, line, digits_)


def _p_beside(cell: Cell) -> list[str]:
    """p of a difference whose interval leaves 0 out and that is not significant."""
    shift = cell.shift
    if shift is None or cell.significant or cell.holm is None or shift.low is None or shift.low <= 0 <= shift.high:
        return []
    return [f"{cell.holm:.3f}"]


def _confusion(whole: Written, label: str, group: str) -> dict[str, float]:
    sides = {"base": ["base"], "dpo": SEEDS["dpo"]}
    return again.confusion([whole.sweeps[one]["pope"] for one in sides[label]], group)


def _confusion_line(whole: Written, line: list[str], n: int) -> None:
    groups = [line[0]] if line[0] else SPLITS
    expected = []
    for group in groups:
        c = _confusion(whole, line[1], group)
        total = sum(c.values())
        shares = ((c["tp"] + c["fp"]) / total, (c["tp"] + c["fn"]) / total, (c["tp"] + c["tn"]) / total)
        expected.append([*(f"{c[k]:.{n}f}" for k in ("tp", "fn", "fp", "tn")), *(shown(s, "share", 1) for s in shares)])
    assert [text for text in line[2:] if text != "\u2013"] in expected, line


def test_html_of_one_arm(alone: Written) -> None:
    cells = again.full_table(alone.sweeps, RULES)
    read = page(alone.texts["html"])
    for line, i in zip(with_head(read.tables, "Metric", "Difference"), HEADLINE, strict=True):
        _forest(line, RULES[i], cells[i])
    forests = [table[1:] for table in read.tables if table[0][:2] == ["Metric", "Difference"]]
    for line, rule, own in zip(forests[1], RULES, cells, strict=True):
        _forest(line, rule, own)
    drawn = [float(label.split()[1]) for label in read.labels if label.startswith("difference ") and "in" not in label]
    assert drawn[len(HEADLINE) :] == approx([float(f"{own[1].shift.value:+.3g}") for own in cells], abs=1e-9)
    (flips,) = (t for t in read.tables if t[0][0] == "Checkpoint" and set(t[0][1:]) <= {"POPE", "CHAIR", "MMHal-Bench"})
    texts = dict(zip(flips[0][1:], flips[1][1:], strict=True))
    for title, benchmark in (("POPE", "pope"), ("CHAIR", "chair"), ("MMHal-Bench", "mmhal_bench")):
        counts = again.gained_and_lost(*(alone.sweeps[label][benchmark] for label in ("base", "dpo-seed0")))
        ours = [str(n) for n in (counts if counts[:2] != counts[2:] else counts[:2])]
        assert numbers(texts.get(title, "")) == ([] if counts[:2] == (0, 0) else ours), benchmark


def _forest(line: list[str], rule: Rule, cells: list[Cell]) -> None:
    """Difference, p after Holm, n, effect, detectable."""
    n, cell = digits(rule, cells), cells[1]
    close(numbers(line[1]), [shown(v, rule.unit, n, True) for v in (cell.shift.value, cell.shift.low, cell.shift.high)
                             if v is not None], rule)  # fmt: skip
    p = "\u2013" if cell.holm is None else "< 0.001" if cell.holm < 0.001 else f"{cell.holm:.3f}"
    effect = "\u2013" if cell.shift.effect is None else f"{cell.shift.effect:+.2f}".replace("-", "\u2212")
    found = cell.detectable
    detectable = "over 100" if found == float("inf") else shown(found, rule.unit, n) or "\u2013"
    assert line[3:] == [p, f"{cell.shift.items:,}", effect, detectable], (rule, line)


def test_calibration_under_the_figures_of_html(whole: Written, methods: tuple) -> None:
    cells = {(rule.metric, j): own[j] for rule, own in zip(RULES, methods[0], strict=True) for j in (0, 1)
             if rule.benchmark == "pope" and rule.metric in ("ece", "brier")}  # fmt: skip
    captions = page(whole.texts["html"]).captions
    assert len(captions) == 2
    for j, text in enumerate(captions):
        ours = [shown(v, "share", 1) for m in ("ece", "brier") for v in (cells[m, j].value, cells[m, j].low, cells[m, j].high)]
        assert numbers(text) == ours


def test_markdown_of_methods_and_of_one_arm(whole: Written, alone: Written, methods: tuple) -> None:
    cells, told = methods
    tables = markdown_tables(whole.texts["markdown"])
    for column, line in enumerate(with_head(tables, "method", "POPE accuracy")):
        for text, i in zip(line[1:], HEADLINE, strict=True):
            ours = printed(RULES[i], cells[i], cells[i][column])
            interval = sum(v is not None for v in (cells[i][column].low, cells[i][column].high))
            close(numbers(text), [ours[0], *ours[1 + interval : 2 + interval]], RULES[i])
    for line, i in zip(with_head(tables, "method", "metric", "seeds"), HEADLINE, strict=True):
        (_, shift), rule = told[i][0], RULES[i]
        usual = 1 if rule.unit in ("share", "words") else 2
        moved = [shown(v, rule.unit, usual, True) for v in (shift.mean, shift.low, shift.high) if v is not None]
        assert (line[0], line[1], line[2]) == ("dpo", rule.names, "2")
        close(numbers(line[3]), moved, rule)
        close(line[4:], [shown(v, rule.unit, usual) for v in (shift.seed_sd, shift.item_error)], rule)
    one = again.full_table(alone.sweeps, RULES)
    for line, i in zip(with_head(markdown_tables(alone.texts["markdown"]), "metric", "base"), HEADLINE, strict=True):
        own, p = one[i], one[i][1].holm
        ours = [printed(RULES[i], own, own[0]), printed(RULES[i], own, own[1])]
        values = 1 + sum(v is not None for v in (own[1].low, own[1].high))
        for text, mine in zip(line[1:4], (ours[0], ours[1][:values], ours[1][values:]), strict=True):
            close(numbers(text), mine, RULES[i])
        assert line[4] == ("\u2013" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}")


def test_latex(whole: Written, methods: tuple) -> None:
    lines = latex_rows(whole.texts["latex"])[1:]
    for column, line in enumerate(lines):
        for text, i in zip(line[1:], HEADLINE, strict=True):
            cell = methods[0][i][column]
            ours = printed(RULES[i], methods[0][i], cell)[: 1 + sum(v is not None for v in (cell.low, cell.high))]
            close(numbers(text), ours, (RULES[i], text))
