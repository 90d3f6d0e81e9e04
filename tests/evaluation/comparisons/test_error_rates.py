from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import InvalidInput
from renzheng.evaluation.comparisons import error_rates


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Distances on a coarse grid, so that ties occur, with both kinds of pairs."""
    genuine = draw(st.lists(st.integers(0, 30), min_size=2, max_size=40))
    impostor = draw(st.lists(st.integers(0, 30), min_size=2, max_size=40))
    distances = np.array(genuine + impostor, float) / 20
    return distances, np.array([True] * len(genuine) + [False] * len(impostor))


def test_a_case_worked_by_hand() -> None:
    # genuine 0.1 0.2 0.3 0.6, impostor 0.25 0.5 0.7 0.9
    distances = np.array([0.1, 0.2, 0.3, 0.6, 0.25, 0.5, 0.7, 0.9])
    same = np.array([True] * 4 + [False] * 4)
    curve = error_rates.error_curve(distances, same)
    np.testing.assert_allclose(curve.threshold, [-np.inf, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.9])
    np.testing.assert_allclose(curve.fmr, [0, 0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.fnmr, [1, 0.75, 0.5, 0.5, 0.25, 0.25, 0, 0, 0])
    assert error_rates.equal_error_rate(curve) == pytest.approx(0.25)
    assert error_rates.fnmr_at_fmr(curve, 0.1) == pytest.approx(0.5)
    assert error_rates.fnmr_at_fmr(curve, 0.25) == pytest.approx(0.25)
    # of 16 genuine-impostor comparisons 0.3 loses to 0.25 and 0.6 to 0.25 and 0.5
    assert error_rates.area_under_roc(distances, same) == pytest.approx(13 / 16)
    # 6 of 8 right at 0.2, 0.3 and 0.6: the smallest of them
    assert error_rates.best_threshold(distances, same) == pytest.approx(0.2)


@given(pairs())
def test_curves_are_monotone_and_reach_their_ends(sample: tuple[np.ndarray, np.ndarray]) -> None:
    curve = error_rates.error_curve(*sample)
    assert (np.diff(curve.fmr) >= 0).all()
    assert (np.diff(curve.fnmr) <= 0).all()
    assert (curve.fmr[0], curve.fnmr[0], curve.fmr[-1], curve.fnmr[-1]) == (0, 1, 1, 0)


@given(pairs())
def test_only_the_order_of_distances_counts(sample: tuple[np.ndarray, np.ndarray]) -> None:
    distances, same = sample
    stretched = np.exp(3 * distances) + 5
    one, other = error_rates.error_curve(distances, same), error_rates.error_curve(stretched, same)
    np.testing.assert_array_equal(one.fmr, other.fmr)
    assert error_rates.equal_error_rate(one) == error_rates.equal_error_rate(other)
    assert error_rates.area_under_roc(distances, same) == error_rates.area_under_roc(
        stretched, same
    )


@given(pairs())
def test_area_is_the_share_of_pairs_in_order(sample: tuple[np.ndarray, np.ndarray]) -> None:
    distances, same = sample
    genuine, impostor = distances[same][:, None], distances[~same][None]
    wanted = np.mean((genuine < impostor) + 0.5 * (genuine == impostor))
    assert error_rates.area_under_roc(distances, same) == pytest.approx(wanted)


@given(pairs())
def test_rates_agree_with_scikit_learn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    distances, same = sample
    fpr, tpr, thresholds = sklearn.roc_curve(same, -distances, drop_intermediate=False)
    curve = error_rates.error_curve(distances, same)
    np.testing.assert_allclose(curve.fmr, fpr)
    np.testing.assert_allclose(1 - curve.fnmr, tpr)
    np.testing.assert_allclose(curve.threshold[1:], -thresholds[1:])
    wanted = sklearn.roc_auc_score(same, -distances)
    assert error_rates.area_under_roc(distances, same) == pytest.approx(wanted)


@given(pairs())
def test_the_equal_error_rate_lies_between_the_rates_around_it(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    curve = error_rates.error_curve(*sample)
    eer = error_rates.equal_error_rate(curve)
    assert np.max(np.minimum(curve.fmr, curve.fnmr)) - 1e-12 <= eer
    assert eer <= np.min(np.maximum(curve.fmr, curve.fnmr)) + 1e-12


def test_a_failure_to_acquire_never_matches() -> None:
    distances = np.array([0.1, np.inf, 0.8, np.inf])
    same = np.array([True, True, False, False])
    curve = error_rates.error_curve(distances, same)
    assert curve.fnmr.min() == 0.5
    assert curve.fmr.max() == 0.5
    assert error_rates.equal_error_rate(curve) == 0.5
    assert error_rates.area_under_roc(distances, same) == pytest.approx((2 + 0.5) / 4)


def test_d_prime_is_the_gap_in_standard_deviations() -> None:
    distances = np.array([0.0, 2.0, 10.0, 12.0])
    same = np.array([True, True, False, False])
    assert error_rates.d_prime(distances, same) == pytest.approx(10 / np.sqrt(2))


def test_each_fold_is_judged_by_the_others_threshold() -> None:
    distances = np.array([0.1, 0.9, 0.3, 0.5, 0.2, 0.25])
    same = np.array([True, False, True, False, True, False])
    result = error_rates.fold_accuracy(distances, same, np.array([0, 0, 1, 1, 2, 2]))
    assert result.thresholds == (0.2, 0.2, 0.3)
    assert result.accuracies == (1.0, 0.5, 0.5)
    assert result.mean == pytest.approx(2 / 3)
    assert result.standard_error == pytest.approx(1 / 6)


def test_a_pair_without_a_face_is_an_error_of_either_kind() -> None:
    distances = np.array([0.1, 0.9, 0.1, 0.9, np.inf, np.inf])
    same = np.array([True, False, True, False, True, False])
    result = error_rates.fold_accuracy(distances, same, np.array([0, 0, 1, 1, 1, 1]))
    assert result.accuracies == (1.0, 0.5)


@pytest.mark.parametrize(
    ("distances", "same", "reason"),
    [
        ([0.1, 0.2], [True, True], "no impostor"),
        ([0.1, 0.2], [False, False], "no genuine"),
        ([0.1, np.nan], [True, False], "NaN"),
        ([0.1], [True, False], "shape"),
        ([], [], "both kinds"),
    ],
)
def test_what_has_no_error_rate_is_refused(
    distances: list[float], same: list[bool], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        error_rates.error_curve(np.array(distances), np.array(same, bool))
