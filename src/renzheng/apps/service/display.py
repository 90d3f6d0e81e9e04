"""The display data of a web page: pictures small enough to send, and the curves."""

from __future__ import annotations

from typing import Any

from renzheng.apps.reports import thumbnails
from renzheng.apps.reports.verification import distributions
from renzheng.types import Capture, Verification
from renzheng.verification.calibration import Calibration

_MAX_SIDE = 900  # px of the longer side


def build(verification: Verification, calibration: Calibration | None) -> dict[str, Any]:
    """Return pictures, crops and curves as plain values for JSON.

    Parameters
    ----------
    verification
        The result to show.
    calibration
        The calibration of its pack; None for no curves.

    Returns
    -------
    ``reference`` and ``probe``
        ``picture``: a JPEG as a ``data:`` address, upright and rectified, in the frame of boxes
        and landmarks; ``scale``: its pixels per pixel of that frame; ``crop``: the aligned face,
        likewise. Each is None where there is none.
    ``distributions``
        ``distance``, ``genuine`` and ``impostor``: points of two densities, scaled together to a
        maximum of 1; ``match`` and ``no_match``: the policy's thresholds. None where nothing was
        compared, and where no rate holds for faces that show so little.
    """
    return {
        "reference": _side(verification.reference),
        "probe": _side(verification.probe),
        "distributions": _distributions(verification, calibration),
    }


def _side(capture: Capture) -> dict[str, Any]:
    shown: dict[str, Any] = {"picture": None, "scale": None, "crop": None}
    if capture.image is not None:
        small = thumbnails.shrunk(capture.image, _MAX_SIDE)
        shown["picture"] = thumbnails.address(small)
        shown["scale"] = round(min(1.0, _MAX_SIDE / max(capture.image.shape[:2])), 6)
    if capture.crop is not None:
        shown["crop"] = thumbnails.address(capture.crop)
    return shown


def _distributions(
    verification: Verification, calibration: Calibration | None
) -> dict[str, Any] | None:
    if calibration is None or verification.comparison is None:
        return None
    curves = distributions.derive(
        calibration,
        verification.policy,
        verification.comparison.distance,
        distributions.strength_of(verification.comparison),
    )
    if curves is None:
        return None
    return {
        "distance": [round(float(v), 5) for v in curves.distance],
        "genuine": [round(float(v), 5) for v in curves.genuine],
        "impostor": [round(float(v), 5) for v in curves.impostor],
        "match": curves.match,
        "no_match": curves.no_match,
    }
