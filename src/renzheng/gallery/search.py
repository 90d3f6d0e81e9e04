"""One search: from a picture or an embedding to candidates and their rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.gallery import index
from renzheng.gallery.engine import Engine
from renzheng.gallery.entries import Candidate, Neighbour
from renzheng.gallery.rates import Rates
from renzheng.gallery.search_policy import deciding
from renzheng.types import Floats
from renzheng.verification.information import of_pair

_MAX_CANDIDATES = 1000


def check_count(count: int) -> None:
    """Check that so many candidates can be asked for.

    Raises
    ------
    InvalidInput
        If the number is out of range.
    """
    if not 1 <= count <= _MAX_CANDIDATES:
        raise InvalidInput(f"count must lie from 1 to {_MAX_CANDIDATES}, not {count}")


def check_probes(probes: Floats, dimension: int) -> Floats:
    """Return probes as contiguous float32 (n, d).

    Raises
    ------
    InvalidInput
        If they are of another shape, or not of unit length.
    """
    rows = np.ascontiguousarray(probes, np.float32)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise InvalidInput(f"probes must have the shape (n, {dimension}), not {rows.shape}")
    if not np.all(np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1) < 1e-3):
        raise InvalidInput("a probe is not of unit length", remedy="divide it by its norm")
    return rows


def partitions_for(engine: Engine, exact: bool | None, condition: str | None) -> int | None:
    """Return the number of index partitions that a search looks into; None for exact search."""
    partitions = None if exact else index.partitions(engine)
    if partitions is None or condition is None:
        return partitions
    # Comparing a few entries is faster than an index that knows nothing of the condition.
    few = engine.count(condition) < index.APPROXIMATE_FROM
    return None if few else partitions


def depth(count: int, rates: Rates, strength: float | None) -> int:
    """Return how many entries a search for so many candidates has to look at.

    A strong entry may be hidden behind weak ones whose rates are higher; but only from a probe that
    is weak itself.
    """
    wanted = rates.calibration.min_strength
    weak = strength is not None and wanted is not None and strength < wanted
    return _MAX_CANDIDATES if weak else count


def candidates(
    neighbours: Sequence[Neighbour],
    rates: Rates,
    searched: int,
    *,
    count: int,
    strength: float | None,
) -> tuple[Candidate, ...]:
    """Return the nearest neighbours with their ranks and rates, and the one that decides.

    Parameters
    ----------
    neighbours
        The entries found, nearest first, `depth` of them.
    rates
        The rates of the gallery.
    searched
        The number of entries searched among.
    count
        The number of nearest ones to return.
    strength
        The strength of the probe; None where it is unknown.
    """
    found = _rated(neighbours, rates, searched, strength)
    best = deciding(found)
    shown = found[:count]
    return shown if best is None or best.rank <= count else (*shown, best)


def _rated(
    neighbours: Sequence[Neighbour], rates: Rates, searched: int, strength: float | None
) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            rank=rank,
            entry=neighbour.entry,
            distance=neighbour.distance,
            similarity=neighbour.similarity,
            fmr=rates.fmr_at(neighbour.distance, of_pair(neighbour.entry.strength, strength)),
            fpir=rates.fpir_at(
                neighbour.distance, searched, of_pair(neighbour.entry.strength, strength)
            ),
            information=rates.information_of(neighbour.entry.strength, strength),
        )
        for rank, neighbour in enumerate(neighbours, 1)
    )
