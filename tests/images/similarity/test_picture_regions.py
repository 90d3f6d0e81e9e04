from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images.similarity.painted import coded, picture
from renzheng import InvalidInput
from renzheng.images.similarity import changes, local_features, match_regions
from renzheng.images.similarity.regions import MAX_FEATURES, LocalFeatures, RegionMatch, mapped


def matched(a: np.ndarray, b: np.ndarray) -> RegionMatch:
    return match_regions(local_features(a), local_features(b))


def test_a_picture_lies_on_itself() -> None:
    found = matched(picture(1), picture(1))
    assert found.near_duplicate
    assert not found.mirrored
    assert found.share > 0.9
    np.testing.assert_allclose(found.matrix, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(found.region_a, found.region_b, atol=1e-3)


@settings(max_examples=8)
@given(
    st.integers(0, 10**6), st.floats(-0.5, 0.5), st.floats(0.7, 1.5), st.booleans(),
    st.integers(-25, 25), st.integers(-25, 25),
)  # fmt: skip
def test_it_finds_the_map_that_was_applied(
    seed: int, turn: float, zoom: float, mirror: bool, right: int, down: int
) -> None:
    image = picture(seed)
    height, width = image.shape[:2]
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    applied = np.array([[c, -s, 130 - c * 130 + s * 110 + right],
                        [s, c, 110 - s * 130 - c * 110 + down], [0, 0, 1]])  # fmt: skip
    if mirror:
        applied = applied @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    moved = cv2.warpPerspective(image, applied, (width, height), borderMode=cv2.BORDER_REPLICATE)
    found = matched(image, moved)
    assert found.near_duplicate
    assert found.mirrored is mirror
    # At the features that agree, within a pixel or two; far from them it is extrapolated.
    off = np.linalg.norm(
        mapped(applied, found.points_a) - mapped(found.matrix, found.points_a), axis=1
    )
    assert off.max() < 2


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
def test_exchanging_the_two_exchanges_the_answer(one: int, other: int, related: bool) -> None:
    a = picture(one)
    b = coded(a[10:180, 30:240], 60) if related else picture(other)
    forth, back = matched(a, b), matched(b, a)
    assert forth.near_duplicate is back.near_duplicate
    assert (forth.inliers, forth.share, forth.density) == (back.inliers, back.share, back.density)
    if forth.matrix is not None and back.matrix is not None:
        product = forth.matrix @ back.matrix
        np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-6)
        np.testing.assert_array_equal(forth.region_a, back.region_b)
        np.testing.assert_array_equal(forth.points_b, back.points_a)


def test_unrelated_pictures_have_nothing_in_common() -> None:
    features = [local_features(picture(seed)) for seed in range(9)]
    for k, a in enumerate(features):
        assert not any(match_regions(a, b).near_duplicate for b in features[:k])


def test_a_picture_within_another_is_found_and_where() -> None:
    ground, part = picture(7, 520, 440), picture(8)
    ground[100:320, 200:460] = part
    found = matched(part, coded(ground, 70))
    assert found.near_duplicate
    low, high = found.region_b.min(axis=0), found.region_b.max(axis=0)
    assert (low > (198, 98)).all()
    assert (high < (462, 322)).all()
    assert np.prod(high - low) > 0.5 * 220 * 260


def test_mirrored_features_are_those_of_the_mirror_image() -> None:
    image = picture(4)
    found = matched(image, np.ascontiguousarray(image[:, ::-1]))
    assert found.mirrored
    assert found.share > 0.7
    np.testing.assert_allclose(found.points_a[:, 0], 259 - found.points_b[:, 0], atol=0.9)


def test_few_features_decide_nothing() -> None:
    plain = local_features(np.full((90, 90, 3), 120, np.uint8))
    assert plain.points.shape == (0, 2)
    assert plain.descriptors.shape == (0, 128)
    for other in (plain, local_features(picture(1))):
        found = match_regions(plain, other)
        assert (found.inliers, found.share, found.matrix) == (0, 0.0, None)
        assert not found.near_duplicate


def test_a_small_picture_is_looked_at_enlarged() -> None:
    image = picture(5)
    small = cv2.resize(image, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    found = matched(image, small)
    assert found.near_duplicate
    np.testing.assert_allclose(found.matrix[:2, :2], 0.35 * np.eye(2), atol=0.01)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3000, 3), (700, 900, 3)])
def test_features_are_bounded_and_travel(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = local_features(noise)
    assert len(found.points) == len(found.descriptors) == len(found.frames) <= MAX_FEATURES
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, LocalFeatures)
    np.testing.assert_array_equal(again.descriptors, found.descriptors)
    assert (found.points.dtype, found.descriptors.dtype) == (np.float32, np.uint8)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InvalidInput, match="picture"):
        local_features(np.zeros((5, 5), np.uint8))


def test_what_was_changed_is_named_on_either_side() -> None:
    a = picture(2)
    b = a.copy()
    b[60:140, 150:230] = picture(3)[60:140, 150:230]
    b = coded(b, 80)
    for one, other in ((a, b), (b, a)):
        found = matched(one, other)
        assert found.near_duplicate
        told = changes(one, other, found.matrix)
        assert 0.6 < told.agreement < 0.95
        middles = (told.boxes[:, :2] + told.boxes[:, 2:]) / 2
        assert ((middles > (135, 45)) & (middles < (245, 155))).all()


def test_nothing_is_changed_by_coding_cropping_and_mirroring() -> None:
    for seed in range(4):
        a = picture(seed)
        b = coded(np.ascontiguousarray(a[12:210, 5:240, :][:, ::-1]), 50)
        told = changes(a, b, matched(a, b).matrix)
        assert told.agreement > 0.97
        assert told.agreement == changes(b, a, matched(b, a).matrix).agreement
