"""Degradations of captures: the pictures they leave, and where on the face they act."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from renzheng import InvalidInput
from renzheng.datasets.degradations import captures
from renzheng.datasets.degradations.captures import DEGRADATIONS, at_scale
from renzheng.types import Face

NAMES = list(DEGRADATIONS)
SHAPE = (200, 180, 3)


def face_at(x: float, y: float, apart: float, turn: float = 0.0) -> Face:
    """A face with its eyes' middle at (x, y), turned by degrees about it."""
    shape = np.array([(-0.5, 0), (0.5, 0), (0, 0.55), (-0.4, 1.05), (0.4, 1.05)]) * apart
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points = shape @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
    box = np.array([x - 1.1 * apart, y - 1.2 * apart, x + 1.1 * apart, y + 1.8 * apart])
    return Face(box.astype(np.float32), points.astype(np.float32), 0.99)


FACE = face_at(90, 80, 44)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Smooth hills in colour with some edges, as of a face."""
    rng = np.random.default_rng(1)
    hills = cv2.resize(
        rng.uniform(30, 225, (12, 11, 3)), SHAPE[1::-1], interpolation=cv2.INTER_CUBIC
    )
    image = np.clip(hills, 0, 255).astype(np.uint8)
    cv2.ellipse(image, (90, 105), (45, 65), 0, 0, 360, (190, 150, 125), 3)
    return image


def degraded(name: str, image: np.ndarray, face: Face = FACE, seed: int = 3) -> np.ndarray:
    return captures.get(name)(image, face, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_every_degradation_leaves_another_picture(name: str, picture: np.ndarray) -> None:
    before = picture.copy()
    out = degraded(name, picture)
    np.testing.assert_array_equal(picture, before)
    assert out.dtype == np.uint8
    assert out.ndim == 3
    assert out.shape[2] == 3
    assert out.flags.c_contiguous
    assert not np.shares_memory(out, picture)
    if DEGRADATIONS[name].family == "aspect":
        assert sorted(np.divide(out.shape[:2], SHAPE[:2])) == [0.5, 1.0]
    else:
        assert out.shape == SHAPE
        assert np.abs(out.astype(int) - picture).mean() > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_bits(name: str, picture: np.ndarray) -> None:
    np.testing.assert_array_equal(degraded(name, picture), degraded(name, picture))


@pytest.mark.parametrize("name", ["noise-60", "impulses-30", "shaken-15-anyhow", "glare"])
def test_captures_differ_where_chance_decides(name: str, picture: np.ndarray) -> None:
    assert (degraded(name, picture) != degraded(name, picture, seed=4)).any()


# The parts of the face that a covering hides, and those that it leaves: indices of the landmarks.
COVERED = {
    "eye-bar": ({0, 1}, {2, 3, 4}),
    "sunglasses": ({0, 1}, {2, 3, 4}),
    "one-eye": ({0}, {1, 2, 3, 4}),
    "mask": ({2, 3, 4}, {0, 1}),
    "hand": ({3, 4}, {0, 1}),
    "mask-sunglasses": ({0, 1, 2, 3, 4}, set()),
    "cap": (set(), {0, 1, 2, 3, 4}),
}


@pytest.mark.parametrize("turn", [0.0, 25.0, -40.0])
@pytest.mark.parametrize("name", COVERED)
def test_coverings_lie_where_the_face_is(name: str, turn: float, picture: np.ndarray) -> None:
    face = face_at(100, 75, 36, turn)
    differs = (degraded(name, picture, face) != picture).any(axis=2)
    hidden, left = COVERED[name]
    for k, point in enumerate(np.rint(face.landmarks).astype(int)):
        if k in hidden | left:
            assert differs[point[1], point[0]] == (k in hidden), k
    assert differs.any()
    # No covering reaches farther than four times the distance of the eyes.
    y, x = np.nonzero(differs)
    assert np.hypot(x - 100, y - 75).max() < 4 * 36


def test_a_missing_half_is_that_of_the_face(picture: np.ndarray) -> None:
    lower = (degraded("lower-half-gone", picture) == 128).all(axis=(1, 2))
    middle = (FACE.box[1] + FACE.box[3]) / 2
    assert abs(int(np.argmax(lower)) - middle) <= 1
    assert lower[int(np.argmax(lower)) :].all()
    left = (degraded("left-half-gone", picture) == 128).all(axis=(0, 2))
    assert abs(int(left.sum()) - 90) <= 1


def test_a_mosaic_has_as_many_patches_as_it_says(picture: np.ndarray) -> None:
    face = face_at(90, 80, 40)  # 88 px wide
    out = degraded("mosaic-16", picture, face)
    steps = np.count_nonzero((np.diff(out[80].astype(int), axis=0) != 0).any(axis=1))
    assert steps + 1 == pytest.approx(16 * SHAPE[1] / 88, abs=2)


def test_stronger_means_worse(picture: np.ndarray) -> None:
    for names in (
        ("noise-30", "noise-45", "noise-60", "noise-80", "noise-100"),
        ("blur-2", "blur-3", "blur-4", "blur-5", "blur-6", "blur-8"),
        ("jpeg-10", "jpeg-5", "jpeg-2", "jpeg-1"),
        ("small-32", "small-24", "small-16", "small-12"),
    ):
        apart = [np.abs(degraded(n, picture).astype(int) - picture).mean() for n in names]
        assert apart == sorted(apart), names


def test_motion_spreads_along_one_line() -> None:
    point = np.zeros((61, 61, 3), np.uint8)
    point[30, 30] = 255
    y, x = np.nonzero(degraded("shaken-15", point)[:, :, 0])
    assert set(y) == {30}
    assert np.ptp(x) == 14
    for seed in range(5):
        y, x = np.nonzero(degraded("shaken-25-anyhow", point, seed=seed)[:, :, 0])
        spread = np.sqrt(np.linalg.eigvalsh(np.cov(np.stack([x, y]))))
        assert spread[0] < 1
        assert 5 < spread[1] < 9  # a line of 25: 25 / sqrt(12)


def test_some_are_fitted_on_and_some_are_held_out() -> None:
    assert len(NAMES) >= 55
    assert {*captures.fitted(), *captures.held_out()} == set(NAMES)
    assert len(captures.fitted()) > 20 < len(captures.held_out())
    families = {DEGRADATIONS[name].family for name in captures.fitted()}
    assert not families & captures.HELD_OUT_FAMILIES
    assert {each.family for each in DEGRADATIONS.values()} > captures.HELD_OUT_FAMILIES
    assert all(name == name.lower() and " " not in name for name in NAMES)
    with pytest.raises(InvalidInput, match="noise-60"):
        captures.get("fog")


def test_large_faces_are_reduced_first(picture: np.ndarray) -> None:
    assert at_scale(picture, FACE)[0] is picture
    large = cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    face = Face((FACE.box + 0.5) * 4 - 0.5, (FACE.landmarks + 0.5) * 4 - 0.5, FACE.score)
    small, reduced = at_scale(large, face, FACE.width)
    assert small.shape == SHAPE
    np.testing.assert_allclose(reduced.landmarks, FACE.landmarks, atol=0.01)
    np.testing.assert_allclose(reduced.box, FACE.box, atol=0.01)


# What the degradations leave of one picture, so that a change is noticed: raise REVISION then.
@pytest.mark.parametrize(
    ("name", "digest"),
    [("noise-60", 1367477849), ("mosaic-16", 1321545466), ("posterised-3", 4160204107)],
)
def test_results_stay_as_they_were_measured(name: str, digest: int) -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.stack([x, y, (x * y) % 256], axis=2).astype(np.uint8)
    assert zlib.crc32(degraded(name, image).tobytes()) == digest
