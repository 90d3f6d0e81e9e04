"""Alignment: the similarity transform of five landmarks to a named template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Crops, Face, Floats, Image

Matrix = npt.NDArray[np.float64]  # (2, 3) image to crop: rotation, scale, translation

# No image reaches beyond these coordinates; the limit keeps the arithmetic far from overflow.
_MAX_COORDINATE = 1e6
# Below this correlation with the template (at most 1) no rotation fits better than another.
_MIN_CORRELATION = 1e-3
_MAX_REDUCTION = 64


@dataclass(frozen=True, eq=False)
class AlignmentTemplate:
    """The positions of the five landmarks in a square crop.

    Attributes
    ----------
    name
        The name in packs, e.g. ``dlib-150``.
    size
        The width and height of the crop in pixels.
    points
        float32 (5, 2) xy, in the order of `Face.landmarks`.
    """

    name: str
    size: int
    points: Floats

    def scaled(self, size: int) -> AlignmentTemplate:
        """Return the template of the same view in crops of another size.

        Raises
        ------
        InvalidInput
            If the size is below 8 pixels.
        """
        if size < 8:
            raise InvalidInput(f"a crop must be 8 pixels wide or more, not {size}")
        points = self.points * np.float32(size / self.size)
        points.setflags(write=False)
        return AlignmentTemplate(self.name, size, points)


def _template(name: str, size: int, *points: tuple[float, float]) -> AlignmentTemplate:
    array = np.array(points, np.float32)
    array.setflags(write=False)
    return AlignmentTemplate(name, size, array)


TEMPLATES: dict[str, AlignmentTemplate] = {
    template.name: template
    for template in (
        # the positions that ArcFace and its successors train on
        _template(
            "arcface-112",
            112,
            (38.2946, 51.6963),
            (73.5318, 51.5014),
            (56.0252, 71.7366),
            (41.5493, 92.3655),
            (70.7299, 92.2041),
        ),
        # FaceNet does not align: it crops the detector's box with a margin. This is ArcFace's
        # layout at 160 / 112, about the scale of that crop, moved up by 14 px, because that crop
        # is centred on the face and ArcFace's lies higher.
        _template(
            "facenet-160",
            160,
            (54.7066, 59.8519),
            (105.0454, 59.5734),
            (80.0360, 88.4809),
            (59.3561, 117.9507),
            (101.0427, 117.7201),
        ),
        # the positions of MTCNN's landmarks in the chip that dlib cuts by its own five points at
        # padding 0.25
        _template(
            "dlib-150",
            150,
            (48.6, 46.6),
            (102.4, 47.0),
            (75.5, 78.2),
            (51.8, 105.8),
            (98.6, 105.9),
        ),
    )
}


def umeyama(source: npt.ArrayLike, target: npt.ArrayLike) -> Matrix:
    """Return the similarity that brings points closest to others, in the least-squares sense.

    Parameters
    ----------
    source, target
        (5, 2) xy.

    Returns
    -------
    Matrix
        float64 (2, 3): a rotation, one scale and a translation; never a reflection.

    Raises
    ------
    InvalidInput
        If points are not finite, or determine no similarity.

    Notes
    -----
    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991. In the plane, with points as complex numbers, rotation and scale are one factor, and the
    solution is that of simple regression: no singular values, and no reflection to undo.
    """
    s, t = _points(source, 5), _points(target, 5)
    s_mean, t_mean = s.mean(axis=0), t.mean(axis=0)
    a, b = (s - s_mean) @ (1, 1j), (t - t_mean) @ (1, 1j)
    a_norm, b_norm = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(a_norm, b_norm) < 1e-3:
        raise InvalidInput("the landmarks coincide")
    factor = complex(np.vdot(a, b)) / a_norm**2
    if abs(factor) * a_norm < _MIN_CORRELATION * b_norm:
        raise InvalidInput("the landmarks are not arranged like a face")
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, t_mean - linear @ s_mean])


def align(image: Image, landmarks: npt.ArrayLike, template: AlignmentTemplate | str) -> Crops:
    """Cut one face out of an image, upright and at the template's scale.

    Parameters
    ----------
    image
        uint8 (H, W, 3).
    landmarks
        (5, 2) xy in pixels of the image.
    template
        A template, or its name in `TEMPLATES`.

    Returns
    -------
    Crops
        uint8 (size, size, 3); black outside the image, as in dlib.

    Raises
    ------
    InvalidInput
        If the image, the landmarks or the template's name is not valid.

    Notes
    -----
    Bilinear sampling reads at most four pixels per sample, so a face much larger than the crop
    would alias. Where a pixel of the crop covers more than one of the image, it is therefore the
    mean of enough samples that no pixel is skipped.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InvalidInput(f"an image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    chosen = _template_named(template)
    return _warp(image, umeyama(landmarks, chosen.points), chosen.size)


def align_all(image: Image, faces: Sequence[Face], template: AlignmentTemplate | str) -> Crops:
    """Cut every face out of an image.

    Parameters
    ----------
    image
        uint8 (H, W, 3).
    faces
        The faces, as detection returns them.
    template
        A template, or its name in `TEMPLATES`.

    Returns
    -------
    Crops
        uint8 (n, size, size, 3), in the order of the faces.

    See Also
    --------
    align : the same for one face, with the errors raised.
    """
    chosen = _template_named(template)
    crops = np.zeros((len(faces), chosen.size, chosen.size, 3), np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        crop[:] = align(image, face.landmarks, chosen)
    return crops


def to_crop(matrix: npt.ArrayLike, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Map points of the image into the crop.

    Parameters
    ----------
    matrix
        (2, 3), from `umeyama`.
    points
        (n, 2) xy.

    Returns
    -------
    ndarray
        float64 (n, 2) xy.
    """
    m = _matrix(matrix)
    return _points(points) @ m[:, :2].T + m[:, 2]


def to_image(matrix: npt.ArrayLike, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Map points of the crop back into the image: the inverse of `to_crop`, with its arguments."""
    return to_crop(_inverse(_matrix(matrix)), points)


def visible_share(
    image: Image, landmarks: npt.ArrayLike, template: AlignmentTemplate | str, samples: int = 32
) -> float:
    """Return the share of a crop that lies in the image, 0 to 1.

    Parameters
    ----------
    image
        uint8 (H, W, 3).
    landmarks
        (5, 2) xy, as for `align`.
    template
        A template, or its name in `TEMPLATES`.
    samples
        The number of points that are tested along each side.

    Raises
    ------
    InvalidInput
        As in `align`.
    """
    chosen = _template_named(template)
    matrix = umeyama(_points(landmarks, 5), chosen.points)
    steps = (np.arange(samples) + 0.5) * (chosen.size / samples) - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = to_image(matrix, grid)
    last = np.array((image.shape[1] - 0.5, image.shape[0] - 0.5))
    return float(((points >= -0.5) & (points <= last)).all(axis=1).mean())


def _template_named(template: AlignmentTemplate | str) -> AlignmentTemplate:
    if isinstance(template, AlignmentTemplate):
        return template
    try:
        return TEMPLATES[template]
    except KeyError:
        raise InvalidInput(
            f"unknown template {template!r}", remedy=f"choose one of {', '.join(TEMPLATES)}"
        ) from None


def _warp(image: Image, matrix: Matrix, size: int) -> Crops:
    inverse = _inverse(matrix)
    corners = np.array([(-1, -1), (size, -1), (-1, size), (size, size)], np.float64)
    corners = corners @ inverse[:, :2].T + inverse[:, 2]
    limits = image.shape[1], image.shape[0]
    # only the region under the crop: OpenCV warps no image with a side above 32,767 px
    left, top = (int(v) for v in np.clip(np.floor(corners.min(axis=0)) - 1, 0, limits))
    right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(axis=0)) + 2, 0, limits))
    if right <= left or bottom <= top:
        return np.zeros((size, size, 3), np.uint8)
    region = np.ascontiguousarray(image[top:bottom, left:right])
    matrix = _reparametrise(matrix, 1, (left, top))

    pixels = 1 / math.hypot(matrix[0, 0], matrix[1, 0])  # of the image, per pixel of the crop
    # A very large face first shrinks by a whole factor, which is exact and fast, to between two
    # and three times the crop's scale; the samples below do the rest.
    factor = min(int(pixels / 2), _MAX_REDUCTION)
    if factor > 1:
        region = _shrink(region, factor)
        # pixel centres, not corners, are at whole numbers
        matrix = _reparametrise(matrix, factor, ((factor - 1) / 2,) * 2)
        pixels /= factor
    samples = min(math.ceil(pixels - 1e-9), 4) if pixels > 1 else 1
    fine = matrix * samples
    fine[:, 2] += (samples - 1) / 2
    side = size * samples
    warped = cv2.warpAffine(region, fine, (side, side), flags=cv2.INTER_LINEAR)
    if samples > 1:
        warped = cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
    return warped.astype(np.uint8, copy=False)


def _shrink(region: Image, factor: int) -> Image:
    height, width = region.shape[:2]
    # the last row and column of cells is filled up with black, as all outside the image
    padded = cv2.copyMakeBorder(
        region, 0, -height % factor, 0, -width % factor, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    size = padded.shape[1] // factor, padded.shape[0] // factor
    return cv2.resize(padded, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _reparametrise(matrix: Matrix, scale: float, offset: tuple[float, float]) -> Matrix:
    """Return the matrix for points q, given one for p = scale q + offset."""
    linear = matrix[:, :2]
    return np.column_stack([linear * scale, linear @ offset + matrix[:, 2]])


def _inverse(matrix: Matrix) -> Matrix:
    try:
        linear = np.linalg.inv(matrix[:, :2])
    except np.linalg.LinAlgError:
        raise InvalidInput("the matrix has no inverse") from None
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def _matrix(matrix: npt.ArrayLike) -> Matrix:
    array = np.asarray(matrix, np.float64)
    if array.shape != (2, 3) or not np.isfinite(array).all():
        raise InvalidInput(f"a matrix must be finite and (2, 3), not {array.shape}")
    return array


def _points(points: npt.ArrayLike, count: int | None = None) -> npt.NDArray[np.float64]:
    try:
        array = np.asarray(points, np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("points must be numbers") from None
    if array.ndim != 2 or array.shape[1] != 2 or (count is not None and len(array) != count):
        raise InvalidInput(f"points must be ({count or 'n'}, 2), not {array.shape}")
    # written so that NaN fails too
    if not (np.abs(array) <= _MAX_COORDINATE).all():
        raise InvalidInput("points must be finite and near the image")
    return array
