"""A gallery compared with itself: duplicate enrolments, and how near impostors come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.gallery.engine import Engine
from renzheng.gallery.entries import DuplicateEnrolment, Entry
from renzheng.gallery.impostors import Indices, Progress, near_pairs, nearest_impostors
from renzheng.gallery.rates import NearestImpostors, Rates
from renzheng.types import Floats, SamePhoto
from renzheng.verification.information import of_pair

_BATCH = 1000  # entries read at a time


@dataclass(frozen=True, eq=False)
class DuplicateCheck:
    """The result of looking for duplicate enrolments.

    Attributes
    ----------
    pairs
        The pairs found, nearest first.
    left_out
        The number of further pairs.
    without_rate
        The number of pairs as near that are not called duplicates, since both entries show too
        little of a face for any rate to hold.
    """

    pairs: list[DuplicateEnrolment]
    left_out: int = 0
    without_rate: int = 0


@dataclass(frozen=True, eq=False)
class _Entries:
    """All entries of a gallery.

    Attributes
    ----------
    ids
        Their ids.
    person
        int (n,), the number of each entry's person.
    rows
        float32 (n, d), the embeddings.
    strengths
        float64 (n,), NaN where it is unknown.
    """

    ids: list[str]
    person: Indices
    rows: Floats
    strengths: npt.NDArray[np.float64]


ComparePhotographs = Callable[[Entry, Entry], SamePhoto | None]


def duplicate_enrolments(
    engine: Engine,
    rates: Rates,
    max_fpir: float,
    *,
    max_pairs: int,
    compare_photographs: ComparePhotographs | None = None,
    progress: Progress | None = None,
) -> DuplicateCheck:
    """Find pairs of different people as near as a search would accept for an identification.

    The stronger entry of a pair decides which rates hold for it.

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
    """
    loaded = _load(engine)
    ids, strengths = loaded.ids, loaded.strengths
    if len(ids) < 2:
        return DuplicateCheck([])
    others = len(ids) - 1
    limit = rates.thresholds(max_fpir, others)

    def limits(one: Indices, other: Indices) -> npt.NDArray[np.float64]:
        # The maximum with NaN is NaN: unknown.
        pair = np.maximum(strengths[one], strengths[other])
        return limit.at(pair)

    pairs = near_pairs(
        loaded.rows,
        loaded.person,
        limit.ordinary,
        limits_of=limits,
        max_pairs=max_pairs,
        progress=progress,
    )
    entries: dict[str, Entry] = {}
    wanted = sorted({ids[k] for k in (*pairs.one, *pairs.other)})
    for start in range(0, len(wanted), _BATCH):
        entries |= {entry.id: entry for entry in engine.get(wanted[start : start + _BATCH])}
    found = []
    for a, b, distance in zip(pairs.one, pairs.other, pairs.distance.tolist(), strict=True):
        one, other = entries.get(ids[a]), entries.get(ids[b])
        if one is None or other is None:  # removed in the meantime
            continue
        strength = of_pair(one.strength, other.strength)
        fmr, fpir = rates.fmr_at(distance, strength), rates.fpir_at(distance, others, strength)
        if fmr is None or fpir is None:  # replaced in the meantime
            continue
        found.append(
            DuplicateEnrolment(
                (one, other),
                distance,
                fmr,
                fpir,
                None if compare_photographs is None else compare_photographs(one, other),
            )
        )
    return DuplicateCheck(found, pairs.left_out, pairs.without_limit)


def measure_impostors(
    engine: Engine,
    searches: int,
    seed: int,
    progress: Progress | None = None,
    *,
    min_strength: float | None = None,
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
    min_strength
        The strength below which an entry is not searched for, so that no comparison is weaker.

    Raises
    ------
    InvalidInput
        If there are fewer than two people, or all entries are weaker.
    """
    if searches < 1:
        raise InvalidInput(f"searches must be 1 or more, not {searches}")
    loaded = _load(engine)
    person = loaded.person
    entries_of = np.bincount(person)
    if len(entries_of) < 2:
        raise InvalidInput(
            "FPIR is measured between people, and the gallery holds fewer than two",
            source=engine.where,
            remedy="enrol more people",
        )
    # One search per person: several for one person are not independent, and count as one.
    order = np.random.default_rng(seed).permutation(len(person))
    if min_strength is not None:
        order = order[~(loaded.strengths[order] < min_strength)]
    if not len(order):
        raise InvalidInput(
            "all entries of the gallery show too little of a face to measure FPIR with",
            source=engine.where,
            remedy="enrol better pictures",
        )
    drawn = order[np.unique(person[order], return_index=True)[1]]
    drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:searches])
    fewest = len(person) - int(entries_of[person[drawn]].max())
    return NearestImpostors.of(nearest_impostors(loaded.rows, person, drawn, progress), fewest)


def _load(engine: Engine) -> _Entries:
    """Return what is compared of the whole gallery."""

    def load() -> _Entries:
        ids: list[str] = []
        number: dict[str, int] = {}
        person: list[int] = []
        strengths = [np.zeros(0)]
        rows = np.empty((engine.count(), engine.dimension), np.float32)
        for block in engine.scan_embeddings():
            end = len(ids) + len(block.ids)
            if end > len(rows):  # another process is adding entries
                rows = np.concatenate(
                    [rows, np.empty((end - len(rows) + _BATCH, rows.shape[1]), "f4")]
                )
            rows[len(ids) : end] = block.embeddings
            ids += block.ids
            person += [number.setdefault(name, len(number)) for name in block.people]
            strengths.append(block.strengths)
        return _Entries(ids, np.array(person, np.intp), rows[: len(ids)], np.concatenate(strengths))

    return engine.again(load)
