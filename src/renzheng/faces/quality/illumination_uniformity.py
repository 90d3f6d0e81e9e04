"""Evenness of the light on both sides of the face."""

from __future__ import annotations

import numpy as np

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return the intersection of the luminance histograms of the two cheeks, 0 to 1.

    It is the sum of the smaller share at every level of linear luminance (ISO/IEC 29794-5, 7.3.3),
    in the standard's zones (`View.cheeks`) at its scale. The standard blacks out pixels outside its
    face region, which a zone reaches when the head is turned far to the side; we do not.
    """
    left, right = (_histogram(view.luminance[zone]) for zone in view.cheeks)
    return float(np.minimum(left, right).sum())


def component(value: float) -> int:
    """Return 100 value^0.3."""
    return clamped(100 * max(value, 0.0) ** 0.3)


def _histogram(zone: np.ndarray) -> np.ndarray:
    return np.bincount(zone.ravel(), minlength=256) / zone.size


MEASURES = (
    Measure(
        name="illumination_uniformity",
        title="Evenness of the light",
        standard=True,
        explanation="How alike the light on the two cheeks is: 1 where it is the same.",
        live_remedy="turn towards the light, so that it comes from the front",
        document_remedy="scan it, or photograph it in even light",
        value=value,
        component=component,
    ),
)
