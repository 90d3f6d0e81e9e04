"""How many pixels lie between the eyes."""

from __future__ import annotations

import math

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

# Five landmarks do not tell a head in profile from one with a narrow face; past this yaw the
# standard's cosine would make pixels out of nothing.
_MOST_YAW = 60.0


def value(view: View) -> float:
    """The distance between the eye centres in px, divided by the cosine of the yaw.

    The division gives what the face would have if it looked ahead (ISO/IEC 29794-5, 7.4.8); the
    yaw is ours, see `renzheng.faces.quality.pose`, and at most 60 degrees are undone.
    """
    yaw = min(abs(view.pose.yaw), _MOST_YAW)
    return view.face.inter_eye_distance / math.cos(math.radians(yaw))


def component(value: float) -> int:
    """Half of 100 at 70 px: 100 sigmoid(value, 70, 20), as in OFIQ's configuration."""
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
