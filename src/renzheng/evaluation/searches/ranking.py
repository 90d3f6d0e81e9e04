"""Comparison of every search with every reference, in blocks: exact distances and ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.protocol import Searches
from renzheng.types import Floats

Progress = Callable[[int, int], None]  # blocks done, blocks in all

_BLOCK = 256  # searches at a time: 256 x 13,000 distances are 27 MB


@dataclass(frozen=True, eq=False)
class SearchScores:
    """The distances and ranks that the searches found.

    Attributes
    ----------
    enrolled
        The number of references with an embedding.
    not_enrolled
        The number of references without one (failure to enrol).
    mated_person
        int (m,): the number of each mated search's person.
    mate
        float64 (m,): the distance of its mate; inf where either picture has no embedding.
    rank
        float64 (m,): 1 where the mate is the nearest of all; ties count as nearer. inf where `mate`
        is.
    nonmated_person
        int (k,): the number of each non-mated search's person.
    nearest
        float64 (k,): the distance of the nearest candidate, who is another person; NaN for a
        failure to acquire.
    mated_lost
        The number of mated searches that failed to acquire, without those whose mate is not
        enrolled.
    """

    enrolled: int
    not_enrolled: int
    mated_person: Indices
    mate: Array
    rank: Array
    nonmated_person: Indices
    nearest: Array
    mated_lost: int

    @property
    def nonmated_lost(self) -> int:
        """The number of non-mated searches that failed to acquire."""
        return int(np.isnan(self.nearest).sum())

    @property
    def mates_missing(self) -> int:
        """The number of mated searches that were acquired, but whose mate was not enrolled."""
        return int(np.isinf(self.mate).sum()) - self.mated_lost


@dataclass(frozen=True, eq=False)
class SubGalleries:
    """Non-mated searches in databases of some of the people, drawn at random.

    Attributes
    ----------
    sizes
        The numbers of people enrolled, increasing. The person searched for is not among them: one
        fewer where that person was drawn.
    person
        int (k,): the number of each search's person; failures to acquire are left out.
    nearest
        float32 (sizes, galleries, k): the distance of the nearest candidate; inf where there is
        none. Where everyone is enrolled all databases are the same, and the same values are
        repeated for each.
    mate
        float32 (k,): the distance of the person's own reference; inf where there is none.
    """

    sizes: tuple[int, ...]
    person: Indices
    nearest: Floats
    mate: Floats


def search(rows: Floats, searches: Searches, *, progress: Progress | None = None) -> SearchScores:
    """Carry out searches.

    Parameters
    ----------
    rows
        float32 (pictures, d), unit length; NaN for a failure to acquire.
    searches
        The references that are enrolled, and the pictures that are searched for.
    progress
        Called after each block.

    Raises
    ------
    InvalidInput
        If fewer than two references have an embedding, or no search of either kind has one.
    """
    person = searches.person
    mate = np.full(len(person), np.inf)
    rank = np.full(len(person), np.inf)
    nearest = np.full(len(person), np.nan)
    probes = np.union1d(searches.mated, searches.nonmated)
    for part, mates, others in _blocks(rows, searches, probes, progress):
        mate[part] = mates
        nearest[part] = others.min(axis=1)
        known = np.isfinite(mates)
        rank[part[known]] = 1 + (others[known] <= mates[known, None]).sum(axis=1)
    acquired = np.isfinite(rows[:, 0])
    for kind, pictures in (("mated", searches.mated), ("non-mated", searches.nonmated)):
        if not acquired[pictures].any():
            raise InvalidInput(f"no {kind} search is left whose picture shows a face")
    enrolled = int(acquired[searches.references].sum())
    return SearchScores(
        enrolled=enrolled,
        not_enrolled=len(searches.references) - enrolled,
        mated_person=person[searches.mated],
        mate=mate[searches.mated],
        rank=rank[searches.mated],
        nonmated_person=person[searches.nonmated],
        nearest=nearest[searches.nonmated],
        mated_lost=int((~acquired[searches.mated]).sum()),
    )


def search_parts(
    rows: Floats,
    searches: Searches,
    sizes: Sequence[int],
    *,
    galleries: int = 30,
    seed: int = 0,
    progress: Progress | None = None,
) -> SubGalleries:
    """Carry out the non-mated searches in smaller databases, several of each size.

    The databases that are drawn together are nested: each larger one contains the smaller ones.

    Parameters
    ----------
    rows, searches, progress
        See `search`.
    sizes
        The numbers of people to enrol; numbers above that of all people become that number.
    galleries
        The number of databases of each size.
    seed
        Seed of the choice of people.

    Raises
    ------
    InvalidInput
        As in `search`, or if a size or `galleries` is below 1.
    """
    acquired = np.isfinite(rows[:, 0])
    whole = int(acquired[searches.references].sum())
    ends = sorted({min(size, whole) for size in sizes})
    if not ends or ends[0] < 1 or galleries < 1:
        raise InvalidInput("databases of 1 person or more are drawn, one or more of each size")
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(whole)[: ends[-1]] for _ in range(galleries)]
    probes = searches.nonmated[acquired[searches.nonmated]]
    nearest = np.empty((len(ends), galleries, len(probes)), np.float32)
    mate = np.empty(len(probes), np.float32)
    done = 0
    for part, mates, others in _blocks(rows, searches, probes, progress):
        place = slice(done, done + len(part))
        done += len(part)
        mate[place] = mates
        for g, order in enumerate(orders):
            drawn = np.minimum.reduceat(others[:, order], [0, *ends[:-1]], axis=1)
            nearest[:, g, place] = np.minimum.accumulate(drawn, axis=1).T
    return SubGalleries(tuple(ends), searches.person[probes], nearest, mate)


def _blocks(
    rows: Floats, searches: Searches, probes: Indices, progress: Progress | None
) -> Iterator[tuple[Indices, Array, Array]]:
    """Compute distances block by block.

    Yields
    ------
    int (p,), float64 (p,), float64 (p, n)
        Searches with an embedding; the distances of their mates, inf without one; the distances of
        all references, those of mates inf.
    """
    acquired = np.isfinite(rows[:, 0])
    references = searches.references[acquired[searches.references]]
    probes = probes[acquired[probes]]
    if len(references) < 2:
        raise InvalidInput(
            f"{len(references)} person(s) could be enrolled, at least two are needed",
            remedy="give pictures of more people that show a face",
        )
    table = rows[references].astype(np.float64)
    squares = np.einsum("ij,ij->i", table, table)
    for start in range(0, len(probes), _BLOCK):
        part = probes[start : start + _BLOCK]
        left = rows[part].astype(np.float64)
        # As in `all_pairs`: float64 keeps the difference exact to 1e-8 at distance 0.
        distance = left @ table.T
        distance *= -2
        distance += np.einsum("ij,ij->i", left, left)[:, None]
        distance += squares[None, :]
        np.sqrt(np.maximum(distance, 0, out=distance), out=distance)
        own = searches.person[part][:, None] == searches.person[references][None, :]
        mates = np.where(own, distance, np.inf).min(axis=1)
        distance[own] = np.inf
        yield part, mates, distance
        if progress:
            progress(min(start + _BLOCK, len(probes)), len(probes))
