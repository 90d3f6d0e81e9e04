"""Drawn cards: what lies where, and that it is the same again."""

from __future__ import annotations

import numpy as np
import pytest

from renzheng import InvalidInput
from renzheng.datasets import demo
from renzheng.datasets.specimens import LAYOUTS, Specimen, draw, make, turned
from renzheng.datasets.specimens.drawing import GHOST_SIZES
from renzheng.errors import RenzhengError
from renzheng.types import Face, Image


def plain(colour: tuple[int, int, int] = (200, 40, 90)) -> Image:
    return np.full((450, 350, 3), colour, np.uint8)


def face(x: float, y: float, size: float) -> Face:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Face(
        box=np.array([x, y, x + size, y + size], np.float32),
        landmarks=(points * size + (x, y)).astype(np.float32),
        score=0.99,
    )


def region(specimen: Specimen, corners: np.ndarray) -> Image:
    (left, top), (right, bottom) = corners[0].astype(int), corners[2].astype(int)
    return specimen.image[top:bottom, left:right]


@pytest.mark.parametrize("dpi", [100, 187.5, 300])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_card_has_the_size_of_its_standard(layout: str, dpi: float) -> None:
    card = draw(plain(), layout=layout, dpi=dpi)
    width, height = {"passport": (125, 88), "residence": (53.98, 85.6)}.get(layout, (85.6, 53.98))
    assert card.image.dtype == np.uint8
    assert card.image.shape == (round(height / 25.4 * dpi), round(width / 25.4 * dpi), 3)
    assert card.layout == layout
    assert card.dpi == dpi
    np.testing.assert_array_equal(card.card[2], card.image.shape[1::-1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_written_over_the_portrait(layout: str) -> None:
    # Names of all lengths, ghosts of all sizes.
    for seed in range(25):
        card = draw(plain(), layout=layout, seed=seed, dpi=120)
        inside = region(card, card.portrait)
        assert (inside == (200, 40, 90)).all()
        assert inside.shape[1] / inside.shape[0] == pytest.approx(35 / 45, abs=0.01)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_portrait_shows_in_its_place_and_in_the_ghost_and_nowhere_else(layout: str) -> None:
    for seed in range(6):
        dark, light = (draw(plain(c), layout=layout, seed=seed) for c in ((0,) * 3, (255,) * 3))
        changed = (dark.image != light.image).any(axis=2)
        allowed = np.zeros_like(changed)
        for corners in (dark.portrait, dark.ghost):
            if corners is not None:
                (left, top), (right, bottom) = corners[0].astype(int), corners[2].astype(int)
                allowed[top:bottom, left:right] = True
        assert not (changed & ~allowed).any()
        assert region(dark, dark.portrait).max() == 0
        if dark.ghost is not None:
            (left, top), (right, bottom) = dark.ghost[0].astype(int), dark.ghost[2].astype(int)
            assert changed[top:bottom, left:right].mean() > 0.6  # an ellipse fills 0.785


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if LAYOUTS[name].ghost])
def test_a_ghost_is_smaller_weaker_and_apart(layout: str) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 256, (9, 7, 3)).astype(np.uint8).repeat(50, 0).repeat(50, 1)
    ratios = []
    for seed in range(12):
        card = draw(noisy, layout=layout, seed=seed)
        assert card.ghost is not None
        ghost, main = region(card, card.ghost), region(card, card.portrait)
        assert ghost.mean(axis=2).std() < 0.75 * main.mean(axis=2).std()
        ratios.append(ghost.shape[1] / main.shape[1])
        assert ghost.shape[1] / ghost.shape[0] == pytest.approx(35 / 45, abs=0.01)
        limits = card.image.shape[1::-1]
        assert ((card.ghost >= 0) & (card.ghost <= limits)).all()
        apart = (card.ghost[0] >= card.portrait[2]) | (card.ghost[2] <= card.portrait[0])
        assert apart.any()
    assert min(ratios) >= GHOST_SIZES[0] - 0.01
    assert max(ratios) <= GHOST_SIZES[1] + 0.01
    assert max(ratios) - min(ratios) > 0.1


def test_some_layout_has_no_ghost_and_says_so() -> None:
    assert draw(plain(), layout="id1-plain").ghost is None
    assert draw(plain(), layout="id1-plain").to_dict()["ghost"] is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equal_seeds_give_equal_cards_and_others_do_not(layout: str) -> None:
    one, same, other = (draw(plain(), layout=layout, seed=s, dpi=150) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.image, same.image)
    assert not np.array_equal(one.image, other.image)


def test_a_card_is_the_callers_own() -> None:
    draw(plain(), layout="licence").image[:] = 0
    assert draw(plain(), layout="licence").image.mean() > 100


def test_the_seed_draws_every_layout() -> None:
    assert {draw(plain(), seed=seed, dpi=100).layout for seed in range(60)} == set(LAYOUTS)


def test_a_wide_portrait_is_cropped_centrally() -> None:
    wide = np.zeros((90, 400, 3), np.uint8)
    wide[:, 165:235] = (10, 220, 30)
    card = draw(wide, layout="id1-left")
    assert (region(card, card.portrait)[5:-5, 6:-6] == (10, 220, 30)).all()


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, -1, 6])
def test_turning_moves_corners_with_the_pixels(turns: int) -> None:
    portrait = plain((0, 0, 0))
    portrait[:225, :175] = (250, 20, 20)  # red at the top left
    card = draw(portrait, layout="id1-right", dpi=150)
    round_ = turned(card, turns)
    np.testing.assert_array_equal(turned(round_, -turns).image, card.image)
    for name in ("portrait", "ghost", "card"):
        np.testing.assert_array_equal(getattr(turned(round_, -turns), name), getattr(card, name))
    assert (round_.image.shape == card.image.shape) == (turns % 2 == 0)
    first, across = round_.portrait[0], round_.portrait[2] - round_.portrait[0]
    x, y = (first + 0.2 * across).astype(int)
    assert tuple(round_.image[y, x]) == (250, 20, 20)


def test_turning_takes_whole_quarters() -> None:
    with pytest.raises(InvalidInput, match="whole"):
        turned(draw(plain()), 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)],
)
def test_no_picture_is_refused(bad: Image) -> None:
    with pytest.raises(InvalidInput):
        draw(bad)


@pytest.mark.parametrize("dpi", [0, 99, 601, float("nan"), float("inf"), -300])
def test_resolutions_out_of_range_are_refused(dpi: float) -> None:
    with pytest.raises(InvalidInput, match="dpi"):
        draw(plain(), dpi=dpi)
    with pytest.raises(InvalidInput, match="dpi"):
        make(plain(), face(100, 100, 100), dpi=dpi)


def test_unknown_layouts_and_negative_seeds_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there are: id1-left"):
        draw(plain(), layout="id2")
    with pytest.raises(InvalidInput, match="seed"):
        draw(plain(), seed=-1)


def test_a_photographs_face_comes_to_the_middle_of_the_portrait() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[230:250, 290:310] = 255  # between the eyes
    card = make(image, face(250, 200, 100), layout="passport")
    bright = np.argwhere(region(card, card.portrait).min(axis=2) > 128)
    height, width = region(card, card.portrait).shape[:2]
    assert bright.mean(axis=0) / (height, width) == pytest.approx((0.45, 0.5), abs=0.02)


def test_the_demos_portrait_goes_onto_a_card() -> None:
    pytest.importorskip("skimage")
    original = demo.original()
    assert original.shape == (512, 512, 3)
    assert original.dtype == np.uint8
    scan = demo.specimen(original, face(176, 70, 100))
    assert scan.ndim == 3
    assert scan.shape[1] > 1012


def test_the_demo_without_scikit_image_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(RenzhengError, match=r"renzheng\[demo\]"):
        demo.original()
