"""Pose of the head: yaw, pitch and roll.

We estimate the angles from five landmarks and a rigid head (`renzheng.faces.quality.pose`); the
standard's reference implementation has a network for them (7.4.11). The mapping is the standard's.
"""

from __future__ import annotations

import math
from functools import partial
from operator import attrgetter

from renzheng.faces.quality.interface import Measure, clamped


def component(angle: float) -> int:
    """Return 100 times the squared cosine of an angle in degrees; 0 from 90 degrees on."""
    return clamped(100 * max(math.cos(math.radians(angle)), 0.0) ** 2)


_degrees = partial(Measure, unit="°", component=component)

MEASURES = (
    _degrees(
        name="head_pose_yaw",
        title="Head turned sideways",
        explanation="How far the head is turned, positive to the person's left.",
        live_remedy="look straight into the camera",
        document_remedy="use a document or a picture whose portrait looks ahead",
        value=attrgetter("pose.yaw"),
    ),
    _degrees(
        name="head_pose_pitch",
        title="Head lowered",
        explanation="How far the head looks down (positive) or up (negative).",
        live_remedy="hold the camera at the height of the eyes and look straight into it",
        document_remedy="photograph the document from straight above, lying flat",
        value=attrgetter("pose.pitch"),
    ),
    _degrees(
        name="head_pose_roll",
        title="Head tilted",
        explanation="How far the head is tilted, positive to the person's right shoulder.",
        live_remedy="hold the head and the camera upright",
        document_remedy="turn the document upright",
        value=attrgetter("pose.roll"),
    ),
)
