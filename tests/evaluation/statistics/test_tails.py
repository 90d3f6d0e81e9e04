"""Curves that go on below their data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from renzheng.evaluation.statistics.tails import extrapolate

GRID = np.round(np.arange(0, 2.001, 0.002), 3)
curves = hnp.arrays(np.float64, len(GRID), elements=st.floats(0, 1)).map(np.sort)


@given(st.floats(5, 60), st.floats(1e-5, 1e-2))
def test_an_exponential_tail_comes_back(slope: float, resolution: float) -> None:
    whole = np.minimum(np.exp(slope * (GRID - 1.2)), 1.0)
    known = np.where(whole >= resolution, whole, 0.0)
    found = extrapolate(GRID, known, resolution)
    np.testing.assert_allclose(found, np.maximum(whole, 1e-15), rtol=1e-6)


@given(curves, st.floats(1e-6, 1.0))
def test_the_measured_part_stays_and_the_rest_never_rises_toward_nearer(
    fmr: np.ndarray, resolution: float
) -> None:
    found = extrapolate(GRID, fmr, resolution)
    measured = fmr >= resolution
    np.testing.assert_array_equal(found[measured], fmr[measured])
    assert (np.diff(found) >= 0).all()
    assert (found > 0).all()
    assert (found <= 1).all()


def test_it_goes_on_from_the_curve_without_a_step() -> None:
    rng = np.random.default_rng(0)
    distance = np.sort(1.3 - rng.exponential(0.06, 100_000))
    fmr = np.searchsorted(distance, GRID, side="right") / len(distance)
    found = extrapolate(GRID, fmr, 3e-4)
    first = int(np.argmax(fmr >= 3e-4))
    # From one point to the next the logarithm falls by no more than the slope of the tail.
    assert np.log(found[first] / found[first - 1]) == pytest.approx(0.002 / 0.06, rel=0.15)
    assert found[first - 50] == pytest.approx(np.exp((GRID[first - 50] - 1.3) / 0.06), rel=0.6)


def test_without_a_measured_tail_no_lower_rate_is_claimed() -> None:
    distance = np.array([0.2, 0.4, 0.6, 0.8])
    # Both points beyond the reach, and one alone within it: neither has a slope.
    assert extrapolate(distance, np.array([0, 0, 0.5, 1]), 0.01).tolist() == [0.5, 0.5, 0.5, 1]
    assert extrapolate(distance, np.array([0, 0, 0.1, 1]), 0.01).tolist() == [0.1, 0.1, 0.1, 1]


def test_a_curve_that_never_reaches_the_resolution_stays_at_it() -> None:
    assert extrapolate(GRID, np.zeros(len(GRID)), 0.01).tolist() == [0.01] * len(GRID)
