"""Room around the face: four measures of the standard (7.4.10).

Room to the sides is measured in distances between the eyes; above and below in distances from
between the eyes to the chin, which is estimated (`View.chin_distance`) where the standard has
landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _to_the(side: str, value: Callable[[View], float]) -> Measure:
    return _room(
        name=f"{side}ward_crop_of_the_face_image",
        title=f"Room on the {side}",
        standard=True,
        explanation=f"Room on the picture's {side}, in distances between the eyes; 0.9 is just "
        "enough.",
        value=value,
        component=partial(component, centre=0.9),
    )


def _vertical(side: str, value: Callable[[View], float], enough: float) -> Measure:
    return _room(
        name=f"margin_{side}_of_the_face_image",
        title=f"Room {side}",
        explanation=f"Room {side} the eyes, in distances from the eyes to the chin; {enough} is "
        "just enough for a portrait, and comparing does not need that.",
        value=value,
        component=partial(component, centre=enough),
    )


MEASURES = (
    _to_the("left", leftward),
    _to_the("right", rightward),
    _vertical("above", above, 1.4),
    _vertical("below", below, 1.8),
)
