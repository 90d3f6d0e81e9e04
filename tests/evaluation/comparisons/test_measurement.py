"""The numbers of a report."""

from __future__ import annotations

import numpy as np
import pytest

from made_up import embeddings
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.measurement import count_people_pairs, finest_fmr, measure
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores


@pytest.fixture(scope="module")
def worked() -> Scores:
    """Genuine 0.1 0.2 0.3 0.6 of four people, impostor 0.25 0.5 0.7 0.9, one genuine pair lost."""
    return Scores(
        person=np.arange(4).repeat(2),
        genuine=np.array([0.1, 0.2, 0.3, 0.6]),
        genuine_pairs=np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.int32),
        impostor=np.array([0.25, 0.5, 0.7, 0.9]),
        impostor_pairs=np.array([[0, 2], [1, 3], [4, 6], [0, 7]], np.int32),
        genuine_lost=1,
    )


def test_a_case_worked_by_hand(worked: Scores) -> None:
    found = measure(worked, draws=30, rates=(0.5, 0.25, 0.1))
    assert found.equal_error_rate.value == pytest.approx(0.25)
    assert found.area_under_roc.value == pytest.approx(13 / 16)
    # At 0.1 not one impostor may match, which 4 comparisons cannot show: the row is left out.
    assert [p.fmr for p in found.points] == [0.5, 0.25]
    half, quarter = found.points
    # 0.5 lets two impostors in, up to the next at 0.7: all four genuine are nearer.
    assert (half.fnmr.value, half.threshold, half.false_matches) == (0.0, 0.6, 2)
    assert (quarter.fnmr.value, quarter.threshold, quarter.false_matches) == (0.25, 0.3, 1)
    # one in five genuine attempts was lost, and 1 of the 4 others does not match
    assert quarter.frr.value == pytest.approx(0.2 + 0.8 * 0.25)
    assert half.people == 1  # both are between persons 0 and 1
    assert not half.supported
    assert half.fnmr.high >= 3 / 4  # nobody of four erred
    assert (found.people, found.people_pairs) == (4, 3)
    assert found.finest_fmr is None
    assert found.to_dict()["operating_points"][1]["tar"] == pytest.approx(1 - 0.4)


def test_the_data_speaks_down_to_thirty_pairs_of_people() -> None:
    rows, person = embeddings(50, 4, spread=0.7)
    scores = compare_all(rows, person)
    finest = finest_fmr(scores)
    assert finest is not None
    threshold = scores.impostor[round(finest * scores.impostors) - 1]
    assert (scores.nearest_people() <= threshold).sum() == 30
    points = measure(scores, draws=2).points
    for point in points:
        assert point.supported == (point.people >= 30)


@pytest.mark.parametrize("keep", [10**6, 30])
def test_pairs_of_people_are_counted_once(keep: int) -> None:
    rows, person = embeddings(9, 3)
    assert count_people_pairs(compare_all(rows, person, keep=keep)) == 36
    # persons 0-4 as references, 3-8 as probes: 5 * 6 ordered pairs, less 2 people with
    # themselves, less the one pair (3, 4) that comes both ways round
    left, right = np.flatnonzero(person < 5), np.flatnonzero(person > 2)
    part = compare_all(rows, person, references=left, probes=right, keep=keep)
    assert count_people_pairs(part) == 30 - 2 - 1


def test_someone_with_many_pictures_does_not_decide_alone() -> None:
    # Person 0 has 10 genuine comparisons that all fail, persons 1 to 4 one each that succeeds.
    person = np.array([*[0] * 5, 1, 1, 2, 2, 3, 3, 4, 4])
    of_zero = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    scores = Scores(
        person=person,
        genuine=np.array([0.1] * 4 + [1.5] * 10),
        genuine_pairs=np.array([(5, 6), (7, 8), (9, 10), (11, 12), *of_zero], np.int32),
        impostor=np.array([1.0]),
        impostor_pairs=np.array([(5, 7)], np.int32),
    )
    assert float(WeightedScores(scores).fnmr_at(0.5)) == pytest.approx(10 / 14)
    assert float(WeightedScores(scores, per_person=True).fnmr_at(0.5)) == pytest.approx(1 / 5)


def test_without_genuine_comparisons_there_is_still_a_false_match_rate() -> None:
    rows, person = embeddings(40, 1)
    found = measure(compare_all(rows, person), draws=5)
    assert np.isnan(found.equal_error_rate.value)
    assert found.to_dict()["equal_error_rate"]["value"] is None
    assert found.genuine == 0
