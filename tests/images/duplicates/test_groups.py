"""Grouping of pictures by made-up links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from renzheng.images.duplicates import groups
from renzheng.images.duplicates.groups import group_around_best
from renzheng.images.duplicates.hash_search import FAR
from renzheng.images.duplicates.results import Link


class Made:
    """A collection in which `near` pairs are candidates, and `true` pairs are versions."""

    def __init__(self, count: int, near: set[tuple[int, int]], true: set[tuple[int, int]]):
        self.count, self.true = count, true
        self.distance = np.full((count, count), FAR, np.uint16)
        for a, b in near:
            self.distance[a, b] = self.distance[b, a] = 10 + a + b
        self.verified: list[tuple[int, int, int | None]] = []

    def near(self, asked: Sequence[int], after: int) -> np.ndarray:
        found = self.distance[list(asked)].copy()
        found[:, :after] = FAR
        return found

    def verify(self, best: int, candidates: Sequence[tuple[int, int | None]]) -> list[Link | None]:
        self.verified += [(best, k, bits) for k, bits in candidates]
        return [
            Link(bits, 50, 0.5, False, 1.0, 1.0, 1.0, 0.0) if (best, k) in self.true else None
            for k, bits in candidates
        ]

    def groups(self) -> list[tuple[int, list[int]]]:
        found, _ = group_around_best(self.count, self.near, self.verify, 100)
        return [(best, sorted(members)) for best, members in found]


def test_what_is_near_and_no_version_stays_out() -> None:
    made = Made(4, near={(0, 1), (0, 2), (1, 2)}, true={(0, 2)})
    assert made.groups() == [(0, [2])]


def test_a_chain_joins_no_unrelated_pictures() -> None:
    """A collage, 1, shows both 0 and 2, which have nothing to do with each other."""
    made = Made(3, near={(0, 1), (1, 2)}, true={(0, 1), (1, 2)})
    assert made.groups() == [(0, [1])]
    assert (0, 2, None) in made.verified  # as a candidate of a candidate


def test_a_version_is_found_through_another_one() -> None:
    """The hashes of 0 and 2 are far apart, those of 1 near both; but 0 and 2 agree as well."""
    made = Made(3, near={(0, 1), (1, 2)}, true={(0, 1), (1, 2), (0, 2)})
    assert made.groups() == [(0, [1, 2])]


def test_only_close_candidates_of_members_are_looked_at() -> None:
    made = Made(3, near={(0, 1), (1, 2)}, true={(0, 1), (1, 2), (0, 2)})
    assert group_around_best(3, made.near, made.verify, 13)[0][0][1].keys() == {1, 2}
    # 1 and 2 are 13 bits apart
    assert group_around_best(3, made.near, made.verify, 12)[0][0][1].keys() == {1}


def test_what_the_best_leaves_out_may_found_a_group() -> None:
    made = Made(4, near={(0, 1), (1, 2), (2, 3)}, true={(0, 1), (1, 2), (2, 3)})
    assert made.groups() == [(0, [1]), (2, [3])]


def test_nothing_is_looked_at_twice() -> None:
    everyone = {(a, b) for b in range(40) for a in range(b)}
    versions = {(a, b) for a, b in everyone if a % 4 == b % 4}
    made = Made(40, near=everyone, true=versions)
    assert made.groups() == [(k, list(range(k + 4, 40, 4))) for k in range(4)]
    looked = [(a, b) for a, b, _ in made.verified]
    assert len(looked) == len(set(looked))


def test_too_many_candidates_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_CANDIDATES", 5)
    made = Made(9, near={(0, k) for k in range(1, 9)}, true=set())
    found, dropped = group_around_best(9, made.near, made.verify, 100)
    assert found == []
    assert dropped == 3
    assert [k for _, k, _ in made.verified if _ is not None] == [1, 2, 3, 4, 5]  # the nearest


def test_a_changed_member_may_be_the_best_of_another_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Made(3, near={(0, 1), (1, 2)}, true={(0, 1), (1, 2)})
    verify = made.verify

    def changed(best: int, asked: Sequence[tuple[int, int | None]]) -> list[Link | None]:
        return [
            link and replace(link, agreement=0.8 if (best, k) == (0, 1) else 1.0)
            for (k, _), link in zip(asked, verify(best, asked), strict=True)
        ]

    monkeypatch.setattr(made, "verify", changed)
    assert made.groups() == [(0, [1]), (1, [2])]
