"""Distances between embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Comparison, Floats, Information, InformationGrade
from renzheng.verification.information import of_pair

if TYPE_CHECKING:
    from renzheng.verification.calibration import Calibration


def distances(references: Floats, probes: Floats) -> npt.NDArray[np.float64]:
    """Return the Euclidean distances between embeddings, row by row.

    Parameters
    ----------
    references, probes
        float (n, d) or (d,), rows of unit length.

    Returns
    -------
    float64 (n,) or scalar array
        0 to 2 for unit rows; computed from the difference, not from the cosine, so that near
        embeddings lose no digits.
    """
    difference = np.asarray(references, np.float64) - np.asarray(probes, np.float64)
    return np.asarray(np.sqrt(np.sum(difference * difference, axis=-1)))


def compare(
    reference: Floats,
    probe: Floats,
    calibration: Calibration | None = None,
    strengths: tuple[float | None, float | None] = (None, None),
) -> Comparison:
    """Compare two embeddings of unit length.

    Parameters
    ----------
    reference, probe
        float32 (d,), unit length.
    calibration
        The calibration of the pack that made them; without it `fmr` is None.
    strengths
        The strengths of the reference and the probe; where one is unknown, the rates are those of
        faces that show enough.

    Raises
    ------
    InvalidInput
        If the two differ in shape, or are not finite and of unit length.
    """
    a, b = (np.asarray(side, np.float64) for side in (reference, probe))
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InvalidInput(f"embeddings must both be (d,), not {a.shape} and {b.shape}")
    for side in (a, b):
        if not abs(float(np.linalg.norm(side)) - 1) < 1e-3:  # also catches NaN
            raise InvalidInput("an embedding is not of unit length", remedy="divide it by its norm")
    distance = float(distances(reference, probe))
    similarity = 1 - distance * distance / 2
    if calibration is None:
        information = Information(InformationGrade.UNKNOWN, *strengths)
        return Comparison(distance, similarity, fmr=None, information=information)
    strength = of_pair(*strengths)
    return Comparison(
        distance=distance,
        similarity=similarity,
        fmr=calibration.fmr_at(distance, strength),
        llr=calibration.llr_at(distance, strength),
        populations=calibration.rates_at(distance, strength),
        information=Information(
            calibration.grade_of(strength), *strengths, wanted=calibration.min_strength
        ),
    )
