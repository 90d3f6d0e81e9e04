"""Distance between the eyes in pixels."""

from __future__ import annotations

import math

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

# Five landmarks do not distinguish a head in profile from a narrow face; beyond this yaw the
# standard's cosine would invent pixels.
_MAX_YAW = 60.0


def value(view: View) -> float:
    """Return the distance between the eye centres in px, divided by the cosine of the yaw.

    That is the distance if the face looked ahead (ISO/IEC 29794-5, 7.4.8); the yaw is our estimate,
    see `renzheng.faces.quality.pose`, and at most 60 degrees are undone.
    """
    yaw = min(abs(view.pose.yaw), _MAX_YAW)
    return view.face.inter_eye_distance / math.cos(math.radians(yaw))


def component(value: float) -> int:
    """Return 100 sigmoid(value, 70, 20), as in OFIQ's configuration: 50 at 70 px."""
    return clamped(100 * sigmoid(value, 70, 20))


MEASURES = (
    Measure(
        name="inter_eye_distance",
        title="Distance between the eyes",
        unit="px",
        standard=True,
        explanation="How many pixels there are between the eyes, of the head if it looked ahead.",
        live_remedy="come closer, or use a camera with more pixels",
        document_remedy="scan it at a higher resolution, or photograph it from nearer",
        value=value,
        component=component,
    ),
)
