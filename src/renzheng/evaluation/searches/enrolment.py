"""One template from several pictures of a person."""

from __future__ import annotations

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.types import Floats


def enrol_templates(rows: Floats, person: Indices, count: int) -> tuple[Floats, Indices, Indices]:
    """Average the first pictures of each person into one embedding.

    Parameters
    ----------
    rows
        float32 (n, d), unit length; NaN for a failure to acquire, which is passed over.
    person
        int (n,)
    count
        Pictures in a template; only people with more than that many are enrolled.

    Returns
    -------
    float32 (t, d), int (t,), int (m,)
        The templates, brought to unit length; whose they are; the pictures that are in none.

    Raises
    ------
    InvalidInput
        If `count` is below 1 or nobody has enough pictures.
    """
    if count < 1:
        raise InvalidInput(f"a template takes 1 picture or more, not {count}")
    templates, owners = [], []
    used: list[int] = []
    for who in np.unique(person):
        known = np.flatnonzero((person == who) & np.isfinite(rows[:, 0]))
        if len(known) > count:
            mean = rows[known[:count]].astype(np.float64).mean(axis=0)
            templates.append((mean / np.linalg.norm(mean)).astype(np.float32))
            owners.append(who)
            used.extend(known[:count])
    if not templates:
        raise InvalidInput(f"nobody has more than the {count} picture(s) that a template takes")
    return (
        np.stack(templates),
        np.array(owners, np.intp),
        np.setdiff1d(np.arange(len(rows)), used),
    )


def first_of_each(person: Indices, at_least: int) -> Indices:
    """The first picture of everyone who has at least so many."""
    _, first, count = np.unique(person, return_index=True, return_counts=True)
    return np.sort(first[count >= at_least])


def first_pictures(person: Indices, most: int) -> Indices:
    """The first pictures of each person, at most so many: int (m,), increasing."""
    order = np.argsort(person, kind="stable")
    _, start, count = np.unique(person[order], return_index=True, return_counts=True)
    place = np.arange(len(person)) - np.repeat(start, count)
    return np.sort(order[place < most])


def draw_people(person: Indices, count: int, *, at_least: int = 2, seed: int = 0) -> Indices:
    """The pictures of some people, drawn by chance among those who have enough pictures.

    Parameters
    ----------
    person
        int (n,)
    count
        People; all of those who have enough where that is fewer.
    at_least
        Pictures that a person must have.
    seed
        Equal seeds draw the same people.

    Returns
    -------
    int (m,)
        Increasing.

    Raises
    ------
    InvalidInput
        If `count` is below 1 or nobody has enough pictures.
    """
    if count < 1:
        raise InvalidInput(f"1 person or more is drawn, not {count}")
    everyone, pictures = np.unique(person, return_counts=True)
    enough = everyone[pictures >= at_least]
    if not len(enough):
        raise InvalidInput(f"nobody has {at_least} pictures")
    drawn = np.random.default_rng(seed).permutation(enough)[:count]
    return np.flatnonzero(np.isin(person, drawn)).astype(np.intp)
