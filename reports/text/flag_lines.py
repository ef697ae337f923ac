"""Flagged answers in sentences: what a reader must know before believing a number that they are part of."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core import flags
from harness.core.run_record import OTHER_LABELS, REPEATED
from reports.text.formatting import listing, title_of
from reports.values.comparison import Comparison
from reports.values.details import Failures

_WORDS = {
    flags.CONTRADICTED: "answers read against their own clear yes, no or letter (look at them before you trust the metric)",
    flags.SEVERAL: "answers that name two or more of the offered options; the value is what the rule reads in them",
    flags.SAME_IMAGE: "answers about images that should differ and are the same file (labels contradict each other: fetch the "
    "images again)",
    flags.UNREAD_VERDICT: "verdicts that could not be read with certainty; this variant counts them as its authors' script "
    "does",
    flags.UNFINISHED: "answers cut off by the token limit while still reasoning "
    "(raise max_new_tokens, or model.thinking_tokens where it is set)",
    flags.EMPTY: "empty answers",
    flags.UNCLEAR: "answers without an expected word where the rule looks for it, scored by what the rule makes of them",
    flags.TRUNCATED: "answers cut off by the token limit",
}
_ALWAYS = (  # shown whatever their number
    flags.CONTRADICTED, flags.SEVERAL, flags.SAME_IMAGE, flags.UNREAD_VERDICT, flags.UNFINISHED, flags.EMPTY,
)  # fmt: skip
ALARMING = (*_ALWAYS, flags.UNCLEAR)
_OFTEN = 0.05  # of the answers, from which the other flags are worth a line
_MOSTLY = 0.5  # of the answers, above which a number is about how answers are read
_COLUMNS = 4
_BANNER = 3  # lines
REASONED = "answers began with reasoning, which is stored and not scored"


def flag_lines(comparison: Comparison) -> list[str]:
    """A line for each benchmark and flag: how many answers of which column. Missing ones have lines of their own."""
    lines = alarming_lines(comparison, tuple(_WORDS))
    for benchmark in comparison.benchmarks:
        lines += _reasoning(benchmark, [f for f in _of(comparison, benchmark) if f.reasoned])
    return lines


def _reasoning(benchmark: str, failed: Sequence[Failures]) -> list[str]:
    counted = [f"{f.column} {f.reasoned:,} of {f.answered:,} ({f.reasoning_words:,.0f} words on average)" for f in failed]
    return [f"{title_of(benchmark)}: {REASONED}: {listing(counted, _COLUMNS)}."] if counted else []


def alarming_lines(comparison: Comparison, chosen: Sequence[str] = ALARMING) -> list[str]:
    """Those that put a number in doubt."""
    return [line for _, line in _shares_and_lines(comparison, chosen)]


def flag_banner(comparison: Comparison) -> str:
    """The worst of them, by the share of one column's answers, and how many more there are; "" where there are none."""
    lines = [line for _, line in sorted(_shares_and_lines(comparison, ALARMING), key=lambda found: -found[0])]
    more = f" And {len(lines) - _BANNER:,} more." if len(lines) > _BANNER else ""
    return " ".join(lines[:_BANNER]) + more


def doubt_sentence(failed: Sequence[Failures]) -> str:
    """For the conclusion: benchmarks and columns of which most answers were not read plainly; "" where there are none."""
    counts = [(f, sum(f.flags.get(flag, 0) for flag in ALARMING if flag != flags.SAME_IMAGE)) for f in failed]
    found = [f"{title_of(f.benchmark)} of {f.column} ({n:,} of {f.answered:,})" for f, n in counts if n > _MOSTLY * f.answered]
    if not found:
        return ""
    rest = "their numbers, and what changed in them, may be about the form of the answers alone"
    return f"Most answers could not be read plainly: {listing(found, 2 * _COLUMNS)}; {rest}."


def _shares_and_lines(comparison: Comparison, chosen: Sequence[str]) -> list[tuple[float, str]]:
    """Each line with the largest share of one column's answers that it is about."""
    lines = []
    for benchmark in comparison.benchmarks:
        lines += [(1.0, _labels(benchmark, failed)) for failed in _of(comparison, benchmark) if failed.labels]
        lines += [(1.0, _repeated(benchmark, failed)) for failed in _of(comparison, benchmark) if failed.repeated]
        for flag in chosen:
            least = 0.0 if flag in _ALWAYS else _OFTEN
            counts = [(f, f.flags.get(flag, 0)) for f in _of(comparison, benchmark)]
            by_words: dict[str, list[tuple[Failures, int]]] = {}
            for failed, n in counts:
                if n > least * failed.answered:
                    by_words.setdefault(_words(flag, failed), []).append((failed, n))
            lines += [(max(map(_share, of)), _line(benchmark, words, of)) for words, of in by_words.items()]
    return lines


def _labels(benchmark: str, failed: Failures) -> str:
    title = title_of(benchmark)
    return f"{title}, {failed.column}: {OTHER_LABELS} {failed.labels}; answers are scored against the data folder's."


def _repeated(benchmark: str, failed: Failures) -> str:
    return f"{title_of(benchmark)}, {failed.column}: {REPEATED}: {failed.repeated}."


def _of(comparison: Comparison, benchmark: str) -> list[Failures]:
    return [failed for failed in comparison.failures if failed.benchmark == benchmark]


def _words(flag: str, failed: Failures) -> str:
    """What a flag means; of unread verdicts also what this variant makes of them."""
    counted = failed.unread_counts if flag == flags.UNREAD_VERDICT else ""
    return f"{_WORDS[flag]} ({counted})" if counted else _WORDS[flag]


def _share(count: tuple[Failures, int]) -> float:
    failed, n = count
    return n / failed.answered if failed.answered else 0.0


def _line(benchmark: str, words: str, counts: Sequence[tuple[Failures, int]]) -> str:
    """Columns in their order or, where they are more than are named, the worst first."""
    counts = counts if len(counts) <= _COLUMNS else sorted(counts, key=_share, reverse=True)
    counted = [f"{failed.column} {n:,} of {failed.answered:,}" for failed, n in counts]
    return f"{title_of(benchmark)}: {words}: {listing(counted, _COLUMNS)}."
