"""The audit as tables of text, for the terminal, Markdown and the page alike. No markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.edge.text import count
from harness.core.stats import FEWEST_CLUSTERS
from harness.labels.control_sample import FEWEST
from harness.labels.estimates.label_error_rate import LabelRates
from harness.labels.estimates.proportions import Share
from reports.text.formatting import UNKNOWN, between, cell_text, name, number, row_name, title_of
from reports.values.comparison import Comparison
from reports.values.label_audit import ChangedMetric, Effect

_SIGNIFICANCE = {
    "better": "significantly better",
    "worse": "significantly worse",
    "changed": "significant change",
    "": "inconclusive",
}
_MOST_CONFLICTS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """A table with its title and what to know of it; `lines` stand under it. Rows may be empty."""

    title: str
    lead: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


def summary(effect: Effect) -> str:
    """The revision in one line."""
    names = {"right": "confirmed", "flipped": "flipped", "removed": "removed as ambiguous"}
    counts = ", ".join(f"{effect.edits[new]:,} {name}" for new, name in names.items())
    return f"Labels under {effect.revision}: {counts}. Nothing was generated or judged again; official labels stay the default."


def parts(comparison: Comparison) -> list[Part]:
    """The tables of what an audit changes; empty without an audit."""
    effect = comparison.audit
    if effect is None:
        return []
    found = [
        _metrics(comparison, effect),
        _conclusions(effect),
        _faults(effect),
        _rates(effect),
        *(_objects(effect)),
        _disputed(comparison, effect),
        _captions(effect),
        _conflicts(effect),
    ]
    return [part for part in found if part.rows or part.lines]


def _metrics(comparison: Comparison, effect: Effect) -> Part:
    changed = [m for m in effect.changed_metrics if m.official.headline] or list(effect.changed_metrics)
    labels = [column.label for column in comparison.columns]
    header = ["metric", *(f"{label}: {which}" for label in labels for which in (_before(effect), "audited"))]
    many = len(labels) > 2
    if many:  # checkpoints are the rows, as in the short table
        header = [
            "checkpoint",
            *(f"{row_name(m.official)}: {w}" for m in changed for w in (_before(effect), "audited", "rank")),
        ]
        rows = [(labels[i], *(text for m in changed for text in _both(m, i, rank=True))) for i in range(len(labels))]
    else:
        rows = [(row_name(m.official), *(text for i in range(len(labels)) for text in _both(m, i))) for m in changed]
    lines = [
        f"{title_of(d.benchmark)}: {d.n:,} of {count(d.of, 'item')} left the audited metrics; a label of each is too ambiguous."
        for d in effect.dropped
    ]
    lines += [
        f"{title_of(b)}, {column}: scored against the labels of its run ({own}), not the published ones."
        for column, b, own in effect.scored_under
    ]
    lines += [_reordered(m, labels) for m in effect.changed_metrics if m.reordered]
    others = sum(m.is_reordered and not m.reordered for m in effect.changed_metrics)
    if others:
        words = "In one metric" if others == 1 else f"In {others} metrics"
        lines.append(f"{words} ranks change only between checkpoints that are not distinguishable under either labelling.")
    lead = f"The same answers, scored against {_before(effect)} and against audited labels; intervals as in the results."
    return Part("Metrics under both labels", lead, tuple(header), tuple(rows), tuple(lines))


def _before(effect: Effect) -> str:
    return "stored" if effect.scored_under else "official"


def _both(changed: ChangedMetric, column: int, rank: bool = False) -> list[str]:
    cells = changed.official.cells[column], changed.audited.cells[column]
    unit = max((row.shown_unit for row in (changed.official, changed.audited)), key=lambda unit: unit.digits)
    texts = [cell_text(cell, unit) for cell in cells]
    if not rank:
        return texts
    before, after = (r[column] if r else None for r in (changed.ranks_before, changed.ranks_after))
    return [*texts, UNKNOWN if before is None else f"{before}" if before == after else f"{before} \u2192 {after}"]


def _reordered(changed: ChangedMetric, labels: Sequence[str]) -> str:
    both = changed.ranks_before, changed.ranks_after
    changes = [f"{labels[i]} {both[0][i]} \u2192 {both[1][i]}" for i in changed.reordered]
    return f"Ranks change in {row_name(changed.official)}: {', '.join(changes)}."


def _conclusions(effect: Effect) -> Part:
    rows = [(row_name(t.row), t.column, _SIGNIFICANCE[t.before], _SIGNIFICANCE[t.after]) for t in effect.reversed_conclusions]
    lead = "Differences to the baseline that are significant under one labelling only, or that change their direction."
    compared = any(cell and cell.difference for m in effect.changed_metrics for cell in m.audited.cells)
    none = "No conclusion changes." if compared else "No metric of the audited benchmark has a difference to the baseline."
    lines = () if rows else (none,)
    header = ("metric", "checkpoint", f"{_before(effect)} labels", "audited labels")
    return Part("Conclusions that flip", lead, header, tuple(rows), lines)


def _faults(effect: Effect) -> Part:
    rows = []
    for column, f in effect.faults:
        least_most = "" if f.reviewed == f.errors else f"{_percent(f.least)} to {_percent(f.most)}"
        counts = (f"{f.errors:,}", f"{f.reviewed:,}", f"{f.flipped:,}", f"{f.removed:,}")
        rests_on = f", {f.share.n:,} of {f.share.of:,}" if f.how == "control set" else ""
        rows.append((title_of(f.result.benchmark), column, *counts, f"{_share(f.share)}{rests_on}", least_most))
    counted = ("errors", "reviewed", "wrong label", "ambiguous")
    header = ("benchmark", "checkpoint", *counted, "label faults", "at least, at most")
    lead = "Answers that contradict an official label, and the reviewers' votes on these labels."
    if any(f.how == "control set" for _, f in effect.faults):
        lead += " Where not all were, faults are estimated from the errors in the control set (their number stands behind)."
    lines = [
        f"{title_of(f.result.benchmark)}, {column}: {count(f.unclear, 'unclear answer')} scored wrong "
        f"{'is' if f.unclear == 1 else 'are'} not among the errors: such an answer contradicts no label."
        for column, f in effect.faults
        if f.unclear
    ]
    return Part("\u201cErrors\u201d that are label faults", lead, header, tuple(rows), tuple(lines))


def _rates(effect: Effect) -> Part:
    rows, lines = [], []
    for r in effect.rates:
        rows.append((title_of(r.benchmark), "all labels", _share(r.flipped), _share(r.removed), f"{r.flipped.of:,}"))
        rows += [(title_of(r.benchmark), group, _share(share), "", f"{share.of:,}") for group, share in r.by_group.items()]
        lines.append(how_estimated(r))
    lead = "How many labels are wrong, or too ambiguous to count. For a split or a label the first share holds both."
    return Part(
        "Label error rate", lead, ("benchmark", "of", "wrong", "ambiguous", "labels reviewed"), tuple(rows), tuple(lines)
    )


def how_estimated(rates: LabelRates) -> str:
    """Where the rates of one benchmark come from, or what is missing for them."""
    title, decided = title_of(rates.benchmark), f"{rates.decided:,} of {rates.labels:,} labels are decided"
    small = rates.sample < FEWEST  # all of it must be decided
    whole = f"a rate needs all {rates.sample:,} labels of the control set: decide the remaining {rates.missing:,}"
    first = (
        f"a rate needs nine in ten of the first labels of the control set, in the order in which it was drawn, and at least "
        f"{FEWEST}: decide {rates.wanted:,} more of its first {rates.first:,} (skipped and disputed labels are not decided)"
    )
    text = {
        "all reviewed": f"{title}: all {rates.labels:,} labels were reviewed; there is nothing to estimate.",
        "control set": f"{title}: estimated from a random control set; {decided}.",
        "too early": f"{title}: {decided}; {whole if small else first}.",
        "": f"{title}: {decided}, none of them drawn at random; suspicious labels are not a random sample, so no rate can be "
        "estimated. Review a control set (`--sample`).",
    }[rates.how]
    left = f" {count(rates.missing, 'label')} of the control set {'is' if rates.missing == 1 else 'are'} still undecided."
    return text + left if rates.missing and not small else text


def _objects(effect: Effect) -> list[Part]:
    rows = [
        (title_of(r.benchmark), object_name, f"{share.n:,}", f"{share.of:,}")
        for r in effect.rates
        for object_name, share in r.by_object.items()
    ]
    lead = "Errors among the labels that reviewers decided; most were selected as suspicious, so shares are not estimates."
    return [Part("Faults by object", lead, ("benchmark", "object", "faults", "labels decided"), tuple(rows))] if rows else []


def _disputed(comparison: Comparison, effect: Effect) -> Part:
    names = {(row.benchmark, row.metric, row.group): row_name(row) for row in comparison.rows}
    rows = [
        (
            column,
            names.get((b.result.benchmark, b.metric, b.group), f"{title_of(b.result.benchmark)} {name(b.metric)}"),
            number(b.worst, b.unit),
            number(b.best, b.unit),
        )
        for column, b in effect.bounds
    ]
    searched = dict.fromkeys(row[1] for row, (_, b) in zip(rows, effect.bounds, strict=True) if b.is_searched)
    lines = tuple(f"{one}: not best with all labels settled for the checkpoint; searched label by label." for one in searched)
    lead = f"{count(effect.disputed, 'label')} on which reviewers disagree: the worst and the best that settling them can give."
    return Part("Still disputed", lead, ("checkpoint", "metric", "worst case", "best case"), tuple(rows), lines)


def _captions(effect: Effect) -> Part:
    rows = []
    for c in effect.captions:
        corrected = f"{number(c.value, 'share')} {between(c.low, c.high, 'share')}".strip()
        marked = f"{c.marked:,} of {c.captions:,}"
        rows.append(
            (
                title_of(c.benchmark),
                c.column,
                number(c.plain, "share"),
                corrected,
                _share(c.found),
                _share(c.rightly),
                marked,
            )
        )
    shares = ("CHAIRi as scored", "corrected", "hallucinations found", "rightly blamed")
    header = ("benchmark", "checkpoint", *shares, "captions read")
    lead = "Human marks in a random sample of captions, extrapolated to all captions."
    lines = [
        f"{title_of(c.benchmark)}, {c.column}: {left}."
        for c in effect.captions
        if (left := captions_left_out(c.ambiguous, c.elsewhere))
    ]
    few = [f"{title_of(c.benchmark)}, {c.column}" for c in effect.captions if c.value is not None and c.low is None]
    lines += [f"{one}: no interval, as captions of fewer than {FEWEST_CLUSTERS} images are read." for one in few]
    return Part("CHAIR as people count it", lead, header, tuple(rows), tuple(lines))


def captions_left_out(ambiguous: int, elsewhere: int) -> str:
    """Captions that people judged and that correct nothing, as a clause; "" without any."""
    texts = [f"{count(ambiguous, 'caption')} that people called ambiguous"] * bool(ambiguous)
    texts += [f"{count(elsewhere, 'caption')} that people read with other marks of the scorer"] * bool(elsewhere)
    verb = "is" if ambiguous + elsewhere == 1 else "are"
    return f"{' and '.join(texts)} {verb} left out" if texts else ""


def _conflicts(effect: Effect) -> Part:
    lines = list(effect.conflicts[:_MOST_CONFLICTS])
    if len(effect.conflicts) > _MOST_CONFLICTS:
        lines.append(f"... and {len(effect.conflicts) - _MOST_CONFLICTS:,} more.")
    if effect.not_asked:
        lines.append(f"{count(effect.not_asked, 'edit')} of questions that these runs did not ask.")
    return Part(
        "Not applied", "Edits that do not fit the labels of these runs, or that contradict each other.", lines=tuple(lines)
    )


def _share(share: Share) -> str:
    if share.value is None:
        return UNKNOWN
    interval = between(share.low, share.high, "share")
    return f"{_percent(share.value)} {interval}".strip()


def _percent(value: float | None) -> str:
    return f"{number(value, 'share')} %"
