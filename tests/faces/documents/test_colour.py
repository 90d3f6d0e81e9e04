"""CIELAB compared with its definition and with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renzheng.faces.documents.colour import lab


def defined(colours: np.ndarray) -> np.ndarray:
    """Compute L*, a*, b* by CIE 15 and IEC 61966-2-1 in double precision."""
    value = colours / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    x, y, z = np.moveaxis(
        linear
        @ np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169],
                    [0.019334, 0.119193, 0.950227]]).T,
        -1, 0,
    )  # fmt: skip

    def f(t: np.ndarray) -> np.ndarray:
        return np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)

    fx, fy, fz = f(x / 0.950456), f(y), f(z / 1.088754)
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def test_every_colour_is_as_defined() -> None:
    steps = np.r_[0:256:5, 1:12, 255].astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    wanted = defined(colours) * (2.55, 1, 1) + (0, 128, 128)
    assert np.abs(lab(colours) - wanted).max() <= 0.5 + 0.06


def test_opencv_differs_by_its_own_rounding() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    off = np.abs(lab(colours).astype(int) - cv2.cvtColor(colours, cv2.COLOR_RGB2LAB))
    assert off.max() <= 3
    assert off.mean() < 0.15


@given(st.integers(0, 255))
def test_grey_has_no_colour(value: int) -> None:
    light, a, b = lab(np.full((1, 1, 3), value, np.uint8))[0, 0]
    assert a == b == 128
    assert lab(np.full((2, 3, 3), min(value + 5, 255), np.uint8))[1, 2, 0] >= light


def test_black_and_white() -> None:
    ends = lab(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))[0]
    np.testing.assert_array_equal(ends, [[0, 128, 128], [255, 128, 128]])
