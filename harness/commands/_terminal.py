"""What commands show on a terminal; text of models, files and third parties is shown as it is, never as markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from harness.core.edge.text import count, ending, printable
from harness.core.run_record import RunRecord


def plain(text: str, style: str = "") -> Text:
    """Text that shows as it is, brackets and backslashes too; control characters become U+FFFD."""
    return Text(printable(text), style)


def line(*parts: str | tuple[str, str]) -> Text:
    """One text of several parts, some with a style."""
    return Text.assemble(*(plain(part) if isinstance(part, str) else plain(*part) for part in parts))


_FLEET_LINES_S = 60.0  # between lines about a fleet where there is no terminal


class _Bars(Progress):
    """Progress lines, with a fleet's table above them."""

    above: Table | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.above is not None:
            yield self.above
        yield from super().get_renderables()


class Display:
    """Stage lines and one progress line. Without a terminal: stage lines only, so that logs stay readable. `quiet`: nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(highlight=False, quiet=quiet)
        text = TextColumn("{task.description}", markup=False)
        columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bars = _Bars(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self._tasks: dict[str, Any] = {}
        self._started = self._fleet_said = time.monotonic()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """A stage line with the time since the start."""
        self.console.print(line((f"{time.monotonic() - self._started:6.1f} s", "dim"), f"  {text}"), soft_wrap=True)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`; a finished one disappears."""
        name, _, _ = what.partition("\t")
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(printable(name), total=total, completed=done)
        self._bars.update(self._tasks[name], description=printable(what.replace("\t", "  ")), completed=done, total=total)
        if done >= total:
            self._bars.remove_task(self._tasks.pop(name))

    progress = __call__

    def fleet(self, status: Any) -> None:
        """How a fleet goes: a live table; without a terminal a few lines once a minute."""
        from harness.fleet.status import HEADER

        rows = [row.cells() for row in status.workers]
        if self.console.is_terminal:
            self._bars.above = _table(HEADER, rows)
            self._bars.above.caption = plain(status.summary)
        elif time.monotonic() - self._fleet_said > _FLEET_LINES_S:
            self._fleet_said = time.monotonic()
            self.say(f"fleet: {status.summary}")
            for cells in rows:
                self.say("fleet:   " + "  ".join(cell for cell in cells if cell))


def show_comparison(comparison: Any) -> None:
    """The verdict in words, then the table: the last words of a command."""
    from reports.page.side_tables import PUBLISHED_NOTE, REWARD_TOLD, published_table, rater_lines, reward_view
    from reports.text.interval_note import reading_note
    from reports.text.plain_table import text_table, warnings

    console = wide_console()
    verdict = comparison.verdict
    show_sentences((*warnings(comparison), verdict.headline, *verdict.sentences))
    console.print("", _table(*text_table(comparison)))
    if note := reading_note(comparison.short):
        console.print(plain(f"\n{note}"), soft_wrap=True)
    if comparison.short.by_method:
        remark = "Methods are means over their seeds; marks cover the variation of seeds and of images. `--as html` shows each."
        console.print(f"\n{remark}", soft_wrap=True)
    if comparison.reward_accuracy:
        console.print("", _table(*reward_view(comparison)))
        console.print(plain(REWARD_TOLD), soft_wrap=True)
    for line in rater_lines(comparison):
        console.print(plain(line), soft_wrap=True)
    if comparison.published:
        console.print("", _table(*published_table(comparison)))
        console.print(plain(PUBLISHED_NOTE), soft_wrap=True)
    _show_remarks(console, comparison)


def show_sentences(sentences: Iterable[str]) -> None:
    for sentence in filter(None, sentences):
        wide_console().print(plain(sentence), soft_wrap=True)


def show_gate(gate: Any) -> None:
    """A gate's verdict in words, a table a checkpoint, and why rules are open."""
    from reports.gate.words import HEADER, notes, rows

    console = wide_console()
    for checkpoint in gate.checkpoints:
        console.print(plain(checkpoint.words, "bold"), soft_wrap=True)
        console.print(_table(HEADER, rows(checkpoint)))
        for one in notes(checkpoint):
            console.print(plain(f"- {one}"), soft_wrap=True)
    if len(gate.checkpoints) > 1:
        console.print(plain(gate.words, "bold"), soft_wrap=True)
    if gate.stopped:
        console.print(plain(gate.stopped), soft_wrap=True)
    console.print(plain(f"Gate {gate.policy}: {gate.verdict}. {gate.family}, alpha {gate.alpha:g}."), soft_wrap=True)


def show_items(records: Iterable[RunRecord]) -> None:
    """Single items with their prompt, answer and score."""
    from reports.text.formatting import shortened

    console = Console(highlight=False)
    for record in records:
        for result in (result for sweep in record.sweeps for result in sweep.results):
            said = {answer.item_id: answer for answer in result.answers}
            scores = {score.item_id: score for score in result.scores}
            for item in result.items:
                facts: dict[str, Any] = {"image": item.image, "question": item.question, "truth": dict(item.truth)}
                if item.id in said:
                    answer, score = said[item.id], scores[item.id]
                    ended = ending(answer.n_tokens, answer.stopped)
                    facts |= {"answer": f"{answer.text} ({ended})" if ended else answer.text}
                    facts |= {"read as": score.reading, "right": score.correct, "flag": score.flag, "why": score.why}
                    facts |= {"values": {name: value for name, value in score.values.items() if value}}
                console.print(plain(f"{result.benchmark}, item {item.id}", "bold"), soft_wrap=True)
                for name, value in facts.items():
                    if value not in ("", None):
                        console.print(plain(f"  {name}: {shortened(str(value), 2000)}"), soft_wrap=True)
                console.print()


def show_finding(finding: Any) -> None:
    """One line of `doctor`."""
    style = {"ok": "green", "note": "yellow"}.get(finding.state, "bold red")
    words = line((f"{finding.state:5}", style), f" {finding.what}: {finding.words}")
    Console(highlight=False).print(words, soft_wrap=True)


def _show_remarks(console: Console, comparison: Any) -> None:
    from reports.text.flag_lines import flag_lines
    from reports.text.formatting import shortened
    from reports.text.missing_items import missing_lines, what_to_do
    from reports.text.runs import note_lines

    _show_lines(console, "Flagged answers, part of the numbers above:", flag_lines(comparison))
    _show_lines(console, "Notes on the trainings:", note_lines(comparison.runs))
    lines = [shortened(one, 400) for one in missing_lines(comparison)]
    _show_lines(console, "Not answered or not judged, and not in any number above:", lines)
    if lines:
        console.print(plain(what_to_do(comparison)), soft_wrap=True)


def _show_lines(console: Console, heading: str, lines: Sequence[str]) -> None:
    """Lines under a heading in bold; nothing without lines."""
    if lines:
        console.print(f"\n[bold]{heading}[/bold]")
        for one in lines:
            console.print(plain(f"  {one}"), soft_wrap=True)


def show_audit(comparison: Any) -> None:
    """What audited labels change, part by part; nothing without an audit."""
    from reports.label_audit.text import parts, summary

    if comparison.audit is None:
        return
    wide_console().print(line("\n", summary(comparison.audit)), soft_wrap=True)
    show_parts(parts(comparison))


def show_parts(parts: Iterable[Any]) -> None:
    """Tables with their titles."""
    console = wide_console()
    for part in parts:
        console.print(line("\n", (part.title, "bold"), f"  {part.lead}"), soft_wrap=True)
        if part.rows:
            console.print(_table(part.header, part.rows))
        for one in part.lines:
            console.print(plain(f"- {one}"), soft_wrap=True)


def wide_console() -> Console:
    """As wide as the terminal; a file or a pipe has no width, and a table cut at 80 columns is unreadable."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    wide_console().print(_table(header, rows))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*(Column(plain(h)) for h in header), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    return table


def show_costs(costs: Iterable[Any], peak_memory: Callable[[], str]) -> None:
    """A line a stage as soon as it is measured, then the sums, also where `costs` ends in an error (what is missing)."""
    from reports.text.formatting import duration

    console = Console(highlight=False)
    done = list[Any]()
    try:
        for cost in costs:
            console.print(plain(f"{cost.stage:36} {duration(cost.seconds) or 'unknown':>12}   {cost.amount}"), soft_wrap=True)
            done.append(cost)
    finally:
        if done:
            _show_sums(console, done, peak_memory)


def _show_sums(console: Console, costs: Sequence[Any], peak_memory: Callable[[], str]) -> None:
    from reports.text.formatting import duration

    judged, measured = sum(cost.judge_requests for cost in costs), [c.seconds for c in costs if c.seconds is not None]
    if not measured:
        stages = f"[bold]{count(len(costs), 'stage')}[/bold], none measured, since something is missing"
        console.print(f"{stages}; {count(judged, 'judge request')} counted." if judged else f"{stages}.")
        return
    left = len(costs) - len(measured)
    more = f", and {left} that could not be measured" if left else ""
    console.print(f"[bold]all stages: about {duration(sum(measured))}[/bold]{more}; peak memory so far {peak_memory()}")
    remark = f"{judged:,} judge requests. Measured on a few questions, prompts and steps of each: good for the order of it."
    console.print(remark, soft_wrap=True)
