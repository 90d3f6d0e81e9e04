"""Protocols of identification: one reference of each person enrolled, other pictures searched for.

Terms: ISO/IEC 19795-1. A search is mated if its person is enrolled; the mate is that reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.sampling import first_of_each, split_people

REFERENCES = ("first", "random")


@dataclass(frozen=True, eq=False)
class Searches:
    """The references that are enrolled, and the pictures that are searched for.

    Attributes
    ----------
    person
        int (pictures,): the number of each picture's person.
    references
        int (n,): the pictures enrolled, one of each person.
    mated
        int (m,): pictures of people who are enrolled, other than the references.
    nonmated
        int (k,): pictures of people who are not enrolled, or are taken out for that search.
    """

    person: Indices
    references: Indices
    mated: Indices
    nonmated: Indices


def choose_references(person: Indices, how: str = "first", seed: int = 0) -> Indices:
    """Choose one picture of each person.

    Parameters
    ----------
    person
        int (pictures,): the number of each picture's person.
    how
        ``first``: the first in order, which is by name in a folder and by row in a table.
        ``random``: any of them, with equal probability.
    seed
        Seed of the random choice.

    Returns
    -------
    int (people,)
        The chosen pictures, increasing.

    Raises
    ------
    InvalidInput
        If `how` is neither.
    """
    if how not in REFERENCES:
        raise InvalidInput(f"references are chosen {' or '.join(REFERENCES)}, not {how!r}")
    if how == "first":
        return first_of_each(person, 1)
    shuffled = np.random.default_rng(seed).permutation(len(person))
    _, first = np.unique(person[shuffled], return_index=True)
    return np.sort(shuffled[first])


def leave_one_out(person: Indices, references: Indices) -> Searches:
    """Enrol everyone; a non-mated search takes the searched person out of the database.

    Every picture that is not a reference is searched for twice: among all `n` people with its mate,
    and among the `n` - 1 others without it.

    Raises
    ------
    InvalidInput
        If nobody has a second picture, or there is only one person.
    """
    probes = np.setdiff1d(np.arange(len(person)), references)
    return _checked(Searches(person, references, probes, probes))


def disjoint(person: Indices, references: Indices, share: float = 0.5, seed: int = 0) -> Searches:
    """Leave a share of the people unenrolled; all their pictures are the non-mated searches.

    Parameters
    ----------
    person, references
        int (pictures,), int (people,): the number of each picture's person, and the references.
    share
        The share of the people who are not enrolled, above 0 and below 1.
    seed
        Seed of their choice.

    Raises
    ------
    InvalidInput
        If fewer than two people are left to enrol, none is left out, or none of those enrolled has
        a second picture.
    """
    outside = split_people(person, share, seed)
    enrolled = references[~outside[references]]
    mated = np.setdiff1d(np.flatnonzero(~outside), enrolled)
    return _checked(Searches(person, enrolled, mated, np.flatnonzero(outside)))


def _checked(searches: Searches) -> Searches:
    if len(searches.references) < 2:
        raise InvalidInput(
            f"{len(searches.references)} person(s) can be enrolled, at least two are needed",
            remedy="give pictures of more people",
        )
    for kind, pictures in (("mated", searches.mated), ("non-mated", searches.nonmated)):
        if not len(pictures):
            raise InvalidInput(
                f"there is no {kind} search: one picture of each person is enrolled and no other "
                "is left",
                remedy="give two pictures or more of some people",
            )
    return searches
