"""What can go wrong with a picture of a face: each takes a picture, its face and a strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from renzheng.types import Face, Image

Degraded = tuple[Image, Face]
Degradation = Callable[[Image, Face, float], Degraded]


def blur(image: Image, face: Face, strength: float) -> Degraded:
    """A lens out of focus: up to a tenth of the distance between the eyes."""
    sigma = 0.1 * strength * face.inter_eye_distance
    return (cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.2 else image), face


def darken(image: Image, face: Face, strength: float) -> Degraded:
    """Too little light: down to a twelfth of the levels."""
    return _levels(image * (1 - 0.92 * strength)), face


def overexpose(image: Image, face: Face, strength: float) -> Degraded:
    """Too much light: up to three times the levels."""
    return _levels(image * (1 + 2.0 * strength)), face


def flatten(image: Image, face: Face, strength: float) -> Degraded:
    """Haze: up to nine tenths of the contrast are gone."""
    return _levels(128 + (image - 128.0) * (1 - 0.9 * strength)), face


def side_light(image: Image, face: Face, strength: float) -> Degraded:
    """Light from the left: towards the right of the face down to a tenth."""
    x = np.arange(image.shape[1])
    left, right = float(face.landmarks[0, 0]), float(face.landmarks[1, 0])
    across = np.clip((x - left) / (right - left), 0, 1)
    return _levels(image * (1 - 0.9 * strength * across)[None, :, None]), face


def compress(image: Image, face: Face, strength: float) -> Degraded:
    """JPEG of quality 95 down to 5."""
    _, coded = cv2.imencode(".png" if strength == 0 else ".jpg", image[:, :, ::-1],
                            [] if strength == 0 else [cv2.IMWRITE_JPEG_QUALITY,
                                                      round(95 - 90 * strength)])  # fmt: skip
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[:, :, ::-1]), face


def shrink(image: Image, face: Face, strength: float) -> Degraded:
    """Fewer pixels: down to a fifth a side."""
    factor = 1 - 0.8 * strength
    width, height = (round(side * factor) for side in image.shape[1::-1])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    scale = np.array((width, height)) / image.shape[1::-1]
    return small, moved(face, np.diag(scale), (scale - 1) / 2)


def roll(image: Image, face: Face, strength: float) -> Degraded:
    """A head tilted to the person's right shoulder, by up to 60 degrees, in a picture that grows.

    What comes in at the corners is grey.
    """
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 60 * strength, 1)
    reach = np.abs(turn[:, :2]) @ (width, height)
    turn[:, 2] += (reach - (width, height)) / 2
    size = (round(reach[0]), round(reach[1]))
    return cv2.warpAffine(image, turn, size, borderValue=(128,) * 3), moved(
        face, turn[:, :2], turn[:, 2]
    )


def cut_left(image: Image, face: Face, strength: float) -> Degraded:
    """Cut away on the left, up to the nearer eye."""
    column = round(float(face.landmarks[0, 0]) * strength)
    return np.ascontiguousarray(image[:, column:]), moved(face, np.eye(2), (-column, 0))


def cut_right(image: Image, face: Face, strength: float) -> Degraded:
    """Cut away on the right, up to the nearer eye."""
    end = image.shape[1]
    column = round(end - (end - float(face.landmarks[1, 0])) * strength)
    return np.ascontiguousarray(image[:, :column]), face


def cut_above(image: Image, face: Face, strength: float) -> Degraded:
    """Cut away above, down to the eyes."""
    row = round(float(face.landmarks[:2, 1].min()) * strength)
    return np.ascontiguousarray(image[row:]), moved(face, np.eye(2), (0, -row))


def cut_below(image: Image, face: Face, strength: float) -> Degraded:
    """Cut away below, up to the mouth."""
    end = image.shape[0]
    row = round(end - (end - float(face.landmarks[3:, 1].max())) * strength)
    return np.ascontiguousarray(image[:row]), face


def tint(image: Image, face: Face, strength: float) -> Degraded:
    """Blue light: red and green go, of equal luminance on the whole."""
    gains = np.array((1 - 0.5 * strength, 1 - 0.02 * strength, 1 + 0.9 * strength))
    return _levels(image * gains), face


DEGRADATIONS: Mapping[str, Degradation] = {
    each.__name__: each
    for each in (
        blur, darken, overexpose, flatten, side_light, compress, shrink, roll, cut_left, cut_right,
        cut_above, cut_below, tint,
    )
}  # fmt: skip


def moved(face: Face, linear: np.ndarray, offset: tuple[float, float] | np.ndarray) -> Face:
    """The face under an affine map; its box becomes the one around the mapped corners."""
    x1, y1, x2, y2 = face.box
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]) @ linear.T + offset
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)
    return Face(box, (face.landmarks @ linear.T + offset).astype(np.float32), face.score)


def _levels(values: np.ndarray) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
