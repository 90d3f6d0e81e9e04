"""Degradations of document portraits."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import InvalidInput, Verifier
from renzheng.datasets.degradations import DEGRADATIONS, effects, get
from renzheng.faces.portrait import EYES_APART, EYES_DOWN, placement, portrait
from renzheng.types import Face


def face(left: tuple[float, float], right: tuple[float, float]) -> Face:
    middle = np.add(left, right) / 2
    points = np.array([left, right, middle, left, right], np.float32)
    return Face(np.array([0, 0, 10, 10], np.float32), points, 1.0)


STRAIGHT = face((180, 200), (240, 200))


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """Smooth, coloured, with edges: 400 x 420."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.uniform(20, 235, (9, 9, 3)), (420, 400), interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)
    cv2.circle(image, (210, 200), 50, (200, 150, 120), -1)
    return image


coordinates = st.floats(-500, 500)


@given(coordinates, coordinates, coordinates, coordinates, st.integers(32, 600))
def test_the_eyes_come_where_a_passport_has_them(
    x1: float, y1: float, x2: float, y2: float, height: int
) -> None:
    if np.hypot(x2 - x1, y2 - y1) < 1:
        return
    given_face = face((x1, y1), (x2, y2))
    matrix, scale = placement(given_face, height)
    left, right = (matrix @ [*given_face.landmarks[k].astype(float), 1] for k in (0, 1))
    width = round(height * 35 / 45)
    np.testing.assert_allclose(right - left, [EYES_APART * width, 0], atol=1e-3)
    np.testing.assert_allclose((left + right) / 2, [width / 2, EYES_DOWN * height], atol=1e-3)
    assert scale > 0


def test_small_and_large_photographs_give_the_same_portrait(photograph: np.ndarray) -> None:
    large = cv2.resize(photograph, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    # pixel centres: x -> 6 x + 2.5
    big = face((6 * 180 + 2.5, 6 * 200 + 2.5), (6 * 240 + 2.5, 6 * 200 + 2.5))
    one, other = portrait(photograph, STRAIGHT, 210), portrait(large, big, 210)
    assert np.abs(one.astype(int) - other).mean() < 2


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_is_seeded_and_leaves_the_photograph_alone(
    name: str, photograph: np.ndarray
) -> None:
    before = photograph.copy()
    one, same = (get(name).apply(photograph, STRAIGHT, seed=7) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(photograph, before)
    assert one.dtype == np.uint8
    assert one.shape[0] * 35 / 45 == pytest.approx(one.shape[1], abs=4.5)
    seedless = name in ("none", "chip", "chip-50")
    other = get(name).apply(photograph, STRAIGHT, seed=8)
    assert np.array_equal(one, other) == seedless


def change(name: str, photograph: np.ndarray) -> float:
    plain = get("none").apply(photograph, STRAIGHT)
    shown = get(name).apply(photograph, STRAIGHT, seed=1)
    shown = cv2.resize(shown, plain.shape[1::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(plain.astype(int) - shown).mean())


@pytest.mark.parametrize("name", [n for n in DEGRADATIONS if n != "none"])
def test_every_degradation_changes_the_portrait_and_keeps_it_recognisable(
    name: str, photograph: np.ndarray
) -> None:
    assert 0.5 < change(name, photograph) < 80


def test_what_each_degradation_is_named_for(photograph: np.ndarray) -> None:
    shown = {name: c.apply(photograph, STRAIGHT, seed=2) for name, c in DEGRADATIONS.items()}
    plain = shown["none"].astype(float)
    assert shown["chip"].shape == (126, 102, 3)
    grey = shown["photocopy"].astype(int)
    assert np.abs(grey - grey.mean(axis=2, keepdims=True)).max() < 12  # JPEG's chroma alone
    assert (shown["glare"] >= 254).all(axis=2).mean() > (plain >= 254).all(axis=2).mean() + 0.01
    sharp = {k: cv2.Laplacian(v.astype(np.float32), cv2.CV_32F).std() for k, v in shown.items()}
    assert sharp["blur"] < 0.5 * sharp["none"]
    assert sharp["printed-scanned"] > sharp["none"]  # the screen's dots

    def balance(image: np.ndarray) -> float:
        red, _, blue = image.reshape(-1, 3).mean(axis=0)
        return float(np.log(red / blue))

    assert abs(balance(shown["colour-cast"]) - balance(shown["none"])) > 0.15


def test_a_strength_of_nothing_does_nothing(photograph: np.ndarray) -> None:
    pixels = photograph.astype(np.float32)
    rng = np.random.default_rng(0)
    for effect in (
        effects.Defocus(0, 0),
        effects.Glare(0, 0, 0),
        effects.Hologram(0),
        effects.ColourCast(0, 0, 0),
        effects.Moire(0),
        effects.Laminate(0, 0, 0),
        effects.Scratches(0, 0),
        effects.Faded(0),
        effects.UnevenLight(0, 0),
        effects.SensorNoise(0),
    ):
        np.testing.assert_allclose(effect(pixels, rng), pixels, atol=1e-3)


@pytest.mark.parametrize(
    "effect",
    [
        effects.Print(),
        effects.Moire(),
        effects.Laminate(),
        effects.TwoTone(),
        effects.Scratches(),
        effects.Faded(),
        effects.UnevenLight(),
        effects.SensorNoise(),
    ],
    ids=lambda effect: type(effect).__name__,
)
def test_an_effect_is_seeded_and_gives_pixels(
    effect: effects.Effect, photograph: np.ndarray
) -> None:
    pixels = photograph[:173, :131].astype(np.float32)  # no side is a multiple of anything
    before = pixels.copy()
    one, same, other = (effect(pixels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(pixels, before)
    assert not np.array_equal(one, other)
    assert one.dtype == np.float32
    assert one.shape == pixels.shape
    assert one.min() >= 0
    assert one.max() <= 255


@pytest.mark.parametrize("cell", [1.5, 2.3, 4.6])
@pytest.mark.parametrize("colour", [(250, 250, 250), (200, 120, 60), (90, 110, 160), (20, 20, 20)])
def test_a_fast_print_has_the_tones_of_a_halftone(
    cell: float, colour: tuple[int, int, int]
) -> None:
    flat = np.full((161, 120, 3), colour, np.float32)
    slow, fast = (
        effect(flat, np.random.default_rng(0)).mean(axis=(0, 1))
        for effect in (effects.Halftone(cell), effects.Print(cell))
    )
    np.testing.assert_allclose(fast, slow, atol=3)


def test_a_prints_strips_leave_no_seams(photograph: np.ndarray) -> None:
    pixels = photograph.astype(np.float32)
    whole = effects.Print()(pixels, np.random.default_rng(0))
    blurred = cv2.GaussianBlur(
        whole - effects.Halftone()(pixels, np.random.default_rng(0)), (0, 0), 4
    )
    rows = np.abs(np.diff(blurred.mean(axis=(1, 2))))
    assert rows.max() < 0.5


@pytest.mark.parametrize("way", ["diffused", "screened", "threshold"])
def test_two_tones_are_two(way: str, photograph: np.ndarray) -> None:
    shown = effects.TwoTone((way,))(photograph.astype(np.float32), np.random.default_rng(0))
    assert set(np.unique(shown)) == {0, 255}
    if way != "threshold":  # dots stand for greys
        ramp = np.linspace(0, 255, 256, dtype=np.float32)
        grey = np.repeat(np.tile(ramp, (256, 1))[:, :, None], 3, axis=2)
        tones = effects.TwoTone((way,))(grey, np.random.default_rng(0))[:, :, 0]
        quarters = tones.reshape(256, 4, 64).mean(axis=(0, 2))
        assert (np.diff(quarters) > 30).all()


def test_strengths_can_be_varied(photograph: np.ndarray) -> None:
    strong = replace(get("blur"), effects=(effects.Defocus(0.05, 0),))
    assert strong.apply(photograph, STRAIGHT).std() < get("blur").apply(photograph, STRAIGHT).std()


def test_what_is_no_picture_or_no_face_is_refused(photograph: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="RGB"):
        portrait(photograph[:, :, 0], STRAIGHT)
    with pytest.raises(InvalidInput, match="RGB"):
        portrait(photograph.astype(float), STRAIGHT)
    with pytest.raises(InvalidInput, match="coincide"):
        portrait(photograph, face((5, 5), (5, 5)))
    with pytest.raises(InvalidInput, match="32 pixels"):
        portrait(photograph, STRAIGHT, 8)
    with pytest.raises(InvalidInput, match="there are: none, chip"):
        get("fax")


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_person_is_still_found_on_the_document(name: str) -> None:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    photograph = data.astronaut()
    verifier = Verifier(threads=1)
    document = get(name).apply(photograph, verifier.detect(photograph)[0], seed=3)
    result = verifier.verify(document, photograph)
    assert result.comparison is not None
    assert verifier.calibration is not None
    assert result.comparison.distance < verifier.calibration.threshold_at(1e-4)
