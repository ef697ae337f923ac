"""A p value that holds at any stopping time: weaker than the fixed one, never taken back, and right in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from reports.gate.anytime import Anytime, e_value, looks
from reports.gate.shift_test import Chances
from tests.proofs import gates, until_decided


def test_the_e_value_is_the_half_normal_mixture_of_likelihood_ratios() -> None:
    """Mean over drifts m > 0, half-normal with scale r, of exp(m S - m^2 n / 2), S = z sqrt(n); by numerical integration."""
    n, planned, alpha, z = 80, 400, 0.05, 2.5
    level = -2 * np.log(2 * alpha)
    r = np.sqrt((level + np.log(1 + level)) / (planned / 4))
    expected, _ = quad(lambda m: 2 * norm.pdf(m, scale=r) * np.exp(m * z * np.sqrt(n) - m * m * n / 2), 0, 10 * r)
    assert e_value(norm.sf(z), n, planned, alpha) == pytest.approx(expected, rel=1e-6)


def test_its_mean_under_the_hypothesis_is_one() -> None:
    expected, _ = quad(lambda z: norm.pdf(z) * e_value(norm.sf(z), 100, 400, 0.05), -8, 12, limit=200)
    assert expected == pytest.approx(1.0, abs=1e-3)


def test_the_p_value_of_all_looks_never_rises() -> None:
    test = Anytime({"b": 400}, 0.05, 1)
    assert test.p("k", "b", Chances(1e-9, 0.0), 100) == test.p("k", "b", Chances(0.9, 1.0), 125) < 0.05


def test_images_that_fail_as_a_whole_may_hide_what_scatter_denies_twice_as_often_as_none_of_them_is_drawn() -> None:
    """A share of 0.02: 0.98^100 = 0.133, 0.98^200 = 0.0176."""
    test = Anytime({"b": 400}, 0.05, 1)
    assert test.p("k", "b", Chances(1e-9, 0.98**100), 100) == pytest.approx(0.265, abs=1e-3)
    assert test.p("k", "b", Chances(1e-9, 0.98**200), 200) == pytest.approx(0.0352, abs=1e-4)


def test_nothing_is_decided_before_the_first_look() -> None:
    assert Anytime({"b": 400}, 0.05, 1).p("k", "b", Chances(1e-12, 0.0), 49) == 1.0


def test_looks_begin_with_fifty_images_and_end_with_all() -> None:
    assert looks(100) == [50, 62, 78, 97, 100] and looks(30) == [30]


def test_a_clear_case_is_decided_with_less_than_half_of_the_images_and_the_margin_is_kept() -> None:
    """40 sweeps of the proof; at an error of 5 % more than 6 false passes have a chance of 0.3 %."""
    world = gates.length(500, 0.2)
    found = until_decided.shares(world, gates.length(500, 0.4), 40)
    assert found.passed_at_margin <= 0.15 and found.failed_at_margin <= 0.15
    assert found.passed_when_equal == 1.0 and found.asked_when_equal < 0.5
    assert found.failed_when_worse == 1.0 and found.asked_when_worse < 0.5


@pytest.mark.parametrize(("images", "each", "lost"), [(100, 20, 0.03), (500, 6, 0.02)])
def test_a_checkpoint_that_fails_on_few_images_as_a_whole_passes_in_at_most_one_sweep_of_twenty(
    images: int, each: int, lost: float
) -> None:
    """100 sweeps of the proof, each worse by exactly the margin: 21 and 13 % passed where what was not drawn did not count."""
    world, rng = gates.failing(images, each, 0.9, lost), np.random.default_rng(5)
    passed = [until_decided.outcome(world, *world.draw(rng, True))[0] == "pass" for _ in range(100)]
    assert sum(passed) <= 6
