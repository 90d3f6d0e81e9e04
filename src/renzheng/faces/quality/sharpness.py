"""Sharpness of the face."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_SIZE = 144  # px: half of the view's frame, 56 px between the eyes; networks see no finer detail
_REACH = 11  # px: the width of Crete's blur
_LIGHTING = 41  # px: light and shade that change over longer distances are divided out
_FLOOR = 4.0  # grey levels: keeps dark areas from being divided by nearly 0


def value(view: View) -> float:
    """Return one minus the blur effect of Crete et al. 2007, 0 (blurred) to 1.

    Further blurring removes much detail from a sharp picture and little from a blurred one. The
    share that it removes counts, so neither darkness nor low contrast looks like blur. Slow changes
    of light, which blur does not remove, are divided out first; otherwise light from the side would
    look like blur. Noise looks like sharpness. The standard (7.3.8) instead has a random forest
    over filters of this kind, which we do not carry.

    References
    ----------
    Crete, Dolmiere, Ladret and Nicolas, "The blur effect: perception and estimation with a new
    no-reference perceptual blur metric", 2007.
    """
    size, grey = (_SIZE, _SIZE), view.grey
    lighting = _around(grey)
    region = cv2.resize(view.region, size, interpolation=cv2.INTER_NEAREST) > 0
    if view.shown is None:
        return 1 - blur_effect(grey / (lighting + _FLOOR), region)
    # Outside the picture the crop is black, and the picture's edge would be the sharpest of all.
    shown = cv2.resize(view.shown, size, interpolation=cv2.INTER_NEAREST) > 0
    lighting /= np.maximum(_around(shown.astype(np.float32)), 1e-3)
    even = np.where(shown, grey / (lighting + _FLOOR), 1)
    return 1 - blur_effect(even.astype(np.float32), region)


def blur_effect(grey: npt.NDArray[np.float32], region: npt.NDArray[np.bool_]) -> float:
    """Return Crete's blur effect on a part of a grey picture, 0 to 1; 1 if there is no detail.

    Parameters
    ----------
    grey
        float32 (H, W), any scale.
    region
        bool (H, W): True for the pixels that count.
    """
    effects = []
    for axis, width in ((0, (1, _REACH)), (1, (_REACH, 1))):
        blurred = cv2.blur(grey, width, borderType=cv2.BORDER_REFLECT)
        counts = region[1:] & region[:-1] if axis == 0 else region[:, 1:] & region[:, :-1]
        steps = np.abs(np.diff(grey, axis=axis))[counts]
        left = np.abs(np.diff(blurred, axis=axis))[counts]
        total = float(steps.sum())
        lost = float(np.maximum(steps - left, 0).sum())
        effects.append(1 - lost / total if total > 0 else 1.0)
    return max(effects)


def _around(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of the surroundings of each pixel."""
    mean = cv2.blur(values, (_LIGHTING, _LIGHTING), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float32)


def component(value: float) -> int:
    """Return 100 sigmoid(value, 0.35, 0.04), a mapping of ours."""
    return clamped(100 * sigmoid(value, 0.35, 0.04))


MEASURES = (
    Measure(
        name="sharpness",
        title="Sharpness",
        explanation="How much of the face's fine detail a further blur would take, from 0 to 1.",
        live_remedy="hold still, clean the lens, let the camera focus on the face",
        document_remedy="scan it flat on the glass, or photograph it in focus",
        value=value,
        component=component,
    ),
)
