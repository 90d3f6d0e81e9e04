"""Information levels: false match rates of faces that have lost something, fitted on such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from renzheng.datasets.degradations import captures
from renzheng.datasets.types import People
from renzheng.errors import InvalidInput
from renzheng.evaluation.information.acquisition import (
    CLEAN,
    DegradedFaces,
    Progress,
    acquire_degraded,
)
from renzheng.evaluation.information.cache import DegradedCache
from renzheng.evaluation.information.rates import compare
from renzheng.evaluation.sampling import draw_people, first_pictures
from renzheng.evaluation.statistics.bootstrap import Array
from renzheng.evaluation.statistics.tails import extrapolate
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import InformationLevel
from renzheng.verification.verifier import Verifier

_MIXED = ""  # pairs of two different degradations, together


@dataclass(frozen=True)
class LevelSettings:
    """The settings of a fit.

    Attributes
    ----------
    clean_share
        The share of clean faces that are weaker than the first level.
    strengths
        The lowest strengths of the weaker levels, as shares of the first level's, falling.
    min_pairs
        The number of pairs of one degradation in a level from which on it has a curve of its own;
        those with fewer are taken together.
    errors
        The number of pairs that match falsely down to which a rate is counted; below it the curve
        is extrapolated.
    max_fmr, min_distance
        A level is dropped, and all below it, if the distance of this rate is less: hardly a genuine
        pair is as near.
    """

    clean_share: float = 0.04
    # In a first level of a tenth the distance of 1e-4 hardly depends on the numbers below: 0.79 to
    # 0.80 with 300 to 1,000 pairs and 2 to 10 errors, and 0.69 to 0.87 in levels of 4 % (80 people
    # of LFW, 50 East Asian women and 50 men). A second level of a tenth would serve nobody.
    strengths: tuple[float, ...] = (0.9, 0.8)
    min_pairs: int = 400
    errors: int = 5
    max_fmr: float = 1e-4
    min_distance: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.clean_share < 1:
            raise InvalidInput("the share of weak clean faces must be 0 or more and below 1")
        falling = [1.0, *self.strengths, 0.0]
        if any(a <= b for a, b in pairwise(falling)):
            raise InvalidInput("the strengths of levels must fall, below 1 and above 0")


@dataclass(frozen=True, eq=False)
class FittingPeople:
    """People to fit on, who are compared with one another and with nobody else.

    Attributes
    ----------
    name
        The name of the population.
    faces
        One picture of each person, clean and degraded.
    """

    name: str
    faces: DegradedFaces


def fit_levels(
    calibration: Calibration,
    people: Sequence[FittingPeople],
    settings: LevelSettings | None = None,
) -> Calibration:
    """Fit the information levels of a calibration.

    The calibration's own rates hold from the strength that all but a few clean faces reach. In each
    level below it the rate at a distance is the highest among the degradations, of pairs of people
    who were degraded alike and whose stronger side lies in the level, and among all pairs of
    different degradations together; it is never below that of the level above.

    Parameters
    ----------
    calibration
        The calibration; its levels, if any, are replaced.
    people
        The people to fit on, at least two with a clean face.
    settings
        The levels' strengths and the demands on the data.

    Returns
    -------
    Calibration
        With `min_strength` and those of the levels that are of use.

    Raises
    ------
    InvalidInput
        If there are too few people.
    """
    settings = settings or LevelSettings()
    clean = np.concatenate([_clean_strengths(each.faces) for each in people] or [np.empty(0)])
    if len(clean) < 2:
        raise InvalidInput("levels need clean faces of two people or more")
    first = float(np.quantile(clean, settings.clean_share))
    bounds = [first, *(share * first for share in settings.strengths)]
    distances = _by_kind_and_level(people, bounds)
    worst, levels = calibration.fmr, []
    for level, bound in enumerate(bounds[1:], start=1):
        curves = _curves(calibration.distance, distances, level, settings)
        if not curves:  # nothing is known about faces so weak
            break
        worst = np.maximum.accumulate(np.maximum.reduce([worst, *curves]))
        fitted = InformationLevel(bound, worst)
        if _reach(calibration.distance, worst, settings.max_fmr) < settings.min_distance:
            break
        levels.append(fitted)
    return replace(calibration, min_strength=first, weaker=tuple(levels))


def _clean_strengths(faces: DegradedFaces) -> Array:
    strengths = faces.strengths[faces.names.index(CLEAN)]
    return np.asarray(strengths[np.isfinite(strengths)])


def _by_kind_and_level(
    people: Sequence[FittingPeople], bounds: Sequence[float]
) -> dict[str, list[Array]]:
    """Return the distances of different people by degradation and by level, the strongest first."""
    found: dict[str, list[list[Array]]] = {}
    for each in people:
        for kind, distance, strength in _pairs(each.faces):
            parts = found.setdefault(kind, [[] for _ in bounds])
            highest = np.inf
            for part, bound in zip(parts, bounds, strict=True):
                part.append(distance[(strength >= bound) & (strength < highest)])
                highest = bound
    return {
        kind: [np.sort(np.concatenate(part)) for part in parts] for kind, parts in found.items()
    }


def _pairs(faces: DegradedFaces) -> Iterator[tuple[str, Array, Array]]:
    """Yield distances and strengths of pairs of different people, by degradation."""
    names = faces.names
    for a, kind in enumerate(names):
        for b in range(a, len(names)):
            if b > a and CLEAN in (kind, names[b]):
                continue  # one clear side is enough: those pairs keep the first level's rates
            distance, strength = compare(
                faces.embeddings[a], faces.strengths[a], faces.embeddings[b], faces.strengths[b]
            )
            valid = np.isfinite(distance)
            valid &= np.triu(np.ones_like(valid), 1) if a == b else ~np.eye(len(valid), dtype=bool)
            yield kind if a == b else _MIXED, distance[valid], strength[valid]


def _curves(
    at: Array, distances: Mapping[str, Sequence[Array]], level: int, settings: LevelSettings
) -> list[Array]:
    """Return the false match rates in a level: of each degradation, or of those with few pairs."""
    few, curves = [], []
    for kind, parts in distances.items():
        curve = _curve(at, parts[level], settings)
        if curve is not None:
            curves.append(curve)
        elif kind != _MIXED:
            few.append(parts[level])
    if few:
        curve = _curve(at, np.sort(np.concatenate(few)), settings)
        if curve is not None:
            curves.append(curve)
    return curves


def _curve(at: Array, distances: Array, settings: LevelSettings) -> Array | None:
    """Return the false match rate at each distance; None with too few pairs."""
    if len(distances) < settings.min_pairs:
        return None
    counts = np.searchsorted(distances, at, side="right")
    fmr = counts / len(distances)
    resolution = settings.errors / len(distances)
    return np.maximum(extrapolate(at, fmr, resolution), 1e-15)


def _reach(distance: Array, fmr: Array, max_fmr: float) -> float:
    """Return the largest of the distances at which the rate is at most `max_fmr`."""
    enough = np.flatnonzero(fmr <= max_fmr)
    return float(distance[enough[-1]]) if len(enough) else -1.0


def acquire_fitting(
    people: People,
    count: int,
    verifier: Verifier,
    *,
    seed: int = 0,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> FittingPeople:
    """Acquire the degraded faces of people to fit on.

    Parameters
    ----------
    people
        The people; of each the first picture is used.
    count
        The number of people, drawn at random; if there are fewer, all of them.
    verifier
        The networks.
    seed
        Seed of the draw and of the degradations.
    cache
        The file of faces that are known; None keeps none.
    workers
        The number of processes.
    progress
        Called with the number of degraded pictures done.

    Returns
    -------
    FittingPeople
        With the degradations that are not held out.

    Raises
    ------
    InvalidInput
        If `count` is below 2.
    RenzhengError
        As in `acquire_degraded`.
    """
    if count < 2:
        raise InvalidInput(f"levels need degraded pictures of two people or more, not {count}")
    people = people.select(draw_people(people.person, count, min_pictures=1, seed=seed))
    people = people.select(first_pictures(people.person, 1))
    with nullcontext() if cache is None else DegradedCache(cache) as known:
        faces = acquire_degraded(
            people.pictures,
            verifier,
            captures.fitted(),
            seed=seed,
            cache=known,
            workers=workers,
            progress=progress,
        )
    return FittingPeople(people.name, faces)


def kept_levels(calibration: Calibration, old: Calibration) -> Calibration:
    """Return a calibration with what is known of its network from another one.

    Strengths belong to the network, and so do its levels and the nearest genuine distance. In a
    level the rate at a distance is the higher one: that of the level or of the calibration.
    """
    worst, levels = calibration.fmr, []
    for each in old.weaker:
        moved = np.exp(np.interp(calibration.distance, old.distance, np.log(each.fmr)))
        worst = np.maximum(worst, moved)
        levels.append(InformationLevel(each.min_strength, worst))
    return replace(
        calibration,
        min_strength=old.min_strength,
        weaker=tuple(levels),
        nearest_genuine=old.nearest_genuine,
    )
