"""Conversion to CIELAB, in which distances between colours match what the eye sees."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from renzheng.types import Floats, Image

# IEC 61966-2-1 (sRGB): linear red, green and blue to X, Y and Z under D65, divided by D65's own.
_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
) / np.array([[0.950456], [1.0], [1.088754]])
_LIGHT = 255 / 100
_TO_LAB = np.array(
    [[0, 116 * _LIGHT, 0, -16 * _LIGHT], [500, -500, 0, 128], [0, 200, -200, 128]], np.float64
)
_FINEST = 65535  # steps of X, Y and Z


def lab(image: Image) -> Image:
    """Convert an sRGB picture to CIE 1976 L*a*b*, in bytes.

    OpenCV's conversion is as good, but spends 70 ms on tables the first time, more than finding a
    face takes.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.

    Returns
    -------
    uint8 (H, W, 3)
        L* scaled from 0..100 to 0..255, a* + 128 and b* + 128, as in OpenCV.
    """
    linear, cubic = _tables()
    xyz = cv2.transform(np.asarray(cv2.LUT(image, linear)), _TO_XYZ)
    curved = cubic[(xyz + np.float32(0.5)).astype(np.uint16)]  # white is one, to 1e-6
    return np.asarray(cv2.transform(curved, _TO_LAB) + np.float32(0.5)).astype(np.uint8)


@cache
def _tables() -> tuple[Floats, Floats]:
    """Return the linear light of the 256 values of sRGB, in steps, and CIE 15's f of every step."""
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    light = np.arange(_FINEST + 1) / _FINEST
    knee = (6 / 29) ** 3
    cubic = np.where(light > knee, np.cbrt(light), light / (3 * (6 / 29) ** 2) + 4 / 29)
    return (linear * _FINEST).astype(np.float32), cubic.astype(np.float32)
