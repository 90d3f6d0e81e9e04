"""Verifiers to which ordinary pictures show all of a face, little or too little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from renzheng import Verifier
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import InformationLevel

_STRENGTHS = {"full": (0.2, 0.1), "limited": (2000.0, 0.1), "insufficient": (2000.0, 1000.0)}


def calibration_with_levels(calibration: Calibration, grade: str) -> Calibration:
    """Return a calibration to which every picture has this grade.

    Rates of limited comparisons are a hundred times those of the calibration.
    """
    enough, least = _STRENGTHS[grade]
    level = InformationLevel(least, np.minimum(calibration.fmr * 100, 1.0))
    return replace(calibration, min_strength=enough, weaker=(level,))


def grading(verifier: Verifier, grade: str) -> Verifier:
    """Return a verifier to which every picture has this grade; the networks are shared."""
    assert verifier.calibration is not None
    graded = verifier.with_policy(verifier.policy)
    graded.calibration = calibration_with_levels(verifier.calibration, grade)
    return graded
