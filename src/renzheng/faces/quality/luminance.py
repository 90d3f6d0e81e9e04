"""Mean, variance and dynamic range of the luminance of the face.

All three (ISO/IEC 29794-5, 7.3.4 and 7.3.7) are computed from the histogram of linear luminance on
the face, whose region is approximate, see `renzheng.faces.quality.view`.
"""

from __future__ import annotations

import math

import numpy as np

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_LEVELS = np.arange(256) / 255


def mean(view: View) -> float:
    """Return the mean linear luminance of the face, 0 to 1."""
    return float(view.histogram @ _LEVELS)


def variance(view: View) -> float:
    """Return the variance of the face's linear luminance, 0 to 1/4."""
    return float(view.histogram @ (_LEVELS - mean(view)) ** 2)


def entropy(view: View) -> float:
    """Return the entropy of the histogram in bits, 0 to 8."""
    shares = view.histogram[view.histogram > 0]
    return abs(float(shares @ np.log2(shares)))  # abs, since people would not read -0.0


def mean_component(value: float) -> int:
    """Return 100 sigmoid(value, 0.2, 0.05) (1 - sigmoid(value, 0.8, 0.05)), as in OFIQ."""
    return clamped(100 * sigmoid(value, 0.2, 0.05) * (1 - sigmoid(value, 0.8, 0.05)))


def variance_component(value: float) -> int:
    """Return 100 sin(pi 60 value / (60 value + 1)), as in OFIQ: best at 1/60."""
    return clamped(100 * math.sin(math.pi * 60 * value / (60 * value + 1)))


def entropy_component(value: float) -> int:
    """Return 12.5 per bit, as in OFIQ."""
    return clamped(12.5 * value)


MEASURES = (
    Measure(
        name="luminance_mean",
        title="Mean luminance",
        explanation="How light the face is on the whole, from 0 to 1; dark skin is darker, so low "
        "values alone are no fault.",
        live_remedy="more light from the front; less where the face is very light",
        document_remedy="scan it lighter, or darker where the face is very light",
        value=mean,
        component=mean_component,
    ),
    Measure(
        name="luminance_variance",
        title="Variance of luminance",
        explanation="How much light and shade there is on the face; best near 0.017.",
        live_remedy="soft, even light from the front",
        document_remedy="scan it with ordinary contrast, without shadows",
        value=variance,
        component=variance_component,
    ),
    Measure(
        name="dynamic_range",
        title="Dynamic range",
        unit="bit",
        explanation="How many levels of light the face is shown in, as entropy; 8 at most.",
        live_remedy="more light from the front, nothing bright behind",
        document_remedy="scan it in colour or grey, with ordinary contrast",
        value=entropy,
        component=entropy_component,
    ),
)
