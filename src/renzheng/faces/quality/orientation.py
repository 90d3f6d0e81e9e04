"""Faces upside down or on their side that the detector took as upright.

Then its landmarks lie where those of an upright face would, so that the head's roll looks like 0;
only the pixels tell.
"""

from __future__ import annotations

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return how sure the network is that the landmarks are not where eyes and mouth are, 0 to 1.

    A measure of ours, by a small network (`renzheng.faces.quality.appearance`). A face whose
    landmarks were found turned as well looks upright to it; ``head_pose_roll`` sees that one.
    """
    return view.appearance["upside_down"]


def component(value: float) -> int:
    """Return 100 (1 - value), a mapping of ours."""
    return clamped(100 * (1 - value))


MEASURES = (
    Measure(
        name="upright",
        title="Face upside down",
        explanation="How sure it is that the face is upside down or on its side, though it was "
        "found as an upright one, from 0 to 1.",
        live_remedy="turn the picture so that the head is up",
        document_remedy="turn the document so that the head is up",
        value=value,
        component=component,
    ),
)
