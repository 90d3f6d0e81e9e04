"""A document portrait cut from a photograph."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Face, Image

# The passport photograph of ICAO Doc 9303 is 35 x 45 mm; the eyes lie a little above the middle, a
# quarter of the width apart, which leaves the whole head visible.
RATIO = 35 / 45  # width over height
EYES_APART = 0.25  # of the width
EYES_DOWN = 0.45  # of the height


def portrait(image: Image, face: Face, height: int = 420) -> Image:
    """Cut a document portrait around a face, upright.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    face
        The face; its eyes fix position, size and rotation.
    height
        The height of the portrait in pixels; at 420 the eyes are 82 px apart.

    Returns
    -------
    uint8 (height, 7/9 height, 3) RGB
        The edge of the photograph is repeated beyond it.

    Raises
    ------
    InvalidInput
        If the image is not RGB, the eyes coincide, or the height is below 32.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidInput(f"an RGB image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    if height < 32:
        raise InvalidInput(f"a portrait must be 32 pixels high or more, not {height}")
    matrix, scale = placement(face, height)
    width = round(height * RATIO)
    if scale < 0.5:
        # First averaged down, since bilinear sampling would skip pixels.
        smaller = (
            max(1, round(image.shape[1] * 2 * scale)),
            max(1, round(image.shape[0] * 2 * scale)),
        )
        factors = [smaller[0] / image.shape[1], smaller[1] / image.shape[0]]
        image = np.asarray(cv2.resize(image, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        offset = [f / 2 - 0.5 for f in factors]  # pixel centres
        back = np.array(
            [
                [1 / factors[0], 0, -offset[0] / factors[0]],
                [0, 1 / factors[1], -offset[1] / factors[1]],
                [0, 0, 1],
            ]
        )
        matrix = matrix @ back
    cut = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def placement(face: Face, height: int) -> tuple[npt.NDArray[np.float64], float]:
    """Return the similarity transform from photograph to portrait, float64 (2, 3), and its scale.

    Raises
    ------
    InvalidInput
        If the eyes coincide.
    """
    left, right = face.landmarks[0].astype(np.float64), face.landmarks[1].astype(np.float64)
    across = right - left
    apart = float(np.hypot(*across))
    if not apart > 1e-3:
        raise InvalidInput("the eyes coincide")
    width = round(height * RATIO)
    scale = EYES_APART * width / apart
    a, b = scale * across / apart  # cosine and sine of the roll, scaled
    turn = np.array([[a, b], [-b, a]])
    middle = np.array([width / 2, EYES_DOWN * height])
    shift = middle - turn @ ((left + right) / 2)
    return np.concatenate([turn, shift[:, None]], axis=1), scale
