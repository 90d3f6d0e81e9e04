"""Size of the second largest face beside the largest."""

from __future__ import annotations

import math

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return the second largest box over the largest, as the root of their areas' ratio (7.4.2).

    It is 0 with one face, 1 with two of equal size. As in OFIQ's ordinary build, boxes are used.
    """
    areas = sorted((face.width * face.height for face in view.faces), reverse=True)
    if len(areas) < 2 or areas[0] <= 0:
        return 0.0
    return math.sqrt(max(areas[1], 0.0) / areas[0])


def component(value: float) -> int:
    """Return 100 (1 - value)."""
    return clamped(100 * (1 - value))


MEASURES = (
    Measure(
        name="single_face_present",
        title="Size of the next face",
        standard=True,
        explanation="How large the second largest face is beside the largest: 0 where there is "
        "none, 1 where they are of one size.",
        live_remedy="nobody else may be in the picture",
        document_remedy="crop the picture to the document's portrait",
        value=value,
        component=component,
    ),
)
