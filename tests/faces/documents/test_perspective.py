"""Rectification of flat documents, compared with cameras that are simulated here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng.faces.documents.perspective import flatten, tilted, true_ratio

SIZE = (1280, 960)


def seen(
    ratio: float, about_x: float, about_y: float, roll: float, focal: float = 1.1
) -> np.ndarray:
    """Return the corners (4, 2) of a rectangle in front of a camera that looks at its centre."""
    a, b, c = np.radians((about_x, about_y, roll))
    pitch = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    yaw = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turn = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    x, y = ratio / 2, 0.5
    flat = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]])
    points = flat @ (turn @ yaw @ pitch).T + (0, 0, 2.2 * max(ratio, 1))
    pixels = focal * max(SIZE) * points[:, :2] / points[:, 2:]
    middle: np.ndarray = pixels + (np.array(SIZE) - 1) / 2
    return middle


angles = st.floats(-25, 25)


@given(st.sampled_from((1.586, 1.42, 0.63)), angles, angles, st.floats(-40, 40))
def test_the_true_ratio_comes_back(ratio: float, x: float, y: float, roll: float) -> None:
    # Where one pair of sides stays parallel the focal length cannot be known: what is left is the
    # ratio as seen, shortened by the cosine of the tilt.
    exact = min(abs(x), abs(y)) > 8 and abs(roll) < 5
    tolerance = 0.01 if exact else 1 - np.cos(np.radians(25)) + 0.05
    assert true_ratio(seen(ratio, x, y, roll), SIZE) == pytest.approx(ratio, rel=tolerance)


@given(st.floats(0.5, 2), st.floats(-180, 180), st.floats(20, 2000))
def test_a_turned_rectangle_has_no_perspective(ratio: float, roll: float, width: float) -> None:
    corners = seen(ratio, 0, 0, roll) * width / 1000
    assert not tilted(corners)
    assert true_ratio(corners, SIZE) == pytest.approx(ratio, rel=1e-6)


@given(st.sampled_from((-20, -12, 12, 20)), st.sampled_from((-20, -12, 0, 12, 20)))
def test_a_tilted_one_has(x: float, y: float) -> None:
    assert tilted(seen(1.586, x, y, 3))


def test_flattening_brings_the_picture_back() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (11, 17, 3))
    card = cv2.resize(coarse, (952, 600), interpolation=cv2.INTER_CUBIC)
    card = np.clip(card, 0, 255).astype(np.uint8)
    corners = seen(952 / 600, 14, -11, 6)
    ends = np.array([(0, 0), (951, 0), (951, 599), (0, 599)], np.float32)
    there = cv2.getPerspectiveTransform(ends, corners.astype(np.float32))
    picture = np.asarray(cv2.warpPerspective(card, there, SIZE), np.uint8)
    flat, matrix = flatten(picture, corners, 952 / 600)
    placed = cv2.perspectiveTransform(corners.reshape(1, 4, 2), matrix)[0]
    (left, top), (right, bottom) = placed[0].round().astype(int), placed[2].round().astype(int)
    back = cv2.resize(flat[top : bottom + 1, left : right + 1], (952, 600))
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(back[inner].astype(float) - card[inner]).mean() < 2.5
    assert (right - left) / (bottom - top) == pytest.approx(952 / 600, rel=0.01)


@pytest.mark.parametrize("ratio", [1.586, 0.63])
def test_flattening_stays_within_bounds(ratio: float) -> None:
    huge = np.zeros((4000, 6000, 3), np.uint8)
    corners = np.array([(100, 100), (5800, 150), (5850, 3700), (90, 3650)], np.float64)
    flat, matrix = flatten(huge, corners, ratio)
    assert max(flat.shape) <= 1600 * 1.09
    assert np.isfinite(matrix).all()
