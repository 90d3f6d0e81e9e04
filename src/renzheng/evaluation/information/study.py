"""Studies of degraded faces: whether promised rates are kept, and the price in true matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets.degradations import captures
from renzheng.datasets.types import Indices, People
from renzheng.errors import InvalidInput
from renzheng.evaluation import provenance
from renzheng.evaluation.information import rates
from renzheng.evaluation.information.acquisition import (
    CLEAN,
    DegradedFaces,
    acquire_degraded,
)
from renzheng.evaluation.information.cache import DegradedCache
from renzheng.evaluation.information.rates import GalleryRates, PairRates, Shares
from renzheng.evaluation.sampling import draw_people, first_pictures
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Array, draw_weights
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import Thresholds
from renzheng.verification.verifier import Verifier

Progress = Callable[[str, int, int], None]  # the work, how much of it is done, how much there is
_WORST = 10  # pairs of different degradations that are named


@dataclass(frozen=True)
class InformationSettings:
    """The settings of a study.

    Attributes
    ----------
    names
        The names of the degradations.
    people
        The number of people, drawn at random; None takes all. People with two pictures come first,
        since they alone give genuine pairs.
    max_fmr
        The promised false match rate.
    max_fpir
        The promised false positive identification rate.
    genuine
        Whether to use second pictures as well, for genuine pairs.
    both_degraded
        The names of the degradations that second pictures go through as well; None is all. After
        the others, genuine pairs are degraded on one side only.
    seed
        Seed of draws and degradations.
    draws
        The number of bootstrap replicates behind the intervals.
    workers
        The number of processes.
    cache
        The file of results that are known; None keeps none.
    """

    names: tuple[str, ...] = tuple(captures.DEGRADATIONS)
    people: int | None = None
    max_fmr: float = 1e-4
    max_fpir: float = 0.01
    genuine: bool = True
    both_degraded: tuple[str, ...] | None = None
    seed: int = 0
    draws: int = REPLICATES
    workers: int = 1
    cache: Path | None = None


@dataclass(frozen=True)
class DegradationRates:
    """The rates of one degradation.

    Attributes
    ----------
    name, family, held_out
        As in `renzheng.datasets.degradations.captures`; the clean pictures have the family
        ``clean``.
    not_acquired
        The share of pictures in which no face is found (failure to acquire).
    strength
        The 5th percentile, the median and the 95th percentile of the strengths.
    alike
        False match rates where both sides are degraded.
    one_sided
        False match rates of degraded against clean pictures.
    genuine_alike, genuine_one_sided
        True matches likewise; None without second pictures.
    gallery
        Searches with degraded pictures among people enrolled with degraded ones.
    """

    name: str
    family: str
    held_out: bool
    not_acquired: Proportion
    strength: tuple[float, float, float]
    alike: PairRates | None
    one_sided: PairRates | None
    genuine_alike: Shares | None
    genuine_one_sided: Shares | None
    gallery: GalleryRates | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        parts = {
            "alike": self.alike,
            "one_sided": self.one_sided,
            "genuine_alike": self.genuine_alike,
            "genuine_one_sided": self.genuine_one_sided,
            "gallery": self.gallery,
        }
        return {
            "name": self.name,
            "family": self.family,
            "held_out": self.held_out,
            "not_acquired": self.not_acquired.to_dict(),
            "strength": [v if np.isfinite(v) else None for v in self.strength],
            **{k: None if part is None else part.to_dict() for k, part in parts.items()},
        }


@dataclass(frozen=True)
class MixedRates:
    """False matches among pairs of which the two sides are degraded in different ways.

    Attributes
    ----------
    pairs, before, after, doubt
        Numbers of pairs: all, those that match without and with strength, and those without a rate.
    worst
        The pairs of degradations with most matches after, each with the numbers of matches and
        pairs.
    """

    pairs: int
    before: int
    after: int
    doubt: int
    worst: tuple[tuple[str, str, int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "pairs": self.pairs,
            "before": self.before,
            "after": self.after,
            "doubt": self.doubt,
            "worst": [list(row) for row in self.worst],
        }


@dataclass(frozen=True)
class InformationStudy:
    """The rates of all degradations.

    Attributes
    ----------
    name
        The name of the data.
    people, second_pictures
        The number of people, and of those with a second picture.
    max_fmr, max_fpir
        The promised rates.
    rows
        The rates by degradation; the first row is that of the clean pictures.
    mixed
        The false matches of two different degradations; None with fewer than two.
    provenance
        The pack, the data, the machine and the limits of the study.
    """

    name: str
    people: int
    second_pictures: int
    max_fmr: float
    max_fpir: float
    rows: tuple[DegradationRates, ...]
    mixed: MixedRates | None
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "people": self.people,
            "second_pictures": self.second_pictures,
            "max_fmr": self.max_fmr,
            "max_fpir": self.max_fpir,
            "degradations": [row.to_dict() for row in self.rows],
            "mixed": None if self.mixed is None else self.mixed.to_dict(),
            "provenance": self.provenance,
        }


def evaluate_degraded(
    people: People,
    verifier: Verifier,
    settings: InformationSettings,
    *,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> InformationStudy:
    """Measure how well promised rates are kept on degraded faces.

    Parameters
    ----------
    people
        The people; of each the first picture is compared, and a second one in genuine pairs.
    verifier
        The networks, with their calibration.
    settings
        The degradations and promises.
    calibration
        The calibration to measure; by default that of the verifier.
    progress
        Called as the work goes on.

    Raises
    ------
    InvalidInput
        If the pack has no calibration, a degradation is unknown, or there are too few people.
    RenzhengError
        As in `acquire_degraded`.
    """
    calibration = calibration or verifier.calibration
    if calibration is None:
        raise InvalidInput("a pack without a calibration promises no rate")
    thresholds = rates.thresholds_of(calibration, settings.max_fmr)
    people = drawn_people(people, settings.people, settings.seed)
    faces, mates = acquire_people(people, verifier, settings, progress)
    count = faces.strengths.shape[1]
    weights = np.stack(
        list(draw_weights(np.arange(count), max(settings.draws, 1), seed=settings.seed))
    )
    enrolled = np.random.default_rng(settings.seed).permutation(count) < count // 2
    rows = []
    for k in range(len(faces.names)):
        if progress:
            progress("comparing", k + 1, len(faces.names))
        gallery = rates.gallery_rates(
            faces, mates, (k, k), enrolled, calibration, settings.max_fpir
        )
        rows.append(_row(k, faces, mates, thresholds, weights, gallery))
    return InformationStudy(
        name=people.name,
        people=count,
        second_pictures=int(mates.acquired[0].sum()),
        max_fmr=settings.max_fmr,
        max_fpir=settings.max_fpir,
        rows=tuple(rows),
        mixed=_mixed(faces, thresholds),
        provenance=_provenance(verifier, calibration, settings),
    )


def _provenance(
    verifier: Verifier, calibration: Calibration, settings: InformationSettings
) -> dict[str, Any]:
    return {
        **provenance.of_run(),
        "pack": provenance.of_pack(verifier.pack),
        "detector": provenance.of_pack(verifier.detector_pack),
        "seed": settings.seed,
        "draws": settings.draws,
        "min_strength": calibration.min_strength,
        "weaker": [each.min_strength for each in calibration.weaker],
        "limits": [
            "Degradations are made by a program: real cameras, masks and glasses lose other things "
            "as well.",
            "Findings of quality are not counted: a policy may refuse more than is in doubt here.",
        ],
    }


def drawn_people(people: People, count: int | None, seed: int) -> People:
    """Draw people at random, those with two pictures first; keep two pictures of each."""
    people = people.select(first_pictures(people.person, 2))
    if count is None:
        return people
    if count < 2:
        raise InvalidInput(f"two people or more are needed, not {count}")
    _, pictures = np.unique(people.person, return_counts=True)
    enough = int((pictures >= 2).sum()) >= count
    chosen = draw_people(people.person, count, min_pictures=2 if enough else 1, seed=seed)
    return people.select(chosen)


def acquire_people(
    people: People,
    verifier: Verifier,
    settings: InformationSettings,
    progress: Progress | None = None,
) -> tuple[DegradedFaces, DegradedFaces]:
    """Acquire the degraded faces of people's first and second pictures.

    Parameters
    ----------
    people
        The people, each with one or two pictures.
    verifier
        The networks.
    settings
        The degradations, the seed, the processes and the cache; without `genuine`, second pictures
        are not acquired.
    progress
        Called as the work goes on.

    Returns
    -------
    (faces, mates)
        The first and the second picture of each person, in one order; where there is no second
        picture it counts as not acquired.
    """
    first, second = _places(people.person)
    with_second = np.flatnonzero(second >= 0)
    chosen = settings.names if settings.both_degraded is None else settings.both_degraded
    again = [name for name in settings.names if name in chosen]

    def acquire(places: Indices, names: Sequence[str], step: str) -> DegradedFaces:
        return acquire_degraded(
            [people.pictures[i] for i in places],
            verifier,
            names,
            seed=settings.seed,
            cache=cache,
            workers=settings.workers,
            progress=None if progress is None else partial(progress, step),
        )

    with nullcontext() if settings.cache is None else DegradedCache(settings.cache) as cache:
        faces = acquire(first, settings.names, "degrading")
        embeddings = np.full_like(faces.embeddings, np.nan)
        strengths = np.full_like(faces.strengths, np.nan)
        if settings.genuine and len(with_second):
            found = acquire(second[with_second], again, "degrading second pictures")
            rows = np.array([faces.names.index(name) for name in found.names], np.intp)
            embeddings[np.ix_(rows, with_second)] = found.embeddings
            strengths[np.ix_(rows, with_second)] = found.strengths
    return faces, DegradedFaces(faces.names, embeddings, strengths)


def _places(person: Indices) -> tuple[Indices, Indices]:
    """Return the first and the second picture of each person, -1 where there is none."""
    order = np.argsort(person, kind="stable")
    _, start, count = np.unique(person[order], return_index=True, return_counts=True)
    second = np.where(count > 1, order[np.minimum(start + 1, len(order) - 1)], -1)
    return order[start], second


def _row(
    k: int,
    faces: DegradedFaces,
    mates: DegradedFaces,
    thresholds: Thresholds,
    weights: Array,
    gallery: GalleryRates | None,
) -> DegradationRates:
    """Measure one degradation, by its index in the faces; 0 are the clean pictures."""
    known = captures.DEGRADATIONS.get(faces.names[k])
    one, two = faces.of(k), mates.of(k)
    one_sided, genuine_one_sided = None, None
    if k:
        distance = rates.compare(*one, *faces.of(0))
        one_sided = rates.pair_rates(*distance, thresholds, weights, alike=False)
        genuine_one_sided = rates.genuine_shares(*one, *mates.of(0), thresholds)
    return DegradationRates(
        name=faces.names[k],
        family=CLEAN if known is None else known.family,
        held_out=known is not None and known.held_out,
        not_acquired=Proportion.counted(~faces.acquired[k]),
        strength=_spread(faces.strengths[k][faces.acquired[k]]),
        alike=rates.pair_rates(*rates.compare(*one, *one), thresholds, weights, alike=True),
        one_sided=one_sided,
        genuine_alike=rates.genuine_shares(*one, *two, thresholds),
        genuine_one_sided=genuine_one_sided,
        gallery=gallery,
    )


def _spread(values: Array) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    low, middle, high = (float(v) for v in np.quantile(values, (0.05, 0.5, 0.95)))
    return low, middle, high


def _mixed(faces: DegradedFaces, thresholds: Thresholds) -> MixedRates | None:
    """Compare the faces of each degradation with those of every other one."""
    total = np.zeros(4, np.int64)
    worst: list[tuple[str, str, int, int]] = []
    for one, other, counts in _mixed_counts(faces, thresholds):
        total += counts
        pairs, _, after, _ = (int(v) for v in counts)
        if after:
            worst.append((one, other, after, pairs))
    if not total[0]:
        return None
    worst.sort(key=lambda row: (-row[2] / row[3], row))
    pairs, before, after, doubt = (int(v) for v in total)
    return MixedRates(pairs, before, after, doubt, tuple(worst[:_WORST]))


def _mixed_counts(
    faces: DegradedFaces, thresholds: Thresholds
) -> Iterator[tuple[str, str, Sequence[int]]]:
    for a, b in combinations(range(1, len(faces.names)), 2):
        distance, strength = rates.compare(
            faces.embeddings[a], faces.strengths[a], faces.embeddings[b], faces.strengths[b]
        )
        valid = np.isfinite(distance)
        np.fill_diagonal(valid, False)
        found = rates.decide(thresholds, distance[valid], strength[valid])
        counts = [len(found.doubt), found.before.sum(), found.after.sum(), found.doubt.sum()]
        yield faces.names[a], faces.names[b], [int(v) for v in counts]
