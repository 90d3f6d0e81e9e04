"""Contrast: the levels of brightness that a face is drawn in."""

from __future__ import annotations

import numpy as np

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return the entropy of the green levels of the face in bits, 0 to 8.

    A measure of ours beside ``dynamic_range`` (7.3.7 of the standard), which counts levels of
    linear luminance after the face was scaled: scaling makes levels that the picture does not have,
    and linear light takes those of the dark away. This one counts the picture's own levels
    (`View.patch`), as they are perceived, in one channel, since three channels of two levels each
    make eight of grey.
    """
    green = view.patch[:, :, 1].ravel()
    shares = np.bincount(green, minlength=256) / green.size
    shares = shares[shares > 0]
    return abs(float(shares @ np.log2(shares)))  # abs, since people would not read -0.0


def component(value: float) -> int:
    """Return 101 sigmoid(value, 4.8, 0.35), a mapping of ours."""
    return clamped(101 * sigmoid(value, 4.8, 0.35))


MEASURES = (
    Measure(
        name="contrast",
        title="Contrast",
        unit="bit",
        explanation="How many levels of brightness the face is drawn in, as entropy: 7 is "
        "ordinary, below 4.5 it is pale, dark or drawn in a few steps.",
        live_remedy="light from the front, nothing bright behind, a clean lens",
        document_remedy="scan it in colour or grey, with ordinary contrast and no filter",
        value=value,
        component=component,
    ),
)
