"""How often annotators prefer the chosen answer of stored pairs; `harness.annotators` and the command of the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.changes import as_texts, folder_of, own_errors, study_of, yes_or_no
from harness.api.progress import both_of
from harness.startup import start

if TYPE_CHECKING:
    import pandas as pd

    from harness.run.annotators import Agreement


@dataclass(frozen=True, slots=True)
class AnnotatorTable:
    """Annotators on sets of pairs, as table 10 of the paper; a notebook shows it as Markdown."""

    rows: tuple[Agreement, ...]

    def table(self) -> pd.DataFrame:
        """One row an annotator and set; shares are 0 to 1, `published` is in percent as printed; an unknown number is empty.

        Columns: annotator, pairs_of, pairs; right, right_low, right_high (95 % interval over images) and right_of, the judged
        comparisons behind it; ties; unjudged; first, consistent (see `Agreement`); published.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "annotator": row.annotator, "pairs_of": row.pairs_of, "pairs": row.pairs,
                "right": row.right.value, "right_low": row.right.low, "right_high": row.right.high, "right_of": row.right.of,
                "ties": row.ties.value, "unjudged": row.unjudged, "first": row.first, "consistent": row.consistent,
                "published": row.published,
            }
            for row in self.rows
        )  # fmt: skip

    def render(self) -> str:
        """The Markdown table that the command prints."""
        from harness.run.annotators import as_lines

        return "\n".join(as_lines(self.rows))

    _repr_markdown_ = render


@own_errors()
def annotators(
    config: str | Path | Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | Sequence[str] = (),
    *,
    mini: bool = False,
    output: str | Path = "runs",
    progress: Callable[[str, int, int], None] | None = None,
) -> AnnotatorTable:
    """Ask each annotator about each stored pair, in both orders. Verdicts are remembered: a second call asks the missing ones.

    Args:
        config: a YAML file, a mapping with the same keys (data, annotators, pairs, ...), or None for "study:table10".
        changes: {"pairs.povid.limit": 200} or ["pairs.povid.limit=200"].
        mini: table 10 on the miniature world.
        output: folder of the store, and of the miniature world.
        progress: called with (what, done, total), and its `say` with what servers were asked and charged, where it has one.
            None: `ProgressBars()`.
    Raises HarnessError for everything the user can fix: an invalid configuration, missing files, a set without pairs.
    """
    shown, say = both_of(progress)
    start()
    from harness.api.torch_state import of_its_own
    from harness.config.annotators import load_annotators
    from harness.run.annotators import measure

    read = load_annotators(study_of(config, "the configuration"), yes_or_no(mini, "mini"), as_texts(changes))
    with of_its_own(say):
        return AnnotatorTable(measure(read, folder_of(output, "output"), shown, say))
