"""From scores to the numbers of a report, each with its interval (terms: ISO/IEC 19795-1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.error_rates import ErrorCurve, FoldAccuracy
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.statistics.bootstrap import (
    REPLICATES,
    Estimate,
    Progress,
    Weighted,
    interval,
    replicates,
)
from renzheng.verification.calibration import Calibration

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_RULE_OF_30 = 30


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does.

    Attributes
    ----------
    fmr
        The false match rate that was asked for.
    threshold
        The distance; a comparison matches when it is at most that far.
    fnmr
        False non-match rate: of comparisons between pictures that gave embeddings.
    fnmr_of_people
        The same with every person counting once, however many pictures of them there are.
    frr
        False rejection rate of one attempt: a failure to acquire is a rejection too. TAR, the
        literature's true accept rate, is 1 - FRR.
    false_matches
        How many impostor comparisons match.
    people
        How many different pairs of people these are of.
    """

    fmr: float
    threshold: float
    fnmr: Estimate
    fnmr_of_people: Estimate
    frr: Estimate
    false_matches: int
    people: int

    @property
    def supported(self) -> bool:
        """Rule of 30: with 30 errors the true rate is within 30 % of the measured one, at 90 %.

        Comparisons of the same two people are not independent and count as one.
        """
        return self.people >= _RULE_OF_30

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "fmr": self.fmr,
            "threshold": _finite(self.threshold),
            "fnmr": self.fnmr.to_dict(),
            "fnmr_of_people": self.fnmr_of_people.to_dict(),
            "frr": self.frr.to_dict(),
            "tar": 1 - self.frr.value,
            "false_matches": self.false_matches,
            "people_pairs": self.people,
            "supported": self.supported,
        }


@dataclass(frozen=True)
class Promise:
    """What the pack's calibration says of a threshold, and what was seen here.

    Attributes
    ----------
    promised
        The false match rate that the calibration gives to `threshold`.
    threshold
        A distance.
    fmr, fnmr, frr
        Observed at it.
    """

    promised: float
    threshold: float
    fmr: Estimate
    fnmr: Estimate
    frr: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "promised_fmr": self.promised,
            "threshold": self.threshold,
            "fmr": self.fmr.to_dict(),
            "fnmr": self.fnmr.to_dict(),
            "frr": self.frr.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a protocol showed.

    Attributes
    ----------
    genuine, impostor
        Comparisons with a distance.
    genuine_lost, impostor_lost
        Comparisons without, for a failure to acquire.
    people, people_pairs
        How many people, and how many different pairs of people were compared.
    curve
        FMR and FNMR over all thresholds.
    equal_error_rate, area_under_roc
        With intervals.
    d_prime
        The distance of the two means in their mean standard deviation; None for sets so large
        that the impostors were only counted.
    points
        One a rate of `RATES`, as far down as one impostor reaches.
    finest_fmr
        The lowest false match rate that the data can speak for (rule of 30); None if it cannot
        for any.
    rule_of_three
        Had no pair of people matched falsely, the rate could still be this (95 %).
    promises
        The calibration's thresholds, if the pack has one.
    folds
        Accuracy over folds, if the protocol has them.
    """

    genuine: int
    impostor: int
    genuine_lost: int
    impostor_lost: int
    people: int
    people_pairs: int
    curve: ErrorCurve
    equal_error_rate: Estimate
    area_under_roc: Estimate
    d_prime: float | None
    points: tuple[OperatingPoint, ...]
    finest_fmr: float | None
    rule_of_three: float
    promises: tuple[Promise, ...] = ()
    folds: FoldAccuracy | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def point(self, fmr: float) -> OperatingPoint | None:
        """The operating point of this rate, if it was measured."""
        return next((p for p in self.points if np.isclose(p.fmr, fmr, rtol=1e-9)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; curves in `curves`, thinned to what a plot can show."""
        return {
            "comparisons": {
                "genuine": self.genuine,
                "impostor": self.impostor,
                "genuine_lost": self.genuine_lost,
                "impostor_lost": self.impostor_lost,
            },
            "people": self.people,
            "people_pairs": self.people_pairs,
            "equal_error_rate": self.equal_error_rate.to_dict(),
            "area_under_roc": self.area_under_roc.to_dict(),
            "d_prime": self.d_prime,
            "operating_points": [point.to_dict() for point in self.points],
            "finest_fmr": self.finest_fmr,
            "rule_of_three": self.rule_of_three,
            "calibration": [promise.to_dict() for promise in self.promises],
            "folds": None if self.folds is None else _folds(self.folds),
        }


def measure(
    scores: Scores,
    *,
    calibration: Calibration | None = None,
    folds: FoldAccuracy | None = None,
    draws: int = REPLICATES,
    rates: Sequence[float] = RATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Measure error rates with bootstrap intervals over people.

    Parameters
    ----------
    scores
        The comparisons.
    calibration
        Of the pack, to hold against the scores.
    folds
        Passed through.
    draws
        Bootstrap replicates.
    rates
        The false match rates to report.
    seed
        Of the replicates.
    progress
        Told after each replicate.
    """
    plain, by_person = Weighted(scores), Weighted(scores, per_person=True)
    # Without genuine comparisons there is nothing to say at a false match rate.
    wanted = [rate for rate in rates if rate * scores.impostors >= 1 and len(scores.genuine)]
    promised = promised_thresholds(calibration, rates)
    points = [plain.fnmr_at_fmr(rate) for rate in wanted]
    cuts = np.array([threshold for threshold, _ in promised])
    drawn_points, drawn_people, drawn_eer, drawn_auc, drawn_fmr, drawn_fnmr = ([] for _ in range(6))
    for weighted, per_person in zip(
        replicates(scores, draws, seed=seed, progress=progress),
        replicates(scores, draws, seed=seed, per_person=True),
        strict=True,
    ):
        found = [weighted.fnmr_at_fmr(rate) for rate in wanted]
        drawn_points.append([fnmr for fnmr, _ in found])
        drawn_people.append(per_person.fnmr_at([threshold for _, threshold in found]))
        drawn_eer.append(weighted.equal_error_rate())
        drawn_auc.append(weighted.area_under_roc())
        # Farther impostors were only counted, not drawn: no interval rather than one of no width.
        drawn_fmr.append(np.where(cuts <= scores.complete_to, weighted.fmr_at(cuts), np.nan))
        drawn_fnmr.append(weighted.fnmr_at(cuts))
    lost = scores.genuine_lost / max(scores.genuine_lost + len(scores.genuine), 1)
    nearest = scores.nearest_people()
    people_pairs = count_people_pairs(scores)
    genuine_people = count_genuine_people(scores)
    operating = []
    for k, (rate, (fnmr, threshold)) in enumerate(zip(wanted, points, strict=True)):
        estimate = interval(fnmr, [row[k] for row in drawn_points], genuine_people)
        operating.append(
            OperatingPoint(
                fmr=rate,
                threshold=threshold,
                fnmr=estimate,
                fnmr_of_people=interval(
                    float(by_person.fnmr_at(threshold)),
                    [row[k] for row in drawn_people],
                    genuine_people,
                ),
                frr=_with_losses(estimate, lost),
                false_matches=int(scores.impostors_within(threshold)),
                people=int(np.searchsorted(nearest, threshold, side="right")),
            )
        )
    promises = []
    for k, (threshold, rate) in enumerate(promised):
        fmr_here, fnmr_here = (
            interval(float(rate_at(threshold)), [row[k] for row in drawn], independent)
            for rate_at, drawn, independent in (
                (plain.fmr_at, drawn_fmr, people_pairs),
                (plain.fnmr_at, drawn_fnmr, genuine_people),
            )
        )
        promises.append(
            Promise(
                promised=rate,
                threshold=threshold,
                fmr=fmr_here,
                fnmr=fnmr_here,
                frr=_with_losses(fnmr_here, lost),
            )
        )
    return Measurement(
        genuine=len(scores.genuine),
        impostor=scores.impostors,
        genuine_lost=scores.genuine_lost,
        impostor_lost=scores.impostor_lost,
        people=scores.people,
        people_pairs=people_pairs,
        curve=scores.curve(),
        equal_error_rate=interval(plain.equal_error_rate(), drawn_eer),
        area_under_roc=interval(plain.area_under_roc(), drawn_auc),
        d_prime=_d_prime(scores),
        points=tuple(operating),
        finest_fmr=finest_fmr(scores),
        rule_of_three=min(1.0, 3 / people_pairs),
        promises=tuple(promises),
        folds=folds,
    )


def promised_thresholds(
    calibration: Calibration | None, rates: Sequence[float] = RATES
) -> list[tuple[float, float]]:
    """Return the distance of each rate, with the rate, as far down as the calibration speaks."""
    found = []
    if calibration is not None:
        for rate in rates:
            try:
                found.append((calibration.threshold_at(rate), rate))
            except InvalidInput:  # finer than the calibration speaks
                continue
    return found


def finest_fmr(scores: Scores) -> float | None:
    """The lowest false match rate that the data can speak for; None if it cannot for any.

    Rule of 30, over different pairs of people: the rate at the distance at which 30 of them match.
    """
    nearest = scores.nearest_people()
    if len(nearest) < _RULE_OF_30:
        return None
    return float(scores.impostors_within(nearest[_RULE_OF_30 - 1]) / scores.impostors)


def count_people_pairs(scores: Scores) -> int:
    """How many different pairs of people were compared."""
    if scores.appearances is None:
        return len(scores.nearest_people())
    size = int(scores.person.max()) + 1
    left, right = (
        np.bincount(scores.person, weights=side, minlength=size) > 0 for side in scores.appearances
    )
    both = int((left & right).sum())
    # Ordered pairs of different people, less the second of those that occur both ways round.
    return int(left.sum()) * int(right.sum()) - both - both * (both - 1) // 2


def count_genuine_people(scores: Scores) -> int:
    """How many people have a genuine comparison."""
    return len(np.unique(scores.person[scores.genuine_pairs[:, 0]]))


def _with_losses(fnmr: Estimate, lost: float) -> Estimate:
    return Estimate(*(lost + (1 - lost) * v for v in (fnmr.value, fnmr.low, fnmr.high)))


def _d_prime(scores: Scores) -> float | None:
    if scores.histogram is not None or min(len(scores.genuine), len(scores.impostor)) < 2:
        return None
    spread = np.sqrt((np.var(scores.genuine, ddof=1) + np.var(scores.impostor, ddof=1)) / 2)
    return float((scores.impostor.mean() - scores.genuine.mean()) / spread) if spread > 0 else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _folds(folds: FoldAccuracy) -> dict[str, Any]:
    return {
        "accuracy": folds.mean,
        "standard_error": folds.standard_error,
        "accuracies": list(folds.accuracies),
        "thresholds": list(folds.thresholds),
    }
