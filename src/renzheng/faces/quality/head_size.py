"""Size of the head in the picture."""

from __future__ import annotations

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return the distance from between the eyes to the chin over the picture's height.

    The chin is estimated, see `View.chin_distance`; the standard (7.4.9) takes it from landmarks.
    """
    return float(view.chin_distance / view.image.shape[0])


def component(value: float) -> int:
    """Return 200 (1 - sigmoid(|value - 0.45|, 0, 0.05)) as in OFIQ; passports have 0.45."""
    return clamped(200 * (1 - sigmoid(abs(value - 0.45), 0, 0.05)))


MEASURES = (
    Measure(
        name="head_size",
        title="Head size",
        explanation="How much of the picture's height lies between eyes and chin; a portrait for a "
        "document has 0.45, and comparing does not need that.",
        live_remedy="come closer or go back until the head fills most of the picture",
        document_remedy="crop the picture to the portrait",
        value=value,
        component=component,
    ),
)
