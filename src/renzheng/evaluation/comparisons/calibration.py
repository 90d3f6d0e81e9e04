"""From scores to a calibration: what a distance means as FMR and as a likelihood ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.measurement import count_genuine_people, finest_fmr
from renzheng.evaluation.comparisons.scores import CELL, Array, Scores
from renzheng.evaluation.statistics.bootstrap import Weighted
from renzheng.evaluation.statistics.tails import extrapolate
from renzheng.verification.calibration import Calibration, Population

_FINE = 0.002  # cells that the likelihood ratio is fitted on
_STEP = 5  # of them between the curve's points; FMR about doubles over it at the tail
_EDGES = np.round(np.arange(0, 2 + _FINE / 2, _FINE), 3)
_FEWEST = {"genuine": 20, "impostor": 100}


@dataclass(frozen=True, eq=False)
class Compared:
    """The comparisons of one population's people with one another.

    Attributes
    ----------
    name, data, covered
        As in `Population`.
    scores
        Only the impostor comparisons count.
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
    """Fit a calibration.

    FMR is the measured share itself, read at every hundredth of distance. Below `resolution`, the
    rate at which 30 different pairs of people match falsely (rule of 30), the curve is kept for
    plots but a `Calibration` answers "at most".

    With a named population the calibration holds a curve for it and for each of the others, and the
    promised FMR is at every distance the highest of the covered ones: a policy then keeps its word
    for whichever of these people stand before the camera. A small population's curve is continued
    below its own resolution, since it would otherwise end far above the rates that are asked for
    (see `renzheng.evaluation.statistics.tails`); the calibration's resolution stays the main
    population's, unless a curve is so level that no distance has so low a rate.

    The log-likelihood ratio is the isotonic regression of the labels on the distance (pool
    adjacent violators; Zadrozny and Elkan 2002, Brümmer and du Preez 2006) with both kinds given
    equal weight, the impostors spread as the promised FMR has them. It is held between
    ln(3 / genuine people) and ln(1 / resolution): no more evidence than the data could have
    contradicted.

    In both the people count once each on the genuine side, however many pictures there are of
    them, and every comparison counts once on the impostor side.

    Parameters
    ----------
    scores
        Both kinds of comparisons.
    provenance
        What to keep with the calibration.
    population, data
        The name of the people in `scores`, and where they come from; they are covered. Without a
        name the calibration says of nobody that it was measured on them.
    others
        Further populations; with any, `population` is needed too.

    Raises
    ------
    InvalidInput
        If there are fewer than 20 genuine or 100 impostor comparisons, or fewer than 30 different
        pairs of people on the impostor side, here or in one of the others.
    """
    for kind, count in (("genuine", len(scores.genuine)), ("impostor", scores.impostors)):
        if count < _FEWEST[kind]:
            raise InvalidInput(
                f"{count} {kind} comparisons are too few to calibrate on; "
                f"{_FEWEST[kind]} at least are needed",
                remedy="give more pairs, or let everyone be compared with everyone (--people)",
            )
    resolution = _resolution(scores, "the impostor comparisons")
    weighted = Weighted(scores, per_person=True)
    every = (Compared(population, data, scores), *others) if population or others else ()
    curves = [_curve(each) for each in every]
    promised = weighted.fmr_at(_EDGES)
    if curves:
        covered = [curve for each, (_, curve) in zip(every, curves, strict=True) if each.covered]
        promised = np.max(covered, axis=0)
        # Where a small population's curve falls slowly, no distance has a rate as low as the main
        # population could speak of.
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
    """The resolution of a population and its rates at `_EDGES`, continued below it."""
    resolution = _resolution(
        compared.scores, f"the comparisons of the population {compared.name!r}"
    )
    measured = Weighted(compared.scores).fmr_at(_EDGES)
    return resolution, np.minimum(extrapolate(_EDGES, measured, resolution), 1.0)


def _resolution(scores: Scores, called: str) -> float:
    """The lowest rate that the scores can speak of, in one digit."""
    finest = finest_fmr(scores)
    if finest is None:
        raise InvalidInput(
            f"fewer than 30 different pairs of people are among {called}",
            remedy="give pictures of more people",
        )
    return _rounded_up(finest)


def _rounded_up(rate: float) -> float:
    """To one digit: nobody should read more into it."""
    digit = 10.0 ** np.floor(np.log10(rate))
    return min(1.0, float(f"{np.ceil(rate / digit - 1e-9) * digit:.1g}"))


class _LogLikelihoodRatio:
    """Natural logarithm of the ratio of densities by distance, never rising.

    Parameters
    ----------
    weighted
        Both kinds of comparisons.
    fmr
        float64 (edges,): the impostors' share at `_EDGES` or nearer, by default that of `weighted`.
    """

    def __init__(self, weighted: Weighted, fmr: Array | None = None):
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
