"""What devices make of cards, and that the ground truth stays true."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from renzheng import InvalidInput, Verifier
from renzheng.datasets import demo
from renzheng.datasets.specimens import (
    CAPTURES,
    LAYOUTS,
    Photographed,
    Scanned,
    Specimen,
    draw,
    get,
    make,
    turned,
)

TAKEN = [name for name in CAPTURES if name != "none"]


def card(colour: int = 0, layout: str = "id1-left", seed: int = 0) -> Specimen:
    portrait = np.full((450, 350, 3), colour, np.uint8)
    return draw(portrait, layout=layout, seed=seed, dpi=150)


def filled(shape: tuple[int, ...], corners: np.ndarray) -> np.ndarray:
    """The pixels whose centres lie inside."""
    mask = np.zeros(shape[:2], np.uint8)
    points = np.round((corners - 0.5) * 256).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 1, cv2.LINE_8, shift=8)
    return mask.astype(bool)


def grown(corners: np.ndarray, factor: float) -> np.ndarray:
    middle = corners.mean(axis=0)
    return middle + factor * (corners - middle)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CAPTURES)
def test_a_black_portrait_fills_its_corners_and_nothing_around_them(name: str, layout: str) -> None:
    taken = get(name).apply(card(layout=layout), 1)
    grey = taken.image.mean(axis=2)
    inside = filled(grey.shape, taken.portrait)
    # Up to 4 % around it there is only paper, but for the frame.
    window = filled(grey.shape, grown(taken.portrait, 1.08))
    paper = np.median(grey[window & ~filled(grey.shape, grown(taken.portrait, 1.03))])
    dark = (grey < 0.55 * paper) & window
    assert (dark & ~inside).sum() < 0.07 * inside.sum()
    if name != "laminate-glare":  # lamps burn parts of it out
        assert (dark & inside).sum() > 0.9 * (dark | inside).sum()
        offset = np.argwhere(dark).mean(axis=0) - np.argwhere(inside).mean(axis=0)
        assert np.hypot(*offset) < 0.02 * np.sqrt(inside.sum())


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("name", CAPTURES)
def test_corners_keep_their_order(name: str, turns: int) -> None:
    portrait = np.full((450, 350, 3), 20, np.uint8)
    portrait[:225, :175] = 245  # light at the top left
    taken = get(name).apply(turned(draw(portrait, layout="licence", dpi=150), turns), 3)
    square = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32)
    upright = cv2.warpPerspective(
        taken.image, cv2.getPerspectiveTransform(taken.portrait - 0.5, square), (100, 100)
    ).mean(axis=2)
    quarters = [
        np.median(upright[y : y + 30, x : x + 30])
        for x, y in ((10, 10), (60, 10), (60, 60), (10, 60))
    ]
    assert quarters[0] > max(quarters[1:]) + 60


@pytest.mark.parametrize("name", CAPTURES)
def test_everything_known_lies_in_the_picture_and_in_the_card(name: str) -> None:
    drawn = card(120)
    for seed in range(2):
        taken = get(name).apply(drawn, seed)
        assert taken.image.dtype == np.uint8
        assert taken.layout == drawn.layout
        limits = taken.image.shape[1::-1]
        assert ((taken.card >= -0.01) & (taken.card <= np.add(limits, 0.01))).all()
        assert taken.ghost is not None
        for corners in (taken.portrait, taken.ghost):
            assert corners.dtype == np.float32
            inside = [
                cv2.pointPolygonTest(taken.card, (float(x), float(y)), False) for x, y in corners
            ]
            assert min(inside) > 0


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_is_seeded_and_leaves_the_card_alone(name: str) -> None:
    drawn = card(120)
    before = drawn.image.copy()
    one, same, other = (get(name).apply(drawn, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.portrait, same.portrait)
    np.testing.assert_array_equal(drawn.image, before)
    assert (one.image.shape == other.image.shape and np.array_equal(one.image, other.image)) == (
        name == "none"
    )


@pytest.mark.parametrize(("name", "dpi"), [("scan-300", 300), ("scan-200", 200), ("two-tone", 200)])
def test_a_scan_has_its_resolution_whatever_the_prints_is(name: str, dpi: int) -> None:
    for drawn in (card(), draw(np.zeros((9, 7, 3), np.uint8), layout="id1-left", dpi=300)):
        taken = get(name).apply(drawn, 1)
        assert taken.dpi == pytest.approx(dpi, rel=1e-3)
        width = np.linalg.norm(taken.card[1] - taken.card[0])
        assert width == pytest.approx(85.6 / 25.4 * dpi, rel=2e-3)


def test_a_scan_lies_askew_with_room_around() -> None:
    angles = []
    for seed in range(8):
        taken = get("scan-200").apply(card(), seed)
        across = taken.card[1] - taken.card[0]
        angles.append(np.degrees(np.arctan2(across[1], across[0])))
        limits = taken.image.shape[1::-1]
        assert taken.card.min() > 5
        assert (np.array(limits) - taken.card.max(axis=0) > 5).all()
    assert max(np.abs(angles)) <= 4
    assert np.std(angles) > 0.5


def test_a_photograph_is_framed_as_asked() -> None:
    fills = []
    for seed in range(20):
        taken = get("photo").apply(card(), seed)
        fills.append(np.ptp(taken.card[:, 0]) / taken.image.shape[1])
    assert min(fills) >= 0.44
    assert max(fills) <= 0.91
    assert max(fills) - min(fills) > 0.2


def perspective(taken: Specimen) -> float:
    """How far opposite sides of the card differ in length."""
    sides = np.linalg.norm(np.roll(taken.card, -1, axis=0) - taken.card, axis=1)
    return float(np.abs(np.log(sides[:2] / sides[2:])).max())


def test_tilt_is_a_parameter() -> None:
    photo = CAPTURES["photo"]
    assert isinstance(photo, Photographed)
    level, leaning = replace(photo, tilt=0), replace(photo, tilt=30)
    assert max(perspective(level.apply(card(), seed)) for seed in range(4)) < 1e-3
    assert max(perspective(leaning.apply(card(), seed)) for seed in range(4)) > 0.15


@pytest.mark.parametrize("tilt", [-1, 36, float("nan")])
def test_tilts_out_of_range_are_refused(tilt: float) -> None:
    with pytest.raises(InvalidInput, match="tilt must be"):
        Photographed("p", "", tilt=tilt)


@pytest.mark.parametrize("fill", [(0, 0.5), (0.6, 0.5), (0.5, 1.2)])
def test_fills_out_of_range_are_refused(fill: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="two shares in order"):
        Photographed("p", "", fill=fill)


def test_what_each_capture_is_named_for() -> None:
    drawn = card(120)
    shown = {name: get(name).apply(drawn, 5).image.astype(float) for name in CAPTURES}
    colour = {name: np.ptp(image, axis=2).mean() for name, image in shown.items()}
    assert set(np.unique(shown["two-tone"])) == {0, 255}
    assert colour["photocopy"] < 1
    burnt = {name: (image >= 254).all(axis=2).mean() for name, image in shown.items()}
    assert burnt["laminate-glare"] > burnt["photo"] + 0.01
    taken = {n: get(n).apply(drawn, 5) for n in ("scan-300", "worn")}
    contrast = {
        n: t.image[filled(t.image.shape, t.card)].astype(float).std() for n, t in taken.items()
    }
    assert contrast["worn"] < contrast["scan-300"]


def test_a_screens_ground_shows_coloured_stripes() -> None:
    moire = CAPTURES["moire"]
    assert isinstance(moire, Photographed)
    plain, striped = (
        replace(moire, device=device).apply(card(), 1).image[:15].astype(float)
        for device in ((), moire.device[:1])
    )
    assert np.ptp(plain) == 0
    assert np.ptp(striped, axis=2).mean() > 0.05 * plain.mean()


def test_the_none_capture_is_the_drawn_card() -> None:
    drawn = card()
    assert get("none").apply(drawn, 3) is drawn


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_not_captured_twice(name: str) -> None:
    taken = get("scan-200").apply(card())
    with pytest.raises(InvalidInput, match="fill the picture"):
        get(name).apply(taken)


def test_unknown_captures_and_bad_seeds_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there are: none, scan-300"):
        get("fax")
    with pytest.raises(InvalidInput, match="seed"):
        get("photo").apply(card(), -1)


def test_a_scanner_of_ones_own_needs_no_more_than_numbers() -> None:
    taken = Scanned("mine", "", 120, skew=0, room=(0.1, 0.1), device=()).apply(card())
    assert taken.dpi == pytest.approx(120, rel=1e-3)
    np.testing.assert_allclose(taken.card[0], 0.1 * 85.6 / 25.4 * 120, atol=0.5)


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


@pytest.mark.parametrize("name", [n for n in CAPTURES if n != "two-tone"])
def test_the_face_is_found_in_the_portrait(name: str, verifier: Verifier) -> None:
    pytest.importorskip("skimage", reason="needs scikit-image's public-domain portrait")
    photograph = demo.original()
    face = verifier.detect(photograph)[0]
    hits = 0
    for layout in ("id1-left", "licence"):
        taken = get(name).apply(make(photograph, face, layout=layout, seed=1), 1)
        found = verifier.detect(taken.image)[0]
        x, y = (found.box[:2] + found.box[2:]) / 2
        hits += cv2.pointPolygonTest(taken.portrait, (float(x), float(y)), False) > 0
    assert hits >= (1 if name == "laminate-glare" else 2)  # a lamp may lie on the face
