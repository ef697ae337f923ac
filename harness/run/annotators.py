"""How often an annotator prefers the chosen answer of stored pairs: the study's table 10.

arXiv:2407.02477, table 10 and appendix D. Every pair is asked in both orders, so that a preference for the first or the second
place is seen and cancels. Verdicts are remembered: the same command asks for the missing ones only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignment.data.pairs import image_of
from alignment.data.sampling import by_images
from harness.config.annotators import AnnotatorsConfig
from harness.core import registry
from harness.core.errors import DataError
from harness.core.judging import Ranking, ranked_both_ways, read_rank
from harness.core.plugins import Annotator, NoModel, Progress, no_progress
from harness.core.preference import PreferencePair
from harness.evaluation.scoring import make_annotator
from harness.evaluation.server_cost import CostLog
from harness.labels.estimates.proportions import Share, clustered
from harness.models._own_server.shared_servers import kept_servers
from harness.run.checks.pair_notes import noted_judge
from harness.run.data import open_data
from harness.storage.run_store import Store

_log = logging.getLogger("harness")


@dataclass(frozen=True, slots=True)
class Agreement:
    """An annotator on a set of pairs.

    pairs: pairs asked, each in both orders: 2 * pairs comparisons of the chosen answer with the first rejected one.
    right: comparisons that the chosen answer won, of the judged ones, with a 95 % interval over images; a tie is not right.
    ties: of the judged ones. unjudged: comparisons without a verdict.
    first: of the decided comparisons, those won by the answer that stood first; 0.5 is no preference for a place.
    consistent: pairs whose two comparisons are both decided and have the same winner.
    """

    annotator: str
    pairs_of: str
    pairs: int
    right: Share
    ties: Share
    unjudged: int
    first: float | None
    consistent: float | None
    published: float | None = None  # percent right, in the paper


@kept_servers()
def measure(
    config: AnnotatorsConfig,
    output: Path = Path("runs"),
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Agreement, ...]:
    """Every annotator on every set; `say` hears what each one's server was asked and charged, and `CostLog` keeps it.

    Raises HarnessError: files, models, a set without pairs.
    """
    data, found = open_data(config.data, output), list[Agreement]()
    sets = {name: _pairs(spec.name, spec.options, data, config.seed) for name, spec in config.pairs.items()}
    output.mkdir(parents=True, exist_ok=True)
    with Store(output / "store.sqlite") as store:
        for who, spec in config.annotators.items():
            for note in noted_judge(spec, (pair for pairs in sets.values() for pair in pairs)):
                _log.warning("%s: %s", who, note)
            judge = make_annotator(spec, store, data)
            with CostLog(output, "annotators", who, judge, say) as cost:
                for of, pairs in sets.items():
                    rows = _both_orders(judge, pairs, data.folder, partial(progress, f"{who} on {of}"), cost.grow)
                    found.append(_agreement(who, of, pairs, rows, config.published.get(who, {}).get(of)))
    return tuple(found)


def as_json(found: Sequence[Agreement]) -> list[dict[str, Any]]:
    """JSON-able rows, one an annotator and set."""
    return [asdict(one) for one in found]


def as_lines(found: Sequence[Agreement]) -> list[str]:
    """A Markdown table."""
    header = (
        "| annotator | pairs of | pairs | right | 95 % interval | ties | unjudged | first place | consistent | in the paper |"
    )
    lines = [header, "|" + "---|" * 10]
    for a in found:
        interval = f"{_percent(a.right.low)} to {_percent(a.right.high)}"
        cells = [a.annotator, a.pairs_of, str(a.pairs), _percent(a.right.value), interval, _percent(a.ties.value)]
        cells += [str(a.unjudged), _percent(a.first), _percent(a.consistent)]
        cells += ["" if a.published is None else f"{a.published:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.2f}"


def _pairs(name: str, options: Mapping[str, Any], data: Any, seed: int) -> list[PreferencePair]:
    pairs = list(registry.make("source", name, dict(options)).pairs(data, NoModel(), seed))
    if not pairs:
        raise DataError(f"The source {name} has no pairs; look at its file and its images.")
    return pairs


def _both_orders(
    judge: Annotator,
    pairs: Sequence[PreferencePair],
    root: Path,
    progress: Callable[[int, int], None],
    came: Callable[[], None] = lambda: None,
) -> list[tuple[float | None, float | None]]:
    """How far the chosen answer of each pair wins (1 yes, 0.5 tie, 0 no, None unjudged): when it stands first, and when it
    stands second. All comparisons are asked for together, where the annotator can; `came` is called with each batch."""
    questions = [
        Ranking(pair.prompt, (pair.chosen, pair.rejected[0]), {"gt_answer": pair.chosen}, image_of(pair, root))
        for pair in pairs
    ]
    progress(0, len(pairs))
    both = ranked_both_ways(judge, questions, lambda done: progress(done, len(pairs)), came)
    won = [[read_rank(verdict, judge.name).value for verdict in row] for row in both]
    return [(None if first is None else 1 - first, second) for first, second in won]


def _agreement(
    who: str,
    of: str,
    pairs: Sequence[PreferencePair],
    rows: Sequence[tuple[float | None, float | None]],
    published: float | None,
) -> Agreement:
    judged = [(about, place, won) for about, row in zip(by_images(pairs), rows, strict=True)
              for place, won in enumerate(row) if won is not None]  # fmt: skip
    images = [image for image, _, _ in judged]
    decided = [(place == 0) == (won == 1) for _, place, won in judged if won != 0.5]
    both = [a == b for a, b in rows if a in (0, 1) and b in (0, 1)]
    return Agreement(
        who, of, len(pairs),
        right=clustered([won == 1 for _, _, won in judged], images),
        ties=clustered([won == 0.5 for _, _, won in judged], images),
        unjudged=2 * len(pairs) - len(judged),
        first=sum(decided) / len(decided) if decided else None,
        consistent=sum(both) / len(pairs) if both else None,
        published=published,
    )  # fmt: skip
