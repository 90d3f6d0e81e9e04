"""A head as the comparison of pictures sees it: grey, upright, only its detail, at three scales.

Detail is what is left of a picture after its coarse light and dark are taken away (a difference of
Gaussians) and what remains is divided by its own strength near by. So exposure, tone curve, a veil
of glare and a slow overlay hardly count, and blur, noise and a print's screen, which are finer, are
smoothed away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from renzheng.faces.alignment import AlignmentTemplate, align, to_picture, umeyama
from renzheng.types import Face, Floats, Image

WINDOW = 96  # px: what is compared, from the hair to below the chin
MARGIN = 16  # px around it, so that there is something to move over the other's window
SIDE = WINDOW + 2 * MARGIN

_EYES = 30.0  # px between the eyes, or twice as much detail as print and JPEG leave is looked at
_MIDDLE = (SIDE - 1) / 2
_EYE_LINE = MARGIN + 40.0


def _template() -> AlignmentTemplate:
    # The layout of dlib's chip in units of the eyes' distance, made symmetric, so that the mirror
    # image of a head is the head of the mirror image.
    offsets = ((-0.5, 0), (0.5, 0), (0, 0.585), (-0.435, 1.1), (0.435, 1.1))
    points = np.array(offsets, np.float32) * np.float32(_EYES)
    points += np.array((_MIDDLE, _EYE_LINE), np.float32)
    points.setflags(write=False)
    return AlignmentTemplate("head-128", SIDE, points)


HEAD = _template()

# Levels of grey; detail weaker than this counts as noise.
_NOISE = np.float32(2.0)
_TINY = np.float32(1e-3)


@dataclass(frozen=True, eq=False)
class Level:
    """One scale of a head.

    Attributes
    ----------
    detail
        float32 (n, n), about -2 to 2; 0 where the picture does not reach.
    visible
        float32 (n, n): 1 inside the picture, 0 outside; None where all is inside.
    """

    detail: Floats
    visible: Floats | None

    def mirrored(self) -> Level:
        """Left and right exchanged."""
        visible = self.visible
        return Level(
            np.ascontiguousarray(self.detail[:, ::-1]),
            None if visible is None else np.ascontiguousarray(visible[:, ::-1]),
        )


@dataclass(frozen=True, eq=False)
class PhotoDetail:
    """What is compared of one picture.

    Attributes
    ----------
    fine, middle, coarse
        The same view in 128, 64 and 32 pixels; a quarter, each side an eighth, is margin.
    eyes
        Pixels between the eyes in the picture itself.
    """

    fine: Level
    middle: Level
    coarse: Level
    eyes: float

    def mirrored(self) -> PhotoDetail:
        """The head of the mirror image."""
        return PhotoDetail(
            self.fine.mirrored(), self.middle.mirrored(), self.coarse.mirrored(), self.eyes
        )


def detail_of(image: Image, face: Face) -> PhotoDetail:
    """Cut out one head and keep its detail.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, upright.
    face
        The face in it.

    Raises
    ------
    InvalidInput
        If the picture is not RGB, or the landmarks lie so that they fix no view.
    """
    grey = cv2.cvtColor(align(image, face.landmarks, HEAD), cv2.COLOR_RGB2GRAY)
    pixels = np.asarray(grey, np.float32)
    visible = _visible(image, face)
    half = None if visible is None else _whole(visible)
    middle = Level(_detail(_halved(pixels), half, 1.5, 5.0, 17), half)
    coarse = Level(_halved(middle.detail), None if half is None else _whole(half))
    fine = _detail(pixels, visible, 1.0, 2.0, 13)
    if visible is not None:
        # The outermost visible pixel is mixed with the black around it.
        visible = np.asarray(cv2.erode(visible, np.ones((3, 3), np.uint8)), np.float32)
    return PhotoDetail(Level(fine, visible), middle, coarse, face.inter_eye_distance)


def _visible(image: Image, face: Face) -> Floats | None:
    """Which pixels of the head lie in the picture; None for all."""
    last = SIDE - 1
    corners = np.array([(0, 0), (last, 0), (0, last)], np.float64)
    corners = to_picture(umeyama(face.landmarks, HEAD.points), corners)
    origin, right, down = corners[0], corners[1] - corners[0], corners[2] - corners[0]
    limits = np.array((image.shape[1] - 1, image.shape[0] - 1), np.float64)
    opposite = origin + right + down
    if min(corners.min(), opposite.min()) >= 0 and (np.maximum(corners, opposite) <= limits).all():
        return None
    steps = np.arange(SIDE) / last
    inside = np.ones((SIDE, SIDE), bool)
    for axis in (0, 1):
        along = origin[axis] + right[axis] * steps[None, :] + down[axis] * steps[:, None]
        inside &= (along >= 0) & (along <= limits[axis])
    return inside.astype(np.float32)


def _halved(pixels: Floats) -> Floats:
    side = pixels.shape[0] // 2
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _whole(visible: Floats) -> Floats:
    """The halved pixels of which all four are visible."""
    return (_halved(visible) > 0.99).astype(np.float32)


def _detail(
    pixels: Floats, visible: Floats | None, finest: float, coarsest: float, near: int
) -> Floats:
    """Between two scales (standard deviations in px), relative to its strength over `near` px."""
    if visible is None:
        detail = np.subtract(_smooth(pixels, finest), _smooth(pixels, coarsest))
        power = _mean_square(detail, near)
    else:
        shown = np.multiply(pixels, visible)
        fine, coarse = (
            np.divide(_smooth(shown, deviation), np.maximum(_smooth(visible, deviation), _TINY))
            for deviation in (finest, coarsest)
        )
        detail = np.subtract(fine, coarse) * visible
        share = np.maximum(_mean_square(visible, near), _TINY)
        power = np.divide(_mean_square(detail, near), share)
    return np.asarray(detail / (np.sqrt(power) + _NOISE), np.float32)


def _smooth(pixels: Floats, deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), deviation), np.float32)


def _mean_square(values: Floats, near: int) -> Floats:
    """The mean square of what is near."""
    # cv2's running sums can end a little below zero
    squares = np.maximum(cv2.blur(np.square(values), (near, near)), 0)
    return np.asarray(squares, np.float32)
