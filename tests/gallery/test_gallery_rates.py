"""False positive identification rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import Calibration, InvalidInput
from renzheng.comparison import promised_fpir
from renzheng.gallery import NearestStrangers
from renzheng.gallery.rates import Rates

CALIBRATION = Calibration(
    distance=np.array([0.2, 0.4, 0.6]),
    fmr=np.array([1e-5, 1e-3, 1e-1]),
    fnmr=np.array([0.5, 0.2, 0.1]),
    resolution=1e-5,
)


def test_two_chances_are_nearly_twice_one() -> None:
    assert promised_fpir(0.1, 2) == pytest.approx(0.19)
    assert promised_fpir(1e-12, 10**6) == pytest.approx(1e-6)
    assert promised_fpir(0.3, 0) == 0
    assert promised_fpir(1.0, 5) == 1


@given(st.floats(0, 1), st.integers(0, 10**7))
def test_many_chances_are_no_fewer_than_one_and_no_more_than_their_sum(rate: float, n: int) -> None:
    many = promised_fpir(rate, n)
    assert 0 <= many <= min(1, n * rate * (1 + 1e-9) + 1e-300)
    assert promised_fpir(rate, n + 1) >= many


def test_the_promise_grows_with_the_gallery() -> None:
    rates = [Rates(CALIBRATION).fpir_at(0.4, n) for n in (1, 10, 1000)]
    assert [r.value for r in rates] == pytest.approx([1e-3, 1 - 0.999**10, 1 - 0.999**1000])
    assert not any(r.at_most or r.measured for r in rates)


def test_below_the_calibration_it_is_at_most() -> None:
    rate = Rates(CALIBRATION).fpir_at(0.1, 1000)
    assert rate.at_most
    assert rate.value == pytest.approx(1 - (1 - 1e-5) ** 1000)
    assert str(rate) == "at most 0.01"


def test_the_share_of_searches_with_a_stranger_as_near() -> None:
    nearest = np.linspace(0.3, 1.3, 1001)
    measured = NearestStrangers.of(nearest, 500)
    assert measured.resolution == pytest.approx(30 / 1001)
    rate = measured.rate_at(0.8, 500)
    assert rate.measured
    assert not rate.at_most
    # Between the points that are kept it errs to the higher side, by a point's step at most.
    assert 0.5 <= rate.value <= 0.52
    assert measured.rate_at(2.0, 500).value == 1
    assert measured.rate_at(0.0, 500).at_most
    assert measured.rate_at(0.0, 500).value == pytest.approx(30 / 1001)


@given(st.lists(st.floats(0, 2), min_size=40, max_size=300), st.floats(0, 2), st.integers(1, 9999))
def test_a_measured_rate_is_never_below_the_share(
    nearest: list[float], distance: float, entries: int
) -> None:
    measured = NearestStrangers.of(np.array(nearest), 100)
    share = float(np.mean(np.array(nearest) <= distance))
    assert measured.rate_at(distance, 100).value >= share - 1e-9
    assert (
        measured.rate_at(distance, entries + 1).value >= measured.rate_at(distance, entries).value
    )
    again = NearestStrangers.from_dict(measured.to_dict())
    assert again.rate_at(distance, entries) == measured.rate_at(distance, entries)


def test_measured_where_it_speaks_to_lower_rates() -> None:
    measured = NearestStrangers.of(np.linspace(0.5, 1.0, 3000), 100_000)
    # The pack cannot go below 63 % in so large a gallery, the measurement goes to 1 %.
    assert Rates(CALIBRATION, measured).fpir_at(0.1, 100_000).value == pytest.approx(0.01)
    # Among 10 entries it is the other way round.
    assert not Rates(CALIBRATION, measured).fpir_at(0.1, 10).measured


def test_one_person_has_no_strangers() -> None:
    with pytest.raises(InvalidInput):
        NearestStrangers.of(np.array([]), 5)


@given(st.floats(0.001, 0.999), st.integers(1, 10**6))
def test_the_threshold_is_the_last_distance_with_the_rate(max_fpir: float, entries: int) -> None:
    rates = Rates(CALIBRATION)
    threshold = rates.threshold_at(max_fpir, entries)
    lowest = rates.fpir_at(0.0, entries).value
    assert rates.fpir_at(threshold, entries).value <= max(max_fpir, lowest) * (1 + 1e-6)
    if 0.2 < threshold < 0.6:  # between them the rate rises with the distance
        assert rates.fpir_at(threshold + 1e-6, entries).value > max_fpir
