"""HTML: the whole report as one self-contained file, for reading, printing and keeping beside a paper.

The page is drawn from `templates/` with autoescape on: text of models is never markup. No script is needed to
read it; a few lines of script filter the flips. Nothing is fetched: a policy in the page's head forbids it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from harness.core import registry
from harness.core.edge.text import count
from reports.gate import words as gate
from reports.label_audit import text as audit
from reports.page import cards, costs, figures
from reports.page import objects as object_views
from reports.page import questions as question_views
from reports.page import reliability as reliability_views
from reports.page import side_tables as beside
from reports.page import tables as page
from reports.page import training as training_views
from reports.page.pair_yields import explanations, pairs_view, provenance
from reports.page.thumbnails import Thumbnails
from reports.published.published_rows import SOURCE
from reports.questions import words as question_words
from reports.text.column_labels import short_name, short_names
from reports.text.explored import explored
from reports.text.flag_lines import flag_banner, flag_lines
from reports.text.formatting import listing, protocol_text, shortened, title_of, unknown_protocol_text
from reports.text.interval_note import P_BESIDE, digits_note, interval_note
from reports.text.missing_items import interval_lines, missing_lines, unjudged_lines, unknown_lines
from reports.text.plain_table import PARTIAL
from reports.text.reply_models import OTHER_MODELS, reply_lines
from reports.text.runs import caveat_lines, overlap_notes, overlaps, whole_runs
from reports.text.unpaired import unpaired_line
from reports.values.comparison import Comparison
from reports.values.table import Table

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context


@registry.report("report.html")
def write(comparison: Comparison) -> str:
    """The report as one page."""
    template = _environment().get_template("report.html")
    text = template.render(
        c=comparison,
        images=Thumbnails(comparison.data_folders),
        whole=Table(comparison.columns, comparison.rows),
        headline=page.table(comparison.short.headline),
        everything=page.table(comparison.short.rows),
        single=len(comparison.short.columns) == 2,
        several_runs=len(comparison.runs) > 1,
        runs=whole_runs(comparison.runs),
        flips=cards.chosen_flips(comparison.flips),
        caveats=caveat_lines(comparison.runs),
        asked_again=all(run.can_continue for run in comparison.runs),
        missing=missing_lines(comparison),
        unjudged=unjudged_lines(comparison),
        other_models=reply_lines(comparison),
        flagged=flag_lines(comparison),
        alarming=flag_banner(comparison),
        captions=comparison.captions[: cards.MOST_CAPTIONS],
        contents=[],  # (id, title) of each section, in the order of the page
    )
    return f"{text}\n"  # as every text file ends; jinja takes the last one away


def called(page: Context, label: str, most: int) -> str:
    """A name of a column, safe to lay out, and another one than those of other columns."""
    comparison: Comparison = page["c"]
    labels = tuple(dict.fromkeys(column.label for column in (*comparison.columns, *comparison.short.columns)))
    return shortened(_names(labels, most).get(label) or short_name(label, most), most)


@lru_cache(maxsize=32)
def _names(labels: tuple[str, ...], most: int) -> dict[str, str]:
    return dict(zip(labels, short_names(labels, most), strict=True))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

    environment = Environment(
        loader=PackageLoader("reports.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"said": cards.said, "pretty": title_of, "short": shortened, "called": pass_context(called)}
    environment.globals |= {
        "audit": audit,
        "gate_words": gate,
        "explored": explored,
        "count": count,
        **{note.__name__: note for note in (digits_note, interval_note, interval_lines, unknown_lines, unpaired_line)},
        "listing": listing,
        "OTHER_MODELS": OTHER_MODELS,
        "P_BESIDE": P_BESIDE,
        "partial": PARTIAL,
        "protocol_text": protocol_text,
        "unknown_protocol_text": unknown_protocol_text,
        "page": page,
        "beside": beside,
        "things": object_views,
        "asked": question_views,
        "costs": costs,
        "question_words": question_words,
        "logs": training_views,
        "doubts": reliability_views,
        "overlaps": overlaps,
        "overlap_notes": overlap_notes,
        "pairs_view": pairs_view,
        "provenance": provenance,
        "explanations": explanations,
        "cards": cards,
        **{drawn.__name__: drawn for drawn in (figures.legend_mark, figures.marks_of)},
        "published_source": SOURCE,
    }
    return environment
