"""Which way the head is turned: yaw, pitch and roll.

The angles are ours, from five landmarks and a rigid head (`renzheng.faces.quality.pose`); the
standard's reference implementation has a network for them (7.4.11). The mapping is the standard's.
"""

from __future__ import annotations

import math

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def component(angle: float) -> int:
    """100 times the squared cosine; 0 from 90 degrees on, where the face is turned away."""
    return clamped(100 * max(math.cos(math.radians(angle)), 0.0) ** 2)


def _yaw(view: View) -> float:
    return view.pose.yaw


def _pitch(view: View) -> float:
    return view.pose.pitch


def _roll(view: View) -> float:
    return view.pose.roll


MEASURES = (
    Measure(
        name="head_pose_yaw",
        title="Head turned sideways",
        unit="°",
        standard=False,
        explanation="How far the head is turned, positive to the person's left.",
        live_remedy="look straight into the camera",
        document_remedy="use a document or a picture whose portrait looks ahead",
        value=_yaw,
        component=component,
    ),
    Measure(
        name="head_pose_pitch",
        title="Head lowered",
        unit="°",
        standard=False,
        explanation="How far the head looks down (positive) or up (negative).",
        live_remedy="hold the camera at the height of the eyes and look straight into it",
        document_remedy="photograph the document from straight above, lying flat",
        value=_pitch,
        component=component,
    ),
    Measure(
        name="head_pose_roll",
        title="Head tilted",
        unit="°",
        standard=False,
        explanation="How far the head is tilted, positive to the person's right shoulder.",
        live_remedy="hold the head and the camera upright",
        document_remedy="turn the document upright",
        value=_roll,
        component=component,
    ),
)
