"""Markdown: verdict, headline table, protocol differences, failures, how to reproduce."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core import registry
from harness.core.edge.text import count
from reports.gate import words as gate
from reports.label_audit import text as audit
from reports.page.costs import COST_TOLD, cost_note, cost_table
from reports.page.questions import compared_table
from reports.page.side_tables import (
    JOINT_TOLD,
    JUDGE_TOLD,
    PUBLISHED_NOTE,
    RANKS_TOLD,
    REWARD_TOLD,
    joint_view,
    judge_view,
    published_table,
    ranks_view,
    rater_lines,
    reward_view,
    seeds_view,
    study_view,
)
from reports.page.training import yield_lines
from reports.questions.words import lead
from reports.text.explored import explored
from reports.text.flag_lines import flag_banner, flag_lines
from reports.text.formatting import listing, shortened, title_of, unknown_protocol_text
from reports.text.interval_note import interval_note, reading_note
from reports.text.missing_items import interval_lines, missing_lines, unjudged_lines, unknown_lines
from reports.text.plain_table import PARTIAL, text_table
from reports.text.reply_models import OTHER_MODELS, reply_lines
from reports.text.runs import caveat_lines, overlap_notes, overlaps, whole_runs
from reports.text.unpaired import unpaired_line
from reports.values.comparison import Comparison, RunFacts
from reports.values.details import Failures

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\|`*_<>[]#"})


@registry.report("report.md")
def write(comparison: Comparison) -> str:
    """The report for a pull request or a notebook."""
    subtitle = " · ".join((*comparison.subtitle, *comparison.dates))
    parts = [
        f"# {_safe(comparison.title)}",
        *([_safe(subtitle)] if subtitle else []),
        *_verdict(comparison),
        *_table(*text_table(comparison)),
    ]
    parts += [f"{interval_note(comparison.short)}. {reading_note(comparison.short)}".rstrip()]
    notes = [unpaired_line(comparison.short), *unknown_lines(comparison.short), *interval_lines(comparison.short)]
    notes += [explored(comparison.short)]
    parts += [_safe(line) for line in notes if line]
    parts += _gate(comparison)
    parts += _questions(comparison)
    parts += _seeds(comparison)
    parts += _ranks(comparison)
    parts += _judge_noise(comparison)
    parts += _reward_models(comparison)
    parts += _audit(comparison)
    parts += _published(comparison)
    parts += _study(comparison)
    parts += _pairs(comparison)
    parts += _protocol(comparison)
    parts += _failures(comparison)
    parts += _overlap(comparison)
    for run in whole_runs(comparison.runs):
        parts += _reproduce(run)
    return "\n\n".join(parts) + "\n"


def _verdict(comparison: Comparison) -> list[str]:
    parts = []
    if comparison.incomplete:
        parts.append(f"> **Incomplete:** {_safe(', '.join(comparison.incomplete))} did not finish.")
    if comparison.study.partial:
        parts.append(f"> **Partial sweep:** {_safe(PARTIAL.format('; '.join(comparison.study.partial)))}")
    parts += [f"> **Note:** {_safe(line)}" for line in caveat_lines(comparison.runs)]
    parts += [f"> **Not all answers were judged:** {_safe(line)}." for line in unjudged_lines(comparison)]
    parts += [f"> **{OTHER_MODELS}:** {_safe(line)}." for line in reply_lines(comparison)]
    if banner := flag_banner(comparison):
        parts.append(f"> **Flagged answers are part of these numbers:** {_safe(banner)}")
    if comparison.verdict.headline:
        parts.append(f"**{_safe(comparison.verdict.headline)}**")
    blocks = [f"- {_safe(sentence)}" for sentence in comparison.verdict.sentences if sentence]
    return [*parts, "\n".join(blocks)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [[_safe(name) for name in header], ["---", *["---:"] * (len(header) - 1)]]
    lines += [[_safe(cell) for cell in row] for row in rows]
    return ["\n".join("| " + " | ".join(line) + " |" for line in lines)]


def _questions(comparison: Comparison) -> list[str]:
    """What the arms vary, each with its claims and direct tests, and what it cost."""
    blocks: list[str] = []
    for question in comparison.questions:
        lines = "\n".join(f"- {_safe(claim)}" for claim in question.claims)
        blocks += [
            f"### {_safe(question.title)}",
            _safe(lead(question)),
            lines,
            *(_table(*compared_table(question, comparison.short)) if question.tests else []),
        ]
    header, rows = cost_table(comparison)
    cost = (
        ["## Cost against effect", f"{COST_TOLD} {_safe(cost_note(comparison))}".strip(), *_table(header, rows)] if rows else []
    )
    return ["## What the arms vary", *blocks, *cost] if blocks else cost


def _seeds(comparison: Comparison) -> list[str]:
    rows = [
        [r["method"], r["metric"], r["seeds"], f"{r['difference']} {r['difference_interval']}", r["seed_sd"], r["item_error"]]
        for r in seeds_view(comparison)
    ]
    if not rows:
        return []
    blocks = "Arms or runs that differ only in their seed; the intervals cover the variation of seeds and of images."
    header = ["method", "metric", "seeds", "difference to the baseline", "sd of seeds", "standard error (images)"]
    return ["## Scatter", blocks, *_table(header, rows)]


def _ranks(comparison: Comparison) -> list[str]:
    header, rows = ranks_view(comparison)
    joint_header, joint_rows = joint_view(comparison)
    joint = ["## Simultaneous intervals", JOINT_TOLD, *_table(joint_header, joint_rows)] if joint_rows else []
    return [*(["## Ranks", RANKS_TOLD, *_table(header, rows)] if rows else []), *joint]


def _judge_noise(comparison: Comparison) -> list[str]:
    return ["## Judge noise", JUDGE_TOLD, *_table(*judge_view(comparison))] if comparison.judge_noise else []


def _reward_models(comparison: Comparison) -> list[str]:
    header, rows = reward_view(comparison)
    table = [REWARD_TOLD, *_table(header, rows)] if rows else []
    lines = ["\n".join(f"- {_safe(line)}" for line in told)] if (told := rater_lines(comparison)) else []
    return ["## Reward models and annotators", *table, *lines] if table or lines else []


def _audit(comparison: Comparison) -> list[str]:
    if comparison.audit is None:
        return []
    blocks = ["## Audited labels", _safe(audit.summary(comparison.audit))]
    for part in audit.parts(comparison):
        blocks += [f"### {part.title}", _safe(part.lead), *(_table(part.header, part.rows) if part.rows else [])]
        blocks += ["\n".join(f"- {_safe(line)}" for line in part.lines)] if part.lines else []
    return blocks


def _gate(comparison: Comparison) -> list[str]:
    if comparison.gate is None:
        return []
    blocks = [f"## Gate: {comparison.gate.verdict}", _safe(f"{comparison.gate.words} Policy: {comparison.gate.policy}.")]
    blocks += [f"> **Stopped early:** {_safe(comparison.gate.stopped)}"] if comparison.gate.stopped else []
    for checkpoint in comparison.gate.checkpoints:
        blocks += [f"**{_safe(checkpoint.words)}**", *_table(gate.HEADER, gate.rows(checkpoint))]
        blocks += ["\n".join(f"- {_safe(line)}" for line in lines)] if (lines := gate.notes(checkpoint)) else []
    return [*blocks, f"{_safe(comparison.gate.family)}, alpha {comparison.gate.alpha:g}. {gate.NOTE}"]


def _published(comparison: Comparison) -> list[str]:
    if not comparison.published:
        return []
    return ["## Published", PUBLISHED_NOTE, *_table(*published_table(comparison))]


def _study(comparison: Comparison) -> list[str]:
    parts = [f"**{title}**\n\n" + "\n".join(f"- {_safe(line)}" for line in lines) for title, lines in study_view(comparison)]
    return ["## Study", *parts] if parts else []


def _pairs(comparison: Comparison) -> list[str]:
    lines = yield_lines(comparison.runs)
    if not lines:
        return []
    return ["## Pairs", "Rows or prompts of each source that became pairs.", "\n".join(f"- {_safe(line)}" for line in lines)]


def _protocol(comparison: Comparison) -> list[str]:
    unknown = unknown_protocol_text(comparison.protocol_unknown, len(comparison.protocol_unknown))
    note = [f"Protocol not known, since answers came from files: {_safe(unknown)}."] if unknown else []
    if not comparison.protocol_differences:
        same = f"All columns were measured in the same way{', as far as is known' if note else ''}."
        return ["## Protocol", same, *note] if len(comparison.columns) > 1 else []
    rows = [[title_of(d.benchmark), d.column, d.fact, d.baseline, d.other] for d in comparison.protocol_differences]
    table = _table(["benchmark", "column", "fact", "baseline", "column's"], rows)
    return ["## Protocol", "These columns were **not** measured in the same way as the baseline:", *table, *note]


def _failures(comparison: Comparison) -> list[str]:
    rows = [
        [title_of(f.benchmark), f.column, *map(str, (f.items, f.missing, f.truncated, f.unjudged)), _flags(f)]
        for f in comparison.failures
        if f.missing or f.truncated or f.unjudged or f.flags or f.reasoned or f.labels
    ]
    if not rows:
        return ["## Failures", "None: every item was answered, read and judged."]
    header = ["benchmark", "column", "items", "missing", "truncated", "unjudged", "flags"]
    missing = "\n".join(f"- {_safe(line)}" for line in [*flag_lines(comparison), *missing_lines(comparison)])
    return ["## Failures", *_table(header, rows), *([missing] if missing else [])]


def _overlap(comparison: Comparison) -> list[str]:
    shared = [
        f"{count(len(files), 'image')} of the training of {names}: {listing([file for _, file in files], 30)}."
        for names, files in overlaps(comparison.runs)
    ]
    lines = "\n".join(f"- {_safe(line)}" for line in [*shared, *overlap_notes(comparison.runs)])
    return ["## Overlap", "Images that training and benchmarks share, by content.", lines]


def _flags(failures: Failures) -> str:
    return ", ".join(f"{n} {flag}" for flag, n in failures.flags.items())


def _reproduce(run: RunFacts) -> list[str]:
    digests = "\n".join(f"- {_safe(label)}: `{_code(digest)}`" for label, digest in run.digests.items())
    versions = ", ".join(f"{k} {v}" for k, v in sorted(run.versions.items()))
    parts = [
        f"## How to reproduce {_safe(run.name)}",
        f"```sh\n{_code(run.command)}\n```" if run.command else "",
        "\n".join(f"- {_safe(note)}" for note in run.notes),
        f"```yaml\n{_code(run.config_yaml.rstrip())}\n```" if run.config_yaml else "",
        digests,
        f"Versions: {_safe(versions)}." if versions else "",
    ]
    return [part for part in parts if part]


def _safe(text: str) -> str:
    """As text in a table cell: no markup, no line break."""
    return shortened(text).replace("\n", " ").translate(_SPECIAL)


def _code(text: str) -> str:
    """Inside a code fence only the fence itself is dangerous."""
    return text.replace("`", "'")
