"""Strengths of face templates: how much of a face they hold, and the rates that hold for less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import InformationGrade, Measurement
from renzheng.verification import rate_curves

# Quality components below which a crop shows less of a face than its embedding's length tells: the
# length does not fall with these losses. With them, of the pairs of 200 people of LFW who were
# degraded alike, at most 6 of 18,000 matched falsely in any of 66 ways, and 145 without
# (benchmarks/information.py).
_ENOUGH: Mapping[str, int] = {
    "eyes_visible": 50,
    "natural_proportions": 50,
    "upright": 50,
    "blockiness": 50,  # a mosaic
    "contrast": 8,  # drawn in a few tones; a plain mask lowers it too, and costs little
    "sharpness": 6,
}
# A blurred face whose finest detail is gone in every direction is out of focus, which the length
# tells. With fine detail left in one direction the camera moved, which it does not.
_UNMOVED_SHARPNESS = 40


def strength_of(length: float, quality: Mapping[str, Measurement]) -> float:
    """Return the strength of a face template: the length of its embedding, less what it misses.

    The length of an embedding before it is scaled to unit length falls as a face loses what tells
    people apart (Meng et al., MagFace, CVPR 2021, train for that; other networks show it as well).
    Covered eyes, a shaken camera and a mosaic are not seen in it; where a quality component tells
    them, the length is reduced in proportion to the component.

    Parameters
    ----------
    length
        The length of the mean of the embeddings of the crop and its mirror image, as the network
        gives them; above 0, in the network's own unit.
    quality
        The measurements of the face by the names of `renzheng.faces.quality.MEASURES`; measures
        that are missing reduce nothing.
    """
    shares = [
        quality[name].component / enough for name, enough in _ENOUGH.items() if name in quality
    ]
    if "sharpness" in quality and "effective_resolution" in quality:
        coarse = 1 - quality["effective_resolution"].component / 100
        shares.append(max(quality["sharpness"].component / _UNMOVED_SHARPNESS, coarse))
    return length * min([1.0, *shares])


def of_pair(reference: float | None, probe: float | None) -> float | None:
    """Return the strength of a comparison: that of its stronger side.

    Embeddings of different people fall together where both faces have lost the same; one that has
    lost nothing stays apart from all others. None where one side's is unknown.
    """
    return None if reference is None or probe is None else max(reference, probe)


@dataclass(frozen=True, eq=False)
class InformationLevel:
    """False match rates of comparisons of which the stronger side has at least some strength.

    Attributes
    ----------
    min_strength
        The lowest strength of the stronger side.
    fmr
        float64 (points,): the share of impostor comparisons at each of the calibration's distances
        or nearer, in the worst of the degradations that were fitted on; never decreasing, above 0.
    """

    min_strength: float
    fmr: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if not 0 < self.min_strength < float("inf"):
            raise InvalidInput(f"a strength must be above 0, not {self.min_strength}")
        rate_curves.check("an information level", self.fmr)

    def to_dict(self) -> dict[str, Any]:
        """Return the level's part of ``calibration.json``."""
        return {
            "min_strength": round(self.min_strength, 4),
            "fmr": rate_curves.six_digits(self.fmr),
        }


@dataclass(frozen=True)
class Thresholds:
    """The largest distances that keep one error rate, by the strength of a comparison.

    Attributes
    ----------
    ordinary
        The distance for strong comparisons, and for those of unknown strength.
    min_strength
        The strength from which it holds; None where strengths change nothing.
    weaker
        The lowest strength and the distance of each level below that, the strongest first;
        `rate_curves.NO_DISTANCE` where no distance has so low a rate.
    """

    ordinary: float
    min_strength: float | None = None
    weaker: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of_levels(
        cls,
        distance_of: Callable[[float | None], float],
        min_strength: float | None,
        weaker: tuple[InformationLevel, ...],
    ) -> Thresholds:
        """Return the thresholds of a calibration's levels.

        Parameters
        ----------
        distance_of
            The largest distance that keeps the rate in comparisons of a strength; None stands for
            an unknown strength.
        min_strength, weaker
            As in `grade_of`.
        """
        levels = () if min_strength is None else weaker
        return cls(
            distance_of(None),
            min_strength,
            tuple((each.min_strength, distance_of(each.min_strength)) for each in levels),
        )

    def at(self, strengths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the thresholds of comparisons.

        Parameters
        ----------
        strengths
            float64 of any shape: the strengths of comparisons, NaN where one is unknown.

        Returns
        -------
        float64 of the same shape
            `rate_curves.NO_DISTANCE` where no rate holds, or none so low.
        """
        distances = np.full(strengths.shape, self.ordinary)
        below = self.min_strength
        if below is None:
            return distances
        for lowest, distance in self.weaker:
            distances[strengths < below] = distance
            below = lowest
        distances[strengths < below] = rate_curves.NO_DISTANCE
        return distances

    def lacks_rate(self, strengths: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return of which comparisons no rate can be stated: those weaker than the last level.

        Parameters
        ----------
        strengths
            As in `at`.
        """
        if self.min_strength is None:
            return np.zeros(strengths.shape, bool)
        last = self.weaker[-1][0] if self.weaker else self.min_strength
        return np.asarray(strengths < last)


def grade_of(
    strength: float | None, min_strength: float | None, weaker: tuple[InformationLevel, ...]
) -> InformationGrade:
    """Return how much of a face a comparison rests on.

    Parameters
    ----------
    strength
        The strength of the comparison, None where it is unknown.
    min_strength
        The lowest strength at which the calibration's own rates hold; None where the calibration
        knows no strengths.
    weaker
        The levels below it, the strongest first.
    """
    if strength is None or min_strength is None:
        return InformationGrade.UNKNOWN
    if strength >= min_strength:
        return InformationGrade.FULL
    if weaker and strength >= weaker[-1].min_strength:
        return InformationGrade.LIMITED
    return InformationGrade.INSUFFICIENT
