"""Calibrations fitted, held out and judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up import embeddings
from renzheng import InvalidInput
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.calibration import (
    Compared,
    fit,
    pool_adjacent_violators,
    reliability,
)
from renzheng.evaluation.comparisons.measurement import measure
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.sampling import split_people
from renzheng.verification.calibration import Calibration


@pytest.fixture(scope="module")
def scores() -> Scores:
    return compare_all(*embeddings(300, 4, spread=0.7, seed=3))


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 5)), min_size=1, max_size=40),
)
def test_pooling_is_isotonic_regression(sample: list[tuple[int, int]]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    value, weight = (np.array(part, float) for part in zip(*sample, strict=True))
    place = np.arange(len(value), dtype=float)
    found, centre = pool_adjacent_violators(place, value, weight)
    wanted = isotonic.IsotonicRegression(increasing=False).fit_transform(
        place, value, sample_weight=weight
    )
    np.testing.assert_allclose(np.unique(found), np.unique(wanted.round(9)), atol=1e-6)
    assert (np.diff(found) < 0).all()
    assert (np.diff(centre) > 0).all()


def test_the_curve_is_the_measured_share(scores: Scores) -> None:
    calibration = fit(scores)
    for distance in (0.7, 0.9, 1.1, 1.3):
        rate = scores.impostors_within(distance) / scores.impostors
        assert calibration.fmr_at(distance).value == pytest.approx(
            max(rate, calibration.resolution)
        )


def test_it_says_no_more_than_thirty_pairs_of_people_can_tell(scores: Scores) -> None:
    calibration = fit(scores)
    nearest = scores.nearest_people()[29]
    assert calibration.resolution >= scores.impostors_within(nearest) / scores.impostors
    assert calibration.fmr_at(0.01).at_most
    assert calibration.fmr_at(0.01).value == calibration.resolution
    with pytest.raises(InvalidInput, match="reaches down to"):
        calibration.threshold_at(calibration.resolution / 2)
    assert calibration.llr is not None
    assert calibration.llr[0] <= np.log(1 / calibration.resolution) + 1e-9


def test_likelihood_ratios_of_two_known_densities_come_back() -> None:
    # Genuine distances around 0.6, impostors around 1.0, both normal: the ratio is a line.
    rng = np.random.default_rng(0)
    count, spread = 40_000, 0.1
    genuine = np.sort(rng.normal(0.6, spread, count))
    impostor = np.sort(rng.normal(1.0, spread, count))
    person = np.arange(2 * count + 1)
    person[1 : count + 1] = person[:count]  # a person's two pictures
    at = np.arange(count, dtype=np.int32)
    scores = Scores(
        person=np.repeat(np.arange(count), 2),
        genuine=genuine,
        genuine_pairs=np.stack([2 * at, 2 * at + 1], axis=1),
        impostor=impostor,
        impostor_pairs=np.stack([2 * at, 2 * ((at + 1) % count)], axis=1),
    )
    calibration = fit(scores)
    for distance in (0.7, 0.75, 0.8, 0.85, 0.9):
        wanted = ((distance - 1.0) ** 2 - (distance - 0.6) ** 2) / (2 * spread**2)
        assert calibration.llr_at(distance) == pytest.approx(wanted, abs=0.35)
    judged = reliability(scores, calibration)
    assert judged.cllr == pytest.approx(judged.cllr_min, abs=0.002)
    np.testing.assert_allclose(judged.claimed, judged.observed, atol=0.08)


def test_saying_nothing_costs_one_bit(scores: Scores) -> None:
    curve = fit(scores)
    silent = Calibration(
        curve.distance, curve.fmr, curve.fnmr, curve.resolution, llr=np.zeros(len(curve.distance))
    )
    assert reliability(scores, silent).cllr == pytest.approx(1.0)


def test_overconfidence_costs(scores: Scores) -> None:
    curve = fit(scores)
    assert curve.llr is not None
    loud = Calibration(curve.distance, curve.fmr, curve.fnmr, curve.resolution, llr=5 * curve.llr)
    honest = reliability(scores, curve)
    assert reliability(scores, loud).cllr > honest.cllr + 0.01
    assert honest.cllr - honest.cllr_min < 0.002
    with pytest.raises(InvalidInput, match="no likelihood"):
        reliability(scores, Calibration(curve.distance, curve.fmr, curve.fnmr, curve.resolution))


def test_promises_hold_on_people_who_were_not_fitted_on() -> None:
    rows, person = embeddings(600, 3, spread=0.7, seed=8)
    tested = split_people(person, 0.5, seed=1)
    calibration = fit(compare_all(rows[~tested], person[~tested]))
    held_out = compare_all(rows[tested], person[tested])
    for promise in measure(held_out, calibration=calibration, draws=60).promises:
        assert promise.fmr.low / 1.5 <= promise.promised <= promise.fmr.high * 1.5
        assert promise.promised >= calibration.resolution * (1 - 1e-9)


def _one_picture_each(people: int, dimension: int, seed: int) -> Scores:
    """Impostors only; the fewer the dimensions, the nearer people lie to one another."""
    return compare_all(*embeddings(people, 1, dimension=dimension, seed=seed))


def test_the_promise_is_the_worst_of_the_covered_populations(scores: Scores) -> None:
    near, nearest = _one_picture_each(80, 12, 1), _one_picture_each(90, 8, 2)
    alone = fit(scores)
    calibration = fit(
        scores,
        population="us",
        data="our set",
        others=[Compared("them", "theirs", near), Compared("children", "a set", nearest, False)],
    )
    us, them, children = calibration.populations
    assert (us.name, us.data, us.people, us.covered) == ("us", "our set", 300, True)
    assert (them.people, them.covered) == (80, True)
    assert (children.people, children.covered) == (90, False)
    np.testing.assert_array_equal(calibration.fmr, np.maximum(us.fmr, them.fmr))
    assert (children.fmr > calibration.fmr).any()  # stated, and no part of the promise
    assert calibration.resolution == us.resolution == alone.resolution
    assert them.resolution > calibration.resolution
    # Above its resolution each curve is what was measured.
    for each, measured in ((us, scores), (them, near), (children, nearest)):
        rate = measured.impostors_within(calibration.distance) / measured.impostors
        known = rate >= each.resolution
        np.testing.assert_allclose(each.fmr[known], rate[known], rtol=1e-9)
        assert known.sum() > 10
    # A policy accepts no farther than for the main population alone.
    for rate in (1e-1, 1e-2, 1e-3):
        assert calibration.threshold_at(rate) < alone.threshold_at(rate)
    both = min(len(calibration.fnmr), len(alone.fnmr))
    np.testing.assert_array_equal(calibration.fnmr[:both], alone.fnmr[:both])


def test_likelihood_ratios_weigh_the_worst_population(scores: Scores) -> None:
    near = _one_picture_each(120, 8, 1)
    alone = fit(scores)
    calibration = fit(scores, population="us", others=[Compared("them", "", near)])
    for distance in (0.5, 0.6, 0.7, 0.8):
        before, now = alone.llr_at(distance), calibration.llr_at(distance)
        assert before is not None
        assert now is not None
        assert now <= before
    assert calibration.llr_at(0.7) < alone.llr_at(0.7) - 0.5


def test_a_named_population_alone_changes_nothing_that_was_measured(scores: Scores) -> None:
    alone, named = fit(scores), fit(scores, population="us")
    assert alone.populations == ()
    assert [each.name for each in named.populations] == ["us"]
    known = alone.fmr >= alone.resolution
    np.testing.assert_allclose(named.fmr[known], alone.fmr[known], rtol=1e-9)
    for distance in np.linspace(0, 2, 41):
        assert named.fmr_at(distance).value == pytest.approx(alone.fmr_at(distance).value)
    assert named.llr is not None
    assert alone.llr is not None
    clear = alone.fmr >= 100 * alone.resolution  # nearer, the extrapolated tail is smoother
    np.testing.assert_allclose(named.llr[clear], alone.llr[clear], atol=1e-3)


def test_it_speaks_no_lower_than_the_worst_population_at_distance_zero(scores: Scores) -> None:
    # Hardly any slope is left to a tail of people who all look alike.
    rows, person = embeddings(60, 1, dimension=3, seed=4)
    alike = rows * 0.01 + np.array([1, 0, 0], np.float32)
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    level = Compared("alike", "", compare_all(alike.astype(np.float32), person))
    calibration = fit(scores, population="us", others=[level])
    assert calibration.resolution >= calibration.fmr[0] > calibration.populations[0].resolution
    assert calibration.fmr_at(0.0).at_most
    with pytest.raises(InvalidInput, match="reaches down to"):
        calibration.threshold_at(calibration.populations[0].resolution)


def test_a_population_of_few_people_is_refused(scores: Scores) -> None:
    few = Compared("them", "", _one_picture_each(8, 16, 0))
    with pytest.raises(InvalidInput, match=r"fewer than 30 .* 'them'"):
        fit(scores, population="us", others=[few])
    enough = Compared("them", "", _one_picture_each(9, 16, 0))
    assert len(fit(scores, population="us", others=[enough]).populations) == 2


@given(st.integers(2, 60), st.floats(0, 1), st.integers(0, 5))
def test_a_split_keeps_everyones_pictures_together(people: int, share: float, seed: int) -> None:
    person = np.repeat(np.arange(people), 3)
    chosen = split_people(person, share, seed)
    assert (chosen.reshape(people, 3).all(axis=1) == chosen.reshape(people, 3).any(axis=1)).all()
    assert chosen.sum() == 3 * round(share * people)


@pytest.mark.parametrize(("people", "pictures"), [(4, 3), (60, 1), (7, 4)])
def test_too_little_is_refused(people: int, pictures: int) -> None:
    rows, person = embeddings(people, pictures)
    with pytest.raises(InvalidInput, match=r"too few|fewer than 30"):
        fit(compare_all(rows, person))
