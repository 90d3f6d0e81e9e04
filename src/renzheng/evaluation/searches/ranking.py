"""Every search against every reference, in blocks: exact distances and ranks."""

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
    """What the searches found.

    Attributes
    ----------
    enrolled
        References with an embedding.
    not_enrolled
        References without (failure to enrol).
    mated_person
        int (m,): whose each mated search is.
    mate
        float64 (m,): the distance of its mate; inf where either picture has no embedding.
    rank
        float64 (m,): 1 where the mate is nearest of all; whoever is as near counts as nearer. inf
        where `mate` is.
    nonmated_person
        int (k,): whose each non-mated search is.
    nearest
        float64 (k,): the distance of the nearest candidate, who is another person; NaN for a
        failure to acquire.
    mated_lost
        How many mated searches failed to acquire; those whose mate is not enrolled are more.
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
        """How many non-mated searches failed to acquire."""
        return int(np.isnan(self.nearest).sum())

    @property
    def mates_missing(self) -> int:
        """How many mated searches were acquired, but their mate was not enrolled."""
        return int(np.isinf(self.mate).sum()) - self.mated_lost


@dataclass(frozen=True, eq=False)
class SubGalleries:
    """Non-mated searches in databases of some of the people, drawn by chance.

    Attributes
    ----------
    sizes
        How many people are enrolled, increasing. Whoever is searched for is not among them: one
        fewer where the person was drawn.
    person
        int (k,): whose each search is; failures to acquire are left out.
    nearest
        float32 (sizes, galleries, k): the distance of the nearest candidate; inf where there is
        none. Where all are enrolled the databases are one and the same, and given once for each.
    mate
        float32 (k,): the distance of the person's own reference; inf for whom there is none.
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
        Who is enrolled and what is searched for.
    progress
        Told after each block.

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

    Databases of different sizes that are drawn together hold one another.

    Parameters
    ----------
    rows, searches, progress
        As in `search`.
    sizes
        How many people to enrol; those above all there are become all there are.
    galleries
        How many databases of each size.
    seed
        Of who is in them.

    Raises
    ------
    InvalidInput
        As `search`, or if a size or `galleries` is below 1.
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
    """Block by block: searches with an embedding, int (p,); the distances of their mates, float64
    (p,), inf without; and of all the references, (p, n), the mates' again inf.
    """
    acquired = np.isfinite(rows[:, 0])
    references = searches.references[acquired[searches.references]]
    probes = probes[acquired[probes]]
    if len(references) < 2:
        raise InvalidInput(
            f"{len(references)} person(s) could be enrolled, two at least are needed",
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
