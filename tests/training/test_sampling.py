from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import InvalidInput
from renzheng.training.sampling import PKSampler, ShuffledSampler


@given(
    st.lists(st.integers(1, 7), min_size=4, max_size=20), st.integers(2, 4), st.integers(2, 4),
    st.integers(0, 50),
)  # fmt: skip
def test_every_batch_holds_p_people_with_k_pictures(
    counts: list[int], people: int, pictures: int, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    if sum(c > 1 for c in counts) < people:
        with pytest.raises(InvalidInput, match="two pictures or more"):
            PKSampler(labels, people, pictures, seed)
        return
    sampler = PKSampler(labels, people, pictures, seed)
    batches = list(sampler.epoch(3))
    assert len(batches) == sampler.steps
    for batch in batches:
        seen = Counter(labels[batch].tolist())
        assert set(seen.values()) == {pictures}
        assert len(seen) == people
        assert all(counts[who] > 1 for who in seen)
    for one, other in zip(batches, sampler.epoch(3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_people_come_by_turns_and_so_do_their_pictures() -> None:
    labels = np.repeat(np.arange(12), 8)
    sampler = PKSampler(labels, 4, 4)
    batches = list(sampler.epoch(0))
    assert len(batches) == 6
    shown = Counter(labels[np.concatenate(batches)].tolist())
    assert set(shown.values()) == {8}  # each of 12 people twice in 6 batches of 4
    assert len(set(np.concatenate(batches).tolist())) == 96  # no picture twice
    again = list(sampler.epoch(1))
    assert not all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_someone_with_few_pictures_gives_them_again() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    (batch,) = PKSampler(labels, 2, 3).epoch(0)
    assert Counter(labels[batch].tolist()) == {0: 3, 1: 3}
    assert {0, 1} <= set(batch.tolist())


def test_singles_take_part_when_asked() -> None:
    labels = np.array([0, 0, 1, 2])
    with pytest.raises(InvalidInput, match="1 people have two"):
        PKSampler(labels, 2, 2)
    seen = {
        int(w) for e in range(20) for b in PKSampler(labels, 2, 2, singles=True).epoch(e)
        for w in labels[b]
    }  # fmt: skip
    assert seen == {0, 1, 2}


def test_shuffled_shows_every_picture_once() -> None:
    batches = list(ShuffledSampler(103, 10, seed=1).epoch(2))
    assert len(batches) == 10
    assert len(set(np.concatenate(batches).tolist())) == 100


@pytest.mark.parametrize(
    "make",
    [
        lambda: ShuffledSampler(5, 6),
        lambda: ShuffledSampler(5, 0),
        lambda: PKSampler(np.array([0, 0, 1, 1]), 1, 2),
        lambda: PKSampler(np.array([0, 0, 1, 1]), 2, 1),
    ],
)
def test_batches_that_cannot_be(make: object) -> None:
    with pytest.raises(InvalidInput):
        make()
