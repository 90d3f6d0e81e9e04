"""The judgement of a trial: the chosen portrait against the true one."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.datasets import specimens
from renzheng.datasets.specimens import Specimen
from renzheng.evaluation.portraits.outcomes import MISSED, REFUSED, RIGHT, WRONG
from renzheng.faces.portrait import EYES_APART, EYES_DOWN, RATIO
from renzheng.types import Capture, Face, Severity
from renzheng.verification.findings import of_capture
from renzheng.verification.policy import Policy

_MAX_OFFSET = 0.5  # of the distance between the eyes: further off it is another face


def judge(specimen: Specimen, capture: Capture) -> tuple[str, str, bool]:
    """Compare a capture with the truth about its specimen.

    Parameters
    ----------
    specimen
        The document with its truth.
    capture
        The faces found in its picture.

    Returns
    -------
    result, ghost, doubt
        As in `TrialOutcome`.
    """
    back = np.linalg.inv(capture.rectification.matrix)

    def eyes_in(face: Face, corners: specimens.Corners) -> tuple[float, float]:
        """Return the middle between the eyes in shares of the portrait's width and height."""
        middle = face.landmarks[:2].mean(axis=0, dtype=np.float64).reshape(1, 1, 2)
        # Corners count from the first pixel's corner, faces from its centre.
        point = cv2.perspectiveTransform(middle, back) + 0.5
        square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
        across, down = cv2.perspectiveTransform(
            point, cv2.getPerspectiveTransform(corners, square)
        )[0, 0]
        return float(across), float(down)

    def lies_in(face: Face, corners: specimens.Corners) -> bool:
        return all(0 <= share <= 1 for share in eyes_in(face, corners))

    ghost = "none"
    if specimen.ghost is not None:
        candidates = () if capture.choice is None else capture.choice.candidates
        kinds = [str(each.kind) for each in candidates if lies_in(each.face, specimen.ghost)]
        ghost = kinds[0] if kinds else "unseen"
    if capture.choice is None:
        return MISSED, ghost, False
    severities = {finding.severity for finding in of_capture("reference", capture, Policy())}
    if Severity.REFUSAL in severities:
        return REFUSED, ghost, False
    across, down = eyes_in(capture.choice.face, specimen.portrait)
    # The portrait is cut around one face; somebody else in the same photograph is not that face.
    offset = np.hypot((across - 0.5), (down - EYES_DOWN) / RATIO)
    result = RIGHT if offset <= _MAX_OFFSET * EYES_APART else WRONG
    return result, ghost, Severity.DOUBT in severities
