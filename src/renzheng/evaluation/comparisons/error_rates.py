"""Error rates of a comparison, in the terms of ISO/IEC 19795-1.

Scores are distances: a pair matches when its distance is at most the threshold. A pair with a
failure to acquire has no distance; it is carried as ``inf`` and never matches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Both error rates at every threshold that makes a difference.

    Attributes
    ----------
    threshold
        float64 (k,): -inf, then the observed distances, increasing.
    fmr
        float64 (k,): false match rate, the share of impostor pairs at the threshold or nearer.
    fnmr
        float64 (k,): false non-match rate, the share of genuine pairs farther away. Pairs with a
        failure to acquire count as farther (so this is FRR in the terms of ISO/IEC 19795-1 where
        there are such pairs).
    genuine, impostor
        The number of pairs behind each rate.
    """

    threshold: Array
    fmr: Array
    fnmr: Array
    genuine: int
    impostor: int


def error_curve(distances: Array, same: Labels) -> ErrorCurve:
    """Compute FMR and FNMR at every threshold.

    Parameters
    ----------
    distances
        float (n,); inf for a failure to acquire.
    same
        bool (n,): whether a pair is genuine.

    Raises
    ------
    InvalidInput
        If shapes differ, a distance is NaN, or one kind of pair is missing.
    """
    distances, same = np.asarray(distances, np.float64), np.asarray(same, bool)
    if distances.ndim != 1 or distances.shape != same.shape:
        raise InvalidInput(f"distances {distances.shape} and labels {same.shape} differ in shape")
    if np.isnan(distances).any():
        raise InvalidInput("a distance is NaN", remedy="give inf for a failure to acquire")
    genuine, impostor = np.sort(distances[same]), np.sort(distances[~same])
    if not len(genuine) or not len(impostor):
        missing = "impostor" if len(genuine) else "genuine"
        raise InvalidInput(f"error rates need both kinds of pairs; there is no {missing} pair")
    finite = np.unique(distances[np.isfinite(distances)])
    threshold = np.concatenate([[-np.inf], finite])
    accepted = np.searchsorted(genuine, threshold, side="right")
    return ErrorCurve(
        threshold=threshold,
        fmr=np.searchsorted(impostor, threshold, side="right") / len(impostor),
        fnmr=1 - accepted / len(genuine),
        genuine=len(genuine),
        impostor=len(impostor),
    )


def fnmr_at_fmr(curve: ErrorCurve, max_fmr: float) -> float:
    """Return the lowest FNMR that keeps FMR at or below `max_fmr` (1 - TAR@FAR in papers)."""
    allowed = np.flatnonzero(curve.fmr <= max_fmr)
    return float(curve.fnmr[allowed[-1]])


def equal_error_rate(curve: ErrorCurve) -> float:
    """Return the rate at which FMR and FNMR meet, interpolated between thresholds."""
    difference = curve.fmr - curve.fnmr
    after = int(np.argmax(difference >= 0))
    if difference[after] < 0:  # failures to acquire keep FNMR above FMR throughout
        return float(curve.fnmr[-1])
    if after == 0 or difference[after] == 0:
        return float(curve.fmr[after])
    part = -difference[after - 1] / (difference[after] - difference[after - 1])
    return float(curve.fmr[after - 1] + part * (curve.fmr[after] - curve.fmr[after - 1]))


def area_under_roc(distances: Array, same: Labels) -> float:
    """Return the probability that a genuine pair is nearer than an impostor; ties count half."""
    curve = error_curve(distances, same)
    tar = np.append(1 - curve.fnmr, 1.0)  # pairs without a distance come last
    fmr = np.append(curve.fmr, 1.0)
    return float(np.sum(np.diff(fmr) * (tar[1:] + tar[:-1]) / 2))


def d_prime(distances: Array, same: Labels) -> float:
    """Return the difference of the two means in units of their mean standard deviation."""
    kept = np.isfinite(distances)
    genuine, impostor = distances[kept & same], distances[kept & ~same]
    if len(genuine) < 2 or len(impostor) < 2:
        raise InvalidInput("d' needs at least two acquired pairs of each kind")
    spread = np.sqrt((np.var(genuine, ddof=1) + np.var(impostor, ddof=1)) / 2)
    return float((impostor.mean() - genuine.mean()) / spread) if spread > 0 else float("inf")


def best_threshold(distances: Array, same: Labels) -> float:
    """Return the distance that classifies most pairs correctly, the smallest of several."""
    curve = error_curve(distances, same)
    right = (1 - curve.fnmr) * curve.genuine + (1 - curve.fmr) * curve.impostor
    return float(curve.threshold[int(np.argmax(right))])


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy over folds, each with the threshold that the other folds chose.

    Attributes
    ----------
    mean, standard_error
        The mean of the folds' accuracies, 0 to 1, and its standard error.
    accuracies, thresholds
        One of each for every fold.
    """

    mean: float
    standard_error: float
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def fold_accuracy(distances: Array, same: Labels, folds: npt.NDArray[np.intp]) -> FoldAccuracy:
    """Measure accuracy by LFW's protocol: each fold with the threshold that the others chose.

    A failure to acquire is an error for either kind of pair (Huang et al. 2007 have no such pairs;
    counting an impostor pair without a face as correct would reward a system that sees nothing).

    Parameters
    ----------
    distances
        float (n,); inf for a failure to acquire.
    same
        bool (n,): whether a pair is genuine.
    folds
        int (n,): the fold that each pair belongs to.

    Raises
    ------
    InvalidInput
        If there are fewer than two folds, or the other folds lack one kind of pair.
    """
    names = np.unique(folds)
    if len(names) < 2:
        raise InvalidInput("two folds or more are needed to choose a threshold on the others")
    acquired = np.isfinite(distances)
    accuracies, thresholds = [], []
    for fold in names:
        test = folds == fold
        threshold = best_threshold(distances[~test & acquired], same[~test & acquired])
        right = ((distances[test] <= threshold) == same[test]) & acquired[test]
        accuracies.append(float(right.mean()))
        thresholds.append(threshold)
    return FoldAccuracy(
        mean=float(np.mean(accuracies)),
        standard_error=float(np.std(accuracies, ddof=1) / np.sqrt(len(names))),
        accuracies=tuple(accuracies),
        thresholds=tuple(thresholds),
    )
