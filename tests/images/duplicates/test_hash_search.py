"""The search by hashes compared with counting bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from renzheng.images.duplicates import hash_search
from renzheng.images.duplicates.hash_search import FAR, HashIndex, count_ones


def hashes(words: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Make the hashes of 150 pictures, some without any, a few bits off one of five patterns."""
    rng = np.random.default_rng(words)
    patterns = rng.integers(0, 2**64, (5, words), dtype=np.uint64)
    whole, views = [], []
    for k in range(150):
        count = 0 if k % 10 == 3 else int(rng.integers(1, 4))
        flips = np.uint64(1) << rng.integers(0, 64, (count * 3, words), dtype=np.uint64)
        rows = patterns[rng.integers(0, 5, count * 3)] ^ flips
        whole.append(rows[:count])
        views.append(rows)
    return whole, views


def least(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...], bits: int) -> int:
    found = [
        sum(bin(int(word)).count("1") for word in x ^ y)
        for whole, views in ((one[0], other[1]), (other[0], one[1]))
        for x in whole
        for y in views
    ]
    nearest = min(found, default=bits + 1)
    return nearest if nearest <= bits else int(FAR)


@pytest.mark.parametrize("words", [1, 4])
@pytest.mark.parametrize("threads", [1, 3])
def test_distances_are_the_least_of_either_way(
    words: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hash_search, "_BLOCK", 50)  # so that there are several
    whole, views = hashes(words)
    index = HashIndex(whole, views, threads)
    asked, after, bits = [7, 40, 13], 20, 24 * words
    found = index.near(asked, after, bits)
    assert found.shape == (3, 150)
    assert (found[:, :after] == FAR).all()
    assert (found[2] == FAR).all()  # the 13th has no hashes
    for row, k in zip(found, asked, strict=True):
        wanted = [least((whole[k], views[k]), (whole[n], views[n]), bits) for n in range(20, 150)]
        np.testing.assert_array_equal(row[after:], wanted)
    assert 0 < (found != FAR).sum() < found.size


def test_without_pictures_nothing_is_near() -> None:
    empty = np.empty((0, 4), np.uint64)
    assert (HashIndex([empty, empty], [empty, empty]).near([0], 0, 82) == FAR).all()


def test_bits_are_counted_alike_with_and_without_numpys_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    words[:2] = 0, 2**64 - 1
    found = [np.empty(500, np.uint8), np.empty(500, np.uint8)]
    count_ones(words, found[0])
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    count_ones(words, found[1])
    assert found[0].tolist() == found[1].tolist() == [bin(int(w)).count("1") for w in words]
