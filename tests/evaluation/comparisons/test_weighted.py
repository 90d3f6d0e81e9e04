"""Rates of comparisons whose people are weighted, against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up import embeddings
from renzheng.evaluation.comparisons import error_rates
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores


def scores_of(genuine: list[float], impostor: list[float]) -> Scores:
    """Every genuine comparison of a person of its own, impostors between neighbours."""
    count = max(len(genuine), len(impostor) + 1)
    person = np.repeat(np.arange(count), 2)
    g, i = np.argsort(genuine, kind="stable"), np.argsort(impostor, kind="stable")
    return Scores(
        person=person,
        genuine=np.array(genuine)[g],
        genuine_pairs=np.stack([2 * g, 2 * g + 1], axis=1).astype(np.int32),
        impostor=np.array(impostor)[i],
        impostor_pairs=np.stack([2 * i, 2 * i + 2], axis=1).astype(np.int32),
    )


distances = st.lists(st.integers(0, 30).map(lambda v: v / 20), min_size=2, max_size=30)


@given(distances, distances, st.sampled_from([0.5, 0.2, 0.05]))
def test_with_everyone_once_the_rates_are_the_plain_ones(
    genuine: list[float], impostor: list[float], fmr: float
) -> None:
    weighted = WeightedScores(scores_of(genuine, impostor))
    apart = np.array(genuine + impostor)
    same = np.array([True] * len(genuine) + [False] * len(impostor))
    curve = error_rates.error_curve(apart, same)
    np.testing.assert_allclose(weighted.fmr_at(curve.threshold), curve.fmr)
    np.testing.assert_allclose(weighted.fnmr_at(curve.threshold), curve.fnmr, atol=1e-12)
    assert weighted.area_under_roc() == pytest.approx(error_rates.area_under_roc(apart, same))
    fnmr, threshold = weighted.fnmr_at_fmr(fmr)
    assert fnmr == pytest.approx(error_rates.fnmr_at_fmr(curve, fmr))
    assert threshold == curve.threshold[curve.fmr <= fmr][-1]


@given(distances, distances)
def test_the_equal_error_rate_lies_between_the_rates_around_it(
    genuine: list[float], impostor: list[float]
) -> None:
    weighted = WeightedScores(scores_of(genuine, impostor))
    cuts = np.concatenate([[-1.0], weighted._scores.genuine])
    fmr, fnmr = weighted.fmr_at(cuts), weighted.fnmr_at(cuts)
    eer = weighted.equal_error_rate()
    assert np.max(np.minimum(fmr, fnmr)) - 1e-12 <= eer <= np.min(np.maximum(fmr, fnmr)) + 1e-12


@pytest.mark.parametrize("per_person", [False, True])
@pytest.mark.parametrize("keep", [10**6, 40])
def test_a_person_drawn_twice_counts_twice_and_nobody_drawn_not_at_all(
    per_person: bool, keep: int
) -> None:
    rows, person = embeddings(7, 3)
    person[20] = 0  # four pictures of one, two of another
    weight = np.array([2.0, 0, 1, 1, 3, 0, 1])
    scores = compare_all(rows, person, keep=keep)
    weighted = WeightedScores(scores, weight, per_person=per_person)
    threshold = float(scores.impostor[20])
    near = total = far = genuine = 0.0
    for a in range(21):
        for b in range(a + 1, 21):
            apart = np.linalg.norm(rows[a].astype(float) - rows[b].astype(float))
            if person[a] == person[b]:
                count = (person == person[a]).sum()
                share = 1 / (count * (count - 1) / 2) if per_person else 1.0
                genuine += weight[person[a]] * share
                far += weight[person[a]] * share * (apart > threshold + 1e-9)
            else:
                total += weight[person[a]] * weight[person[b]]
                near += weight[person[a]] * weight[person[b]] * (apart <= threshold + 1e-9)
    assert weighted.fmr_at(threshold) == pytest.approx(near / total)
    assert weighted.fnmr_at(threshold) == pytest.approx(far / genuine)


def test_only_the_order_of_distances_counts() -> None:
    one = scores_of([0.1, 0.4, 0.4, 0.9], [0.3, 0.4, 0.8, 1.2, 1.3])
    other = scores_of([0.11, 0.46, 0.46, 1.3], [0.33, 0.46, 1.2, 1.7, 1.9])
    for weight in np.random.default_rng(0).integers(0, 3, (20, len(np.unique(one.person)))):
        a, b = (WeightedScores(each, weight.astype(float)) for each in (one, other))
        if a.complete:
            assert a.equal_error_rate() == pytest.approx(b.equal_error_rate())
            assert a.area_under_roc() == pytest.approx(b.area_under_roc())
