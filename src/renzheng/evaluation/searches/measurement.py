"""From searches to the numbers of a report, each with its interval (terms: ISO/IEC 19795-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.error_rates import (
    WeightedSearches,
    draw_people,
)
from renzheng.evaluation.searches.ranking import SearchScores
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Estimate, Progress, interval
from renzheng.verification.calibration import Calibration, fmr_for_fpir

MAX_RANK = 50  # of the CMC
MAX_FPIRS = (0.1, 0.01, 0.001)
_RULE_OF_30 = 30


@dataclass(frozen=True)
class SearchPoint:
    """What a threshold does.

    Attributes
    ----------
    max_fpir
        What was asked for: the threshold is the largest distance that keeps it on these searches.
    threshold
        The distance; who is at most that far is a candidate.
    tpir
        True positive identification rate, 1 - FNIR; failures to acquire and to enrol are misses.
    tpir_of_people
        The same with every person counting once, however many pictures of them there are.
    fpir_of_people
        FPIR at the threshold, every person counting once.
    false_positives
        How many non-mated searches return a candidate.
    people
        How many people these are searches for.
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
        """Rule of 30: searches for one person are not independent and count as one."""
        return self.people >= _RULE_OF_30

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    """What the pack's calibration promises a database of this size, and what was seen.

    Attributes
    ----------
    max_fpir
        What was asked for.
    fmr
        The false match rate of one comparison that promises it (`fmr_for_fpir`).
    threshold
        Its distance; None where the calibration cannot speak for so low a rate.
    fpir, tpir
        Observed at it; None without a threshold.
    """

    max_fpir: float
    fmr: float
    threshold: float | None
    fpir: Estimate | None
    tpir: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "promised_fpir": self.max_fpir,
            "fmr": self.fmr,
            "threshold": self.threshold,
            "fpir": None if self.fpir is None else self.fpir.to_dict(),
            "tpir": None if self.tpir is None else self.tpir.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class SearchMeasurement:
    """What one way of non-mated searches showed.

    Attributes
    ----------
    name
        ``leave-one-out`` or ``disjoint``.
    enrolled, not_enrolled
        People with a reference, and those whose reference failed (failure to enrol).
    mated, mated_lost, mates_missing, mated_people
        Mated searches in all; those that failed to acquire; those whose mate was not enrolled; how
        many people they are for.
    nonmated, nonmated_lost, nonmated_people
        Non-mated searches in all, those that failed to acquire, and for how many people.
    rank
        R of every TPIR; None for no condition.
    points
        One an FPIR asked for, as far down as one search reaches.
    identification
        The CMC: identification rates of rank 1 to 50 at most, of a closed set.
    identification_of_people
        The same with every person counting once.
    promises
        The calibration's thresholds, if the pack has one.
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
        """Plain values for JSON."""
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
        Passed through.
    scores
        The searches.
    calibration
        Of the pack, to hold against the searches.
    max_fpirs
        The false positive identification rates to report.
    rank
        As in `WeightedSearches`.
    draws, seed
        Of the replicates.
    progress
        Told after each replicate.
    """
    plain = WeightedSearches(scores, rank=rank)
    by_person = WeightedSearches(scores, rank=rank, per_person=True)
    searched = len(scores.nearest) - scores.nonmated_lost
    wanted = [rate for rate in max_fpirs if rate * searched >= 1]
    ranks = np.arange(1, min(MAX_RANK, scores.enrolled) + 1)
    asked = [] if calibration is None else _asked(calibration, max_fpirs, scores.enrolled)
    cuts = np.array([cut for _, cut in asked if cut is not None])
    found = [plain.tpir_at_fpir(rate) for rate in wanted]
    places = np.array([threshold for _, threshold in found])
    drawn: dict[str, list[Array]] = {}
    for weight in draw_people(scores, draws, seed=seed, progress=progress):
        each = WeightedSearches(scores, weight, rank=rank)
        once = WeightedSearches(scores, weight, rank=rank, per_person=True)
        chosen = [each.tpir_at_fpir(rate) for rate in wanted]
        for key, values in (
            ("tpir", np.array([tpir for tpir, _ in chosen])),
            ("tpir_once", once.tpir_at([threshold for _, threshold in chosen])),
            ("fpir_once", once.fpir_at(places)),
            ("cmc", each.identification_rate(ranks)),
            ("cmc_once", once.identification_rate(ranks)),
            ("promise_fpir", each.fpir_at(cuts)),
            ("promise_tpir", each.tpir_at(cuts)),
        ):
            drawn.setdefault(key, []).append(values)

    def estimates(key: str, values: Array, independent: int | None = None) -> list[Estimate]:
        rows = np.array(drawn[key]) if key in drawn else np.empty((0, len(values)))
        return [interval(float(v), rows[:, k], independent) for k, v in enumerate(values)]

    mated_people = len(np.unique(scores.mated_person))
    nearest = scores.nearest
    people = len(np.unique(scores.nonmated_person[~np.isnan(nearest)]))
    columns = (
        estimates("tpir", np.array([tpir for tpir, _ in found])),
        estimates("tpir_once", by_person.tpir_at(places)),
        estimates("fpir_once", by_person.fpir_at(places), people),
    )
    points = []
    for rate, place, tpir, tpir_once, fpir_once in zip(wanted, places, *columns, strict=True):
        false = nearest <= place
        points.append(
            SearchPoint(
                max_fpir=rate,
                threshold=float(place),
                tpir=tpir,
                tpir_of_people=tpir_once,
                fpir_of_people=fpir_once,
                false_positives=int(false.sum()),
                people=len(np.unique(scores.nonmated_person[false])),
            )
        )
    seen = iter(
        zip(
            estimates("promise_fpir", plain.fpir_at(cuts), people),
            estimates("promise_tpir", plain.tpir_at(cuts)),
            strict=True,
        )
    )
    promises = []
    for rate, (fmr, cut) in zip(max_fpirs, asked, strict=False):
        observed = (None, None) if cut is None else next(seen)
        promises.append(PromisedPoint(rate, fmr, cut, *observed))
    curve_fpir, curve_tpir = _curve(plain, searched)
    return SearchMeasurement(
        name=name,
        enrolled=scores.enrolled,
        not_enrolled=scores.not_enrolled,
        mated=len(scores.mate),
        mated_lost=scores.mated_lost,
        mates_missing=scores.mates_missing,
        mated_people=mated_people,
        nonmated=len(nearest),
        nonmated_lost=scores.nonmated_lost,
        nonmated_people=len(np.unique(scores.nonmated_person)),
        rank=rank,
        points=tuple(points),
        identification=tuple(estimates("cmc", plain.identification_rate(ranks))),
        identification_of_people=tuple(estimates("cmc_once", by_person.identification_rate(ranks))),
        promises=tuple(promises),
        curve_fpir=curve_fpir,
        curve_tpir=curve_tpir,
    )


def _asked(
    calibration: Calibration, max_fpirs: Sequence[float], enrolled: int
) -> list[tuple[float, float | None]]:
    """The false match rate that keeps each promise, and its distance."""
    found: list[tuple[float, float | None]] = []
    for max_fpir in max_fpirs:
        fmr = fmr_for_fpir(max_fpir, enrolled)
        try:
            found.append((fmr, calibration.threshold_at(fmr)))
        except InvalidInput:  # finer than the calibration speaks
            found.append((fmr, None))
    return found


def _curve(plain: WeightedSearches, searched: int, points: int = 200) -> tuple[Array, Array]:
    """TPIR at FPIRs evenly spread in their logarithm, from one search up to all."""
    fpir = np.geomspace(1 / searched, 1, points) if searched > 1 else np.ones(1)
    return fpir, np.array([plain.tpir_at_fpir(float(rate))[0] for rate in fpir])
