"""The numbers of a report, computed from scores, each with its interval (ISO/IEC 19795-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.error_rates import ErrorCurve, FoldAccuracy
from renzheng.evaluation.comparisons.scores import Array, Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.statistics.bootstrap import (
    REPLICATES,
    RULE_OF_30,
    Estimate,
    Progress,
    bootstrap,
)
from renzheng.verification.calibration import Calibration

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class OperatingPoint:
    """Error rates at one threshold.

    Attributes
    ----------
    fmr
        The false match rate that was asked for.
    threshold
        The distance; a comparison matches when its distance is at most that.
    fnmr
        False non-match rate among comparisons between pictures that gave embeddings.
    fnmr_of_people
        The same with every person counting once, however many pictures of them there are.
    frr
        False rejection rate of one attempt: a failure to acquire is a rejection too. TAR, the
        literature's true accept rate, is 1 - FRR.
    false_matches
        The number of impostor comparisons that match.
    people
        The number of different pairs of people among these.
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
        """Whether `people` is 30 or more.

        Rule of 30: with 30 errors the true rate is within 30 % of the measured one, at 90 %.

        Comparisons of the same two people are not independent and count as one.
        """
        return self.people >= RULE_OF_30

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
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
    """A promise of the pack's calibration beside the rates observed here.

    Attributes
    ----------
    promised
        The false match rate that the calibration gives to `threshold`.
    threshold
        The distance.
    fmr, fnmr, frr
        The rates observed at `threshold`.
    """

    promised: float
    threshold: float
    fmr: Estimate
    fnmr: Estimate
    frr: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "promised_fmr": self.promised,
            "threshold": self.threshold,
            "fmr": self.fmr.to_dict(),
            "fnmr": self.fnmr.to_dict(),
            "frr": self.frr.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Measurement:
    """The measured error rates of a protocol.

    Attributes
    ----------
    genuine, impostor
        Numbers of comparisons with a distance.
    genuine_lost, impostor_lost
        Numbers of comparisons without one, after a failure to acquire.
    people, people_pairs
        Numbers of people, and of different pairs of people who were compared.
    curve
        FMR and FNMR over all thresholds.
    equal_error_rate, area_under_roc
        Both with their intervals.
    d_prime
        The difference of the two means in units of their mean standard deviation; None for sets so
        large that the impostors were only counted.
    points
        One for each of `RATES`, as far down as one impostor reaches.
    finest_fmr
        The lowest false match rate that the data support (rule of 30); None if they support none.
    rule_of_three
        The rate that would still be possible (95 %) had no pair of people matched falsely.
    promises
        One for each threshold of the calibration, if the pack has one.
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

    def point(self, fmr: float) -> OperatingPoint | None:
        """Return the operating point of this rate, or None if it was not measured."""
        return next((p for p in self.points if np.isclose(p.fmr, fmr, rtol=1e-9)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the curve."""
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
        The pack's calibration, to hold against the scores.
    folds
        Accuracy over folds, passed through.
    rates
        The false match rates to report.
    draws, seed, progress
        As in `bootstrap`.
    """
    # Without genuine comparisons there is nothing to say at a false match rate.
    wanted = [rate for rate in rates if rate * scores.impostors >= 1 and len(scores.genuine)]
    promised = promised_thresholds(calibration, rates)
    cuts = np.array([threshold for threshold, _ in promised])

    def statistics(weight: Array | None) -> dict[str, npt.ArrayLike]:
        weighted = WeightedScores(scores, weight)
        per_person = WeightedScores(scores, weight, per_person=True)
        found = [weighted.fnmr_at_fmr(rate) for rate in wanted]
        thresholds = [threshold for _, threshold in found]
        return {
            "threshold": thresholds,
            "fnmr": [fnmr for fnmr, _ in found],
            "fnmr of people": per_person.fnmr_at(thresholds),
            "equal error rate": weighted.equal_error_rate(),
            "area under ROC": weighted.area_under_roc(),
            "promised fmr": weighted.drawn_fmr_at(cuts),
            "promised fnmr": weighted.fnmr_at(cuts),
        }

    found = bootstrap(scores.person, statistics, draws, seed=seed, progress=progress)
    lost = scores.genuine_lost / max(scores.genuine_lost + len(scores.genuine), 1)
    nearest = scores.nearest_people()
    people_pairs = count_people_pairs(scores)
    genuine_people = count_genuine_people(scores)
    points = tuple(
        OperatingPoint(
            fmr=rate,
            threshold=float(threshold),
            fnmr=fnmr,
            fnmr_of_people=fnmr_of_people,
            frr=_with_losses(fnmr, lost),
            false_matches=int(scores.impostors_within(threshold)),
            people=int(np.searchsorted(nearest, threshold, side="right")),
        )
        for rate, threshold, fnmr, fnmr_of_people in zip(
            wanted,
            found.measured["threshold"],
            found.estimates("fnmr", genuine_people),
            found.estimates("fnmr of people", genuine_people),
            strict=True,
        )
    )
    promises = tuple(
        Promise(rate, threshold, fmr=fmr, fnmr=fnmr, frr=_with_losses(fnmr, lost))
        for (threshold, rate), fmr, fnmr in zip(
            promised,
            found.estimates("promised fmr", people_pairs),
            found.estimates("promised fnmr", genuine_people),
            strict=True,
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
        equal_error_rate=found.estimate("equal error rate"),
        area_under_roc=found.estimate("area under ROC"),
        d_prime=_d_prime(scores),
        points=points,
        finest_fmr=finest_fmr(scores),
        rule_of_three=min(1.0, 3 / people_pairs),
        promises=promises,
        folds=folds,
    )


def promised_thresholds(
    calibration: Calibration | None, rates: Sequence[float] = RATES
) -> list[tuple[float, float]]:
    """Return (distance, rate) for each rate that the calibration has a threshold for."""
    found = []
    if calibration is not None:
        for rate in rates:
            try:
                found.append((calibration.threshold_at(rate), rate))
            except InvalidInput:  # below the resolution of the calibration
                continue
    return found


def finest_fmr(scores: Scores) -> float | None:
    """Return the lowest false match rate that the data support, None if they support none.

    By the rule of 30, over different pairs of people, this is the rate at the distance at which 30
    of them match.
    """
    nearest = scores.nearest_people()
    if len(nearest) < RULE_OF_30:
        return None
    return float(scores.impostors_within(nearest[RULE_OF_30 - 1]) / scores.impostors)


def count_people_pairs(scores: Scores) -> int:
    """Count the different pairs of people who were compared."""
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
    """Count the people who have a genuine comparison."""
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
