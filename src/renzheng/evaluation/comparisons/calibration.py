"""Calibrations fitted to scores: the FMR and the likelihood ratio of each distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.measurement import count_genuine_people, finest_fmr
from renzheng.evaluation.comparisons.scores import CELL, Array, Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.statistics.tails import extrapolate
from renzheng.verification.calibration import Calibration, Population

_FINE = 0.002  # width of the cells that the likelihood ratio is fitted on
_STEP = 5  # cells between the points of the curve; at the tail FMR about doubles over them
_EDGES = np.round(np.arange(0, 2 + _FINE / 2, _FINE), 3)
_MIN_COMPARISONS = {"genuine": 20, "impostor": 100}


@dataclass(frozen=True, eq=False)
class Compared:
    """The comparisons of one population's people with one another.

    Attributes
    ----------
    name, data, covered
        As in `Population`.
    scores
        The comparisons, of which only the impostor ones count.
    """

    name: str
    data: str
    scores: Scores
    covered: bool = True


def fit(
    scores: Scores,
    provenance: Mapping[str, Any] | None = None,
    *,
    population: str = "",
    data: str = "",
    others: Sequence[Compared] = (),
) -> Calibration:
    """Fit a calibration to scores.

    FMR is the measured share itself, read at every hundredth of distance. Below `resolution`, the
    rate at which 30 different pairs of people match falsely (rule of 30), the curve is kept for
    plots but a `Calibration` answers "at most".

    With a named population the calibration holds a curve for it and for each of the others, and the
    promised FMR is at every distance the highest of the covered ones: a policy then keeps its
    promise whichever of these people stand before the camera. A small population's curve is
    continued below its own resolution, since it would otherwise end far above the rates that are
    asked for (see `renzheng.evaluation.statistics.tails`); the calibration's resolution stays that
    of the main population, unless a curve is so level that no distance has so low a rate.

    The log-likelihood ratio is the isotonic regression of the labels on the distance (pool
    adjacent violators; Zadrozny and Elkan 2002, Brümmer and du Preez 2006). Both kinds have equal
    weight, and the impostors are distributed as in the promised FMR. The ratio is limited to
    ln(3 / genuine people) and ln(1 / resolution): no more evidence than the data could have
    contradicted.

    In both fits each person counts once on the genuine side, however many pictures there are, and
    each comparison counts once on the impostor side.

    Parameters
    ----------
    scores
        Both kinds of comparisons.
    provenance
        Facts to keep with the calibration.
    population, data
        The name of the people in `scores`, and where they come from; they are covered. Without a
        name the calibration names nobody as the people it was measured on.
    others
        Further populations; with any, `population` is needed too.

    Raises
    ------
    InvalidInput
        If there are fewer than 20 genuine or 100 impostor comparisons, or fewer than 30 different
        pairs of people on the impostor side, here or in one of the others.
    """
    for kind, count in (("genuine", len(scores.genuine)), ("impostor", scores.impostors)):
        if count < _MIN_COMPARISONS[kind]:
            raise InvalidInput(
                f"{count} {kind} comparisons are too few to calibrate on; "
                f"at least {_MIN_COMPARISONS[kind]} are needed",
                remedy="give more pairs, or let everyone be compared with everyone (--people)",
            )
    resolution = _resolution(scores, "the impostor comparisons")
    weighted = WeightedScores(scores, per_person=True)
    every = (Compared(population, data, scores), *others) if population or others else ()
    curves = [_curve(each) for each in every]
    promised = weighted.fmr_at(_EDGES)
    if curves:
        covered = [curve for each, (_, curve) in zip(every, curves, strict=True) if each.covered]
        promised = np.max(covered, axis=0)
        # Where a small population's curve falls slowly, no distance has a rate as low as the main
        # population's resolution.
        resolution = max(resolution, _rounded_up(float(promised[0])))
    fnmr = weighted.fnmr_at(_EDGES)
    whole = (np.min([promised, *(c for _, c in curves)], axis=0) >= 1 - 1e-12) & (fnmr <= 1e-12)
    end = int(np.argmax(whole[::_STEP])) + 1
    grid, fmr, fnmr = (curve[::_STEP][:end] for curve in (_EDGES, promised, fnmr))
    if not curves:
        fmr = np.clip(fmr, 0.1 / scores.impostors, 1.0)
    people = count_genuine_people(scores)
    return Calibration(
        distance=grid,
        fmr=fmr,
        fnmr=np.clip(fnmr, 0.0, 1.0),
        resolution=resolution,
        populations=tuple(
            Population(
                name=each.name,
                data=each.data,
                people=each.scores.people,
                covered=each.covered,
                resolution=its_resolution,
                fmr=curve[::_STEP][:end],
            )
            for each, (its_resolution, curve) in zip(every, curves, strict=True)
        ),
        llr=np.clip(
            _LogLikelihoodRatio(weighted, promised)(grid),
            min(0.0, np.log(3 / people)),
            np.log(1 / resolution),
        ),
        provenance={
            **(provenance or {}),
            "people": scores.people,
            "genuine_comparisons": len(scores.genuine),
            "impostor_comparisons": scores.impostors,
            "resolution": "the rate at which 30 different pairs of people match falsely",
        },
    )


def _curve(compared: Compared) -> tuple[float, Array]:
    """Return the resolution of a population and its rates at `_EDGES`, continued below it."""
    resolution = _resolution(
        compared.scores, f"the comparisons of the population {compared.name!r}"
    )
    measured = WeightedScores(compared.scores).fmr_at(_EDGES)
    return resolution, np.minimum(extrapolate(_EDGES, measured, resolution), 1.0)


def _resolution(scores: Scores, called: str) -> float:
    """Return the lowest rate that the scores support, rounded up to one digit."""
    finest = finest_fmr(scores)
    if finest is None:
        raise InvalidInput(
            f"there are fewer than 30 different pairs of people in {called}",
            remedy="give pictures of more people",
        )
    return _rounded_up(finest)


def _rounded_up(rate: float) -> float:
    """Round a rate up to one significant digit, which is all that the data warrant."""
    digit = 10.0 ** np.floor(np.log10(rate))
    return min(1.0, float(f"{np.ceil(rate / digit - 1e-9) * digit:.1g}"))


class _LogLikelihoodRatio:
    """The natural logarithm of the ratio of densities by distance, never rising.

    Parameters
    ----------
    weighted
        Both kinds of comparisons.
    fmr
        float64 (edges,): the share of impostors at `_EDGES` or nearer, by default that of
        `weighted`.
    """

    def __init__(self, weighted: WeightedScores, fmr: Array | None = None):
        within = weighted.fmr_at(_EDGES) if fmr is None else fmr
        genuine = np.diff(np.concatenate([[0.0], 1 - weighted.fnmr_at(_EDGES)]))
        impostor = np.diff(np.concatenate([[0.0], within]))
        middle = np.maximum(_EDGES - _FINE / 2, 0)
        kept = genuine + impostor > 0
        share, place = pool_adjacent_violators(
            middle[kept],
            genuine[kept] / (genuine[kept] + impostor[kept]),
            genuine[kept] + impostor[kept],
        )
        with np.errstate(divide="ignore"):
            ratio = np.log(share) - np.log1p(-share)
        # At either end only one kind is left, and the ratio is infinite; callers set the limits.
        self._ratio = np.clip(ratio, -50, 50)
        self._place = place

    def __call__(self, distance: Array) -> Array:
        return np.asarray(np.interp(distance, self._place, self._ratio))


def pool_adjacent_violators(place: Array, value: Array, weight: Array) -> tuple[Array, Array]:
    """Fit by isotonic regression the closest sequence that never rises.

    Parameters
    ----------
    place, value, weight
        float64 (n,): increasing places, the values there, and their weights, above 0.

    Returns
    -------
    float64 (blocks,), float64 (blocks,)
        The falling values of the blocks, and their weighted mean places.
    """
    blocks: list[list[float]] = []  # weight, weighted value, weighted place
    for p, v, w in zip(place, value, weight, strict=True):
        blocks.append([float(w), float(w * v), float(w * p)])
        while len(blocks) > 1 and blocks[-1][1] * blocks[-2][0] >= blocks[-2][1] * blocks[-1][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    table = np.array(blocks)
    return table[:, 1] / table[:, 0], table[:, 2] / table[:, 0]


@dataclass(frozen=True)
class Reliability:
    """The accuracy of a calibration's likelihood ratios on other data.

    Attributes
    ----------
    cllr
        Cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 is perfect, 1 is
        the cost of ratios that say nothing.
    cllr_min
        The same after the best monotone recalibration on this very data: the best that these
        distances allow. The difference is the loss through calibration.
    claimed, observed
        For each cell of the claimed probability that both are one person, at equal priors: the
        mean claim and the observed share.
    """

    cllr: float
    cllr_min: float
    claimed: tuple[float, ...]
    observed: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "cllr": self.cllr,
            "cllr_min": self.cllr_min,
            "claimed": list(self.claimed),
            "observed": list(self.observed),
        }


def reliability(scores: Scores, calibration: Calibration, cells: int = 20) -> Reliability:
    """Compare a calibration's likelihood ratios with scores that it was not fitted on.

    Genuine and impostor comparisons have equal weight, as in the fit.

    Raises
    ------
    InvalidInput
        If the calibration has no likelihood ratios.
    """
    if calibration.llr is None:
        raise InvalidInput("this calibration has no likelihood ratios", remedy="fit it again")
    weighted = WeightedScores(scores, per_person=True)
    edges = np.arange(0, 2 + CELL / 2, CELL)
    genuine = np.diff(np.concatenate([[0.0], 1 - weighted.fnmr_at(edges)]))
    impostor = np.diff(np.concatenate([[0.0], weighted.fmr_at(edges)]))
    middle = np.maximum(edges - CELL / 2, 0)
    claimed = np.interp(middle, calibration.distance, calibration.llr)
    best = np.clip(_LogLikelihoodRatio(weighted)(middle), -50, 50)
    probability = 1 / (1 + np.exp(-claimed))
    cell = np.minimum((probability * cells).astype(int), cells - 1)
    both = genuine + impostor
    weight = np.bincount(cell, both, cells)
    seen = weight > 0
    return Reliability(
        cllr=_cost(claimed, genuine, impostor),
        cllr_min=min(_cost(best, genuine, impostor), _cost(claimed, genuine, impostor)),
        claimed=tuple((np.bincount(cell, both * probability, cells)[seen] / weight[seen]).tolist()),
        observed=tuple((np.bincount(cell, genuine, cells)[seen] / weight[seen]).tolist()),
    )


def _cost(ratio: Array, genuine: Array, impostor: Array) -> float:
    bits = genuine @ np.logaddexp(0, -ratio) + impostor @ np.logaddexp(0, ratio)
    return float(bits / (2 * np.log(2)))
