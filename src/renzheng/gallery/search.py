"""One search: from a picture or an embedding to candidates and their rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.gallery import index
from renzheng.gallery.engine import Engine
from renzheng.gallery.entries import Candidate, Neighbour
from renzheng.gallery.rates import Rates
from renzheng.types import Floats

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


def candidates(
    neighbours: Sequence[Neighbour], rates: Rates, searched: int
) -> tuple[Candidate, ...]:
    """Return neighbours with their ranks and rates in a search among so many entries."""
    return tuple(
        Candidate(
            rank=rank,
            entry=neighbour.entry,
            distance=neighbour.distance,
            similarity=neighbour.similarity,
            fmr=rates.fmr_at(neighbour.distance),
            fpir=rates.fpir_at(neighbour.distance, searched),
        )
        for rank, neighbour in enumerate(neighbours, 1)
    )
