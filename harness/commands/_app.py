"""The Typer application that every command registers with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from harness.core.edge.launch import is_first_here
from harness.core.edge.text import printable
from harness.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


class _Command(TyperCommand):
    """A command that refuses an option of one value that is given twice, of which the first would do nothing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Any: a class of click, which typer brings or imports
        if not ctx.resilient_parsing:  # which it is while a shell completes words
            _refuse_twice(self.make_parser(ctx).parse_args(args=list(args))[2])
        return super().parse_args(ctx, args)


def _refuse_twice(given: list[Any]) -> None:  # Any: parameters of click
    for option, times in Counter(given).items():
        if times > 1 and option.param_type_name == "option" and not (option.multiple or getattr(option, "is_flag", False)):
            raise ConfigError(f"{option.opts[0]} takes one value and is given {times} times. Give it once.")


class _App(typer.Typer):
    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **rest: Any) -> Callable[[F], F]:
        return super().command(name, cls=cls or _Command, **rest)


app = _App(
    help="Align an image-text model and measure whether it helped.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUNS = Path("runs")
OutputOption = Annotated[Path, typer.Option("--output", help="output folder, with the store of all runs")]
StudyOutputOption = Annotated[
    Path | None, typer.Option("--output", help="output folder, with the store of all runs; default: the study's own, or runs")
]
WordsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[CONFIG.yaml] [key.path=value]...", help="configuration file and changes to it")
]

FleetOption = Annotated[
    str | None,
    typer.Option("--fleet", metavar="ray[://HOST:PORT]", help="answer on several GPUs or hosts: a local Ray, or a running one"),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="only list what is missing and estimate time, memory and judge requests")
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="number of the fleet's workers; default: by GPUs")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from harness.core.edge.versions import CODE, versions

        found = versions()
        echo(f"mm-align-harness {found.pop('mm-align-harness')}, code {found.pop(CODE)}")
        echo(", ".join(f"{name} {version}" for name, version in found.items()))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show the version and those of libraries")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error; may stand anywhere")] = False,
) -> None:
    """Align an image-text model and measure whether it helped."""


def group(name: str, about: str) -> typer.Typer:
    """A group of commands, such as `labels queue`."""
    commands = _App(
        help=about,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.add_typer(commands, name=name)
    return commands


def echo(text: str, err: bool = False) -> None:
    """A line of text without control characters; text of models and files is untrusted. Of several processes that were started
    together the first one of a host says what is for people."""
    if err or is_first_here():
        typer.echo(printable(text), err=err)
