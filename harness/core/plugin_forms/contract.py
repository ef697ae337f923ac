"""Has what a plug-in makes all that its kind must offer? Asked when it is made, before anything is loaded or asked."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from reprlib import repr as short

from harness.core.edge.foreign import refused_as
from harness.core.edge.plugin_modules import files_of
from harness.core.errors import ConfigError, HarnessError, TrainingError
from harness.core.options.option import Option

# What is asked of every plug-in of a kind; `examples` of a benchmark may be left out.
_MEMBERS = {
    "benchmark": ("version", "formulas", "load", "decoding", "prompt", "score", "facts"),
    "model": ("checkpoint", "facts", "generate"),
    "source": ("pairs", "report"),
    "aligner": ("settings", "align"),
    "judge": ("name", "version"),
}
_JUDGES, _RATES = ("judge",), ("rate", "rank")  # of a judge: of benchmarks, or of answers in training
_ABOUT = "The protocols are in harness/core/plugins.py."


def others_errors(made: object, kind: type[HarnessError], where: str, advice: str) -> AbstractContextManager[None]:
    """Inside, whatever a plug-in of another distribution raises becomes our own error, see `refused_as`; an error of one of
    ours is a defect and stays what it is."""
    return refused_as(kind, where, advice) if files_of(made) else nullcontext()


def require_seed(kind: str, name: str, options: Iterable[Option]) -> None:
    """Raises ConfigError for an aligner whose `options` lack `seed`, which a run gives to each."""
    if kind == "aligner" and not any(option.name in ("seed", "*") for option in options):
        raise ConfigError(
            f"The aligner {name!r} takes no `seed`, which a run gives to each aligner. Add `seed: int = 0` to its constructor."
        )


def require_trained(name: str, done: object) -> None:
    """Raises TrainingError where what an aligner's `align` returned is not a `Trained`."""
    if missing := [member for member in ("log", "folder", "step", "notes") if not _has(done, member)]:
        listed = " and no ".join(f"`{one}`" for one in missing)
        raise TrainingError(f"The aligner {name!r}: what align() returned, {short(done)}, has no {listed}. {_ABOUT}")


def require_contract(kind: str, name: str, made: object) -> None:
    """Raises ConfigError naming what is missing."""
    missing = [member for member in _MEMBERS.get(kind, ()) if not _has(made, member)]
    if missing:
        raise ConfigError(f"The {kind} {name!r} has no {' and no '.join(f'`{one}`' for one in missing)}. {_ABOUT}")
    if kind == "benchmark" and not isinstance(title := getattr(made, "title", ""), str):
        raise ConfigError(f"The benchmark {name!r} has the `title` {title!r}, which is not text.")
    if kind == "judge" and not any(all(_has(made, one) for one in methods) for methods in (_JUDGES, _RATES)):
        raise ConfigError(f"The judge {name!r} has neither `judge` nor both `rate` and `rank`. {_ABOUT}")


def _has(made: object, member: str) -> bool:
    """Asked of the class first: a property is not computed."""
    return hasattr(type(made), member) or hasattr(made, member)
