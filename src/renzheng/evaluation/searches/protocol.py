"""Identification: one reference of everyone is enrolled, other pictures are searched for.

Terms: ISO/IEC 19795-1. A search is mated where the person is enrolled; the mate is that reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.calibration import split_people
from renzheng.evaluation.searches.enrolment import first_of_each

REFERENCES = ("first", "random")


@dataclass(frozen=True, eq=False)
class Searches:
    """Who is enrolled, and what is searched for.

    Attributes
    ----------
    person
        int (pictures,): whose picture each is.
    references
        int (n,): the pictures enrolled, one of each person.
    mated
        int (m,): pictures of people who are enrolled, other than the references.
    nonmated
        int (k,): pictures whose person is not enrolled, or is taken out for that search.
    """

    person: Indices
    references: Indices
    mated: Indices
    nonmated: Indices


def choose_references(person: Indices, how: str = "first", seed: int = 0) -> Indices:
    """One picture of each person.

    Parameters
    ----------
    person
        int (pictures,)
    how
        ``first``: the first in order, which is by name in a folder and by row in a table.
        ``random``: any, each as likely.
    seed
        Of the random ones.

    Returns
    -------
    int (people,)
        Increasing.

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
    """Everyone is enrolled; a non-mated search takes the searched person out of the database.

    Every picture that is no reference is searched for twice: with its mate enrolled among `n`
    people, and without it among the `n` - 1 others.

    Raises
    ------
    InvalidInput
        If nobody has a second picture, or only one person is there.
    """
    probes = np.setdiff1d(np.arange(len(person)), references)
    return _checked(Searches(person, references, probes, probes))


def disjoint(person: Indices, references: Indices, share: float = 0.5, seed: int = 0) -> Searches:
    """A share of the people is not enrolled, and all their pictures are the non-mated searches.

    Parameters
    ----------
    person, references
        int (pictures,), int (people,)
    share
        Of the people who are not enrolled, above 0 and below 1.
    seed
        Of who they are.

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
            f"{len(searches.references)} person(s) can be enrolled, two at least are needed",
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
