"""What a page shows beside the numbers: pictures small enough to send, and the curves."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np

from renzheng.apps.reports.verification import distributions, drawing
from renzheng.types import Capture, Image, Verification
from renzheng.verification.calibration import Calibration

_LARGEST = 900  # px of the longer side


def build(verification: Verification, calibration: Calibration | None) -> dict[str, Any]:
    """Pictures, crops and curves as plain values for JSON.

    Parameters
    ----------
    verification
        The result.
    calibration
        Of its pack.

    Returns
    -------
    ``reference`` and ``probe``
        ``picture``: a JPEG as a ``data:`` address, upright and straightened as boxes see it;
        ``scale``: its pixels per pixel of boxes and landmarks; ``crop``: the aligned face. Each
        is None where there is none.
    ``distributions``
        ``distance``, ``genuine`` and ``impostor``: points of two densities on one scale whose top
        is 1; ``match`` and ``no_match``: where the policy cuts. None where nothing was compared.
    """
    return {
        "reference": _side(verification.reference),
        "probe": _side(verification.probe),
        "distributions": _distributions(verification, calibration),
    }


def _side(capture: Capture) -> dict[str, Any]:
    shown: dict[str, Any] = {"picture": None, "scale": None, "crop": None}
    if capture.image is not None:
        height, width = capture.image.shape[:2]
        scale = min(1.0, _LARGEST / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(capture.image, size, interpolation=cv2.INTER_AREA)
        shown["picture"] = _address(np.asarray(small, np.uint8))
        shown["scale"] = round(scale, 6)
    if capture.crop is not None:
        shown["crop"] = _address(capture.crop)
    return shown


def _distributions(
    verification: Verification, calibration: Calibration | None
) -> dict[str, Any] | None:
    if calibration is None or verification.comparison is None:
        return None
    curves = distributions.derive(
        calibration, verification.policy, verification.comparison.distance
    )
    return {
        "distance": [round(float(v), 5) for v in curves.distance],
        "genuine": [round(float(v), 5) for v in curves.genuine],
        "impostor": [round(float(v), 5) for v in curves.impostor],
        "match": curves.match,
        "no_match": curves.no_match,
    }


def _address(image: Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(drawing.jpeg(image)).decode("ascii")
