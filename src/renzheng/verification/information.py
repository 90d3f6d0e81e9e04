"""Strengths of face templates: how much of a face they hold, and the rates that hold for less."""

from __future__ import annotations

from collections.abc import Mapping
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
