"""Every measure compared with values computed by hand."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

import painted_face
from renzheng import InvalidInput
from renzheng.faces import alignment, quality
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.quality import (
    MEASURES,
    compression_artifacts,
    crop_of_the_face_image,
    exposure,
    head_pose,
    head_size,
    illumination_uniformity,
    inter_eye_distance,
    luminance,
    natural_colour,
    sharpness,
    single_face_present,
    visibility,
)
from renzheng.faces.quality.view import FRAME, View
from renzheng.types import Face, Image, Measurement

TEMPLATE = TEMPLATES["dlib-150"]
# Eyes 60 px apart at (120, 100) and (180, 100), mouth 60 px below; in a picture of 300 x 250.
POINTS = np.array([(120, 100), (180, 100), (150, 135), (125, 160), (175, 160)], np.float32)
FACE = Face(np.array([100, 60, 200, 190], np.float32), POINTS, 1.0)


def view(image: Image | None = None, face: Face = FACE, *others: Face) -> View:
    if image is None:
        image = np.full((250, 300, 3), 128, np.uint8)
    return View(image, face, TEMPLATE, (face, *others))


def framed(pixels: np.ndarray) -> View:
    """Make a view whose crop is this picture, (288, 288, 3), with the face in its frame."""
    face = Face(np.array([60, 20, 230, 280], np.float32), FRAME.points, 1.0)
    seen = View(pixels.astype(np.uint8), face, TEMPLATE, (face,))
    assert np.abs(seen.crop.astype(int) - pixels).max() == 0
    return seen


def grey(level: float | np.ndarray) -> np.ndarray:
    return np.repeat(np.broadcast_to(level, (288, 288))[:, :, None], 3, axis=2).astype(np.uint8)


# --- geometry ------------------------------------------------------------------------------


def test_inter_eye_distance_of_a_head_that_looks_ahead_is_that_of_the_eyes() -> None:
    face = painted_face.face_of(painted_face.landmarks(between_eyes=70) + 200)
    assert inter_eye_distance.value(view(face=face)) == pytest.approx(70, abs=0.01)
    assert inter_eye_distance.component(70) == 50
    assert inter_eye_distance.component(90) == 73  # 1 / (1 + e^-1)
    assert inter_eye_distance.component(30) == 12  # 1 / (1 + e^2)


@pytest.mark.parametrize("yaw", [-50, -20, 35])
def test_inter_eye_distance_undoes_the_yaw(yaw: float) -> None:
    face = painted_face.face_of(painted_face.landmarks(yaw, between_eyes=70) + 200)
    assert face.inter_eye_distance == pytest.approx(70 * math.cos(math.radians(yaw)), abs=0.01)
    assert inter_eye_distance.value(view(face=face)) == pytest.approx(70, abs=0.05)


def test_head_size_is_the_distance_to_the_chin_over_the_height() -> None:
    assert head_size.value(view()) == pytest.approx(1.66 * 60 / 250)
    assert head_size.component(0.45) == 100
    assert head_size.component(0.40) == head_size.component(0.50) == 54  # 200 / (1 + e)
    assert head_size.component(0.1) == 0


def test_the_four_margins() -> None:
    seen = view()
    assert crop_of_the_face_image.leftward(seen) == pytest.approx(120 / 60)
    assert crop_of_the_face_image.rightward(seen) == pytest.approx((300 - 180) / 60)
    assert crop_of_the_face_image.above(seen) == pytest.approx(100 / (1.66 * 60))
    assert crop_of_the_face_image.below(seen) == pytest.approx((250 - 100) / (1.66 * 60))
    for name, half in (
        ("leftward_crop_of_the_face_image", 0.9),
        ("rightward_crop_of_the_face_image", 0.9),
        ("margin_above_of_the_face_image", 1.4),
        ("margin_below_of_the_face_image", 1.8),
    ):
        component = MEASURES[name].component
        assert component(half) == 50
        assert component(half + 0.1) == 73
        assert component(half - 0.2) == 12


def test_the_component_of_an_angle_is_its_squared_cosine() -> None:
    for angle, expected in ((0, 100), (30, 75), (-45, 50), (60, 25), (90, 0), (180, 0), (-135, 0)):
        assert head_pose.component(angle) == expected


def test_single_face_present_compares_the_two_largest_boxes() -> None:
    def square(side: float) -> Face:
        return Face(np.array([0, 0, side, side], np.float32), POINTS, 1.0)

    assert single_face_present.value(view()) == 0
    assert single_face_present.value(View(view().image, FACE, TEMPLATE)) == 0
    seen = view(None, square(80), square(20), square(40))
    assert single_face_present.value(seen) == pytest.approx(0.5)
    assert single_face_present.component(0.5) == 50
    assert single_face_present.component(0) == 100
    assert single_face_present.component(1) == 0


def test_inside_is_the_share_of_the_box_and_crop_inside_that_of_the_crop() -> None:
    assert visibility.inside(view()) == 1
    cut = Face(np.array([-50, 60, 50, 190], np.float32), POINTS, 1.0)
    assert visibility.inside(view(face=cut)) == pytest.approx(0.5)
    assert visibility.crop_inside(view()) == 1
    face = Face(FACE.box, TEMPLATE.points, 1.0)
    half = np.zeros((75, 150, 3), np.uint8)
    assert visibility.crop_inside(view(half, face)) == pytest.approx(0.5)
    assert visibility.component(0.804) == 80


# --- light ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "luminance"), [(0, 0), (10, 1), (128, 55), (188, 128), (255, 255)]
)
def test_luminance_is_linear_in_the_light(level: int, luminance: int) -> None:
    assert np.unique(framed(grey(level)).luminance).tolist() == [luminance]


def test_luminance_weighs_the_colours() -> None:
    for channel, weight in enumerate((0.2126, 0.7152, 0.0722)):
        pixels = np.zeros((288, 288, 3), np.uint8)
        pixels[:, :, channel] = 255
        assert np.unique(framed(pixels).luminance).tolist() == [round(255 * weight)]


def test_an_even_grey_has_one_level() -> None:
    seen = framed(grey(188))
    assert luminance.mean(seen) == pytest.approx(128 / 255)
    assert luminance.variance(seen) == pytest.approx(0, abs=1e-12)
    assert luminance.entropy(seen) == 0
    assert luminance.entropy_component(0) == 0


def test_half_black_and_half_white() -> None:
    columns = np.where(np.arange(288) < 144, 0, 255)
    seen = framed(grey(columns))
    assert luminance.mean(seen) == pytest.approx(0.5, abs=0.005)
    assert luminance.variance(seen) == pytest.approx(0.25, abs=1e-4)
    assert luminance.entropy(seen) == pytest.approx(1, abs=1e-3)
    assert exposure.under_exposed(seen) == pytest.approx(0.5, abs=0.005)
    assert exposure.over_exposed(seen) == pytest.approx(0.5, abs=0.005)


def test_the_components_of_light() -> None:
    assert luminance.mean_component(0.2) == 50
    assert luminance.mean_component(0.5) == 100
    assert luminance.mean_component(0.8) == 50
    assert luminance.variance_component(1 / 60) == 100
    assert luminance.variance_component(0) == 0
    assert luminance.variance_component(0.25) == 20  # sin(15/16 pi)
    assert luminance.entropy_component(8) == 100
    assert luminance.entropy_component(6.8) == 85
    assert exposure.under_exposure_component(0) == 100  # 99.84
    assert exposure.under_exposure_component(0.92) == 40  # 120 x 0.332
    assert exposure.under_exposure_component(1) == 0
    assert exposure.over_exposure_component(0) == 100
    assert exposure.over_exposure_component(0.01) == 50
    assert exposure.over_exposure_component(0.09) == 10
    assert exposure.over_exposure_component(1) == 1


def test_dark_and_light_begin_where_the_standard_says() -> None:
    # 88 and 89 are 25 and 26 in linear light; 251 and 252 are 246 and 249.
    assert exposure.under_exposed(framed(grey(88))) == 1
    assert exposure.under_exposed(framed(grey(90))) == 0
    assert exposure.over_exposed(framed(grey(250))) == 0
    assert exposure.over_exposed(framed(grey(252))) == 1


def test_only_the_face_counts_and_only_what_is_in_the_picture() -> None:
    pixels = grey(128)
    pixels[:20] = 255  # above the brows
    pixels[:, :40] = 0  # beside the face
    assert luminance.mean(framed(pixels)) == pytest.approx(55 / 255)
    half = framed(grey(128))
    cut = View(np.ascontiguousarray(half.image[:150]), half.face, TEMPLATE)
    assert (cut.crop[160:] == 0).all()
    assert luminance.mean(cut) == pytest.approx(55 / 255)
    assert exposure.under_exposed(cut) == 0


def test_illumination_uniformity_is_what_the_cheeks_histograms_share() -> None:
    seen = framed(grey(128))
    assert illumination_uniformity.value(seen) == 1
    (rows, columns), (_, others) = seen.cheeks
    # 0.3 x 113 = 33 px; half of 130 px below the eyes; from below an eye's centre outwards.
    assert (rows.stop - rows.start, columns.stop - columns.start) == (33, 33)
    assert rows.start == 272 - 218 + 65
    assert (columns.stop, others.start) == (251 - 164, 364 - 164)
    pixels = grey(128)
    pixels[rows.start : rows.start + 11, columns] = 200  # a third of one cheek
    assert illumination_uniformity.value(framed(pixels)) == pytest.approx(2 / 3)
    pixels[rows, columns] = 200
    assert illumination_uniformity.value(framed(pixels)) == 0
    assert illumination_uniformity.component(1) == 100
    assert illumination_uniformity.component(0.5) == 81  # 0.5^0.3
    assert illumination_uniformity.component(0) == 0


# --- colour, sharpness, compression --------------------------------------------------------


def test_natural_colour_of_skin_grey_and_green() -> None:
    a, b = natural_colour.chromaticity(np.array(painted_face.SKIN))
    assert 5 < a < 25
    assert 5 < b < 35
    skin = np.broadcast_to(np.array(painted_face.SKIN, np.uint8), (288, 288, 3))
    assert natural_colour.value(framed(skin)) == 0
    assert natural_colour.value(framed(grey(128))) == pytest.approx(math.sqrt(50), abs=0.01)
    green = np.broadcast_to(np.array((90, 160, 90), np.uint8), (288, 288, 3))
    assert natural_colour.value(framed(green)) == 100
    assert natural_colour.component(0) == 100
    assert natural_colour.component(10) == 54  # 200 / (1 + e)
    assert natural_colour.component(100) == 0


def test_chromaticity_of_red_is_that_of_the_tables() -> None:
    # sRGB red in CIELAB under D50: L* 54.29, a* 80.81, b* 69.89 (Bruce Lindbloom)
    a, b = natural_colour.chromaticity(np.array((255, 0, 0)))
    assert (a, b) == (pytest.approx(80.81, abs=0.05), pytest.approx(69.89, abs=0.05))


def test_the_blur_effect_is_that_of_scikit_image() -> None:
    measure = pytest.importorskip("skimage.measure", reason="the oracle is scikit-image")
    data = pytest.importorskip("skimage.data")
    camera = data.camera().astype(np.float32) / 255
    for sigma in (1, 2, 4):
        picture = cv2.GaussianBlur(camera, (0, 0), sigma)
        ours = sharpness.blur_effect(picture, np.ones(picture.shape, bool))
        theirs = max(measure.blur_effect(picture, h_size=11, reduce_func=None))
        # scikit-image takes Sobel's slopes, which smooth across, and we plain differences.
        assert ours == pytest.approx(theirs, abs=0.04)


def test_the_blur_effect_by_hand() -> None:
    # A step of 1 is in one place; blurred over 11 px it is 1/11 in eleven, so 10/11 is lost.
    step = (np.arange(40) >= 20).astype(np.float32)
    corner = np.add.outer(step, step)
    assert sharpness.blur_effect(corner, np.ones(corner.shape, bool)) == pytest.approx(1 / 11)
    columns = np.repeat(step[None], 30, axis=0)  # from row to row there is nothing to blur
    assert sharpness.blur_effect(columns, np.ones(columns.shape, bool)) == 1
    beside = np.ones(corner.shape, bool)
    beside[15:25] = beside[:, 15:25] = False  # what counts leaves the step out
    assert sharpness.blur_effect(corner, beside) == 1


def test_sharpness_of_an_even_face_is_0_and_its_component_half_at_0_35() -> None:
    assert sharpness.value(framed(grey(128))) == pytest.approx(0, abs=1e-6)
    assert sharpness.component(0.35) == 50
    assert sharpness.component(0.31) == 27
    assert sharpness.component(0.43) == 88


def test_blockiness_of_a_grid_by_hand() -> None:
    # Flat blocks, a step of 6 between them: 6 where blocks meet, 3 beside it, 0 elsewhere; the
    # median of the eight phases is 0, and 0.1 is added on both sides.
    levels = np.repeat(6.0 * (np.arange(16) % 2), 8)
    squares = np.add.outer(levels, levels).astype(np.float32)
    assert compression_artifacts.blockiness(squares) == pytest.approx((6 + 0.1) / 0.1, rel=0.02)
    assert compression_artifacts.blockiness(squares[3:, 5:]) > 50  # wherever the grid begins
    slope = np.add.outer(np.arange(64.0), np.arange(64.0)).astype(np.float32)
    assert compression_artifacts.blockiness(slope) == 1
    assert compression_artifacts.blockiness(np.zeros((10, 64), np.float32)) == 1
    assert compression_artifacts.component(1) == 100
    assert compression_artifacts.component(4.2) == 51
    assert compression_artifacts.component(8) == 1


# --- the registry --------------------------------------------------------------------------


def test_every_measure_is_described_for_people() -> None:
    names = set()
    for name, entry in MEASURES.items():
        assert entry.name == name
        assert name.isidentifier()
        assert name == name.lower()
        assert entry.explanation.endswith(".")
        for text in (entry.title, entry.explanation, entry.live_remedy, entry.document_remedy):
            assert text.strip() == text != ""
        assert entry.remedy("live") == entry.live_remedy
        assert entry.remedy("document") == entry.document_remedy
        names.add(entry.title)
    assert len(names) == len(MEASURES)
    assert {name for name, entry in MEASURES.items() if entry.standard} == {
        "inter_eye_distance", "illumination_uniformity", "natural_colour", "single_face_present",
        "leftward_crop_of_the_face_image", "rightward_crop_of_the_face_image",
    }  # fmt: skip


def test_measure_gives_every_measure_and_plain_numbers() -> None:
    image, face = painted_face.paint()
    measured = quality.measure(image, face, TEMPLATE, [face])
    assert list(measured) == list(MEASURES)
    text = json.dumps({name: found.to_dict() for name, found in measured.items()})
    assert "NaN" not in text
    assert all(0 <= found.component <= 100 for found in measured.values())
    assert Measurement(1.23456, 7).to_dict() == {"value": 1.2346, "component": 7}


@pytest.mark.parametrize("centre", [(-4000, 100), (9000, 9000), (2, 2)])
def test_a_face_outside_the_picture_is_measured_and_poor(centre: tuple[int, int]) -> None:
    image, _ = painted_face.paint()
    face = painted_face.face_of(painted_face.landmarks() + centre)
    measured = quality.measure(image, face, TEMPLATE)
    assert all(math.isfinite(found.value) for found in measured.values())
    assert measured["crop_inside"].component < 60


@pytest.mark.parametrize(
    "points", [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.zeros((4, 2))]
)
def test_landmarks_that_are_no_face_are_refused_in_words(points: np.ndarray) -> None:
    image, face = painted_face.paint()
    with pytest.raises(InvalidInput):
        quality.measure(image, Face(face.box, points.astype(np.float32), 1.0), TEMPLATE)


@pytest.mark.parametrize("size", [(1, 1), (9, 300), (40, 40)])
def test_tiny_pictures_are_measured(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    face = painted_face.face_of(painted_face.landmarks(between_eyes=12) + np.array(size[::-1]) / 2)
    measured = quality.measure(image, face, TEMPLATE)
    assert all(math.isfinite(found.value) for found in measured.values())


@pytest.mark.parametrize("factor", [2, 3, 5, 8, 17])
def test_a_large_face_shows_what_a_small_one_does(factor: int) -> None:
    points = painted_face.landmarks() + np.array((160, 150))
    image, face = painted_face.paint(points, size=(320, 360))
    scaled = np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)
    large = Face(face.box * factor, (face.landmarks + 0.5) * factor - 0.5, 1.0)
    small, big = View(image, face, TEMPLATE), View(scaled, large, TEMPLATE)
    apart = np.abs(small.crop.astype(int) - big.crop)
    assert apart.mean() < 2.5  # the larger has square pixels, which the smaller smooths
    assert np.abs(apart.mean(axis=(0, 2))).max() < 12  # no shift, no seam
    with_align = alignment.align(scaled, large.landmarks, FRAME)
    assert np.abs(with_align.astype(int) - big.crop).mean() < 2.5


def test_shortfalls_name_the_worst_first() -> None:
    good = {name: Measurement(0.0, 100) for name in MEASURES}
    assert quality.shortfalls(good, "live") == {}
    poor = {**good, "sharpness": Measurement(0.29, 18), "inter_eye_distance": Measurement(20.0, 8)}
    assert quality.shortfalls(poor, "live") == {"sharpness": 7, "inter_eye_distance": 4}
    assert quality.shortfalls(poor, "document") == {}
    assert set(quality.MINIMA["live"]) <= set(MEASURES)
    # Who else is there counts before a camera only; a document may be worse in all the rest.
    both = set(quality.MINIMA["live"]) - {"single_face_present"}
    assert set(quality.MINIMA["document"]) == both
    assert all(quality.MINIMA["document"][k] <= quality.MINIMA["live"][k] for k in both)
