"""Images as small JPEGs inside a page."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from renzheng.types import Image


def shrunk(image: Image, longest: int) -> Image:
    """Return uint8 (h, w, 3) RGB of at most this many pixels on the longer side."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image, quality: int = 86) -> bytes:
    """Code uint8 (h, w, 3) RGB as JPEG; the file carries no metadata."""
    _, coded = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return coded.tobytes()


def address(image: Image, quality: int = 86) -> str:
    """Return uint8 (h, w, 3) RGB as the ``data:`` address of a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image, quality)).decode("ascii")
