"""A document's main portrait, cut out."""

from __future__ import annotations

from renzheng.errors import InvalidInput, NoFace
from renzheng.faces.portrait import EYES_APART, RATIO
from renzheng.faces.portrait import portrait as cut_portrait
from renzheng.types import Capture, Image

_SMALLEST, _LARGEST = 32, 4000


def cut(capture: Capture, height: int | None = None) -> Image:
    """Cut out the portrait that was chosen, upright.

    Parameters
    ----------
    capture
        Of a document.
    height
        In pixels; by default neither enlarged nor reduced.

    Returns
    -------
    uint8 (height, 7/9 height, 3) RGB
        As ICAO Doc 9303 has portraits: 35 to 45, the eyes a quarter of the width apart. Where the
        picture ends its edge is repeated.

    Raises
    ------
    NoFace
        If no face was chosen.
    InvalidInput
        If the height is out of range.
    """
    if capture.face is None or capture.image is None:
        raise NoFace(capture.error or "no portrait was found", source=capture.source)
    if height is None:
        natural = round(capture.face.inter_eye_distance / EYES_APART / RATIO)
        height = min(max(natural, _SMALLEST), _LARGEST)
    check_height(height)
    return cut_portrait(capture.image, capture.face, height)


def check_height(height: int) -> None:
    """Make sure that a portrait can be so high.

    Raises
    ------
    InvalidInput
        If it cannot.
    """
    if not _SMALLEST <= height <= _LARGEST:
        raise InvalidInput(f"a portrait is {_SMALLEST} to {_LARGEST} pixels high, not {height}")
