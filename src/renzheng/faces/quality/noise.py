"""Noise: the grain of a sensor in too little light, of a transmission, or of a dithered print."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

# The difference of two Laplacians: neither even areas nor slopes nor straight edges pass it, and of
# normal noise it makes six times its standard deviation (Immerkaer 1996).
_KERNEL = np.array([1, -2, 1], np.float32)  # across and down
_GAIN = 6.0
_OF_MEDIAN = 1.4826  # from the median of magnitudes to the standard deviation, if normal
_FLOOR = 1.0  # grey level: an even area has neither noise nor contrast


def value(view: View) -> float:
    """Return the standard deviation of the noise over that of the face, in the green channel.

    A measure of ours, on the picture's own pixels (`View.patch`), so that what a network does not
    see of a large face does not count. Immerkaer's filter, with the median in place of the mean:
    hair and lashes fill less than half of a face.

    References
    ----------
    Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64, 1996.
    """
    green = view.patch[:, :, 1].astype(np.float32)
    answer = np.abs(cv2.sepFilter2D(green, -1, _KERNEL, _KERNEL)[1:-1, 1:-1])
    if answer.size == 0:
        return 0.0
    noise = float(np.median(answer)) * _OF_MEDIAN / _GAIN
    return noise / max(float(green.std()), _FLOOR)


def component(value: float) -> int:
    """Return 101 (1 - sigmoid(value, 0.4, 0.08)), a mapping of ours."""
    return clamped(101 * (1 - sigmoid(value, 0.4, 0.08)))


MEASURES = (
    Measure(
        name="noise",
        title="Noise",
        explanation="How strong the grain is beside the light and shade of the face; above 0.4 it "
        "hides the face's own detail.",
        live_remedy="more light, so that the camera need not amplify it",
        document_remedy="scan it anew in grey or colour, not in dots of black and white",
        value=value,
        component=component,
    ),
)
