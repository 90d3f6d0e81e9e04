"""The detail of a photograph around a face: grey, upright, at three scales.

Detail is a difference of Gaussians, which removes coarse light and dark, divided by its own local
strength. So exposure, tone curve, a veil of glare and a smooth overlay hardly count, and blur,
noise and a print's screen, which are finer, are smoothed away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from renzheng.faces.alignment import AlignmentTemplate, align, to_image, umeyama
from renzheng.types import Face, Floats, Image

WINDOW = 96  # px: the part that is compared, from the hair to below the chin
MARGIN = 16  # px around the window, so that it can move over the other photograph's
SIDE = WINDOW + 2 * MARGIN

_EYES = 30.0  # px between the eyes; more would look at detail that print and JPEG destroy
_MIDDLE = (SIDE - 1) / 2
_EYE_LINE = MARGIN + 40.0


def _template() -> AlignmentTemplate:
    # The layout of dlib's chip in units of the distance between the eyes, made symmetric, so that
    # cropping and mirroring can be exchanged.
    offsets = ((-0.5, 0), (0.5, 0), (0, 0.585), (-0.435, 1.1), (0.435, 1.1))
    points = np.array(offsets, np.float32) * np.float32(_EYES)
    points += np.array((_MIDDLE, _EYE_LINE), np.float32)
    points.setflags(write=False)
    return AlignmentTemplate("photo-detail-128", SIDE, points)


TEMPLATE = _template()

# Grey levels, 0 to 255; weaker detail counts as noise.
_NOISE = np.float32(2.0)
_TINY = np.float32(1e-3)


@dataclass(frozen=True, eq=False)
class Level:
    """The detail of a photograph at one scale.

    Attributes
    ----------
    detail
        float32 (n, n), about -2 to 2; 0 outside the picture.
    visible
        float32 (n, n): 1 inside the picture, 0 outside; None where all of it is inside.
    """

    detail: Floats
    visible: Floats | None

    def mirrored(self) -> Level:
        """Return this level with left and right exchanged."""
        visible = self.visible
        return Level(
            np.ascontiguousarray(self.detail[:, ::-1]),
            None if visible is None else np.ascontiguousarray(visible[:, ::-1]),
        )


@dataclass(frozen=True, eq=False)
class PhotoDetail:
    """The detail of a photograph around one face, at three scales.

    Attributes
    ----------
    fine, middle, coarse
        The same view, 128, 64 and 32 pixels wide; an eighth at each edge is margin.
    eyes
        The distance between the eyes in the picture itself, in pixels.
    """

    fine: Level
    middle: Level
    coarse: Level
    eyes: float

    def mirrored(self) -> PhotoDetail:
        """Return the detail of the mirror image."""
        return PhotoDetail(
            self.fine.mirrored(), self.middle.mirrored(), self.coarse.mirrored(), self.eyes
        )


def detail_of(image: Image, face: Face) -> PhotoDetail:
    """Return the detail of an image around a face.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, upright.
    face
        The face in it.

    Raises
    ------
    InvalidInput
        If the image is not RGB, or the landmarks do not lie like a face.
    """
    grey = cv2.cvtColor(align(image, face.landmarks, TEMPLATE), cv2.COLOR_RGB2GRAY)
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
    """Return 1 for each pixel of the view inside the picture, else 0; None if all are inside."""
    last = SIDE - 1
    corners = np.array([(0, 0), (last, 0), (0, last)], np.float64)
    corners = to_image(umeyama(face.landmarks, TEMPLATE.points), corners)
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
    """Return 1 for each halved pixel whose four pixels are all visible, else 0."""
    return (_halved(visible) > 0.99).astype(np.float32)


def _detail(
    pixels: Floats, visible: Floats | None, fine_px: float, coarse_px: float, near_px: int
) -> Floats:
    """Return the detail between two scales (standard deviations), over its local strength."""
    if visible is None:
        detail = np.subtract(_smooth(pixels, fine_px), _smooth(pixels, coarse_px))
        power = _mean_square(detail, near_px)
    else:
        shown = np.multiply(pixels, visible)
        fine, coarse = (
            np.divide(_smooth(shown, deviation), np.maximum(_smooth(visible, deviation), _TINY))
            for deviation in (fine_px, coarse_px)
        )
        detail = np.subtract(fine, coarse) * visible
        share = np.maximum(_mean_square(visible, near_px), _TINY)
        power = np.divide(_mean_square(detail, near_px), share)
    return np.asarray(detail / (np.sqrt(power) + _NOISE), np.float32)


def _smooth(pixels: Floats, deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), deviation), np.float32)


def _mean_square(values: Floats, near_px: int) -> Floats:
    """Return the mean square over a square of `near_px` around each pixel."""
    # cv2's running sums can end a little below zero
    squares = np.maximum(cv2.blur(np.square(values), (near_px, near_px)), 0)
    return np.asarray(squares, np.float32)
