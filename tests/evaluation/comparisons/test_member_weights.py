"""Weights of an ensemble's members, fitted on people."""

from __future__ import annotations

import numpy as np
import pytest

from made_up import embeddings
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.member_weights import fit_weights


def test_two_equals_gain_by_each_other() -> None:
    one, person = embeddings(150, 3, spread=0.6, seed=0)
    other, _ = embeddings(150, 3, spread=0.6, seed=1)
    fitted = fit_weights([one, other], person)
    assert fitted.people == 150
    assert fitted.pays
    assert fitted.fnmr < 0.6 * min(fitted.alone)
    assert np.sum(np.square(fitted.weights)) == pytest.approx(1)
    assert 0.5 < fitted.weights[0] / fitted.weights[1] < 2
    assert fitted.rates[0] == pytest.approx(30 / (150 * 149 / 2))


def test_the_better_one_counts_more_and_noise_least() -> None:
    good, person = embeddings(120, 3, spread=0.4, seed=0)
    poor, _ = embeddings(120, 3, spread=1.2, seed=1)
    noise = np.random.default_rng(2).normal(size=good.shape)
    noise = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    fitted = fit_weights([noise, good, poor], person)
    assert np.argmax(fitted.weights) == 1
    assert fitted.weights[0] == min(fitted.weights)
    assert fitted.alone[1] < fitted.alone[2] < fitted.alone[0]
    middling, person = embeddings(120, 3, spread=0.7, seed=0)
    assert not fit_weights([middling, noise], person).pays


def test_a_networks_own_scale_of_distances_does_not_matter() -> None:
    """The same directions with a constant beside them lie nearer to each other, and no more."""
    one, person = embeddings(100, 3, spread=0.5, seed=0)
    other, _ = embeddings(100, 3, spread=0.5, seed=1)
    near = np.concatenate([0.5 * other, np.full((len(other), 1), 0.75**0.5)], axis=1)
    plain, squeezed = (fit_weights([one, each], person) for each in (other, near.astype("f")))
    assert squeezed.fnmr == pytest.approx(plain.fnmr, abs=0.01)
    ratio = squeezed.weights[1] / squeezed.weights[0] / (plain.weights[1] / plain.weights[0])
    assert ratio == pytest.approx(2, rel=0.1)


def test_people_whom_a_network_confuses_take_its_weight() -> None:
    one, person = embeddings(150, 3, spread=0.6, seed=0)
    other, _ = embeddings(150, 3, spread=0.6, seed=1)
    apart, alone = embeddings(150, 1, seed=2)
    lump = np.random.default_rng(3).normal(size=apart.shape) * 0.15 + apart[0]
    lump = (lump / np.linalg.norm(lump, axis=1, keepdims=True)).astype(np.float32)
    free = fit_weights([one, other], person)
    bound = fit_weights([one, other], person, others=[([apart, lump], alone)])
    assert bound.populations == 1
    assert free.populations == 0
    assert bound.weights[1] < 0.7 * free.weights[1]
    assert bound.fnmr >= free.fnmr


def test_pictures_without_embeddings_are_left_out() -> None:
    one, person = embeddings(60, 3, seed=0)
    other, _ = embeddings(60, 3, seed=1)
    expected = fit_weights([one[3:], other[3:]], person[3:])
    one, other = one.copy(), other.copy()
    one[:2], other[2] = np.nan, np.nan
    found = fit_weights([one, other], person)
    assert found.people == 59
    assert found.weights == expected.weights


def test_too_few_people_are_refused() -> None:
    one, person = embeddings(29, 3)
    with pytest.raises(InvalidInput, match="29 people with 87 genuine comparisons are too few"):
        fit_weights([one, one], person)
    one, person = embeddings(60, 1)
    with pytest.raises(InvalidInput, match="60 people with 0 genuine"):
        fit_weights([one, one], person)
