"""A face as the quality measures see it; intermediate results are computed once for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.faces import alignment
from renzheng.faces.alignment import AlignmentTemplate
from renzheng.faces.quality import appearance, pose
from renzheng.types import Face, Image

# The standard's reference implementation brings five points of a face to these places in 616 x 616
# pixels and measures there (OFIQ, OFIQlib/modules/utils/src/utils.cpp). From that frame we crop the
# face from brow to chin at the same scale, so that values are comparable, with no more background
# than necessary.
_SIDE, _LEFT, _TOP = 288, 164, 218
_PLACES = np.array([(251, 272), (364, 272), (308, 336), (262, 402), (355, 402)])
FRAME = AlignmentTemplate("quality-288", _SIDE, (_PLACES - (_LEFT, _TOP)).astype(np.float32))

# The standard's face region is the hull of 98 landmarks, from the brows to the chin and from ear to
# ear. With five landmarks we take an ellipse in the aligned frame, cut off at the brows and a bit
# narrower than the face, so that it contains no background.
_CENTRE, _AXES, _BROWS = (308 - _LEFT, 352 - _TOP), (94, 122), 244 - _TOP

_MAX_SAMPLES = 4
_PATCH, _PATCH_EYES = 1.25, 80  # of the landmarks' reach; px between the eyes

# The distance from between the eyes to the chin, over that to between the mouth's corners; see
# `View.chin_distance`.
_CHIN = 1.66

_LINEAR = np.arange(256) / 255
_LINEAR = np.where(_LINEAR > 0.04045, ((_LINEAR + 0.055) / 1.055) ** 2.4, _LINEAR / 12.92)
_LINEAR = _LINEAR.astype(np.float32)  # IEC 61966-2-1
_TO_LUMINANCE = np.array([[0.2126, 0.7152, 0.0722]], np.float32)  # ITU-R BT.709


@dataclass(frozen=True, eq=False)
class View:
    """A face in its picture.

    Attributes
    ----------
    image
        uint8 (H, W, 3) RGB: the whole picture.
    face
        The face.
    template
        The template that the embedding network's crop is aligned to.
    faces
        All faces of the picture.
    """

    image: Image
    face: Face
    template: AlignmentTemplate
    faces: Sequence[Face] = ()

    @cached_property
    def pose(self) -> pose.Pose:
        """The pose of the head."""
        return pose.estimate(self.face.landmarks)

    @cached_property
    def between_eyes(self) -> npt.NDArray[np.float64]:
        """float64 (2,) xy: the middle between the eyes, in pixels of the picture."""
        return np.asarray(self.face.landmarks[:2].mean(axis=0), np.float64)

    @property
    def chin_distance(self) -> float:
        """The distance from between the eyes to the chin, in pixels of the picture.

        The standard takes the chin from its landmarks. Ours end at the mouth, so this is the
        distance from between the eyes to between the mouth's corners times 1.66, which varies with
        the person. At 1.66 MTCNN's boxes end, which is at the chin: the median of 933 faces of LFW
        that look ahead; half of them lie between 1.59 and 1.73.
        """
        mouth = self.face.landmarks[3:].mean(axis=0)
        return _CHIN * float(np.linalg.norm(mouth - self.between_eyes))

    @cached_property
    def crop(self) -> Image:
        """uint8 (288, 288, 3) RGB: the face, with 113 px between the eyes of an ordinary face."""
        image, landmarks = self.image, self.face.landmarks.astype(np.float64)
        factor = int(1 / float(np.hypot(self._matrix[0, 0], self._matrix[1, 0])))
        if factor > 1:
            image, landmarks = self._shrunk(factor, landmarks)
        return alignment.align(image, landmarks, FRAME)

    @cached_property
    def grey(self) -> npt.NDArray[np.float32]:
        """float32 (144, 144): `crop` in grey at half the scale, 0 to 255; not rounded to levels.

        Rounding would turn the slopes of a blurred face into steps.
        """
        size = (_SIDE // 2, _SIDE // 2)
        small = cv2.resize(self.crop.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)

    @cached_property
    def patch(self) -> Image:
        """uint8 (h, w, 3) RGB: the picture's own pixels around the landmarks, neither turned nor
        interpolated.

        It reaches 1.25 times as far as the landmarks. A large face is shrunk by a whole factor, as
        the mean of squares, until its eyes are at most 80 px apart.
        """
        points = self.face.landmarks.astype(np.float64)
        middle, reach = points.mean(axis=0), _PATCH * float(np.ptp(points, axis=0).max()) / 2
        limits = np.array(self.image.shape[1::-1])
        first = np.clip(np.floor(middle - reach), 0, limits - 1).astype(int)
        last = np.clip(np.ceil(middle + reach) + 1, first + 1, limits).astype(int)
        cell = max(math.ceil(self.face.inter_eye_distance / _PATCH_EYES), 1)
        width, height = (max(int(side) // cell, 1) for side in last - first)
        last = np.minimum(last, first + np.array((width, height)) * cell)
        part = np.ascontiguousarray(self.image[first[1] : last[1], first[0] : last[0]])
        if cell == 1:
            return part
        return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def appearance(self) -> dict[str, float]:
        """How sure it is that the face is covered or the like, 0 to 1: `appearance.scores`."""
        crop = alignment.align(self.image, self.face.landmarks, appearance.TEMPLATE)
        return appearance.scores(crop)

    @cached_property
    def landmarks(self) -> npt.NDArray[np.float64]:
        """float64 (5, 2) xy: the landmarks in pixels of `crop`."""
        return alignment.to_crop(self._matrix, self.face.landmarks)

    @cached_property
    def luminance(self) -> Image:
        """uint8 (288, 288): the luminance of `crop`, linear in light rather than in perception.

        As in the standard, IEC 61966-2-1 is undone and the channels are weighted by ITU-R BT.709;
        a grey of 128 is 55 here.
        """
        light = cv2.transform(cv2.LUT(self.crop, _LINEAR), _TO_LUMINANCE)
        return np.asarray(cv2.convertScaleAbs(light, alpha=255), np.uint8)

    @cached_property
    def region(self) -> Image:
        """uint8 (288, 288): 255 on the face, 0 beside it and outside the picture."""
        region = _ELLIPSE if self.shown is None else cv2.bitwise_and(_ELLIPSE, self.shown)
        # If no part of the face is in the picture, the black outside is measured.
        return np.asarray(region if region.any() else _ELLIPSE, np.uint8)

    @cached_property
    def histogram(self) -> npt.NDArray[np.float64]:
        """float64 (256,): the share of the face's pixels at each luminance; sums to 1."""
        counts = cv2.calcHist([self.luminance], [0], self.region, [256], [0, 256])
        counts = counts.ravel().astype(np.float64)
        return np.asarray(counts / counts.sum())

    @cached_property
    def cheeks(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Rows and columns of the standard's two measurement zones in `crop`.

        They are squares of 0.3 times the distance between the eyes, half-way from the eyes to the
        mouth, each from below an eye's centre outwards.
        """
        points = self.landmarks
        eyes, mouth = points[:2], points[3:].mean(axis=0)
        side = min(max(int(0.3 * np.linalg.norm(eyes[1] - eyes[0])), 1), _SIDE)
        down = 0.5 * float(np.linalg.norm(mouth - eyes.mean(axis=0)))
        (x1, y1), (x2, y2) = eyes
        return _square(x1 - side, y1 + down, side), _square(x2, y2 + down, side)

    @cached_property
    def _matrix(self) -> alignment.Matrix:
        return alignment.umeyama(self.face.landmarks, FRAME.points)

    def _shrunk(
        self, factor: int, landmarks: npt.NDArray[np.float64]
    ) -> tuple[Image, npt.NDArray[np.float64]]:
        """Return the area under the crop, `factor` times smaller, and the landmarks in it.

        The time must not grow with the face: a pixel is the mean of at most four by four, for which
        only every n-th row and column of a very large face is read.
        """
        reach = self._corners
        skip = -(-factor // _MAX_SAMPLES)
        cell = factor // skip
        limits = np.array(self.image.shape[1::-1])
        first = np.clip(np.floor(reach.min(axis=0)) - factor, 0, limits - 1).astype(int)
        last = np.clip(np.ceil(reach.max(axis=0)) + factor, first + 1, limits).astype(int)
        part = self.image[first[1] : last[1] : skip, first[0] : last[0] : skip]
        height, width = (max(side // cell, 1) for side in part.shape[:2])
        # whole cells, of which OpenCV takes the plain mean, which is also its fast path
        part = np.ascontiguousarray(part[: height * cell, : width * cell])
        small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        # Pixel centres, not corners, are at whole numbers.
        middle = first + skip * (cell - 1) / 2
        return np.asarray(small, np.uint8), (landmarks - middle) / (skip * cell)

    @cached_property
    def _corners(self) -> npt.NDArray[np.float64]:
        """float64 (4, 2) xy: where the crop's corners lie in the picture."""
        ends = np.array([(0, 0), (_SIDE, 0), (_SIDE, _SIDE), (0, _SIDE)], np.float64) - 0.5
        return alignment.to_image(self._matrix, ends)

    @cached_property
    def shown(self) -> Image | None:
        """uint8 (288, 288): 255 where `crop` shows the picture; None where it does everywhere."""
        height, width = self.image.shape[:2]
        # from the first pixel's centre to the last one's; beyond, black is mixed in
        right, bottom = width - 1, height - 1
        edges = np.array([(0, 0), (right, 0), (right, bottom), (0, bottom)], np.float64)
        if (self._corners >= edges[0]).all() and (self._corners <= edges[2]).all():
            return None
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillConvexPoly(mask, _near(alignment.to_crop(self._matrix, edges)), 255)
        return mask


def _square(x: float, y: float, side: int) -> tuple[slice, slice]:
    left, top = (min(max(round(v), 0), _SIDE - side) for v in (x, y))
    return slice(top, top + side), slice(left, left + side)


def _near(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    # OpenCV's drawing functions take coordinates of little more than 16 bits.
    return np.clip(np.rint(points), -(2**14), 2**14).astype(np.int32)


def _ellipse() -> Image:
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.ellipse(mask, _CENTRE, _AXES, 0, 0, 360, 255, cv2.FILLED)
    mask[:_BROWS] = 0
    mask.setflags(write=False)
    return mask


_ELLIPSE = _ellipse()
