"""Can a benchmark's formulas be computed and told apart? Each is tried with made-up sums before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from reprlib import repr as short

from harness.core.edge.foreign import words_of
from harness.core.errors import ConfigError
from harness.core.evaluation import Formula, Number, Sums

_CHOICES = {
    "better": ("higher", "lower", "neither"),
    "role": ("", "hallucination", "helpfulness"),
}
_ARRAYS = (
    "Sums are numbers, or arrays with one entry for each resample: use arithmetic, `over` to divide and numpy.where to choose."
)


def require_formulas(name: str, formulas: object) -> None:
    """Raises ConfigError for what is not a formula, for two of one name, and for one that cannot be computed."""
    if not isinstance(formulas, Sequence) or not formulas:
        raise ConfigError(f"{name}: `formulas` is {short(formulas)}. Give a tuple with at least one Formula.")
    seen = set[tuple[str, str]]()
    for formula in formulas:
        if not isinstance(formula, Formula):
            raise ConfigError(f"{name}: {short(formula)} in `formulas` is not a Formula.")
        if (key := (formula.name, formula.group)) in seen:
            of = f" of the group {formula.group!r}" if formula.group else ""
            raise ConfigError(f"{name}: two formulas are named {formula.name!r}{of}; reports could show one alone. Rename one.")
        seen.add(key)
        for field, known in _CHOICES.items():
            if (value := getattr(formula, field)) not in known:
                listed = ", ".join(filter(None, known))
                raise ConfigError(f"{name}: `{field}` of the formula {formula.name!r} is {value!r}. Choose one of: {listed}.")
        _try(name, formula)


def _try(name: str, formula: Formula) -> None:
    import numpy as np

    where = f"{name}: the formula {formula.name!r} cannot be computed"
    for one, size in ((np.float64(1), 1), (np.array([1.0, 2.0]), 2)):
        sums = _Same(one)
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(formula.compute(sums), dtype=np.float64)
        except Exception as error:
            if sums.listed:
                return
            raise ConfigError(f"{where}: {words_of(error)}. {_ARRAYS}") from error
        if found.shape not in ((), (size,)) and not sums.listed:
            raise ConfigError(f"{where}: of sums of the shape ({size},) it makes the shape {found.shape}. {_ARRAYS}")


class _Same(Sums):
    """Every sum that is asked for is the same value. `listed`: the names themselves were asked for, which only scores tell."""

    __slots__ = ("_value", "listed")

    def __init__(self, value: Number) -> None:
        super().__init__({})
        self._value, self.listed = value, False

    def __getitem__(self, name: str) -> Number:
        return self._value

    def __iter__(self) -> Iterator[str]:
        self.listed = True
        return iter(())

    def __len__(self) -> int:
        self.listed = True
        return 0
