"""Effective resolution: the pixels that a face's detail would need, however many it has."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_SIDE = 128  # px, in the middle of `View.grey`
_BETWEEN_EYES = 56.5  # px in `View.grey`, of an ordinary face
_COARSE = slice(4, 9)  # periods a side: the features of a face
_FIRST, _LAST = 9, 60  # periods a side
_FAINT = 1e-4  # of the power of the coarse detail
_EMPTY = 1e-6


def value(view: View) -> float:
    """Return how many pixels between the eyes the finest detail needs that still has signal.

    A measure of ours: the spatial frequency from which the power spectrum lies below a
    ten-thousandth of that of the features, times two pixels. A small picture that was enlarged
    smoothly has none of the detail that its pixels could show; nor has a blurred one. Noise, blocks
    and JPEG look like detail, and have measures of their own.
    """
    first = (view.grey.shape[0] - _SIDE) // 2
    grey = view.grey[first : first + _SIDE, first : first + _SIDE]
    spectrum = cv2.dft((grey - grey.mean()) * _WINDOW, flags=cv2.DFT_COMPLEX_OUTPUT)
    half = spectrum[:, : _SIDE // 2]
    power = np.square(half).sum(axis=2)
    rings = np.bincount(_RING, power.ravel(), _LAST + 2)[: _LAST + 2] / _COUNT
    rings /= max(float(rings[_COARSE].sum()), _EMPTY)
    smooth = (rings[:-2] + rings[1:-1] + rings[2:]) / 3  # smooth[k] is around k + 1
    faint = np.flatnonzero(smooth[_FIRST - 1 :] < _FAINT)
    return 2 * _BETWEEN_EYES / _SIDE * (_FIRST + int(faint[0]) if faint.size else _LAST)


def component(value: float) -> int:
    """Return 100 sigmoid(value, 18, 1.6), a mapping of ours."""
    return clamped(100 * sigmoid(value, 18, 1.6))


def _rings() -> npt.NDArray[np.intp]:
    rows = np.minimum(np.arange(_SIDE), _SIDE - np.arange(_SIDE))
    distance = np.hypot(rows[:, None], np.arange(_SIDE // 2)[None])
    return np.minimum(np.rint(distance), _LAST + 1).astype(np.intp).ravel()


_HANN = np.hanning(_SIDE).astype(np.float32)
_WINDOW = _HANN[:, None] * _HANN[None]
_RING = _rings()
_COUNT = np.bincount(_RING, minlength=_LAST + 2)

MEASURES = (
    Measure(
        name="effective_resolution",
        title="Detail of the face",
        unit="px",
        explanation="How many pixels between the eyes would be enough to show the detail that "
        "the face has, however many pixels it was enlarged to.",
        live_remedy="come closer and send the picture as the camera made it, not enlarged",
        document_remedy="scan it at a higher resolution instead of enlarging the picture",
        value=value,
        component=component,
    ),
)
