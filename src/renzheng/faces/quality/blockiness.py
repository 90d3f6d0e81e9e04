"""Blocks: a mosaic, an enlargement that repeats pixels, or JPEG that left little but squares."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_REACH = 1.1  # distances between the eyes, to each side of the landmarks' centre
_MIN_REACH, _MAX_REACH = 48.0, 192.0  # px
_STEEPEST = 24.0  # grey levels: a few edges of the picture must not outweigh the rest
_FLOOR = 0.15  # grey levels: keeps even areas from a division by 0


def value(view: View) -> float:
    """Return the change from row to row that is usual over the mean one; 1: no blocks.

    A measure of ours. In a picture of blocks all changes happen between blocks, at a few rows and
    columns; at the others, which are most, there is none. It needs no grid of equal squares, so
    it sees blocks of any size, and those of JPEG in pictures that were scaled afterwards, if they
    were not turned as well.
    """
    grey = cv2.cvtColor(_around(view), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (_usual_change(grey) + _usual_change(np.ascontiguousarray(grey.T))) / 2


def component(value: float) -> int:
    """Return 100 sigmoid(value, 0.72, 0.03), a mapping of ours."""
    return clamped(100 * sigmoid(value, 0.72, 0.03))


def _usual_change(grey: npt.NDArray[np.float32]) -> float:
    if min(grey.shape) < 2:
        return 1.0
    changes = np.minimum(np.abs(np.diff(grey, axis=1)), _STEEPEST).mean(axis=0)
    return (float(np.median(changes)) + _FLOOR) / (float(changes.mean()) + _FLOOR)


def _around(view: View) -> npt.NDArray[np.uint8]:
    height, width = view.image.shape[:2]
    reach = min(max(_REACH * view.face.inter_eye_distance, _MIN_REACH), _MAX_REACH)
    x, y = (float(v) for v in view.face.landmarks.mean(axis=0))
    left, top = (int(min(max(v - reach, 0), side - 1)) for v, side in ((x, width), (y, height)))
    right, bottom = (max(int(v + reach), first + 1) for v, first in ((x, left), (y, top)))
    return np.ascontiguousarray(view.image[top:bottom, left:right])


MEASURES = (
    Measure(
        name="blockiness",
        title="Blocks",
        explanation="How much of the change of brightness lies inside of blocks: 1 if there are "
        "none, near 0 in a mosaic.",
        live_remedy="send the picture as the camera made it, not enlarged and without a mosaic",
        document_remedy="scan the portrait itself, not an enlarged small picture of it",
        value=value,
        component=component,
    ),
)
