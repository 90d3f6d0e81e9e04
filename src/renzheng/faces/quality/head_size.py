"""How much of the picture the head fills."""

from __future__ import annotations

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """The distance from between the eyes to the chin over the picture's height.

    The chin is estimated, see `View.chin_distance`: the standard (7.4.9) takes it from landmarks.
    """
    return float(view.chin_distance / view.image.shape[0])


def component(value: float) -> int:
    """Best at 0.45, as on a passport: 200 (1 - sigmoid(|value - 0.45|, 0, 0.05)), as in OFIQ."""
    return clamped(200 * (1 - sigmoid(abs(value - 0.45), 0, 0.05)))


MEASURES = (
    Measure(
        name="head_size",
        title="Head size",
        unit="",
        standard=False,
        explanation="How much of the picture's height lies between eyes and chin; a portrait for a "
        "document has 0.45, and comparing does not need that.",
        live_remedy="come closer or go back until the head fills most of the picture",
        document_remedy="crop the picture to the portrait",
        value=value,
        component=component,
    ),
)
