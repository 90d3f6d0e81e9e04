"""Room around the face: four measures of the standard (7.4.10).

Room to the sides is measured in distances between the eyes; above and below in distances from
between the eyes to the chin, which is estimated (`View.chin_distance`) where the standard has
landmarks.
"""

from __future__ import annotations

from functools import partial

from renzheng.faces.quality.interface import Measure, clamped, sigmoid
from renzheng.faces.quality.view import View

_FLOOR = 1e-6  # keeps from dividing by 0


def leftward(view: View) -> float:
    """Return the room between left edge and nearest eye, over the distance between the eyes."""
    return float(view.face.landmarks[:2, 0].min()) / _between_eyes(view)


def rightward(view: View) -> float:
    """Return the room between right edge and nearest eye, over the distance between the eyes."""
    room = view.image.shape[1] - float(view.face.landmarks[:2, 0].max())
    return float(room / _between_eyes(view))


def above(view: View) -> float:
    """Return the room from the upper edge to between the eyes, over the distance to the chin."""
    return float(view.between_eyes[1]) / max(view.chin_distance, _FLOOR)


def below(view: View) -> float:
    """Return the room from between the eyes to the lower edge, over the distance to the chin."""
    room = view.image.shape[0] - float(view.between_eyes[1])
    return float(room / max(view.chin_distance, _FLOOR))


def component(value: float, *, centre: float) -> int:
    """Return 100 sigmoid(value, centre, 0.1), as in OFIQ's configuration."""
    return clamped(100 * sigmoid(value, centre, 0.1))


def _between_eyes(view: View) -> float:
    return max(view.face.inter_eye_distance, _FLOOR)


_room = partial(
    Measure,
    live_remedy="move so that the whole head is in the picture, with room around it",
    document_remedy="take in the whole portrait, with its frame",
)

MEASURES = (
    _room(
        name="leftward_crop_of_the_face_image",
        title="Room on the left",
        standard=True,
        explanation="Room on the picture's left, in distances between the eyes; 0.9 is just "
        "enough.",
        value=leftward,
        component=partial(component, centre=0.9),
    ),
    _room(
        name="rightward_crop_of_the_face_image",
        title="Room on the right",
        standard=True,
        explanation="Room on the picture's right, in distances between the eyes; 0.9 is just "
        "enough.",
        value=rightward,
        component=partial(component, centre=0.9),
    ),
    _room(
        name="margin_above_of_the_face_image",
        title="Room above",
        explanation="Room above the eyes, in distances from the eyes to the chin; 1.4 is just "
        "enough for a portrait, and comparing does not need that.",
        value=above,
        component=partial(component, centre=1.4),
    ),
    _room(
        name="margin_below_of_the_face_image",
        title="Room below",
        explanation="Room below the eyes, in distances from the eyes to the chin; 1.8 is just "
        "enough for a portrait, and comparing does not need that.",
        value=below,
        component=partial(component, centre=1.8),
    ),
)
