"""Do the blocks of JPEG show?"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng._support.quantiles import percentile
from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_BLOCK = 8  # px: JPEG codes squares of 8 x 8
# Smaller squares hold too few block edges to tell; in larger ones the answer changes no more.
_LEAST, _MOST = 128, 256
_STEEPEST = 16.0  # grey levels: a few edges of the picture itself must not outweigh the grid
_FLOOR = 0.1  # grey levels: against dividing by the nothing in even areas


def value(view: View) -> float:
    """How much steeper brightness breaks on the grid of 8 x 8 px than beside it; 1 is no grid.

    Ours, measured on the picture's own pixels around the face. It is not the network of the
    standard (7.3.9), and knows JPEG as last saved only: what was scaled after it was coded, and
    what other formats spoil, it does not see.
    """
    grey = cv2.cvtColor(_around(view), cv2.COLOR_RGB2GRAY)
    return blockiness(np.asarray(grey, np.float32))


def blockiness(grey: npt.NDArray[np.float32]) -> float:
    """The step between two pixels beyond the slopes beside it: on the grid over elsewhere.

    Parameters
    ----------
    grey
        float32 (H, W), 0 to 255.

    Returns
    -------
    float
        The mean over rows and columns; the grid may begin anywhere, so the strongest of the
        eight phases is held against their median. 1 where the picture is too small for a grid.
    """
    if min(grey.shape) < 2 * _BLOCK + 3:
        return 1.0
    return (_on_grid(grey) + _on_grid(np.ascontiguousarray(grey.T))) / 2


def component(value: float) -> int:
    """102 (1 - sigmoid(value, 4.2, 0.8)), ours.

    The medians of 200 faces of LFW, scaled and coded anew: 96 at JPEG quality 75, 89 at 50, 75 at
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
    """The picture's own pixels around the middle of the face, 128 to 256 a side if it has them."""
    height, width = view.image.shape[:2]
    side = round(min(max(view.face.width, view.face.height, _LEAST), _MOST))
    x, y = (view.face.box[:2] + view.face.box[2:]) / 2
    left = round(min(max(float(x) - side / 2, 0), max(width - side, 0)))
    top = round(min(max(float(y) - side / 2, 0), max(height - side, 0)))
    return np.ascontiguousarray(view.image[top : top + side, left : left + side])


MEASURES = (
    Measure(
        name="compression_artifacts",
        title="Blocks of JPEG",
        unit="",
        standard=False,
        explanation="How much the grid of JPEG's blocks stands out around the face: 1 is not at "
        "all, 2 is ordinary quality, 4 and more is coarse.",
        live_remedy="send the picture as the camera made it, not through a messenger",
        document_remedy="save the scan as PNG, or as JPEG of higher quality",
        value=value,
        component=component,
    ),
)
