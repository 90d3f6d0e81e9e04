"""Underexposure and overexposure of the face.

The standard (7.3.5, 7.3.6) counts the pixels of very low and very high luminance on the face
without its occlusions. Our face region is approximate (`renzheng.faces.quality.view`) and includes
occlusions: dark glasses count as dark, white hair over the brow as light.
"""

from __future__ import annotations

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_DARK = slice(0, 26)  # linear luminance: below a grey of 89 in sRGB
_LIGHT = slice(247, 256)


def under_exposed(view: View) -> float:
    """Return the share of the face's pixels with a linear luminance of 0 to 25 (of 255)."""
    return float(view.histogram[_DARK].sum())


def over_exposed(view: View) -> float:
    """Return the share of the face's pixels with a linear luminance of 247 to 255."""
    return float(view.histogram[_LIGHT].sum())


def under_exposure_component(value: float) -> int:
    """Return 120 (0.832 - sigmoid(value, 0.92, 0.05)), as in OFIQ: low only if all is dark."""
    return clamped(120 * (0.832 - sigmoid(value, 0.92, 0.05)))


def over_exposure_component(value: float) -> int:
    """Return 1 / (value + 0.01), as in OFIQ: a hundredth of the face burnt out halves it."""
    return clamped(1 / (value + 0.01))


MEASURES = (
    Measure(
        name="under_exposure_prevention",
        title="Share of the face in the dark",
        explanation="Which share of the face is too dark to show anything.",
        live_remedy="more light from the front",
        document_remedy="scan it lighter, or photograph it in more light",
        value=under_exposed,
        component=under_exposure_component,
    ),
    Measure(
        name="over_exposure_prevention",
        title="Share of the face burnt out",
        explanation="Which share of the face is burnt out to white.",
        live_remedy="less light on the face: no flash, no sun, no lamp close by",
        document_remedy="tilt the document until no lamp is mirrored in it, without flash",
        value=over_exposed,
        component=over_exposure_component,
    ),
)
