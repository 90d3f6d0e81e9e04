"""Mining rules against their definitions, spelt out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from renzheng.training.distances import safe_sqrt, squared_distances, unit
from renzheng.training.mining import MINING_RULES, PairMatrix


def made(seed: int, people: int = 4, pictures: int = 3) -> tuple[PairMatrix, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    rows = unit(torch.randn(people * pictures, 5, generator=rng, dtype=torch.float64))
    labels = torch.arange(people * pictures) % people
    return PairMatrix.of(squared_distances(rows, rows), labels, 5), labels


@given(st.integers(0, 200), st.sampled_from(list(MINING_RULES)), st.floats(0.01, 2))
def test_every_triplet_is_one(seed: int, name: str, margin: float) -> None:
    pairs, labels = made(seed)
    found = MINING_RULES[name](pairs, margin, torch.Generator().manual_seed(seed))
    assert (labels[found.anchor] == labels[found.positive]).all()
    assert (found.anchor != found.positive).all()
    assert (labels[found.anchor] != labels[found.negative]).all()


@given(st.integers(0, 200), st.floats(0.01, 2))
def test_all_are_those_within_the_margin(seed: int, margin: float) -> None:
    pairs, labels = made(seed)
    d, n = pairs.distance, len(labels)
    wanted = {
        (a, p, k)
        for a in range(n) for p in range(n) for k in range(n)
        if a != p and labels[a] == labels[p] != labels[k] and d[a, k] < d[a, p] + margin
    }  # fmt: skip
    found = MINING_RULES["all"](pairs, margin, None)
    assert set(zip(*(t.tolist() for t in vars(found).values()), strict=True)) == wanted


@given(st.integers(0, 200), st.floats(0.01, 2))
def test_semi_hard_negatives_lie_beyond_the_positive_within_the_margin(
    seed: int, margin: float
) -> None:
    pairs, _ = made(seed)
    found = MINING_RULES["semi-hard"](pairs, margin, torch.Generator().manual_seed(seed))
    d_an = pairs.distance[found.anchor, found.negative]
    d_ap = pairs.distance[found.anchor, found.positive]
    assert (d_an > d_ap).all()
    assert (d_an < d_ap + margin).all()


@given(st.integers(0, 200))
def test_batch_hard_takes_the_extremes(seed: int) -> None:
    pairs, labels = made(seed)
    found = MINING_RULES["batch-hard"](pairs, 0.2, None)
    assert found.anchor.tolist() == list(range(len(labels)))
    for a, p, n in zip(*(t.tolist() for t in vars(found).values()), strict=True):
        own = [i for i in range(len(labels)) if labels[i] == labels[a] and i != a]
        others = [i for i in range(len(labels)) if labels[i] != labels[a]]
        assert pairs.distance[a, p] == max(pairs.distance[a, i] for i in own)
        assert pairs.distance[a, n] == min(pairs.distance[a, i] for i in others)


def test_distance_weighting_evens_out_the_distances() -> None:
    # 800 random points on a sphere of 32 dimensions: nearly all lie near 1.41 of one another.
    rng = torch.Generator().manual_seed(0)
    rows = unit(torch.randn(800, 32, generator=rng))
    labels = torch.arange(800) // 2
    pairs = PairMatrix.of(squared_distances(rows, rows), labels, 32)
    spread = {}
    for name in ("random", "distance-weighted"):
        found = MINING_RULES[name](pairs, 0.2, torch.Generator().manual_seed(1))
        spread[name] = safe_sqrt(pairs.distance[found.anchor, found.negative]).numpy()
    assert spread["distance-weighted"].mean() < spread["random"].mean() - 0.05
    assert spread["distance-weighted"].std() > 1.3 * spread["random"].std()


@pytest.mark.parametrize("name", MINING_RULES)
def test_the_same_draw_repeats(name: str) -> None:
    pairs, _ = made(1)
    one, other = (
        MINING_RULES[name](pairs, 0.5, torch.Generator().manual_seed(4)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.negative, other.negative)


@pytest.mark.parametrize("name", MINING_RULES)
def test_people_with_one_picture_are_negatives_only(name: str) -> None:
    rows = unit(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    labels = torch.tensor([0, 0, 1, 2, 3])
    pairs = PairMatrix.of(squared_distances(rows, rows), labels, 4)
    found = MINING_RULES[name](pairs, 5.0, torch.Generator().manual_seed(0))
    assert set(found.anchor.tolist()) <= {0, 1}
    assert set(found.negative.tolist()) <= {2, 3, 4}


def test_the_slope_of_a_distance_of_0_is_0() -> None:
    squared = torch.zeros(3, requires_grad=True)
    safe_sqrt(squared).sum().backward()
    assert squared.grad is not None
    assert squared.grad.tolist() == [0, 0, 0]
