"""Visibility of JPEG's blocks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng._support.quantiles import percentile
from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_BLOCK = 8  # px: JPEG codes squares of 8 x 8
# Smaller squares hold too few block edges; in larger ones the answer no longer changes.
_MIN_SIDE, _MAX_SIDE = 128, 256
_STEEPEST = 16.0  # grey levels: a few edges of the picture itself must not outweigh the grid
_FLOOR = 0.1  # grey levels: keeps even areas from a division by 0


def value(view: View) -> float:
    """Return how much steeper steps of brightness are on the 8 x 8 px grid than off it; 1: no grid.

    A measure of ours on the picture's own pixels around the face, not the network of the standard
    (7.3.9). It sees only the artifacts of the last JPEG coding, not those of pictures that were
    scaled afterwards or of other formats.
    """
    grey = cv2.cvtColor(_around(view), cv2.COLOR_RGB2GRAY)
    return blockiness(np.asarray(grey, np.float32))


def blockiness(grey: npt.NDArray[np.float32]) -> float:
    """Return the step between two pixels beyond the slopes beside it, on the grid over off it.

    Parameters
    ----------
    grey
        float32 (H, W), 0 to 255.

    Returns
    -------
    float
        The mean over rows and columns. The grid may begin anywhere, so the strongest of the eight
        phases is divided by their median. 1 if the picture is too small for a grid.
    """
    if min(grey.shape) < 2 * _BLOCK + 3:
        return 1.0
    return (_on_grid(grey) + _on_grid(np.ascontiguousarray(grey.T))) / 2


def component(value: float) -> int:
    """Return 102 (1 - sigmoid(value, 4.2, 0.8)), a mapping of ours.

    Medians over 200 faces of LFW, scaled and encoded again: 96 at JPEG quality 75, 89 at 50, 75 at
    30, 53 at 20, 10 at 10.
    """
    return clamped(102 * (1 - sigmoid(value, 4.2, 0.8)))


def _on_grid(grey: npt.NDArray[np.float32]) -> float:
    steps = np.diff(grey, axis=1)
    breaks = np.abs(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2)
    columns = np.minimum(breaks, _STEEPEST).mean(axis=0)
    phases = [float(columns[phase::_BLOCK].mean()) for phase in range(_BLOCK)]
    return (max(phases) + _FLOOR) / (float(percentile(phases, 50)) + _FLOOR)


def _around(view: View) -> npt.NDArray[np.uint8]:
    """Return the picture's pixels around the centre of the face, 128 to 256 a side if possible."""
    height, width = view.image.shape[:2]
    side = round(min(max(view.face.width, view.face.height, _MIN_SIDE), _MAX_SIDE))
    x, y = (view.face.box[:2] + view.face.box[2:]) / 2
    left = round(min(max(float(x) - side / 2, 0), max(width - side, 0)))
    top = round(min(max(float(y) - side / 2, 0), max(height - side, 0)))
    return np.ascontiguousarray(view.image[top : top + side, left : left + side])


MEASURES = (
    Measure(
        name="compression_artifacts",
        title="Blocks of JPEG",
        explanation="How much the grid of JPEG's blocks stands out around the face: 1 is not at "
        "all, 2 is ordinary quality, 4 and more is coarse.",
        live_remedy="send the picture as the camera made it, not through a messenger",
        document_remedy="save the scan as PNG, or as JPEG of higher quality",
        value=value,
        component=component,
    ),
)
