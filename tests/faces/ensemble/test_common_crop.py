"""The crop that all members of an ensemble see their faces in."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from renzheng.errors import InvalidInput
from renzheng.faces.alignment import TEMPLATES, AlignmentTemplate, align, to_crop, umeyama
from renzheng.faces.ensemble import CommonCrop

ARCFACE, DLIB = TEMPLATES["arcface-112"], TEMPLATES["dlib-150"]


def _picture(between_eyes: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture of smooth noise, and landmarks in it that are turned a little."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (500, 500, 3)).astype(np.uint8)
    factor = between_eyes / 35.24 * np.exp(0.1j)
    points = (ARCFACE.points - 56) @ (1, 1j) * factor
    return image, np.stack([points.real, points.imag], axis=1) + 250


@pytest.mark.parametrize("between_eyes", [36, 42, 55, 70])
def test_the_first_members_pixels_are_kept_exactly(between_eyes: float) -> None:
    """Where its own crop is the mean of two by two samples, as of most faces."""
    image, landmarks = _picture(between_eyes)
    common = CommonCrop.of([ARCFACE, DLIB])
    crop = align(image, landmarks, common.template)
    own = align(image, landmarks, ARCFACE)
    differ = np.abs(common.views(crop[None], ARCFACE)[0].astype(int) - own)
    # Its points are rounded to 32 bits and OpenCV's to a 32nd of a pixel: now and then they differ.
    assert differ.mean() < 0.5
    assert np.median(differ) == 0


@pytest.mark.parametrize("names", list(permutations(TEMPLATES, 2)), ids="-".join)
def test_every_view_lies_in_it_and_none_is_enlarged(names: tuple[str, str]) -> None:
    templates = [TEMPLATES[name] for name in names]
    common = CommonCrop.of(templates)
    for template in templates:
        matrix = umeyama(template.points, common.points)
        last = template.size - 0.5
        corners = to_crop(matrix, [(-0.5, -0.5), (last, -0.5), (-0.5, last), (last, last)])
        assert (corners >= -0.5 - 1e-6).all()
        assert (corners <= common.size - 0.5 + 1e-6).all()
        assert np.hypot(matrix[0, 0], matrix[1, 0]) > 0.95  # its pixels, per pixel of the view


def test_the_others_views_are_like_their_own_crops() -> None:
    """Not on noise, whose every pixel differs, but on a ramp, which is the same at any scale."""
    _, landmarks = _picture(70)
    ramp = np.linspace(0, 250, 500)
    image = np.stack([np.add.outer(ramp, ramp) / 2] * 3, axis=2).astype(np.uint8)
    common = CommonCrop.of([ARCFACE, DLIB])
    crop = align(image, landmarks, common.template)
    view = common.views(crop[None], DLIB)[0].astype(int)
    assert np.abs(view - align(image, landmarks, DLIB))[2:-2, 2:-2].max() <= 1


def test_of_one_template_it_is_the_crop_itself() -> None:
    common = CommonCrop.of([ARCFACE, ARCFACE])
    crops = np.zeros((2, 112, 112, 3), np.uint8)
    assert common.size == 112
    assert np.array_equal(common.points, ARCFACE.points)
    assert common.views(crops, ARCFACE) is crops


def test_scales_that_are_far_apart_are_refused() -> None:
    large = AlignmentTemplate("large", 1120, ARCFACE.points * 10)
    with pytest.raises(InvalidInput, match="too much in scale"):
        CommonCrop.of([ARCFACE, large])
    with pytest.raises(InvalidInput, match="too much in scale"):
        CommonCrop.of([large, ARCFACE])
