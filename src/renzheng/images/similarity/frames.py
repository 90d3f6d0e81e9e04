"""Uniform frames around pictures, which are not part of them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.images.pixels import check_rgb
from renzheng.types import Image

Grey = npt.NDArray[np.uint8]  # (h, w)

_WORKING = 160  # px of the longer side
_FLAT = 12  # grey levels by which a frame may vary
_MIN_LEFT = 0.4  # share of either side that must be left when the frame is cut off


def reduced(image: Image, max_side: int = _WORKING) -> Grey:
    """Return a picture in grey, with a longer side of at most `max_side` pixels.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    max_side
        In px.

    Raises
    ------
    InvalidInput
        If it is no such picture.
    """
    check_rgb(image)
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    scale = max_side / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def within(grey: Grey) -> tuple[int, int, int, int]:
    """Return the bounds of the picture within its frame: top, bottom, left, right, as in slices.

    They hold the whole picture if little would be left otherwise.
    """
    high, wide = grey.shape
    top, bottom, left, right = 0, high, 0, wide
    for _ in range(2):  # columns may be uniform only once the frame's rows are gone
        first, last = _edges(grey[top:bottom, left:right])
        top, bottom = top + first, top + last
        first, last = _edges(grey[top:bottom, left:right].T)
        left, right = left + first, left + last
    if bottom - top < _MIN_LEFT * high or right - left < _MIN_LEFT * wide:
        return 0, high, 0, wide
    return top, bottom, left, right


def unframed(image: Image) -> tuple[int, int, int, int]:
    """Return the bounds as `within` does, in pixels of a picture of full size.

    Raises
    ------
    InvalidInput
        If it is not uint8 (H, W, 3).
    """
    grey = reduced(image)
    top, bottom, left, right = within(grey)
    down, across = image.shape[0] / grey.shape[0], image.shape[1] / grey.shape[1]
    return (
        round(top * down), max(round(top * down) + 1, round(bottom * down)),
        round(left * across), max(round(left * across) + 1, round(right * across)),
    )  # fmt: skip


def _edges(grey: Grey) -> tuple[int, int]:
    highest, lowest = grey.max(axis=1).astype(np.int16), grey.min(axis=1).astype(np.int16)
    flat = highest - lowest <= _FLAT
    top, bottom = 0, len(grey)
    while top < bottom and flat[top] and abs(highest[top] - highest[0]) <= _FLAT:
        top += 1
    while bottom > top and flat[bottom - 1] and abs(highest[bottom - 1] - highest[-1]) <= _FLAT:
        bottom -= 1
    return (top, bottom) if bottom > top else (0, len(grey))
