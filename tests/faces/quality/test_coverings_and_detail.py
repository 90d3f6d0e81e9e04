"""Noise, detail, contrast and blocks by hand; coverings, turns and squeezing on faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import painted_face
from renzheng import images
from renzheng.datasets.degradations import captures
from renzheng.faces import quality
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.detection import Detector
from renzheng.faces.quality import (
    appearance,
    blockiness,
    contrast,
    effective_resolution,
    noise,
    occlusion,
    orientation,
    proportions,
)
from renzheng.faces.quality.view import FRAME, View
from renzheng.models import packs
from renzheng.types import Face, Image

TEMPLATE = TEMPLATES["arcface-112"]
MEASURES = {
    entry.name: entry
    for module in (
        noise,
        effective_resolution,
        contrast,
        blockiness,
        occlusion,
        orientation,
        proportions,
    )
    for entry in module.MEASURES
}


def framed(pixels: np.ndarray) -> View:
    """Make a view whose crop is this picture, (288, 288) or with three channels."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    face = Face(np.array([60, 20, 230, 280], np.float32), FRAME.points, 1.0)
    return View(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), face, TEMPLATE, (face,))


def portrait() -> tuple[Image, Face]:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    points = [(204.5, 101.3), (247.0, 103.3), (225.0, 129.1), (202.1, 139.8), (245.5, 142.0)]
    box = np.array((180.3, 61.1, 268.0, 174.1), np.float32)
    return data.astronaut(), Face(box, np.array(points, np.float32), 1.0)


def components(image: Image, face: Face) -> dict[str, int]:
    view = View(image, face, TEMPLATE, (face,))
    return {name: entry.component(entry.value(view)) for name, entry in MEASURES.items()}


def below(image: Image, face: Face, role: quality.Role = "live") -> set[str]:
    found = components(image, face)
    return {name for name, least in quality.MINIMA[role].items() if found.get(name, 100) < least}


# --- by hand -------------------------------------------------------------------------------


def test_the_patch_is_the_pictures_own_pixels() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    points = painted_face.landmarks(between_eyes=40) + np.array((150, 90))
    patch = View(image, painted_face.face_of(points), TEMPLATE).patch
    reach = 1.25 * np.ptp(points, axis=0).max() / 2
    first = np.floor(points.mean(axis=0) - reach).astype(int)
    assert (patch == image[first[1] :, first[0] :][: len(patch), : patch.shape[1]]).all()
    assert patch.shape[0] == pytest.approx(2 * reach, abs=3)


@pytest.mark.parametrize(("between_eyes", "cell"), [(80, 1), (81, 2), (200, 3)])
def test_the_patch_of_a_large_face_is_the_mean_of_whole_cells(
    between_eyes: float, cell: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    points = painted_face.landmarks(between_eyes=between_eyes) + 450
    face = painted_face.face_of(points)
    patch = View(image, face, TEMPLATE).patch
    assert face.inter_eye_distance == pytest.approx(between_eyes, abs=0.5)
    assert patch.std() == pytest.approx(image.std() / cell, rel=0.06)


def test_a_face_outside_the_picture_still_has_a_patch() -> None:
    face = painted_face.face_of(painted_face.landmarks(between_eyes=40) + 500)
    assert View(np.zeros((100, 100, 3), np.uint8), face, TEMPLATE).patch.size > 0
    components(np.zeros((100, 100, 3), np.uint8), face)


def test_noise_is_compared_with_light_and_shade() -> None:
    rng = np.random.default_rng(1)
    shade = np.broadcast_to(np.linspace(40, 200, 288), (288, 288))
    assert noise.value(framed(shade)) < 0.01
    seen = framed(shade + rng.normal(0, 20, (288, 288)))
    # the patch is shrunk by two, and noise with it
    assert noise.value(seen) == pytest.approx(10 / seen.patch.std(), rel=0.05)
    assert noise.value(framed(np.full((288, 288), 90.0))) == 0
    assert noise.component(0.4) == 51
    assert noise.component(0.05) == 100
    assert noise.component(1) == 0


def test_contrast_is_the_entropy_of_green() -> None:
    assert contrast.value(framed(np.full((288, 288), 90.0))) == 0
    halves = np.where(np.arange(288) < 144, 0, 255)
    assert contrast.value(framed(np.broadcast_to(halves, (288, 288)))) == pytest.approx(1, abs=0.2)
    many = np.random.default_rng(0).integers(0, 256, (288, 288))
    blocks = np.kron(many[:144, :144], np.ones((2, 2)))
    assert 7.5 < contrast.value(framed(blocks)) <= 8
    assert contrast.component(4.8) == 51
    assert contrast.component(7) == 101 - 1


@pytest.mark.parametrize("side", [3, 8, 17, 36])
def test_blocks_of_any_size(side: int) -> None:
    rng = np.random.default_rng(side)
    count = -(-288 // side)
    blocks = np.kron(rng.integers(0, 256, (count, count)), np.ones((side, side)))[:288, :288]
    assert blockiness.value(framed(blocks)) < 0.25
    smooth = cv2.GaussianBlur(blocks, (0, 0), side / 2)
    assert blockiness.value(framed(smooth)) > 0.7
    assert blockiness.component(0.05) == 0
    assert blockiness.component(1) == 100


def test_even_and_tiny_pictures_have_no_blocks() -> None:
    assert blockiness.value(framed(np.full((288, 288), 77.0))) == 1
    point = Face(np.array([0, 0, 1, 1], np.float32), np.zeros((5, 2), np.float32), 1.0)
    assert blockiness.value(View(np.zeros((1, 1, 3), np.uint8), point, TEMPLATE)) == 1


def test_effective_resolution_falls_with_the_pixels_that_a_picture_was_enlarged_from() -> None:
    image, face = portrait()
    values = []
    for pixels in (60, 32, 24, 16, 12):
        small = captures.files.small(pixels)(image, face, np.random.default_rng(0))
        values.append(effective_resolution.value(View(small, face, TEMPLATE)))
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1] + 8
    assert effective_resolution.component(18) == 50


# --- on faces ------------------------------------------------------------------------------


def test_features_are_of_the_grid_and_scores_are_shares() -> None:
    rng = np.random.default_rng(0)
    for crop in (
        np.zeros((56, 56, 3), np.uint8),
        np.full((56, 56, 3), 255, np.uint8),
        rng.integers(0, 256, (56, 56, 3), dtype=np.uint8),
    ):
        found = appearance.features(crop)
        assert found.shape == (appearance.COUNT,)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 3
        scores = appearance.scores(crop)
        assert tuple(scores) == appearance.CONDITIONS
        assert all(0 <= score <= 1 for score in scores.values())


def test_features_ignore_brightness_and_contrast() -> None:
    crop = np.random.default_rng(0).integers(60, 190, (14, 14, 3)).repeat(4, 0).repeat(4, 1)
    plain, paler = (appearance.features(np.uint8(v)) for v in (crop, 60 + crop * 0.6))
    assert np.abs(plain - paler).mean() < 0.05


def test_a_plain_portrait_is_below_no_minimum() -> None:
    for image, face in (portrait(), painted_face.paint(
        painted_face.landmarks(between_eyes=80) + 230, size=(460, 460)
    )):  # fmt: skip
        for role in ("live", "document"):
            assert below(image, face, role) == set()


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("noise-60", "noise"),
        ("impulses-30", "noise"),
        ("dithered", "noise"),
        ("contrast-10", "contrast"),
        ("contrast-4", "contrast"),
        ("binarised", "contrast"),
        ("posterised-4", "contrast"),
        ("mosaic-12", "blockiness"),
        ("mosaic-24", "blockiness"),
        ("small-12", "effective_resolution"),
        ("small-16", "effective_resolution"),
        ("eye-bar", "eyes_visible"),
        ("sunglasses", "eyes_visible"),
        ("mask", "mouth_occlusion_prevention"),
        ("hand", "mouth_occlusion_prevention"),
    ],
)
def test_what_people_see_is_below_the_minimum(name: str, measure: str) -> None:
    image, face = portrait()
    lost = captures.get(name)(image, face, np.random.default_rng(0))
    assert measure in below(lost, face)


def test_a_face_upside_down_under_upright_landmarks_is_not_upright() -> None:
    image, face = portrait()
    middle = (face.box[:2] + face.box[2:]) / 2
    reach = 130
    left, top = np.rint(middle - reach).astype(int).clip(0)
    part = image[top : top + 2 * reach, left : left + 2 * reach]
    shifted = Face(face.box, (face.landmarks - (left, top)).astype(np.float32), 1.0)
    square = part[: min(part.shape[:2]), : min(part.shape[:2])]
    assert "upright" not in below(square, shifted)
    assert "upright" in below(np.ascontiguousarray(np.rot90(square, 2)), shifted)


@pytest.mark.parametrize("factors", [(0.5, 1), (1, 0.5)])
def test_a_squeezed_face_is_out_of_proportion(factors: tuple[float, float]) -> None:
    image, face = portrait()
    height, width = image.shape[:2]
    size = round(width * factors[0]), round(height * factors[1])
    squeezed = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    moved = Face(face.box, (face.landmarks * np.array(factors)).astype(np.float32), 1.0)
    assert "natural_proportions" in below(squeezed, moved)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.from_folder(packs.load("mtcnn").folder, min_face_size=40)


def test_real_masks_and_plain_faces_of_the_same_people(assets: Path, detector: Detector) -> None:
    low = {True: 0, False: 0}
    seen = {True: 0, False: 0}
    for folder in sorted((assets / "tight").iterdir())[20:110:6]:
        named = {False: "0_0_*_*.jpg", True: "0_0_?.jpg"}
        for masked, pattern in named.items():
            for path in sorted(folder.glob(pattern))[:2]:
                image = images.read(path)
                faces = detector.detect(image)
                if faces:
                    seen[masked] += 1
                    low[masked] += "mouth_occlusion_prevention" in below(image, faces[0])
    assert min(seen.values()) >= 15
    assert low[True] > 0.7 * seen[True]
    assert low[False] < 0.1 * seen[False]


def test_faces_of_lfw_are_not_called_covered_but_for_dark_glasses(
    assets: Path, detector: Detector
) -> None:
    low: dict[str, set[str]] = {}
    for person in sorted((assets / "lfw" / "lfw-deepfunneled").iterdir())[9::140]:
        image = images.read(min(person.iterdir()))
        faces = detector.detect(image)
        if faces:  # the person is in the middle
            face = min(faces, key=lambda each: float(np.abs(each.box.mean() - 125)))
            low[person.name] = below(image, face)
    assert len(low) >= 35
    assert low.pop("Ismail_Cem") == {"eyes_visible"}
    assert sum(map(bool, low.values())) <= 3
