"""One-to-many search: rates known by hand, and what must hold whatever the embeddings are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up import embeddings
from renzheng.errors import InvalidInput
from renzheng.evaluation.sampling import split_people
from renzheng.evaluation.searches.error_rates import (
    WeightedSearches,
)
from renzheng.evaluation.searches.measurement import measure_searches
from renzheng.evaluation.searches.protocol import (
    Searches,
    choose_references,
    disjoint,
    leave_one_out,
)
from renzheng.evaluation.searches.ranking import SearchScores, search, search_parts
from renzheng.evaluation.searches.sizes import by_size, gallery_promises, reachable_rates
from renzheng.verification.calibration import Calibration, fmr_for_fpir, promised_fpir

CUTS = np.linspace(0, 2, 41)


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors; two that are d degrees apart lie 2 sin(d / 2) from one another."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def apart(degrees: float) -> float:
    return 2 * float(np.sin(np.radians(degrees) / 2))


def brute_force(rows: np.ndarray, searches: Searches) -> tuple[list[float], list[int], list[float]]:
    """Mates' distances, ranks, and the nearest other person, one comparison at a time."""
    mates, ranks, nearest = [], [], []

    def distance(a: int, b: int) -> float:
        return float(np.linalg.norm(rows[a].astype(float) - rows[b].astype(float)))

    for probe in searches.mated:
        own = [r for r in searches.references if searches.person[r] == searches.person[probe]]
        others = [r for r in searches.references if searches.person[r] != searches.person[probe]]
        (mate,) = (distance(probe, r) for r in own)
        mates.append(mate)
        ranks.append(1 + sum(distance(probe, r) <= mate + 1e-9 for r in others))
    for probe in searches.nonmated:
        others = [r for r in searches.references if searches.person[r] != searches.person[probe]]
        nearest.append(min(distance(probe, r) for r in others))
    return mates, ranks, nearest


# Three people at 0, 60 and 180 degrees. Searches: 10 for the first, whose mate is 10 off, the next
# 50; 40 for the second, 20 and 40 off; 105 for the first, to whom both others are nearer.
PERSON = np.array([0, 1, 2, 0, 1, 0])
ROWS = on_circle(0, 60, 180, 10, 40, 105)


@pytest.fixture
def by_hand() -> SearchScores:
    return search(ROWS, leave_one_out(PERSON, choose_references(PERSON)))


def test_distances_and_ranks_known_by_hand(by_hand: SearchScores) -> None:
    np.testing.assert_allclose(by_hand.mate, [apart(10), apart(20), apart(105)], atol=1e-6)
    assert by_hand.rank.tolist() == [1, 1, 3]
    np.testing.assert_allclose(by_hand.nearest, [apart(50), apart(40), apart(45)], atol=1e-6)
    assert (by_hand.enrolled, by_hand.not_enrolled, by_hand.mated_lost) == (3, 0, 0)


def test_rates_known_by_hand(by_hand: SearchScores) -> None:
    plain = WeightedSearches(by_hand)
    np.testing.assert_allclose(
        plain.fpir_at([apart(d) for d in (39, 41, 46, 51)]), [0, 1 / 3, 2 / 3, 1]
    )
    np.testing.assert_allclose(
        plain.tpir_at([apart(d) for d in (9, 11, 21, 106)]), [0, 1 / 3, 2 / 3, 1]
    )
    np.testing.assert_allclose(plain.identification_rate([1, 2, 3]), [2 / 3, 2 / 3, 1])
    # Below 40 degrees nobody is returned, below 45 one impostor is.
    assert plain.tpir_at_fpir(0.1) == pytest.approx((2 / 3, apart(20)), abs=1e-6)
    assert plain.tpir_at_fpir(0.5) == pytest.approx((2 / 3, apart(40)), abs=1e-6)
    assert plain.tpir_at_fpir(1.0) == pytest.approx((1, apart(105)), abs=1e-6)
    # At rank 1 the third search misses at any distance.
    assert WeightedSearches(by_hand, rank=1).tpir_at_fpir(1.0)[0] == pytest.approx(2 / 3)
    assert WeightedSearches(by_hand, rank=2).tpir_at(2.0) == pytest.approx(2 / 3)
    assert WeightedSearches(by_hand, rank=3).tpir_at(2.0) == pytest.approx(1)


def test_each_person_once_and_people_drawn_twice(by_hand: SearchScores) -> None:
    once = WeightedSearches(by_hand, per_person=True)
    # The first person's two searches count half each: one is found by 21 degrees, one returns a
    # impostor by 46; the second person's single search does both.
    assert once.tpir_at(apart(21)) == pytest.approx((0.5 + 1) / 2)
    assert once.fpir_at(apart(46)) == pytest.approx((0.5 + 1) / 2)
    twice = WeightedSearches(by_hand, np.array([2.0, 1, 0]))
    assert twice.tpir_at(apart(21)) == pytest.approx((2 + 1) / 5)
    assert twice.fpir_at(apart(46)) == pytest.approx((2 + 1) / 5)
    assert np.isnan(WeightedSearches(by_hand, np.array([0.0, 0, 1])).tpir_at(1.0))


def test_someone_as_near_as_the_mate_comes_first() -> None:
    person = np.array([0, 1, 2, 0])
    rows = np.array([[0, 1], [0, -1], [-1, 0], [1, 0]], np.float32)  # exactly as far either side
    found = search(rows, leave_one_out(person, np.arange(3)))
    assert found.rank.tolist() == [2]


def test_disjoint_searches_for_everybody_who_is_not_enrolled() -> None:
    rows, person = embeddings(10, 3)
    found = disjoint(person, choose_references(person), seed=4)
    outside = np.unique(person[split_people(person, 0.5, 4)])
    assert len(found.references) == 5
    assert set(person[found.nonmated]) == set(outside)
    assert len(found.nonmated) == 15  # their first pictures too
    assert not set(person[found.mated]) & set(outside)
    assert len(found.mated) == 10
    mates, ranks, nearest = brute_force(rows, found)
    scores = search(rows, found)
    np.testing.assert_allclose(scores.mate, mates, atol=1e-6)
    assert scores.rank.tolist() == ranks
    np.testing.assert_allclose(scores.nearest, nearest, atol=1e-6)


@given(st.integers(2, 9), st.integers(2, 4), st.integers(0, 50), st.sampled_from([0.3, 1.0, 2.0]))
def test_leave_one_out_is_what_one_comparison_at_a_time_finds(
    people: int, pictures: int, seed: int, spread: float
) -> None:
    rows, person = embeddings(people, pictures, spread=spread, dimension=4, seed=seed)
    searches = leave_one_out(person, choose_references(person, "random", seed))
    mates, ranks, nearest = brute_force(rows, searches)
    found = search(rows, searches)
    np.testing.assert_allclose(found.mate, mates, atol=1e-6)
    assert found.rank.tolist() == ranks
    np.testing.assert_allclose(found.nearest, nearest, atol=1e-6)


@given(st.integers(3, 12), st.integers(0, 50))
def test_fpir_rises_with_distance_and_size_and_the_cmc_never_falls(people: int, seed: int) -> None:
    rows, person = embeddings(people, 3, spread=1.0, dimension=4, seed=seed)
    searches = leave_one_out(person, choose_references(person))
    plain = WeightedSearches(search(rows, searches))
    fpir, tpir = plain.fpir_at(CUTS), plain.tpir_at(CUTS)
    assert np.all(np.diff(fpir) >= 0)
    assert np.all(np.diff(tpir) >= 0)
    cmc = plain.identification_rate(np.arange(1, people + 1))
    assert np.all(np.diff(cmc) >= 0)
    assert cmc[-1] == pytest.approx(1)
    parts = search_parts(rows, searches, range(1, people + 1), galleries=4, seed=seed)
    assert parts.sizes == tuple(range(1, people + 1))
    by_gallery = (parts.nearest[:, :, None, :] <= CUTS[:, None]).mean(axis=3)
    assert np.all(np.diff(by_gallery, axis=0) >= 0)  # larger databases hold the smaller ones
    np.testing.assert_allclose(by_gallery[-1], np.tile(fpir, (4, 1)), atol=1e-6)


@given(st.integers(3, 12), st.integers(0, 50), st.floats(0.01, 0.9))
def test_the_threshold_keeps_the_fpir_and_the_next_one_would_not(
    people: int, seed: int, asked: float
) -> None:
    rows, person = embeddings(people, 3, spread=1.0, dimension=4, seed=seed)
    found = search(rows, leave_one_out(person, choose_references(person)))
    plain = WeightedSearches(found)
    tpir, threshold = plain.tpir_at_fpir(asked)
    assert plain.fpir_at(threshold) <= asked + 1e-9
    assert tpir == pytest.approx(float(plain.tpir_at(threshold)))
    farther = found.nearest[found.nearest > threshold]
    if len(farther):
        assert plain.fpir_at(farther.min()) > asked


def test_failures_are_misses_and_no_false_positives() -> None:
    person = np.append(PERSON, [2, 2])  # two searches for the third person, one without a face
    rows = np.concatenate([ROWS, on_circle(170, 0)])
    rows[7] = np.nan
    rows[1] = np.nan  # and the second person cannot be enrolled
    found = search(rows, leave_one_out(person, choose_references(person)))
    assert (found.enrolled, found.not_enrolled) == (2, 1)
    assert (found.mated_lost, found.mates_missing, found.nonmated_lost) == (1, 1, 1)
    plain = WeightedSearches(found)
    # 5 mated searches: of 10, 105 and 170 degrees the mate is there; 1 has none, 1 has no face.
    assert plain.tpir_at(2.0) == pytest.approx(3 / 5)
    assert plain.tpir_at(np.inf) == pytest.approx(3 / 5)
    assert plain.identification_rate([1, 2]) == pytest.approx([2 / 5, 3 / 5])
    # 4 non-mated searches with a face, each of which returns someone at the farthest distance.
    assert plain.fpir_at(2.0) == pytest.approx(1)
    assert plain.fpir_at(apart(41)) == pytest.approx(1 / 4)  # 40 degrees, from the first person


def test_what_cannot_be_searched_is_said() -> None:
    rows, person = embeddings(4, 2)
    with pytest.raises(InvalidInput, match="no mated search"):
        leave_one_out(np.arange(4), np.arange(4))
    with pytest.raises(InvalidInput, match="at least two"):
        leave_one_out(np.zeros(3, int), np.array([0]))
    with pytest.raises(InvalidInput, match="first or random"):
        choose_references(person, "best")
    searches = leave_one_out(person, choose_references(person))
    blind = rows.copy()
    blind[searches.references[1:]] = np.nan
    with pytest.raises(InvalidInput, match=r"1 person.* could be enrolled"):
        search(blind, searches)
    blind = rows.copy()
    blind[searches.mated] = np.nan
    with pytest.raises(InvalidInput, match="no mated search is left"):
        search(blind, searches)
    with pytest.raises(InvalidInput, match="1 person or more"):
        search_parts(rows, searches, [0, 2])


def test_references_are_the_first_or_any() -> None:
    person = np.array([2, 0, 0, 1, 2, 2, 0])
    assert choose_references(person).tolist() == [0, 1, 3]
    drawn = {tuple(choose_references(person, "random", seed)) for seed in range(60)}
    assert all(sorted(person[list(one)]) == [0, 1, 2] for one in drawn)
    assert len(drawn) == 9  # each of 3 x 1 x 3 comes up


@given(st.floats(1e-7, 0.5), st.integers(1, 100_000))
def test_promises_are_kept_by_their_own_inverse(asked: float, enrolled: int) -> None:
    fmr = fmr_for_fpir(asked, enrolled)
    assert promised_fpir(fmr, enrolled) == pytest.approx(asked)
    assert promised_fpir(fmr, enrolled) <= enrolled * fmr * (1 + 1e-12)  # the union bound
    assert fmr <= asked * (1 + 1e-12)


def test_a_promise_known_by_hand() -> None:
    assert promised_fpir(0.5, 2) == pytest.approx(0.75)
    assert promised_fpir([0, 1], 3).tolist() == [0, 1]
    assert fmr_for_fpir(0.75, 2) == pytest.approx(0.5)
    for asked, enrolled in ((0, 5), (1, 5), (0.1, 0)):
        with pytest.raises(InvalidInput):
            fmr_for_fpir(asked, enrolled)


def calibration_of(rows: np.ndarray, person: np.ndarray) -> Calibration:
    """False match rates as they are: of every reference and every other picture."""
    distance = np.linalg.norm(rows[:, None].astype(float) - rows[None], axis=2)
    impostor = np.sort(distance[person[:, None] != person[None]])
    grid = np.round(np.arange(0.02, 2.001, 0.02), 2)
    fmr = np.maximum(np.searchsorted(impostor, grid, side="right") / len(impostor), 1e-6)
    return Calibration(grid, fmr, np.zeros(len(grid)), resolution=1e-3)


def test_promises_are_kept_where_comparisons_are_independent() -> None:
    # Directions evenly spread in 24 dimensions: nobody is nearer to all the others than anybody.
    rows, person = embeddings(150, 3, spread=0.6, dimension=24)
    calibration = calibration_of(rows, person)
    parts = search_parts(rows, leave_one_out(person, choose_references(person)), [20, 60, 150])
    found = gallery_promises(parts, calibration, draws=100)
    assert {p.enrolled for p in found} == {20, 60, 150}
    assert {p.fmr for p in found} <= set(reachable_rates(calibration))
    for p in found:
        assert p.promised == pytest.approx(1 - (1 - p.fmr) ** p.enrolled)
        hit = parts.nearest[parts.sizes.index(p.enrolled)] <= np.float32(p.threshold)
        assert p.fpir.value == pytest.approx(hit.mean())
        assert p.fpir.low <= p.fpir.value <= p.fpir.high
        assert p.fpir.value == pytest.approx(p.promised, rel=0.25, abs=0.01)
        assert (p.galleries is None) == (p.enrolled == 150)


def test_promises_err_to_the_safe_side_where_impostors_crowd() -> None:
    # A third of the people look alike, so their searches share the false matches among them.
    rows, person = embeddings(150, 3, spread=0.6, dimension=24)
    alike = person < 50
    rows[alike] = rows[alike] + 1.5 * rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    calibration = calibration_of(rows, person)
    parts = search_parts(rows, leave_one_out(person, choose_references(person)), [150])
    found = [p for p in gallery_promises(parts, calibration, draws=20) if p.promised > 0.2]
    assert found
    assert all(p.fpir.high < p.promised for p in found)


def test_more_people_are_harder_to_tell_apart() -> None:
    rows, person = embeddings(120, 3, spread=1.1, dimension=12)
    searches = leave_one_out(person, choose_references(person))
    points = by_size(search_parts(rows, searches, [10, 40, 120]), (0.1, 1e-6), draws=30)
    assert [p.enrolled for p in points] == [10, 40, 120]
    rank_one = [p.rank_one.value for p in points]
    assert rank_one == sorted(rank_one, reverse=True)
    assert rank_one[0] > rank_one[-1]
    assert all([rate for rate, _ in p.tpir] == [0.1] for p in points)  # 1e-6 is below one search
    # With all enrolled it is the whole measurement.
    plain = WeightedSearches(search(rows, searches), rank=1)
    assert points[-1].rank_one.value == pytest.approx(float(plain.identification_rate(1)))
    ((_, tpir),) = points[-1].tpir
    assert tpir.value == pytest.approx(plain.tpir_at_fpir(0.1)[0])
    assert tpir.low <= tpir.value <= tpir.high
    assert tpir.low < tpir.high


def test_a_measurement_says_what_it_rests_on() -> None:
    rows, person = embeddings(60, 4, spread=0.9, dimension=12)
    found = search(rows, leave_one_out(person, choose_references(person)))
    calibration = calibration_of(rows, person)
    measured = measure_searches(
        "made up", found, calibration=calibration, max_fpirs=(0.5, 0.1, 0.01, 1e-4), draws=50
    )
    assert [p.max_fpir for p in measured.points] == [0.5, 0.1, 0.01]  # 180 searches reach so far
    assert measured.points[0].supported
    assert not measured.points[2].supported
    for point in measured.points:
        assert point.false_positives <= point.max_fpir * 180
        assert point.tpir.low <= point.tpir.value <= point.tpir.high
    assert len(measured.identification) == 50
    assert measured.identification[0].low < measured.identification[0].high
    # 0.1 among 60 needs FMR 1.8e-3, which the calibration knows; 0.01 and 1e-4 are too fine for it.
    assert [p.threshold is None for p in measured.promises] == [False, False, True, True]
    assert measured.promises[1].threshold == pytest.approx(
        calibration.threshold_at(1 - 0.9 ** (1 / 60))
    )
    assert np.all(np.diff(measured.curve_tpir) >= -1e-12)
    none = measure_searches("made up", found, draws=0)
    assert none.promises == ()
    assert np.isnan(none.identification[0].low)
