"""The main portrait of a document, cropped."""

from __future__ import annotations

from renzheng.errors import InvalidInput, NoFace
from renzheng.faces.portrait import EYES_APART, RATIO
from renzheng.faces.portrait import portrait as cut_portrait
from renzheng.types import Capture, Image

_MIN_HEIGHT, _MAX_HEIGHT = 32, 4000  # px


def cut(capture: Capture, height: int | None = None) -> Image:
    """Crop the portrait that was chosen, upright.

    Parameters
    ----------
    capture
        The capture of a document.
    height
        Height in pixels; by default the portrait is neither enlarged nor reduced.

    Returns
    -------
    uint8 (height, 7/9 height, 3) RGB
        A portrait with the proportions of ICAO Doc 9303: 35 to 45, the eyes a quarter of the width
        apart. Beyond the picture its edge is repeated.

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
        height = min(max(natural, _MIN_HEIGHT), _MAX_HEIGHT)
    check_height(height)
    return cut_portrait(capture.image, capture.face, height)


def check_height(height: int) -> None:
    """Check the height of a portrait in pixels.

    Raises
    ------
    InvalidInput
        If it is out of range.
    """
    if not _MIN_HEIGHT <= height <= _MAX_HEIGHT:
        raise InvalidInput(
            f"a portrait must be {_MIN_HEIGHT} to {_MAX_HEIGHT} pixels high, not {height}"
        )
