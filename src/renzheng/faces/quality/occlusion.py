"""Coverings of the face: what hides the eyes, and what hides the mouth.

The standard (7.4.3 to 7.4.6) compares a segmentation of what covers a face with the zones of the
eyes, the mouth and the face. We have no such network: a small network says whether eyes or
mouth look covered (`renzheng.faces.quality.appearance`), and not which share of them.
"""

from __future__ import annotations

from functools import partial

from renzheng.faces.quality.interface import Measure, clamped
from renzheng.faces.quality.view import View


def eyes(view: View) -> float:
    """Return how sure the network is that an eye or both are covered, 0 to 1."""
    return view.appearance["eyes_covered"]


def mouth(view: View) -> float:
    """Return how sure the network is that the mouth is covered, 0 to 1."""
    return view.appearance["mouth_covered"]


def component(value: float) -> int:
    """Return 100 (1 - value), a mapping of ours."""
    return clamped(100 * (1 - value))


_covering = partial(Measure, component=component)

MEASURES = (
    _covering(
        name="eyes_visible",
        title="Eyes covered",
        explanation="How sure it is that dark glasses, a hand or a bar cover the eyes, from 0 to "
        "1.",
        live_remedy="take off dark glasses and keep hair and hands away from the eyes",
        document_remedy="use a portrait on which both eyes are seen, without glare on glasses",
        value=eyes,
    ),
    _covering(
        name="mouth_occlusion_prevention",
        title="Mouth covered",
        explanation="How sure it is that a mask, a hand or a scarf covers the mouth, from 0 to 1.",
        live_remedy="take off the mask and keep scarf and hands away from the mouth",
        document_remedy="use a portrait on which the mouth is seen",
        value=mouth,
    ),
)
