"""What a plug-in makes has what its kind must offer, and its formulas can be computed and told apart; asked before any work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.core import registry
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Formula, ratio
from harness.core.judging import NoJudge
from harness.core.options.option import Option
from harness.core.plugin_forms.contract import require_contract, require_seed, require_trained
from harness.core.plugin_forms.formulas import require_formulas


@pytest.mark.parametrize("kind", ["benchmark", "model", "source", "aligner", "judge"])
def test_what_is_missing_is_named(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"The {kind} 'mine' has no `.*The protocols are in"):
        require_contract(kind, "mine", object())


def test_a_judge_judges_or_rates_and_ranks() -> None:
    named = {"name": "mine", "version": "1"}
    require_contract("judge", "mine", SimpleNamespace(**named, judge=None))
    require_contract("judge", "mine", SimpleNamespace(**named, rate=None, rank=None))
    with pytest.raises(ConfigError, match="neither `judge` nor both `rate` and `rank`"):
        require_contract("judge", "mine", SimpleNamespace(**named, rate=None))


def test_a_property_is_not_computed() -> None:
    class Lazy:
        facts = generate = None

        @property
        def checkpoint(self) -> None:
            raise AssertionError

    require_contract("model", "mine", Lazy())


def test_a_title_is_text() -> None:
    members = dict.fromkeys(("version", "formulas", "load", "decoding", "prompt", "score", "facts"))
    with pytest.raises(ConfigError, match="has the `title` 3, which is not text"):
        require_contract("benchmark", "mine", SimpleNamespace(**members, title=3))


def test_an_aligner_takes_the_seed_that_every_arm_gives() -> None:
    beta, seed = (Option(name, "float", 0, "") for name in ("beta", "seed"))
    require_seed("aligner", "mine", [beta, seed])
    with pytest.raises(ConfigError, match="The aligner 'mine' takes no `seed`, .* Add `seed: int = 0`"):
        require_seed("aligner", "mine", [beta])


def test_what_an_aligner_returns_is_a_training() -> None:
    with pytest.raises(TrainingError, match=r"what align\(\) returned, None, has no `log` and no `folder`"):
        require_trained("mine", None)


FORMULAS: dict[str, Any] = {
    r"`formulas` is \(\)": (),
    r"'accuracy' in `formulas` is not a Formula": ("accuracy",),
    "two formulas are named 'a'; .* Rename one": (ratio("a", ["x"], ["y"]), ratio("a", ["y"], ["y"])),
    "two formulas are named 'a' of the group 'g'": (ratio("a", ["x"], ["y"], group="g"), ratio("a", ["y"], ["y"], group="g")),
    "`better` of the formula 'a' is 'max'. Choose one of: higher, lower, neither": (ratio("a", ["x"], ["y"], better="max"),),
    "'a' cannot be computed: .* numpy.where to choose": (Formula("a", lambda s: s["x"] if s["x"] > 0 else 0.0),),
    "'a' cannot be computed: KeyError": (Formula("a", lambda s: {}["x"]),),
    r"it makes the shape \(2, 2\)": (Formula("a", lambda s: np.multiply.outer(s["x"], s["y"])),),
}


@pytest.mark.parametrize("words", FORMULAS)
def test_formulas_that_no_report_could_show_are_refused(words: str) -> None:
    words_in_full = words.replace("KeyError", "'x' is missing")
    with pytest.raises(ConfigError, match=f"weather: .*{words_in_full}"):
        require_formulas("weather", FORMULAS[words])


@pytest.mark.parametrize(
    "compute",
    [
        lambda s: s["right"] / (s["asked"] - s["unread"]),  # with equal sums it divides by 0
        lambda s: np.mean(np.stack([s[name] for name in s if name.startswith("group")]), axis=0),  # names that scores tell
        lambda s: s["right"] / sum(value for name, value in s.items() if name.startswith("n")),
    ],
)
def test_what_cannot_be_told_of_made_up_sums_is_not_refused(compute: Any) -> None:
    require_formulas("weather", (Formula("a", compute),))


def test_plain_division_and_one_name_in_two_groups_are_fine() -> None:
    require_formulas("weather", (Formula("a", lambda s: s["x"] / s["y"]), ratio("a", ["x"], ["y"], group="g")))


@pytest.mark.parametrize("name", registry.names("benchmark"))
def test_the_shipped_ones_hold(name: str) -> None:
    made = registry.make("benchmark", name, {}, judge=NoJudge())
    require_formulas(name, made.formulas)
