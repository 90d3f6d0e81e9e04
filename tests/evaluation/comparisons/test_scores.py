"""Lists of pairs and everyone against everyone, held against counting one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up import embeddings
from renzheng import InvalidInput
from renzheng.datasets.types import Pairs, Picture, people_of_pairs
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.scores import CELL, Scores, pair_distances
from renzheng.evaluation.comparisons.templates import enrol_templates
from renzheng.evaluation.sampling import draw_people, first_of_each, first_pictures


def listed(
    rows: np.ndarray, person: np.ndarray, left: np.ndarray, right: np.ndarray, symmetric: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor distances, pair by pair."""
    genuine, impostor = [], []
    for a in left:
        for b in right:
            if (a >= b if symmetric else a == b) or np.isnan(rows[[a, b]]).any():
                continue
            apart = np.linalg.norm(rows[a].astype(float) - rows[b].astype(float))
            (genuine if person[a] == person[b] else impostor).append(apart)
    return np.sort(genuine), np.sort(impostor)


@given(
    people=st.integers(2, 9),
    pictures=st.integers(1, 4),
    seed=st.integers(0, 99),
    lost=st.booleans(),
)
def test_everyone_against_everyone_is_every_pair(
    people: int, pictures: int, seed: int, lost: bool
) -> None:
    rows, person = embeddings(people, pictures, seed=seed)
    if lost and len(rows) > 4:
        rows[1] = np.nan
    scores = compare_all(rows, person)
    everyone = np.arange(len(rows))
    genuine, impostor = listed(rows, person, everyone, everyone, symmetric=True)
    np.testing.assert_allclose(scores.genuine, genuine, atol=1e-7)
    np.testing.assert_allclose(scores.impostor, impostor, atol=1e-7)
    total = len(rows) * (len(rows) - 1) // 2
    assert scores.genuine_lost + scores.impostor_lost == total - len(genuine) - len(impostor)


def test_references_against_probes_are_every_such_pair() -> None:
    rows, person = embeddings(8, 3)
    rows[4] = np.nan
    references, probes = np.array([0, 3, 4, 6, 9]), np.array([1, 2, 3, 5, 7, 20])
    scores = compare_all(rows, person, references=references, probes=probes)
    genuine, impostor = listed(rows, person, references, probes, symmetric=False)
    np.testing.assert_allclose(scores.genuine, genuine, atol=1e-7)
    np.testing.assert_allclose(scores.impostor, impostor, atol=1e-7)
    assert (scores.genuine_lost, scores.impostor_lost) == (2, 4)


def test_counts_stay_exact_when_only_the_nearest_are_kept() -> None:
    rows, person = embeddings(120, 3, seed=5)
    whole, part = compare_all(rows, person), compare_all(rows, person, keep=500)
    assert whole.histogram is None
    assert part.histogram is not None
    assert 500 <= len(part.impostor) < 1000
    assert part.impostors == whole.impostors == len(whole.impostor)
    np.testing.assert_array_equal(part.impostor, whole.impostor[: len(part.impostor)])
    np.testing.assert_array_equal(part.impostor_pairs, whole.impostor_pairs[: len(part.impostor)])
    near = np.linspace(0, part.complete_to, 50)
    np.testing.assert_array_equal(part.impostors_within(near), whole.impostors_within(near))
    cells = np.arange(0, 20_001, 97) * CELL
    np.testing.assert_array_equal(part.impostors_within(cells), whole.impostors_within(cells))
    curve = part.curve()
    assert (np.diff(curve.fmr) >= 0).all()
    assert (np.diff(curve.fnmr) <= 0).all()
    assert (curve.fmr[0], curve.fnmr[0], curve.fmr[-1], curve.fnmr[-1]) == (0, 1, 1, 0)


def test_one_person_alone_has_no_impostor() -> None:
    rows, _ = embeddings(1, 5)
    with pytest.raises(InvalidInput, match="no two people"):
        compare_all(rows, np.zeros(5, int))


def test_a_list_of_pairs_is_carried_out_and_losses_are_counted() -> None:
    rows, person = embeddings(3, 2)
    rows[5] = np.nan
    pairs = Pairs(
        name="list",
        pictures=[Picture(str(i), b"") for i in range(6)],
        person=person,
        reference=np.array([0, 2, 4, 0, 1, 3]),
        probe=np.array([1, 3, 5, 2, 5, 4]),
        same=np.array([True, True, True, False, False, False]),
        where=np.array([f"row {i}" for i in range(6)]),
    )
    scores = Scores.of_pairs(pairs, pair_distances(pairs, rows))
    assert (scores.genuine_lost, scores.impostor_lost) == (1, 1)
    np.testing.assert_allclose(
        scores.genuine,
        np.sort([np.linalg.norm(rows[0] - rows[1]), np.linalg.norm(rows[2] - rows[3])]),
        atol=1e-6,
    )
    assert {tuple(p) for p in scores.impostor_pairs} == {(0, 2), (3, 4)}
    swapped = Pairs(**{**vars(pairs), "reference": pairs.probe, "probe": pairs.reference})
    again = Scores.of_pairs(swapped, pair_distances(swapped, rows))
    np.testing.assert_array_equal(again.impostor, scores.impostor)


def test_the_nearest_distance_of_each_pair_of_people() -> None:
    rows, person = embeddings(4, 3)
    nearest = compare_all(rows, person).nearest_people()
    wanted = [
        min(np.linalg.norm(rows[a] - rows[b]) for a in range(3 * i, 3 * i + 3)
            for b in range(3 * j, 3 * j + 3))
        for i in range(4) for j in range(i + 1, 4)
    ]  # fmt: skip
    np.testing.assert_allclose(nearest, np.sort(wanted), atol=1e-6)


def test_genuine_pairs_link_pictures_to_people() -> None:
    reference, probe = np.array([0, 1, 3, 4]), np.array([1, 2, 4, 0])
    same = np.array([True, True, True, False])
    person = people_of_pairs(6, reference, probe, same)
    assert person[0] == person[1] == person[2]
    assert person[3] == person[4] != person[0]
    assert len(np.unique(person)) == 3


def test_a_template_is_the_mean_of_the_first_pictures() -> None:
    rows, person = embeddings(3, 4)
    rows[0] = np.nan
    person[8] = 1  # person 1 now has five pictures, person 2 three
    templates, owners, probes = enrol_templates(rows, person, 3)
    np.testing.assert_array_equal(owners, [1])
    mean = rows[[4, 5, 6]].astype(float).mean(axis=0)
    np.testing.assert_allclose(templates[0], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_array_equal(probes, [0, 1, 2, 3, 7, 8, 9, 10, 11])
    with pytest.raises(InvalidInput, match="nobody"):
        enrol_templates(rows, person, 9)


def test_the_first_pictures_of_each_person() -> None:
    person = np.array([2, 0, 2, 1, 2, 1])
    np.testing.assert_array_equal(first_pictures(person, 2), [0, 1, 2, 3, 5])
    np.testing.assert_array_equal(first_of_each(person, 2), [0, 3])


def test_people_are_drawn_whole_and_repeatably() -> None:
    person = np.array([4, 0, 1, 0, 2, 2, 3, 3, 3, 1])
    drawn = draw_people(person, 2, seed=5)
    np.testing.assert_array_equal(drawn, draw_people(person, 2, seed=5))
    who = np.unique(person[drawn])
    assert len(who) == 2
    assert 4 not in who
    np.testing.assert_array_equal(drawn, np.flatnonzero(np.isin(person, who)))
    np.testing.assert_array_equal(draw_people(person, 99), np.flatnonzero(person != 4))
    assert len({tuple(draw_people(person, 2, seed=s)) for s in range(20)}) > 3
    for count, min_pictures in ((0, 2), (1, 4)):
        with pytest.raises(InvalidInput):
            draw_people(person, count, min_pictures=min_pictures)
