from __future__ import annotations

import builtins

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images.similarity.painted import coded, framed, picture
from renzheng import InvalidInput, RenzhengError
from renzheng.images.similarity import SAME_BITS, fingerprint, hash_distance

seeds = st.integers(0, 10**6)


def apart(a: np.ndarray, b: np.ndarray) -> int:
    return hash_distance(fingerprint(a), fingerprint(b))


def half(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


@settings(max_examples=8)
@given(seeds, seeds)
def test_a_picture_is_itself_and_order_is_nothing(one: int, other: int) -> None:
    a, b = fingerprint(picture(one)), fingerprint(picture(other))
    assert hash_distance(a, a) == 0
    assert hash_distance(a, b) == hash_distance(b, a)
    assert 0 <= hash_distance(a, b) <= 256


@settings(max_examples=8)
@given(seeds, seeds)
def test_mirror_images_come_as_near_as_the_pictures(one: int, other: int) -> None:
    a, b = picture(one), picture(other)
    assert apart(a, np.ascontiguousarray(a[:, ::-1])) == 0
    mirrored = apart(np.ascontiguousarray(a[:, ::-1]), np.ascontiguousarray(b[:, ::-1]))
    # An even side's half-way crop lies one pixel beside its mirror image's.
    assert abs(mirrored - apart(a, b)) <= 12


@pytest.mark.parametrize(
    "alter",
    [
        lambda image: coded(image, 30),
        half,
        lambda image: half(half(image)),
        lambda image: framed(image, 20, (255, 255, 255)),
        lambda image: coded(framed(image, 31, (0, 40, 90)), 60),
        lambda image: np.clip(image * 0.8 + 30, 0, 255).astype(np.uint8),
        lambda image: cv2.putText(image.copy(), "SPECIMEN", (20, 150), 0, 1.2, (9, 9, 9), 3),
    ],
    ids=["JPEG 30", "half", "quarter", "framed", "framed and coded", "lighter", "text"],
)
def test_one_picture_in_other_clothes(alter: object) -> None:
    for seed in range(3):
        image = picture(seed)
        assert apart(image, alter(image)) <= SAME_BITS  # type: ignore[operator]


def test_the_crops_it_looks_at_are_found_to_the_pixel() -> None:
    image = picture(1, 200, 160)
    for y in (0, 8, 16):
        for x in (0, 10, 20):
            crop = image[y : y + 144, x : x + 180]
            assert apart(image, crop) <= SAME_BITS // 2


def test_other_pictures_are_far() -> None:
    prints = [fingerprint(picture(seed)) for seed in range(16)]
    nearest = min(hash_distance(a, b) for k, a in enumerate(prints) for b in prints[:k])
    assert nearest > SAME_BITS


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_says_so(level: int) -> None:
    plain = np.full((60, 80, 3), level, np.uint8)
    plain[::2, ::3] += 1 if level < 255 else 0  # coding's noise is no content
    assert not fingerprint(plain).informative


def test_a_gradient_says_nothing_and_a_shape_something() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (200, 1, 3))
    assert not fingerprint(ramp).informative
    square = np.full((300, 300, 3), 255, np.uint8)
    square[70:230, 90:200] = 0
    assert fingerprint(square).informative


def test_shapes_types_and_what_is_stored() -> None:
    found = fingerprint(framed(picture(3), 24, (255, 0, 0)))
    assert found.whole.dtype == found.views.dtype == np.uint64
    assert found.whole.shape == (2, 4)  # without the frame and with it
    assert found.views.shape[1] == 4
    rows = {row.tobytes() for row in found.views}
    assert all(row.tobytes() in rows for row in found.whole)
    assert fingerprint(picture(3)).whole.shape == (1, 4)
    assert hash_distance(found, fingerprint(picture(3))) <= 8


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (4000, 2, 3), (13, 13, 3)])
def test_odd_sizes_have_a_fingerprint(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert fingerprint(noise).whole.shape[1] == 4


def test_what_is_no_picture_is_refused() -> None:
    for wrong in (np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(InvalidInput, match="picture"):
            fingerprint(wrong)


def test_without_imagehash_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "imagehash":
            raise ImportError(name)
        return whole(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RenzhengError, match=r"pip install 'renzheng\[similarity\]'"):
        fingerprint(picture(0))
