r"""LaTeX: the headline table for a paper, with booktabs; rows are checkpoints, as papers print them.

Needs `\usepackage{booktabs}`. Bold: significantly better than the baseline, not merely the largest number.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core import registry
from reports.text.formatting import between, judged_text, number, row_name, shortened, who
from reports.text.interval_note import intervals
from reports.text.missing_items import interval_lines
from reports.text.unpaired import unpaired
from reports.values.comparison import Comparison
from reports.values.table import Cell, Row, Unit

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\u2212": "$-$", "\u2192": r"$\rightarrow$",
    "\u2013": "--", "\u2260": r"$\neq$", "\u2026": r"\dots{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "\u27e8": r"$\langle$", "\u27e9": r"$\rangle$",
}  # fmt: skip
_SIGNIFICANT = {"better": "", "worse": r"$^{\dagger}$", "changed": r"$^{\ast}$", "": ""}


@registry.report("table.tex")
def write(comparison: Comparison) -> str:
    """One table environment."""
    rows = comparison.short.headline
    head = " & ".join(["", *(_metric(row) for row in rows)]) + r" \\"
    body = [_checkpoint(who(column), rows, j) for j, column in enumerate(comparison.short.columns)]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}", r"  \centering", r"  \small",
        rf"  \begin{{tabular}}{{l{'r' * len(rows)}}}", r"    \toprule", f"    {head}", r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule", r"  \end{tabular}", rf"  \caption{{{_caption(comparison)}}}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _metric(row: Row) -> str:
    arrow = {"higher": r" $\uparrow$", "lower": r" $\downarrow$"}.get(row.better, "")
    unit = {"share": r" (\%)", "words": " (words)"}.get(row.unit, "")
    return _safe(row_name(row)) + unit + arrow


def _checkpoint(label: str, rows: Sequence[Row], j: int) -> str:
    name = _safe(label)
    name = "{}" + name if name.startswith(("[", "*")) else name  # the row before ends in a \\ that would take it as its option
    return " & ".join([name, *(_cell(row.cells[j], row.shown_unit) for row in rows)]) + r" \\"


def _cell(cell: Cell | None, unit: Unit) -> str:
    if cell is None or cell.value is None:
        return "--"
    value = _safe(number(cell.value, unit))
    marked = (rf"\textbf{{{value}}}" if cell.significant == "better" else value) + _SIGNIFICANT[cell.significant]
    interval = _safe(f"{between(cell.low, cell.high, unit)} {judged_text(cell)}".strip())
    return rf"{marked} {{\scriptsize {interval}}}" if interval else marked


def _caption(comparison: Comparison) -> str:
    title = _safe(shortened(comparison.title, 200))
    how = f"In brackets {_safe(intervals(comparison.short))}"
    if len(comparison.short.columns) > 1:
        how += (
            r"; bold: significantly better than the first row, $^{\dagger}$: significantly worse, $^{\ast}$: significant change"
        )
        how += r", by the difference to the first row on the same items ($p<0.05$, corrected by Holm over this table)"
    partial = _safe(f" Partial sweep: {'; '.join(comparison.study.partial)}.") if comparison.study.partial else ""
    incomplete = " Incomplete runs are included." if comparison.incomplete else ""
    differs = r" $\neq$: measured under another protocol than the first row." if comparison.protocol_differences else ""
    verdict = comparison.verdict
    differs += "".join(_safe(f" {told}") for told in (verdict.same, verdict.overlap, verdict.doubt) if told)
    differs += " How answers from files were asked is not known." if comparison.protocol_unknown else ""
    seeds = " Methods are means over seeds." if comparison.short.by_method else ""
    pairs = unpaired(comparison.short)
    tested = _safe(f" Marks are of differences over the items that both sides answered ({pairs}).") if pairs else ""
    bare = "".join(_safe(f" {line}") for line in interval_lines(comparison.short))
    return f"{title}. {how}.{bare}{tested}{seeds}{partial}{incomplete}{differs}"


def _safe(text: str) -> str:
    """As text in a table cell. Characters that pdfTeX does not set by itself are named by their number."""
    return "".join(_SPECIAL.get(c) or (c if _is_set(c) else f"U+{ord(c):04X}") for c in text.replace("\n", " "))


def _is_set(char: str) -> bool:
    return " " <= char <= "~" or "\u00a1" <= char <= "\u017f"
