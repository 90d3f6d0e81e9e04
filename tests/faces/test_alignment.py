from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng.errors import InvalidInput
from renzheng.faces.alignment import (
    TEMPLATES,
    AlignmentTemplate,
    align,
    align_all,
    to_crop,
    to_image,
    umeyama,
    visible_share,
)
from renzheng.types import Face

POINTS = TEMPLATES["dlib-150"].points

angles = st.floats(-np.pi, np.pi)
scales = st.floats(0.05, 50)
shifts = st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000))


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def smooth(height: int, width: int, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)


def test_templates_lie_inside_their_crops_in_the_order_of_landmarks():
    for name, template in TEMPLATES.items():
        eye, other_eye, nose, mouth, other_mouth = template.points
        assert name == template.name
        assert (template.points > 0).all()
        assert (template.points < template.size).all()
        assert eye[0] < nose[0] < other_eye[0]
        assert mouth[0] < other_mouth[0]
        assert max(eye[1], other_eye[1]) < nose[1] < min(mouth[1], other_mouth[1])


@given(angles, scales, shifts)
def test_umeyama_recovers_a_known_similarity(angle, scale, shift):
    expected = similarity(angle, scale, shift)
    found = umeyama(POINTS, to_crop(expected, POINTS))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7 * (1 + scale))


@given(angles, scales, shifts, st.integers(0, 2**32 - 1))
def test_umeyama_is_equivariant(angle, scale, shift, seed):
    points = POINTS + np.random.default_rng(seed).normal(scale=4, size=(5, 2))
    moved = to_crop(similarity(angle, scale, shift), points)
    direct = to_crop(umeyama(points, POINTS), points)
    np.testing.assert_allclose(to_crop(umeyama(moved, POINTS), moved), direct, atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_umeyama_beats_every_nearby_similarity(seed):
    generator = np.random.default_rng(seed)
    points = POINTS + generator.normal(scale=10, size=(5, 2))
    best = umeyama(points, POINTS)
    error = np.square(to_crop(best, points) - POINTS).sum()
    step = similarity(generator.normal() * 0.01, 1 + generator.normal() * 0.01, (0.1, -0.1))
    other = to_crop(step, to_crop(best, points))
    assert np.square(other - POINTS).sum() >= error - 1e-9


def test_umeyama_never_reflects():
    mirrored = POINTS * (-1, 1) + (20, 0)
    matrix = umeyama(mirrored, POINTS)
    assert np.linalg.det(matrix[:, :2]) > 0
    assert matrix[0, 0] == matrix[1, 1]
    assert matrix[0, 1] == -matrix[1, 0]


@given(angles, scales, shifts)
def test_inverse_restores_landmarks(angle, scale, shift):
    landmarks = to_crop(similarity(angle, scale, shift), POINTS)
    matrix = umeyama(landmarks, POINTS)
    restored = to_image(matrix, to_crop(matrix, landmarks))
    np.testing.assert_allclose(restored, landmarks, atol=1e-6 * (1 + scale))


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 7.5),
        np.full((5, 2), np.nan),
        np.where(np.eye(5, 2) > 0, np.inf, POINTS),
        POINTS * 1e12,
        POINTS[:4],
        POINTS.ravel(),
        [["a", "b"]] * 5,
    ],
)
def test_degenerate_landmarks_are_refused(points):
    with pytest.raises(InvalidInput):
        align(np.zeros((50, 50, 3), np.uint8), points, "dlib-150")


@pytest.mark.parametrize("shape", [(50, 50), (50, 50, 4), (0, 50, 3)])
def test_other_pictures_are_refused(shape):
    with pytest.raises(InvalidInput):
        align(np.zeros(shape, np.uint8), POINTS, "dlib-150")
    with pytest.raises(InvalidInput):
        align(np.zeros((50, 50, 3), np.float32), POINTS, "dlib-150")


def test_an_unknown_template_is_refused_by_name():
    with pytest.raises(InvalidInput, match=r"arcface-112, facenet-160, dlib-150"):
        align(np.zeros((50, 50, 3), np.uint8), POINTS, "arcface-113")


def test_a_singular_matrix_has_no_inverse():
    with pytest.raises(InvalidInput):
        to_image(np.zeros((2, 3)), POINTS)


def test_landmarks_already_in_place_give_the_picture_itself():
    image = smooth(150, 150, 1)
    np.testing.assert_array_equal(align(image, POINTS, "dlib-150"), image)


def test_only_the_region_under_the_crop_counts():
    image = smooth(400, 600, 2)
    crop = align(image, POINTS + np.array([300, 200]), "dlib-150")
    np.testing.assert_array_equal(crop, image[200:350, 300:450])


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.5, 2.5, 4.2, 7.7])
@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_a_moved_face_gives_the_same_crop(scale, angle):
    face = smooth(150, 150, 6)
    side = int(300 * max(scale, 1))
    matrix = similarity(angle, scale, (side / 2 - 40 * scale, side / 2 - 90 * scale))
    # a pixel of the crop is the mean of those it covers, so write the picture likewise
    image = cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_CUBIC)
    crop = align(image, to_crop(matrix, POINTS), "dlib-150")
    inner = np.s_[10:-10, 10:-10]
    difference = np.abs(crop[inner].astype(int) - face[inner])
    # 256 levels; a shift by half a pixel would give a mean of about 4
    assert difference.mean() < 1.5


@pytest.mark.parametrize("scale", [1.6, 2.0, 3.3, 5.0, 12.0])
def test_a_large_face_does_not_alias(scale):
    side = int(250 * scale)
    rows, columns = np.mgrid[:side, :side]
    board = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    landmarks = to_crop(similarity(0.2, scale, (side * 0.25, side * 0.15)), POINTS)
    crop = align(board, landmarks, "dlib-150")
    # plain bilinear sampling leaves a standard deviation of 42
    assert abs(crop.mean() - 127.5) < 2
    assert crop.std() < 10


def test_outside_the_picture_is_black():
    image = np.full((150, 150, 3), 255, np.uint8)
    crop = align(image, POINTS + np.array([50, 0]), "dlib-150")
    assert (crop[:, :99] == 255).all()
    assert (crop[:, 101:] == 0).all()
    assert (align(image, POINTS + 5000, "dlib-150") == 0).all()
    assert (align(image, POINTS * 1000 - 300_000, "dlib-150") >= 0).all()


def test_far_fetched_landmarks_give_some_crop():
    image = smooth(90, 120, 3)[:, ::-1]
    generator = np.random.default_rng(0)
    for exponent in np.linspace(-2, 5.9, 60):
        landmarks = generator.uniform(-1, 1, (5, 2)) * 10**exponent
        for name, template in TEMPLATES.items():
            assert align(image, landmarks, name).shape == (template.size, template.size, 3)


def test_a_very_long_picture_is_no_obstacle():
    image = np.full((40_000, 20, 3), 9, np.uint8)
    assert align(image, POINTS * 0.1 + (0, 39_900), "arcface-112").max() == 9


def test_align_all_is_align_of_each():
    image = smooth(300, 300, 3)
    faces = [
        Face(np.zeros(4, np.float32), (POINTS * s + 20).astype(np.float32), 1.0) for s in (1, 1.5)
    ]
    crops = align_all(image, faces, "arcface-112")
    assert crops.shape == (2, 112, 112, 3)
    for crop, face in zip(crops, faces, strict=True):
        np.testing.assert_array_equal(crop, align(image, face.landmarks, TEMPLATES["arcface-112"]))
    assert align_all(image, [], "dlib-150").shape == (0, 150, 150, 3)


def test_a_template_of_ones_own():
    own = AlignmentTemplate("own", 64, (POINTS * 64 / 150).astype(np.float32))
    assert align(smooth(200, 200, 3), POINTS, own).shape == (64, 64, 3)


def test_the_share_of_a_crop_that_the_picture_shows() -> None:
    points = TEMPLATES["dlib-150"].points
    picture = np.zeros((150, 150, 3), np.uint8)
    assert visible_share(picture, points, "dlib-150") == 1.0
    half = np.asarray(points) - (75, 0)  # the crop's left half lies left of the picture
    assert visible_share(picture, half, "dlib-150") == pytest.approx(0.5, abs=0.02)
    corner = np.asarray(points) + 75
    assert visible_share(picture, corner, "dlib-150") == pytest.approx(0.25, abs=0.02)
    far = np.asarray(points) + 900
    assert visible_share(picture, far, "dlib-150") == 0.0
