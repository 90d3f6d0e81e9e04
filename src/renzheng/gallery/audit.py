"""A gallery compared with itself: duplicate enrolments, and how near impostors come."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.gallery.engine import Engine
from renzheng.gallery.entries import DuplicateEnrolment, Entry
from renzheng.gallery.impostors import Indices, Progress, near_pairs, nearest_impostors
from renzheng.gallery.rates import NearestImpostors, Rates
from renzheng.types import Floats, SamePhoto

_BATCH = 1000  # entries read at a time

ComparePhotographs = Callable[[Entry, Entry], SamePhoto | None]


def duplicate_enrolments(
    engine: Engine,
    rates: Rates,
    max_fpir: float,
    *,
    max_pairs: int,
    compare_photographs: ComparePhotographs | None = None,
    progress: Progress | None = None,
) -> tuple[list[DuplicateEnrolment], int]:
    """Find pairs of different people as near as a search would accept for an identification.

    Parameters
    ----------
    engine, rates
        The gallery's entries, and its rates.
    max_fpir
        The false positive identification rate of the limit; where that cannot be promised, the
        lowest that can be.
    max_pairs
        The most pairs to return, the nearest.
    compare_photographs
        Compares the photographs of two entries.
    progress
        Called after each block.

    Returns
    -------
    the pairs, nearest first, and how many more there are
    """
    ids, person, rows = _load(engine)
    if len(ids) < 2:
        return [], 0
    limit = rates.threshold_at(max_fpir, len(ids) - 1)
    pairs = near_pairs(rows, person, limit, max_pairs=max_pairs, progress=progress)
    entries: dict[str, Entry] = {}
    wanted = sorted({ids[k] for k in (*pairs.one, *pairs.other)})
    for start in range(0, len(wanted), _BATCH):
        entries |= {entry.id: entry for entry in engine.get(wanted[start : start + _BATCH])}
    found = []
    for a, b, distance in zip(pairs.one, pairs.other, pairs.distance.tolist(), strict=True):
        one, other = entries.get(ids[a]), entries.get(ids[b])
        if one is None or other is None:  # removed in the meantime
            continue
        found.append(
            DuplicateEnrolment(
                (one, other),
                distance,
                rates.fmr_at(distance),
                rates.fpir_at(distance, len(ids) - 1),
                None if compare_photographs is None else compare_photographs(one, other),
            )
        )
    return found, pairs.left_out


def measure_impostors(
    engine: Engine, searches: int, seed: int, progress: Progress | None = None
) -> NearestImpostors:
    """Search with an entry of each person among those of all other people.

    Parameters
    ----------
    engine
        The gallery's entries.
    searches
        The number of searches, drawn at random; one per person if there are no more people.
    seed
        The seed of the draw.
    progress
        Called after each block.

    Raises
    ------
    InvalidInput
        If there are fewer than two people.
    """
    if searches < 1:
        raise InvalidInput(f"searches must be 1 or more, not {searches}")
    _, person, rows = _load(engine)
    entries_of = np.bincount(person)
    if len(entries_of) < 2:
        raise InvalidInput(
            "FPIR is measured between people, and the gallery holds fewer than two",
            source=engine.where,
            remedy="enrol more people",
        )
    # One search per person: several for one person are not independent, and count as one.
    order = np.random.default_rng(seed).permutation(len(rows))
    drawn = order[np.unique(person[order], return_index=True)[1]]
    drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:searches])
    fewest = len(rows) - int(entries_of[person[drawn]].max())
    return NearestImpostors.of(nearest_impostors(rows, person, drawn, progress), fewest)


def _load(engine: Engine) -> tuple[list[str], Indices, Floats]:
    """Return ids, people as numbers, and embeddings, float32 (n, d), of the whole gallery."""

    def load() -> tuple[list[str], Indices, Floats]:
        ids: list[str] = []
        number: dict[str, int] = {}
        person: list[int] = []
        rows = np.empty((engine.count(), engine.dimension), np.float32)
        for part, people, embeddings in engine.scan_embeddings():
            if len(ids) + len(part) > len(rows):  # another process is adding entries
                rows = np.concatenate([rows, np.empty((len(part) + _BATCH, rows.shape[1]), "f4")])
            rows[len(ids) : len(ids) + len(part)] = embeddings
            ids += part
            person += [number.setdefault(name, len(number)) for name in people]
        return ids, np.array(person, np.intp), rows[: len(ids)]

    return engine.again(load)
