"""Proportions of the face: pictures that were squeezed or stretched in one direction."""

from __future__ import annotations

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def value(view: View) -> float:
    """Return how sure the network is that the picture was squeezed in one direction, 0 to 1.

    A measure of ours, by a small network (`renzheng.faces.quality.appearance`). The landmarks alone
    tell less: the detector's networks have learned ordinary faces and move the points of a
    squeezed one towards those.
    """
    return view.appearance["distorted"]


def component(value: float) -> int:
    """Return 100 (1 - value), a mapping of ours."""
    return clamped(100 * (1 - value))


MEASURES = (
    Measure(
        name="natural_proportions",
        title="Face squeezed or stretched",
        explanation="How sure it is that the picture was squeezed to about half its width or "
        "height, from 0 to 1.",
        live_remedy="send the picture as the camera made it, with its own ratio of sides",
        document_remedy="scan it anew with the same resolution in both directions",
        value=value,
        component=component,
    ),
)
