"""The numbers of a report, computed from searches, each with its interval (ISO/IEC 19795-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.error_rates import WeightedSearches
from renzheng.evaluation.searches.ranking import SearchScores
from renzheng.evaluation.statistics.bootstrap import (
    REPLICATES,
    RULE_OF_30,
    Estimate,
    Progress,
    bootstrap,
)
from renzheng.verification.calibration import Calibration, fmr_for_fpir

MAX_RANK = 50  # the last rank of the CMC
MAX_FPIRS = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class SearchPoint:
    """Identification rates at one threshold.

    Attributes
    ----------
    max_fpir
        The rate that was asked for: the threshold is the largest distance that keeps it on these
        searches.
    threshold
        The distance; whoever is at most that far away is a candidate.
    tpir
        True positive identification rate, 1 - FNIR; failures to acquire and to enrol are misses.
    tpir_of_people
        The same with every person counting once, however many pictures of them there are.
    fpir_of_people
        FPIR at the threshold, every person counting once.
    false_positives
        The number of non-mated searches that return a candidate.
    people
        The number of people whom these searches are for.
    """

    max_fpir: float
    threshold: float
    tpir: Estimate
    tpir_of_people: Estimate
    fpir_of_people: Estimate
    false_positives: int
    people: int

    @property
    def supported(self) -> bool:
        """Whether `people` is 30 or more (rule of 30).

        Searches for one person are not independent and count as one.
        """
        return self.people >= RULE_OF_30

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "max_fpir": self.max_fpir,
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "tpir": self.tpir.to_dict(),
            "fnir": 1 - self.tpir.value,
            "tpir_of_people": self.tpir_of_people.to_dict(),
            "fpir_of_people": self.fpir_of_people.to_dict(),
            "false_positives": self.false_positives,
            "people": self.people,
            "supported": self.supported,
        }


@dataclass(frozen=True)
class PromisedPoint:
    """A promise of the pack's calibration for a database of this size, beside what was observed.

    Attributes
    ----------
    max_fpir
        The rate that was asked for.
    fmr
        The false match rate of one comparison that promises it (`fmr_for_fpir`).
    threshold
        The distance of `fmr`; None where that is below the resolution of the calibration.
    fpir, tpir
        The rates observed at `threshold`; None without one.
    """

    max_fpir: float
    fmr: float
    threshold: float | None
    fpir: Estimate | None
    tpir: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "promised_fpir": self.max_fpir,
            "fmr": self.fmr,
            "threshold": self.threshold,
            "fpir": None if self.fpir is None else self.fpir.to_dict(),
            "tpir": None if self.tpir is None else self.tpir.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class SearchMeasurement:
    """The measured rates of one kind of searches.

    Attributes
    ----------
    name
        ``leave-one-out`` or ``disjoint``.
    enrolled, not_enrolled
        Numbers of people with a reference, and of those whose reference failed (failure to enrol).
    mated, mated_lost, mates_missing, mated_people
        Numbers of mated searches, of those that failed to acquire, of those whose mate was not
        enrolled, and of the people they are for.
    nonmated, nonmated_lost, nonmated_people
        Numbers of non-mated searches, of those that failed to acquire, and of the people they are
        for.
    rank
        R of every TPIR; None for no condition.
    points
        One for each FPIR asked for, as far down as one search reaches.
    identification
        The CMC: closed-set identification rates from rank 1 up to rank 50 at most.
    identification_of_people
        The same with every person counting once.
    promises
        One for each FPIR asked for, if the pack has a calibration.
    curve_fpir, curve_tpir
        float64 (c,): the curve, thinned to what a plot can show.
    """

    name: str
    enrolled: int
    not_enrolled: int
    mated: int
    mated_lost: int
    mates_missing: int
    mated_people: int
    nonmated: int
    nonmated_lost: int
    nonmated_people: int
    rank: int | None
    points: tuple[SearchPoint, ...]
    identification: tuple[Estimate, ...]
    identification_of_people: tuple[Estimate, ...]
    promises: tuple[PromisedPoint, ...]
    curve_fpir: Array
    curve_tpir: Array

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "enrolled": self.enrolled,
            "failed_to_enrol": self.not_enrolled,
            "mated_searches": {
                "count": self.mated,
                "people": self.mated_people,
                "failed_to_acquire": self.mated_lost,
                "mate_not_enrolled": self.mates_missing,
            },
            "nonmated_searches": {
                "count": self.nonmated,
                "people": self.nonmated_people,
                "failed_to_acquire": self.nonmated_lost,
            },
            "rank": self.rank,
            "operating_points": [point.to_dict() for point in self.points],
            "identification_rates": [e.to_dict() for e in self.identification],
            "identification_rates_of_people": [e.to_dict() for e in self.identification_of_people],
            "calibration": [promise.to_dict() for promise in self.promises],
            "curve": {"fpir": self.curve_fpir.tolist(), "tpir": self.curve_tpir.tolist()},
        }


def measure_searches(
    name: str,
    scores: SearchScores,
    *,
    calibration: Calibration | None = None,
    max_fpirs: Sequence[float] = MAX_FPIRS,
    rank: int | None = 1,
    draws: int = REPLICATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> SearchMeasurement:
    """Measure identification with bootstrap intervals over the people who are searched for.

    Parameters
    ----------
    name
        The name of this kind of searches, passed through.
    scores
        The searches.
    calibration
        The pack's calibration, to hold against the searches.
    max_fpirs
        The false positive identification rates to report.
    rank
        As in `WeightedSearches`.
    draws, seed, progress
        As in `bootstrap`.
    """
    searched = len(scores.nearest) - scores.nonmated_lost
    wanted = [rate for rate in max_fpirs if rate * searched >= 1]
    ranks = np.arange(1, min(MAX_RANK, scores.enrolled) + 1)
    promised = [] if calibration is None else _promised(calibration, max_fpirs, scores.enrolled)
    cuts = np.array([threshold for _, threshold in promised if threshold is not None])
    plain = WeightedSearches(scores, rank=rank)
    thresholds = np.array([plain.tpir_at_fpir(rate)[1] for rate in wanted])

    def statistics(weight: Array | None) -> dict[str, npt.ArrayLike]:
        weighted = WeightedSearches(scores, weight, rank=rank)
        per_person = WeightedSearches(scores, weight, rank=rank, per_person=True)
        found = [weighted.tpir_at_fpir(rate) for rate in wanted]
        return {
            "tpir": [tpir for tpir, _ in found],
            "tpir of people": per_person.tpir_at([threshold for _, threshold in found]),
            "fpir of people": per_person.fpir_at(thresholds),
            "identification rate": weighted.identification_rate(ranks),
            "identification rate of people": per_person.identification_rate(ranks),
            "promised fpir": weighted.fpir_at(cuts),
            "promised tpir": weighted.tpir_at(cuts),
        }

    everyone = np.union1d(scores.mated_person, scores.nonmated_person)
    found = bootstrap(everyone, statistics, draws, seed=seed, progress=progress)
    nearest = scores.nearest
    people = len(np.unique(scores.nonmated_person[~np.isnan(nearest)]))
    points = []
    for rate, threshold, tpir, tpir_of_people, fpir_of_people in zip(
        wanted,
        thresholds,
        found.estimates("tpir"),
        found.estimates("tpir of people"),
        found.estimates("fpir of people", people),
        strict=True,
    ):
        false = nearest <= threshold
        points.append(
            SearchPoint(
                max_fpir=rate,
                threshold=float(threshold),
                tpir=tpir,
                tpir_of_people=tpir_of_people,
                fpir_of_people=fpir_of_people,
                false_positives=int(false.sum()),
                people=len(np.unique(scores.nonmated_person[false])),
            )
        )
    fpirs = found.estimates("promised fpir", people)
    observed = dict(
        zip(cuts.tolist(), zip(fpirs, found.estimates("promised tpir"), strict=True), strict=True)
    )
    curve_fpir, curve_tpir = _curve(plain, searched)
    return SearchMeasurement(
        name=name,
        enrolled=scores.enrolled,
        not_enrolled=scores.not_enrolled,
        mated=len(scores.mate),
        mated_lost=scores.mated_lost,
        mates_missing=scores.mates_missing,
        mated_people=len(np.unique(scores.mated_person)),
        nonmated=len(nearest),
        nonmated_lost=scores.nonmated_lost,
        nonmated_people=len(np.unique(scores.nonmated_person)),
        rank=rank,
        points=tuple(points),
        identification=tuple(found.estimates("identification rate")),
        identification_of_people=tuple(found.estimates("identification rate of people")),
        promises=tuple(
            PromisedPoint(
                rate, fmr, threshold, *((None, None) if threshold is None else observed[threshold])
            )
            for rate, (fmr, threshold) in zip(max_fpirs, promised, strict=False)
        ),
        curve_fpir=curve_fpir,
        curve_tpir=curve_tpir,
    )


def _promised(
    calibration: Calibration, max_fpirs: Sequence[float], enrolled: int
) -> list[tuple[float, float | None]]:
    """Return the false match rate that keeps each FPIR, and its distance."""
    found: list[tuple[float, float | None]] = []
    for max_fpir in max_fpirs:
        fmr = fmr_for_fpir(max_fpir, enrolled)
        try:
            found.append((fmr, calibration.threshold_at(fmr)))
        except InvalidInput:  # below the resolution of the calibration
            found.append((fmr, None))
    return found


def _curve(plain: WeightedSearches, searched: int, points: int = 200) -> tuple[Array, Array]:
    """Return FPIRs evenly spread in their logarithm, from one search up to all, and their TPIRs."""
    fpir = np.geomspace(1 / searched, 1, points) if searched > 1 else np.ones(1)
    return fpir, np.array([plain.tpir_at_fpir(float(rate))[0] for rate in fpir])
