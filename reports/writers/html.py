"""HTML: the whole report as one self-contained file, for reading, printing and keeping beside a paper.

The page is drawn from `templates/` with autoescape on: what a model said is text, never markup. No script is needed to
read it; a few lines of script filter the flips. Nothing is fetched: a policy in the page's head forbids it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from harness import registry
from reports import cards, figures, page
from reports.comparison import Comparison
from reports.pictures import Thumbnails
from reports.published import SOURCE
from reports.runs import whole_runs
from reports.wording import count, name, shortened
from reports.yields import pairs_view, provenance

if TYPE_CHECKING:
    from jinja2 import Environment


FILE_NAME = "report.html"


@registry.report
def write(comparison: Comparison) -> str:
    """The report as one page."""
    shown = [row for row in comparison.rows if row.headline]
    return (
        _environment()
        .get_template("report.html")
        .render(
            c=comparison,
            pictures=Thumbnails(comparison.data_folders),
            headline=page.table(shown),
            everything=page.table(comparison.rows),
            single=len(comparison.columns) == 2,
            several_runs=len(comparison.runs) > 1,
            runs=whole_runs(comparison.runs),
            flips=cards.chosen_flips(comparison.flips),
            captions=comparison.captions[: cards.MOST_CAPTIONS],
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"said": cards.said, "pretty": name, "short": shortened}
    environment.globals |= {
        "count": count,
        "page": page,
        "pairs_view": pairs_view,
        "provenance": provenance,
        "cards": cards,
        "legend_mark": figures.legend_mark,
        "published_source": SOURCE,
    }
    return environment
