"""The best of several versions, and the reason that is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from renzheng.images.duplicates.best_version import copies, order, why
from renzheng.images.duplicates.results import Item

BASE = Item(Path("album/a.jpg"), b"0" * 32, 5000, 400, 300, 1000, (1, 1))


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        (BASE, replace(BASE, width=300, size=9000), "the largest, 400 x 300 px"),
        (
            BASE,
            replace(BASE, width=300, height=400, size=4999),
            "of the largest, 5,000 bytes",
        ),
        (BASE, replace(BASE, link=True, modified=1), "not a link"),
        (BASE, replace(BASE, modified=2000, path=Path("a")), "the oldest"),
        (BASE, replace(BASE, path=Path("album/aa.jpg")), "shortest path"),
        (BASE, replace(BASE, path=Path("album/b.jpg")), "first by name"),
    ],
)
def test_pixels_then_bytes_then_age_then_name(better: Item, worse: Item, reason: str) -> None:
    assert sorted([worse, better], key=order) == [better, worse]
    assert reason in why(better, [worse])


def test_a_weaker_rival_does_not_change_the_reason() -> None:
    small = replace(BASE, width=100, size=90_000, modified=1)
    assert "least compressed" in why(BASE, [small, replace(BASE, size=10)])


def test_copies_are_gathered_by_their_bytes() -> None:
    other = replace(BASE, digest=b"1" * 32)
    older = replace(BASE, path=Path("older.jpg"), modified=1)
    assert copies([BASE, other, older]) == {b"0" * 32: [older, BASE], b"1" * 32: [other]}
