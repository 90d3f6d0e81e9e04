"""From scores to a calibration: what a distance means as FMR and as a likelihood ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.comparison import Calibration
from renzheng.errors import InvalidInput
from renzheng.evaluation.bootstrap import Weighted
from renzheng.evaluation.measurement import count_genuine_people, finest_fmr
from renzheng.evaluation.scores import CELL, Array, Scores
from renzheng.evaluation.trial import Indices

_GRID = 0.01  # distance between the curve's points; FMR about doubles over it at the tail
_FINE = 0.002  # cells that the likelihood ratio is fitted on
_FEWEST = {"genuine": 20, "impostor": 100}


def fit(scores: Scores, provenance: Mapping[str, Any] | None = None) -> Calibration:
    """Fit a calibration.

    FMR is the measured share itself, read at every hundredth of distance. Below `resolution`, the
    rate at which 30 different pairs of people match falsely (rule of 30), the curve is kept for
    plots but a `Calibration` answers "at most": the tail is not extrapolated. No law is known for
    it that would hold for the people who are not in the data.

    The log-likelihood ratio is the isotonic regression of the labels on the distance (pool
    adjacent violators; Zadrozny and Elkan 2002, Brümmer and du Preez 2006) with both kinds given
    equal weight. It is held between ln(3 / genuine people) and ln(1 / resolution): no more
    evidence than the data could have contradicted.

    In both the people count once each on the genuine side, however many pictures there are of
    them, and every comparison counts once on the impostor side.

    Parameters
    ----------
    scores
        Both kinds of comparisons.
    provenance
        What to keep with the calibration.

    Raises
    ------
    InvalidInput
        If there are fewer than 20 genuine or 100 impostor comparisons, or fewer than 30 different
        pairs of people on the impostor side.
    """
    for kind, count in (("genuine", len(scores.genuine)), ("impostor", scores.impostors)):
        if count < _FEWEST[kind]:
            raise InvalidInput(
                f"{count} {kind} comparisons are too few to calibrate on; "
                f"{_FEWEST[kind]} at least are needed",
                remedy="give more pairs, or let everyone be compared with everyone (--people)",
            )
    finest = finest_fmr(scores)
    if finest is None:
        raise InvalidInput(
            "the impostor comparisons show fewer than 30 different pairs of people",
            remedy="give pictures of more people",
        )
    resolution = _rounded_up(finest)
    weighted = Weighted(scores, per_person=True)
    grid = np.round(np.arange(0, 2 + _GRID / 2, _GRID), 2)
    fmr, fnmr = weighted.fmr_at(grid), weighted.fnmr_at(grid)
    end = int(np.argmax((fmr >= 1 - 1e-12) & (fnmr <= 1e-12))) + 1
    grid, fmr, fnmr = grid[:end], fmr[:end], fnmr[:end]
    people = count_genuine_people(scores)
    return Calibration(
        distance=grid,
        fmr=np.clip(fmr, 0.1 / scores.impostors, 1.0),
        fnmr=np.clip(fnmr, 0.0, 1.0),
        resolution=resolution,
        llr=np.clip(
            _LogLikelihoodRatio(weighted)(grid),
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


def _rounded_up(rate: float) -> float:
    """To one digit: nobody should read more into it."""
    digit = 10.0 ** np.floor(np.log10(rate))
    return min(1.0, float(f"{np.ceil(rate / digit - 1e-9) * digit:.1g}"))


class _LogLikelihoodRatio:
    """Natural logarithm of the ratio of densities by distance, never rising."""

    def __init__(self, weighted: Weighted):
        edges = np.arange(0, 2 + _FINE / 2, _FINE)
        genuine = np.diff(np.concatenate([[0.0], 1 - weighted.fnmr_at(edges)]))
        impostor = np.diff(np.concatenate([[0.0], weighted.fmr_at(edges)]))
        middle = np.maximum(edges - _FINE / 2, 0)
        kept = genuine + impostor > 0
        share, place = pool_adjacent_violators(
            middle[kept],
            genuine[kept] / (genuine[kept] + impostor[kept]),
            genuine[kept] + impostor[kept],
        )
        with np.errstate(divide="ignore"):
            ratio = np.log(share) - np.log1p(-share)
        # Ends without any of the other kind: as far as the caller's limits reach.
        self._ratio = np.clip(ratio, -50, 50)
        self._place = place

    def __call__(self, distance: Array) -> Array:
        return np.asarray(np.interp(distance, self._place, self._ratio))


def pool_adjacent_violators(place: Array, value: Array, weight: Array) -> tuple[Array, Array]:
    """Isotonic regression: the closest sequence that never rises.

    Parameters
    ----------
    place, value, weight
        float64 (n,): increasing places, the values there, their weights above 0.

    Returns
    -------
    float64 (blocks,), float64 (blocks,)
        The falling values of the blocks, and the weighted mean places of these.
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
    """How far a calibration's likelihood ratios hold on other data.

    Attributes
    ----------
    cllr
        Cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 is perfect, 1 is
        what saying nothing costs.
    cllr_min
        The same after the best monotone recalibration on this very data: what the distances
        could give. The difference is the loss through calibration.
    claimed, observed
        By cell of the claimed probability that it is one person, at equal priors: the claim's
        mean and the share seen.
    """

    cllr: float
    cllr_min: float
    claimed: tuple[float, ...]
    observed: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "cllr": self.cllr,
            "cllr_min": self.cllr_min,
            "claimed": list(self.claimed),
            "observed": list(self.observed),
        }


def reliability(scores: Scores, calibration: Calibration, cells: int = 20) -> Reliability:
    """Hold a calibration's likelihood ratios against scores that it was not fitted on.

    Both kinds count equally in all, as the fit has it.

    Raises
    ------
    InvalidInput
        If the calibration has no likelihood ratios.
    """
    if calibration.llr is None:
        raise InvalidInput("this calibration has no likelihood ratios", remedy="fit it anew")
    weighted = Weighted(scores, per_person=True)
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


def split_people(person: Indices, share: float, seed: int) -> Any:
    """Choose people at random.

    Parameters
    ----------
    person
        int (n,): whose each picture is.
    share
        Of the people to choose, 0 to 1.
    seed
        Of the choice.

    Returns
    -------
    bool (n,)
        Whether a picture is of a chosen person.
    """
    known = np.unique(person)
    chosen = np.random.default_rng(seed).permutation(known)[: round(share * len(known))]
    return np.isin(person, chosen)
