"""False positive identification rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import Calibration, InvalidInput, gallery
from renzheng.gallery import NearestImpostors, rates
from renzheng.gallery.rates import Rates
from renzheng.verification.calibration import promised_fpir

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


def test_the_share_of_searches_with_an_impostor_as_near() -> None:
    nearest = np.linspace(0.3, 1.3, 1001)
    measured = NearestImpostors.of(nearest, 500)
    assert measured.resolution == pytest.approx(30 / 1001)
    rate = measured.rate_at(0.8, 500)
    assert rate.measured
    assert not rate.at_most
    assert rate.value == pytest.approx(501 / 1001)
    assert measured.rate_at(2.0, 500).value == 1
    assert measured.rate_at(0.0, 500).at_most
    assert measured.rate_at(0.0, 500).value == pytest.approx(30 / 1001)


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.9, 1.5]), min_size=40, max_size=300),
    st.floats(0, 2),
    st.integers(1, 9999),
    st.sampled_from([5, 20_000]),
)
def test_a_measured_rate_is_the_share_or_above(
    nearest: list[float], distance: float, entries: int, points: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "_POINTS", points)
        measured = NearestImpostors.of(np.array(nearest), 100)
    share = float(np.mean(np.array(nearest) <= distance))
    assert measured.share_at(distance) >= share - 1e-12
    if points > len(nearest):
        assert measured.share_at(distance) == pytest.approx(share)
    one, more = (measured.rate_at(distance, n).value for n in (entries, entries + 1))
    assert more >= one
    again = NearestImpostors.from_dict(measured.to_dict())
    assert again.rate_at(distance, entries) == measured.rate_at(distance, entries)


def test_measured_where_it_speaks_to_lower_rates() -> None:
    measured = NearestImpostors.of(np.linspace(0.5, 1.0, 3000), 100_000)
    # The pack cannot go below 63 % in so large a gallery, the measurement goes to 1 %.
    assert Rates(CALIBRATION, measured).fpir_at(0.1, 100_000).value == pytest.approx(0.01)
    # Among 10 entries it is the other way round.
    assert not Rates(CALIBRATION, measured).fpir_at(0.1, 10).measured


def test_a_promise_that_the_gallery_itself_breaks_is_not_given() -> None:
    # Among 100 entries the pack promises 0.1 % at 0.2, and every tenth search found an impostor.
    nearest = np.concatenate([np.full(100, 0.15), np.full(900, 1.0)])
    rates = Rates(CALIBRATION, NearestImpostors.of(nearest, 100))
    rate = rates.fpir_at(0.2, 100)
    assert (rate.measured, rate.at_most) == (True, False)
    assert rate.value == pytest.approx(0.1)
    assert rates.fpir_at(0.2, 10).value == pytest.approx(1 - 0.9**0.1)  # of a part of them
    assert rates.fpir_at(0.2, 200).value == pytest.approx(1 - 0.9**2)
    assert Rates(CALIBRATION).fpir_at(0.2, 100).value == pytest.approx(1e-3, rel=1e-2)


def test_one_person_has_no_impostors() -> None:
    with pytest.raises(InvalidInput):
        NearestImpostors.of(np.array([]), 5)


@given(st.floats(0.001, 0.999), st.integers(1, 10**6))
def test_the_threshold_is_the_last_distance_with_the_rate(max_fpir: float, entries: int) -> None:
    rates = Rates(CALIBRATION)
    threshold = rates.threshold_at(max_fpir, entries)
    lowest = rates.fpir_at(0.0, entries).value
    assert rates.fpir_at(threshold, entries).value <= max(max_fpir, lowest) * (1 + 1e-6)
    if 0.2 < threshold < 0.6:  # between them the rate rises with the distance
        assert rates.fpir_at(threshold + 1e-6, entries).value > max_fpir


def test_classes_are_found_under_their_old_names() -> None:
    with pytest.warns(DeprecationWarning, match=r"is now renzheng\.gallery\.NearestImpostors;"):
        assert gallery.NearestStrangers is NearestImpostors
    match = r"is now renzheng\.gallery\.DuplicateEnrolment;"
    with pytest.warns(DeprecationWarning, match=match) as found:
        assert gallery.Suspicion is gallery.DuplicateEnrolment
    assert [each.filename for each in found] == [__file__]
    with pytest.raises(AttributeError, match="no attribute"):
        _ = gallery.Nobody
