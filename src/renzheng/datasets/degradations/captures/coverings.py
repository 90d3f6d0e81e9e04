"""Losses before the camera: parts of the face that are covered, or are not in the picture.

Lengths are multiples of the distance between the eyes. Coverings are flat shapes: they measure what
a network does without a part of the face, not whether it recognises real glasses.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations.captures.degradation import Loss, Rng
from renzheng.types import Face, Image

_DARK = (15, 15, 18)  # of sunglasses, red, green and blue
_CLOTH = (150, 190, 215)  # of a surgical mask
_SKIN = (176, 128, 105)  # of a hand
_CAP = (30, 30, 60)
_HAIR = (40, 30, 25)


def _corners(face: Face, x1: float, y1: float, x2: float, y2: float) -> npt.NDArray[np.int32]:
    """Return the corners of a box around the middle between the eyes, turned with the face.

    x1 to x2 run along the line between the eyes, and y1 to y2 down from it.
    """
    left, right = face.landmarks[:2].astype(np.float64)
    across = right - left
    down = np.array([-across[1], across[0]])
    middle = (left + right) / 2
    places = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return np.rint([middle + a * across + b * down for a, b in places]).astype(np.int32)


def _filled(
    image: Image,
    corners: npt.NDArray[np.int32],
    colour: Sequence[float],
    edge: int = cv2.LINE_8,
) -> Image:
    return np.asarray(cv2.fillPoly(image.copy(), [corners], colour, edge), np.uint8)


def _point(place: npt.NDArray[np.floating]) -> tuple[int, int]:
    return int(np.rint(place[0])), int(np.rint(place[1]))


def eye_bar(image: Image, face: Face, rng: Rng) -> Image:
    """Put a black bar over the eyes, as newspapers do."""
    return _filled(image, _corners(face, -1.1, -0.3, 1.1, 0.3), (0, 0, 0))


def sunglasses(image: Image, face: Face, rng: Rng) -> Image:
    """Put two dark discs and a bridge over the eyes."""
    out = image.copy()
    radius = round(0.42 * face.inter_eye_distance)
    left, right = (_point(eye) for eye in face.landmarks[:2])
    for eye in (left, right):
        cv2.circle(out, eye, radius, _DARK, -1, cv2.LINE_AA)
    cv2.line(out, left, right, _DARK, max(1, radius // 5), cv2.LINE_AA)
    return out


def one_eye(image: Image, face: Face, rng: Rng) -> Image:
    """Cover the left eye of the picture with hair."""
    return _filled(image, _corners(face, -0.95, -0.4, -0.12, 0.35), _HAIR)


def cap(image: Image, face: Face, rng: Rng) -> Image:
    """Cover all above the eyes."""
    return _filled(image, _corners(face, -1.3, -2.0, 1.3, -0.25), _CAP)


def mask(image: Image, face: Face, rng: Rng) -> Image:
    """Cover nose, mouth and chin, narrower below."""
    corners = _corners(face, -1.05, 0.42, 1.05, 1.9)
    corners[2:] = _corners(face, -0.6, 0.42, 0.6, 2.0)[2:]
    return _filled(image, corners, _CLOTH, cv2.LINE_AA)


def hand(image: Image, face: Face, rng: Rng) -> Image:
    """Hold a hand before the mouth."""
    middle = face.landmarks[3:].mean(axis=0)
    side = round(0.9 * face.inter_eye_distance)
    outline = ((float(middle[0]), float(middle[1])), (2 * side, 1.3 * side), 15.0)
    return np.asarray(cv2.ellipse(image.copy(), outline, _SKIN, -1, cv2.LINE_AA), np.uint8)


def lower_gone(share: float) -> Loss:
    """Return the loss of a share of the face's height, from below, to grey."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        out = image.copy()
        y1, y2 = (round(float(face.box[k])) for k in (1, 3))
        out[max(0, round(y2 - share * (y2 - y1))) :] = 128
        return out

    return apply


def left_gone(share: float) -> Loss:
    """Return the loss of a share of the face's width, from the left, to grey."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        out = image.copy()
        x1, x2 = (round(float(face.box[k])) for k in (0, 2))
        out[:, : max(0, round(x1 + share * (x2 - x1)))] = 128
        return out

    return apply
