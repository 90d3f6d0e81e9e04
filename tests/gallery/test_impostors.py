"""Entries of different people that lie near each other, against brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from renzheng.gallery import impostors
from renzheng.types import Floats


@pytest.fixture(params=[(512, 65536), (7, 11)])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impostors, "_BLOCK", request.param[0])
    monkeypatch.setattr(impostors, "_SPAN", request.param[1])


def _distances(rows: Floats) -> np.ndarray:
    table = rows.astype(np.float64)
    return np.linalg.norm(table[:, None] - table[None], axis=2)


@pytest.mark.usefixtures("blocks")
def test_nearest_impostor_equals_brute_force(unit: Callable[..., Floats]) -> None:
    rows = unit(60)
    person = np.arange(60) % 20
    rows[20:40] = rows[:20]  # of the same people: they must not count
    apart = _distances(rows)
    apart[person[:, None] == person[None]] = np.inf
    searches = np.array([0, 5, 33, 59])
    found = impostors.nearest_impostors(rows, person, searches)
    assert found == pytest.approx(apart[searches].min(axis=1), abs=1e-12)


@pytest.mark.usefixtures("blocks")
def test_near_pairs_equal_brute_force(unit: Callable[..., Floats]) -> None:
    rows = unit(50)
    rows[10] = rows[3]
    rows[41] = rows[40]
    person = np.arange(50)
    person[41] = person[40]  # one person's two pictures are no suspicion
    limit = 1.3
    apart = _distances(rows)
    a, b = np.nonzero((apart <= limit) & (person[:, None] != person[None]))
    expected = sorted((apart[i, j], i, j) for i, j in zip(a, b, strict=True) if i < j)
    found = impostors.near_pairs(rows, person, limit)
    assert len(expected) > 5
    assert found.left_out == 0
    assert (found.one[0], found.other[0], found.distance[0]) == (3, 10, 0.0)
    assert found.distance == pytest.approx([each[0] for each in expected], abs=1e-12)
    assert set(zip(found.one, found.other, strict=True)) == {each[1:] for each in expected}
    few = impostors.near_pairs(rows, person, limit, max_pairs=4)
    assert few.distance == pytest.approx(found.distance[:4])
    assert few.left_out == len(expected) - 4


def test_alone_nobody_is_near(unit: Callable[..., Floats]) -> None:
    rows, person = unit(3), np.zeros(3, np.intp)
    assert np.isinf(impostors.nearest_impostors(rows, person, np.arange(3))).all()
    assert not len(impostors.near_pairs(rows, person, 2.0).one)
