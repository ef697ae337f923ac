"""What a page shows beside the results: the scatter of seeds, reward models, the study's published rows."""

from __future__ import annotations

from collections.abc import Mapping

from reports.comparison.reward_models import ranked_interval
from reports.published.published_rows import SOURCE
from reports.text.formatting import UNKNOWN, between, number, row_name, title_of, who
from reports.values.comparison import Comparison
from reports.values.table import Cell, Row


def seeds_view(comparison: Comparison) -> list[dict[str, str]]:
    """One line a method but the baseline and headline metric."""
    names = {(row.benchmark, row.key): row_name(row) for row in comparison.rows}
    return [
        {
            "method": row.method,
            "metric": names[row.benchmark, row.key],
            "seeds": str(row.values.n_seeds),
            "mean": number(row.values.mean, row.unit),
            "interval": between(row.values.low, row.values.high, row.unit),
            "difference": number(moved.mean, row.unit, signed=True),
            "difference_interval": between(moved.low, moved.high, row.unit, signed=True),
            "seed_sd": number(moved.between_seed_sd, row.unit),
            "item_error": number(moved.item_error, row.unit),
        }
        for row in comparison.seeds
        if row.headline and (moved := row.difference) is not None
    ]


def scatter_view(comparison: Comparison) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """Metrics, and for each method (sd of seeds, standard error over images) of its difference, by metric."""
    rows = seeds_view(comparison)
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    found = {(row["method"], row["metric"]): (row["seed_sd"], row["item_error"]) for row in rows}
    methods = list(dict.fromkeys(row["method"] for row in rows))
    return metrics, [(m, [found.get((m, metric), (UNKNOWN, UNKNOWN)) for metric in metrics]) for m in methods]


RANKS_TOLD = (
    "The ranks that tests of every pair of checkpoints leave open (Holm over the pairs of a metric): 1 to 3 is a checkpoint "
    "that is not distinguishable from two others."
)


def ranks_view(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: checkpoints by headline metrics; empty for two checkpoints and for methods of several seeds."""
    table = comparison.short
    rows = [row for row in table.headline if row.better != "neither"]
    if len(table.columns) < 3 or table.by_method or not any(row.order for row in rows):
        return [], []
    return ["checkpoint", *map(row_name, rows)], [
        [who(column), *(_rank(row.rank_range(j)) for row in rows)] for j, column in enumerate(table.columns)
    ]


def _rank(between: tuple[int, int] | None) -> str:
    if between is None:
        return UNKNOWN
    return f"{between[0]}" if between[0] == between[1] else f"{between[0]} to {between[1]}"


JOINT_TOLD = (
    "Differences to the baseline with simultaneous 95 % intervals, which contain those of all checkpoints of a metric "
    "together: use these to say something of the best of them. The intervals of the results table are pointwise."
)


def joint_view(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: headline metrics by checkpoints or methods but the baseline; empty where fewer than two are compared."""
    table = comparison.short
    rows = [row for row in table.headline if any(cell and cell.joint for cell in row.cells)]
    if not rows:
        return [], []
    others = [j for j in range(len(table.columns)) if j]
    return ["metric", *(who(table.columns[j]) for j in others)], [
        [row_name(row), *(_joint(row, j) for j in others)] for row in rows
    ]


def _joint(row: Row, j: int) -> str:
    cell = row.cells[j]
    if cell is None or cell.joint is None or cell.difference is None:
        return UNKNOWN
    value = number(cell.difference.value, row.shown_unit, signed=True)
    return f"{value} {between(*cell.joint, row.shown_unit, signed=True)}"


JUDGE_TOLD = (
    "A sample of the judge's verdicts was asked for a second time. Second replies that could not be read are counted unread: "
    "what follows is about the others. Counted alike: the answer's score stayed as it was. Intervals contain this noise: each "
    "answer's verdict is one draw of the judge, so that it scatters from image to image with all else, and no interval of "
    "a metric is narrower than the judge's noise alone. Another judge may disagree with both."
)


def judge_view(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: benchmarks and checkpoints whose verdicts were asked twice; of headline metrics what that makes."""
    places = {column.label: i for i, column in enumerate(comparison.columns)}
    asked = ["asked twice", "second unread", "counted alike", "sd of an answer's rating"]
    header = ["benchmark", "checkpoint", *asked, "of the metrics' variance"]
    rows = []
    for noise in comparison.judge_noise:
        own = [row for row in comparison.rows if row.benchmark == noise.benchmark and row.headline and row.key in noise.errors]
        parts = [_variance_share(row, row.cells[places[noise.column]], noise.errors[row.key]) for row in own]
        read = noise.again - noise.unread
        counts = [f"{noise.again:,} of {noise.judged:,}", f"{noise.unread:,}"]
        counts += [f"{number(noise.same / read, 'share')} %" if read else UNKNOWN]
        told = "; ".join(part for part in parts if part) or UNKNOWN
        rows.append([title_of(noise.benchmark), noise.column, *counts, number(noise.sd, "points"), told])
    return header, rows


def _variance_share(row: Row, cell: Cell | None, error: float) -> str:
    """'MMHal score 4.0 %': the judge's part in the variance behind the interval."""
    if cell is None or cell.low is None or cell.high is None or cell.high <= cell.low:
        return ""
    part = min((2 * 1.959964 * error / (cell.high - cell.low)) ** 2, 1.0)
    return f"{row_name(row)} {number(part, 'share')} %"


REWARD_TOLD = (
    "Share of held-out pairs whose chosen answer a reward model rates higher, equal rewards counting half; 50 % is chance. "
    "Far below it, the model has learned who wrote an answer, not which is better. In brackets 95 % intervals over pairs, "
    "each for itself; fewer than five have none. Published values are of other held-out pairs: for orientation only."
)


def rater_lines(comparison: Comparison) -> list[str]:
    """A line for each reward model or judge that rated answers in training, its agreement with people, and one for each note
    on the training of a reward model."""
    notes = [f"{who}: {note}" for who, told in comparison.reward_notes.items() for note in told]
    return [*(f"{who}, on pairs that people ranked: {words}." for who, words in comparison.rater_checks.items()), *notes]


def reward_view(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: reward models by whose held-out pairs, with the study's table 7 below where it is asked for.

    A published value stands under the pairs of that name ("rlhf-v" under "RLHF-V"); sets that only the paper has come last.
    """
    tested = list(dict.fromkeys(name for found in comparison.reward_accuracy.values() for name in found))
    own = {name.casefold() for name in tested}
    theirs = [name for row in comparison.published_rewards[:1] for name in row.values if name.casefold() not in own]
    rows = [
        [model, *(_of_rewards(found, name, comparison) for name in tested), *("" for _ in theirs)]
        for model, found in comparison.reward_accuracy.items()
    ]
    for row in comparison.published_rewards:
        printed = {name.casefold(): number(value, "share") for name, value in row.values.items()}
        cells = [printed.get(name.casefold(), "") for name in (*tested, *theirs)]
        rows.append([f"published, {row.table}: {row.method}", *cells])
    return [
        "reward model",
        *(_pairs_of(name, comparison) for name in tested),
        *(f"pairs of {n}" for n in theirs),
    ], rows


def _of_rewards(found: Mapping[str, float | None], name: str, comparison: Comparison) -> str:
    """'87.5 [52.9, 97.8]', the interval over comparisons."""
    share = found.get(name)
    interval = between(*ranked_interval(share, comparison.reward_pairs.get(name)), "share")
    return f"{number(share, 'share')} {interval}".strip() if name in found else ""


def _pairs_of(name: str, comparison: Comparison) -> str:
    n, left = comparison.reward_pairs.get(name), comparison.reward_pairs_left_out.get(name, 0)
    trained = f"; {left:,} left out, a reward model was trained on their images" if left else ""
    return f"pairs of {name}" + (f" (n = {n:,}{trained})" if n is not None else "")


def published_view(comparison: Comparison) -> tuple[list[tuple[str, str]], list[list[str]], list[tuple[str, str, list[str]]]]:
    """(the study's columns with the metric of yours that stands under each), your rows, (table, method, values) of theirs."""
    columns = list(comparison.published[0].values)
    rows = {study: next((r for r in comparison.short.rows if r.published_as == study), None) for study in columns}
    head = [(study, row_name(row) if (row := rows[study]) else "") for study in columns]
    yours = [[who(c), *(_yours(rows[study], j) for study in columns)] for j, c in enumerate(comparison.short.columns)]
    theirs = [(row.table, row.method, [f"{v:.2f}" for v in row.values.values()]) for row in comparison.published]
    return head, yours, theirs


PUBLISHED_NOTE = f"Your rows, then the published ones: {SOURCE}; other judges, another protocol: for orientation only."


def published_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The same as plain text: header, your rows, the study's marked as published."""
    head, yours, theirs = published_view(comparison)
    return ["", *(study for study, _ in head)], [*yours, *([f"published, {t}: {method}", *v] for t, method, v in theirs)]


def study_view(comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    """Titles with their sentences: prompts that arms share, rows of the paper that are not run, departures from it, and what
    was taken where it is open."""
    notes = comparison.study
    parts = [
        ("What the paper says", notes.finding),
        ("Rows of the paper that the arms stand for", notes.rows),
        ("Prompts", (*notes.unlike, *notes.shared)),
        ("Rows of the paper that are not run", notes.not_run),
        ("Departures from the paper", notes.departures),
        ("Open in the paper; what was taken here", notes.open),
    ]
    return [(title, lines) for title, lines in parts if lines]


def _yours(row: Row | None, column: int) -> str:
    cell = row.cells[column] if row else None
    if row is None or cell is None or cell.value is None:
        return UNKNOWN
    return f"{cell.value * 100:.2f}" if row.unit == "share" else f"{cell.value:.2f}"
