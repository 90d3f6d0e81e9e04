"""Pixels and corners go the same way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng.datasets.specimens.geometry import (
    PinholeCamera,
    area,
    dots_per_inch,
    moved,
    project,
    rolled,
    scaled,
    warp,
)
from renzheng.datasets.specimens.specimen import rectangle

degrees = st.floats(-35, 35)
shares = st.floats(0, 1)
CAMERA = PinholeCamera(500.0, 640, 480)
CARD = (300.0, 190.0)
OUTLINE = [[0, 0], [300, 0], [300, 190], [0, 190]]


@given(degrees, degrees, degrees, st.floats(0.3, 0.95), shares, shares)
def test_a_framed_card_lies_in_the_picture_as_wide_as_asked(
    about_x: float, about_y: float, roll: float, fill: float, x: float, y: float
) -> None:
    matrix = CAMERA.frame(CARD, (about_x, about_y), roll, fill, (x, y))
    corners = project(matrix, OUTLINE)
    low, high = corners.min(axis=0), corners.max(axis=0)
    picture = np.array((640, 480))
    assert (low >= 0.02 * picture - 0.5).all()
    assert (high <= 0.98 * picture + 0.5).all()
    width, height = high - low
    # As wide as asked unless it would be too high for the picture.
    limited = width == pytest.approx(0.96 * 640, abs=1) or height == pytest.approx(460.8, abs=1)
    assert width == pytest.approx(fill * 640, abs=1) or (limited and width < fill * 640)
    # Seen from its front: corners run clockwise, and every turn is a right turn.
    turns = [area(np.roll(corners, -k, axis=0)[:3]) for k in range(4)]
    assert min(turns) > 0


@given(degrees, degrees, degrees, st.floats(0.4, 0.9))
def test_a_view_is_a_rotation_before_a_pinhole(
    about_x: float, about_y: float, roll: float, fill: float
) -> None:
    matrix = CAMERA.frame(CARD, (about_x, about_y), roll, fill, (0.5, 0.5))
    lens = np.array([[500, 0, 320], [0, 500, 240], [0, 0, 1.0]])
    one, other, _ = (np.linalg.inv(lens) @ matrix).T
    assert one @ other == pytest.approx(0, abs=1e-9)
    assert one @ one == pytest.approx(1)
    assert other @ other == pytest.approx(1)
    normal = np.cross(one, other)
    tilt = np.cos(np.radians(about_x)) * np.cos(np.radians(about_y))
    assert normal[2] == pytest.approx(tilt)


def test_a_card_straight_before_the_camera_stays_a_rectangle() -> None:
    matrix = CAMERA.frame(CARD, (0, 0), 0, 0.5, (0.5, 0.5))
    corners = project(matrix, OUTLINE)
    height = 320 * 190 / 300
    np.testing.assert_allclose(corners, rectangle(160, 240 - height / 2, 320, height), atol=1e-3)


def test_what_leans_back_looks_smaller_at_its_far_end() -> None:
    corners = project(CAMERA.frame(CARD, (20, 0), 0, 0.5, (0.5, 0.5)), OUTLINE)
    top, bottom = corners[1, 0] - corners[0, 0], corners[2, 0] - corners[3, 0]
    assert abs(np.log(top / bottom)) > 0.05
    assert corners[0, 1] == pytest.approx(corners[1, 1])


@given(degrees, degrees, degrees, st.floats(0.3, 0.9), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_pixels_go_where_points_go(
    about_x: float, about_y: float, roll: float, fill: float, x: float, y: float
) -> None:
    card = np.zeros((190, 300), np.uint8)
    place = np.array((round(x * 300), round(y * 190)))
    # A square dot whose middle is `place` exactly.
    card[place[1] - 6 : place[1] + 6, place[0] - 6 : place[0] + 6] = 255
    matrix = CAMERA.frame(CARD, (about_x, about_y), roll, fill, (0.4, 0.6))
    seen = warp(card, matrix, (640, 480), border=cv2.BORDER_CONSTANT).astype(float)
    rows, columns = np.mgrid[0:480, 0:640] + 0.5
    middle = np.array(((columns * seen).sum(), (rows * seen).sum())) / seen.sum()
    # Perspective moves a dot's mean off its middle by a fraction of a pixel.
    np.testing.assert_allclose(middle, project(matrix, [place])[0], atol=0.35)


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.79, 1.0, 2.0])
def test_scaling_keeps_the_mean_and_the_place(factor: float) -> None:
    image = np.random.default_rng(0).integers(0, 255, (100, 160)).astype(np.uint8)
    image[:, 80:] //= 4
    size = round(160 * factor), round(100 * factor)
    out = warp(image, scaled(factor), size, border=cv2.BORDER_REPLICATE).astype(float)
    assert out.mean() == pytest.approx(image.mean(), abs=1.5)
    half = size[0] // 2
    assert out[:, :half].mean() == pytest.approx(image[:, :80].mean(), abs=2.5)


@given(st.floats(-180, 180), st.floats(-50, 50), st.floats(-50, 50))
def test_areas_survive_turns_and_shifts(turn: float, x: float, y: float) -> None:
    corners = project(moved(x, y) @ rolled(turn), OUTLINE)
    assert area(corners) == pytest.approx(300 * 190)


def test_resolution_is_pixels_an_inch() -> None:
    assert dots_per_inch(rectangle(5, 7, 1011, 638), (85.6, 53.98)) == pytest.approx(300, abs=0.3)
