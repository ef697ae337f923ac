"""What each form of a comparison can show; `compare --as` and `Results` of Python refuse what a form would leave out."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.errors import ConfigError

FOLDERS, TRACKERS = ("eee", "inspect"), ("wandb", "mlflow")  # forms that go elsewhere than a text
ONE_TABLE = ("csv", "latex")  # forms with the metrics under the official labels alone
BESIDE = ("labels", "published")  # arguments of `compare` that put something beside the metrics


def unused(style: str, given: Mapping[str, object]) -> list[str]:
    """Arguments of a comparison that are given and that this form would pass over."""
    texts = ("names", "baseline") if style in ONE_TABLE else ("names", "published", "baseline", "labels")
    taken = ("to",) if style in FOLDERS else () if style in TRACKERS else texts
    taken = (*taken, "leaderboard") if style == "table" else taken
    return [name for name, value in given.items() if value and name not in taken]


def require_shown(style: str, beside: Mapping[str, object]) -> None:
    """Raise ConfigError where a comparison has something beside its metrics that this form would leave out."""
    if left_out := unused(style, beside):
        raise ConfigError(
            f"{style} has the metrics under the official labels alone and would leave {' and '.join(left_out)} out. "
            f"Choose json, markdown or html, or compare without {' and '.join(left_out)}."
        )
