"""A gallery held against itself: who is in it twice, and how near do strangers come?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.gallery.engine import Engine
from renzheng.gallery.entries import DuplicateEnrolment, Entry
from renzheng.gallery.impostors import Indices, Progress, near_pairs, nearest_strangers
from renzheng.gallery.rates import NearestStrangers, Rates
from renzheng.types import Floats, SamePhoto

_BATCH = 1000  # entries that are asked for at a time

Look = Callable[[Entry, Entry], SamePhoto | None]


def suspicions(
    engine: Engine,
    rates: Rates,
    max_fpir: float,
    *,
    most: int,
    look: Look | None = None,
    progress: Progress | None = None,
) -> tuple[list[DuplicateEnrolment], int]:
    """Pairs of entries of different people who lie as near as a search would take for one person.

    Parameters
    ----------
    engine, rates
        The gallery's.
    max_fpir
        Up to which false positive identification rate; where that cannot be promised, up to the
        lowest that can be.
    most
        Pairs that are returned, the nearest.
    look
        Says of two entries whether they are one photograph.
    progress
        Told after each block.

    Returns
    -------
    the pairs, nearest first, and how many more there are
    """
    ids, person, rows = _everyone(engine)
    if len(ids) < 2:
        return [], 0
    limit = rates.threshold_at(max_fpir, len(ids) - 1)
    pairs = near_pairs(rows, person, limit, most=most, progress=progress)
    named: dict[str, Entry] = {}
    wanted = sorted({ids[k] for k in (*pairs.one, *pairs.other)})
    for start in range(0, len(wanted), _BATCH):
        named |= {entry.id: entry for entry in engine.get(wanted[start : start + _BATCH])}
    found = []
    for a, b, distance in zip(pairs.one, pairs.other, pairs.distance.tolist(), strict=True):
        one, other = named.get(ids[a]), named.get(ids[b])
        if one is None or other is None:  # removed meanwhile
            continue
        found.append(
            DuplicateEnrolment(
                (one, other),
                distance,
                rates.fmr_at(distance),
                rates.fpir_at(distance, len(ids) - 1),
                None if look is None else look(one, other),
            )
        )
    return found, pairs.left_out


def measure_strangers(
    engine: Engine, searches: int, seed: int, progress: Progress | None = None
) -> NearestStrangers:
    """Search with an entry of each person among those of all other people.

    Parameters
    ----------
    engine
        The gallery's.
    searches
        How many, drawn with the seed; all people if there are no more.
    seed
        Of the draw.
    progress
        Told after each block.

    Raises
    ------
    InvalidInput
        If there are fewer than two people.
    """
    if searches < 1:
        raise InvalidInput(f"searches must be 1 or more, not {searches}")
    _, person, rows = _everyone(engine)
    of_person = np.bincount(person)
    if len(of_person) < 2:
        raise InvalidInput(
            "FPIR is measured between people, and the gallery holds fewer than two",
            source=engine.where,
            remedy="enrol more",
        )
    # One search for each person: those for one person are not independent and count as one.
    order = np.random.default_rng(seed).permutation(len(rows))
    drawn = order[np.unique(person[order], return_index=True)[1]]
    drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:searches])
    fewest = len(rows) - int(of_person[person[drawn]].max())
    return NearestStrangers.of(nearest_strangers(rows, person, drawn, progress), fewest)


def _everyone(engine: Engine) -> tuple[list[str], Indices, Floats]:
    """Ids, people as numbers, and embeddings of the whole gallery."""

    def load() -> tuple[list[str], Indices, Floats]:
        ids: list[str] = []
        number: dict[str, int] = {}
        person: list[int] = []
        rows = np.empty((engine.count(), engine.dimension), np.float32)
        for some, whose, embeddings in engine.scan_embeddings():
            if len(ids) + len(some) > len(rows):  # somebody adds meanwhile
                rows = np.concatenate([rows, np.empty((len(some) + _BATCH, rows.shape[1]), "f4")])
            rows[len(ids) : len(ids) + len(some)] = embeddings
            ids += some
            person += [number.setdefault(name, len(number)) for name in whose]
        return ids, np.array(person, np.intp), rows[: len(ids)]

    return engine.again(load)
