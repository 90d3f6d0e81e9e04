"""The choice of people, and of their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput


def first_of_each(person: Indices, min_pictures: int) -> Indices:
    """Return the first picture of everyone who has at least `min_pictures`."""
    _, first, count = np.unique(person, return_index=True, return_counts=True)
    return np.sort(first[count >= min_pictures])


def first_pictures(person: Indices, max_pictures: int) -> Indices:
    """Return the first pictures of each person, at most `max_pictures`: int (m,), increasing."""
    order = np.argsort(person, kind="stable")
    _, start, count = np.unique(person[order], return_index=True, return_counts=True)
    place = np.arange(len(person)) - np.repeat(start, count)
    return np.sort(order[place < max_pictures])


def draw_people(person: Indices, count: int, *, min_pictures: int = 2, seed: int = 0) -> Indices:
    """Draw people at random among those who have enough pictures, and return their pictures.

    Parameters
    ----------
    person
        int (n,): the number of each picture's person.
    count
        The number of people to draw; if fewer have enough pictures, all of those are taken.
    min_pictures
        The number of pictures that a person must have.
    seed
        Equal seeds draw the same people.

    Returns
    -------
    int (m,)
        The pictures of the drawn people, increasing.

    Raises
    ------
    InvalidInput
        If `count` is below 1 or nobody has enough pictures.
    """
    if count < 1:
        raise InvalidInput(f"the number of people to draw must be 1 or more, not {count}")
    everyone, pictures = np.unique(person, return_counts=True)
    enough = everyone[pictures >= min_pictures]
    if not len(enough):
        raise InvalidInput(f"nobody has {min_pictures} pictures")
    drawn = np.random.default_rng(seed).permutation(enough)[:count]
    return np.flatnonzero(np.isin(person, drawn)).astype(np.intp)


def split_people(person: Indices, share: float, seed: int) -> Any:
    """Choose a share of the people at random.

    Parameters
    ----------
    person
        int (n,): the number of each picture's person.
    share
        The share of the people to choose, 0 to 1.
    seed
        Seed of the choice.

    Returns
    -------
    bool (n,)
        Whether a picture is of a chosen person.
    """
    known = np.unique(person)
    chosen = np.random.default_rng(seed).permutation(known)[: round(share * len(known))]
    return np.isin(person, chosen)
