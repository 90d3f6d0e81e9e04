from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renzheng import InvalidInput
from renzheng.training.augmentation import Augmentation

NAMES = tuple(field.name for field in fields(Augmentation))
NOTHING = Augmentation(**dict.fromkeys(NAMES, 0.0))


def pattern(height: int = 112, width: int = 112) -> np.ndarray:
    """A smooth picture with edges, uint8 (height, width, 3), in the middle of the range."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    bands = 50 * np.sin(30 * x[:, :, None] + np.array((0, 1, 2))) + 40 * (y > 0.5)[:, :, None]
    return (110 + bands).astype(np.uint8)


def test_without_probabilities_nothing_changes() -> None:
    crop = pattern()
    for seed in range(20):
        assert np.array_equal(NOTHING(crop, np.random.default_rng(seed)), crop)


def test_by_default_only_the_mirror_image_comes_in() -> None:
    crop = pattern()
    seen = [Augmentation()(crop, np.random.default_rng(seed)) for seed in range(200)]
    same = sum(np.array_equal(out, crop) for out in seen)
    mirrored = sum(np.array_equal(out, crop[:, ::-1]) for out in seen)
    assert same + mirrored == 200
    assert 70 < mirrored < 130


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_the_crop_and_keeps_its_form(name: str) -> None:
    one = replace(NOTHING, **{name: 1.0})
    crop = pattern()
    before = crop.copy()
    changed = 0
    for seed in range(8):
        out = one(crop, np.random.default_rng(seed))
        assert out.shape == crop.shape
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous
        changed += not np.array_equal(out, crop)
    assert changed >= 7
    assert np.array_equal(crop, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_state_gives_the_same_bits(name: str) -> None:
    one = replace(NOTHING, **{name: 1.0})
    first, again, other = (one(pattern(), np.random.default_rng(s)) for s in (5, 5, 6))
    assert np.array_equal(first, again)
    if name not in ("flip", "grey"):  # nothing about these is drawn
        assert not np.array_equal(first, other)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(32, 80), st.integers(32, 80))
def test_all_together_keep_any_shape(seed: int, height: int, width: int) -> None:
    every = Augmentation(**dict.fromkeys(NAMES, 0.7))
    crop = pattern(height, width)
    out = every(crop, np.random.default_rng(seed))
    assert out.shape == crop.shape
    assert out.dtype == np.uint8
    assert np.array_equal(out, every(crop, np.random.default_rng(seed)))


def test_what_each_does_is_what_it_says() -> None:
    crop = pattern()

    def apply(name: str, seed: int = 0) -> np.ndarray:
        return replace(NOTHING, **{name: 1.0})(crop, np.random.default_rng(seed)).astype(float)

    assert np.array_equal(apply("flip"), crop[:, ::-1])
    grey = apply("grey")
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert abs(grey - (crop @ (0.299, 0.587, 0.114))[:, :, None]).max() <= 1

    def detail(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels, axis=0)).mean())

    noise = np.random.default_rng(1).integers(0, 256, crop.shape, np.uint8)
    for name in ("blur", "low_resolution"):
        soft = replace(NOTHING, **{name: 1.0})(noise, np.random.default_rng(0)).astype(float)
        assert detail(soft) < 0.7 * detail(noise.astype(float))
    for seed in range(20):  # 5 to 25 %, and a rounding of each side; noise may hit the same value
        erased = float((apply("erase", seed) != crop).any(axis=2).mean())
        assert 0.045 < erased < 0.26
    # A cast changes the balance between the channels, and JPEG does not.
    assert np.ptp((apply("colour") - crop).mean(axis=(0, 1))) > 5
    assert np.ptp((apply("jpeg") - crop).mean(axis=(0, 1))) < 5


@pytest.mark.parametrize("value", [-0.1, 1.01, float("nan"), float("inf"), "often", None, [0.5]])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_probability_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"\b{name}\b"):
        Augmentation(**{name: value})
