import numpy as np
import pytest

from renzheng import demo, specimen
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.types import Face, Image


def portrait(colour: tuple[int, int, int] = (200, 40, 90)) -> Image:
    return np.full((450, 350, 3), colour, np.uint8)


def face(x: float, y: float, size: float) -> Face:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Face(
        box=np.array([x, y, x + size, y + size], np.float32),
        landmarks=(points * size + (x, y)).astype(np.float32),
        score=0.99,
    )


@pytest.mark.parametrize("width", [300, 1012, 1500])
def test_card_has_the_ratio_of_id_1(width: int) -> None:
    card = specimen.draw_card(portrait(), width=width)
    assert card.dtype == np.uint8
    assert card.shape[1:] == (width, 3)
    assert card.shape[0] == pytest.approx(width * 53.98 / 85.60, abs=0.5)


@pytest.mark.parametrize("width", [500, 1012])
def test_portrait_lies_where_said(width: int) -> None:
    card = specimen.draw_card(portrait(), width=width)
    left, top, wide, high = specimen.portrait_place(width)
    inside = card[top : top + high, left : left + wide]
    assert (inside == (200, 40, 90)).all()
    assert (card[top - 1 : top + high + 1, left - 1] != (200, 40, 90)).any()
    assert wide / high == pytest.approx(35 / 45, abs=0.01)


def test_portrait_is_wide_enough_to_be_found() -> None:
    assert 250 <= specimen.portrait_place()[2] <= 330


def test_wide_portrait_is_cropped_centrally() -> None:
    wide = np.zeros((90, 400, 3), np.uint8)
    wide[:, 165:235] = (10, 220, 30)
    card = specimen.draw_card(wide)
    left, top, width, height = specimen.portrait_place()
    assert (card[top + height // 2, left + 6 : left + width - 6] == (10, 220, 30)).all()


def test_card_and_scan_are_deterministic() -> None:
    one, other = specimen.draw_card(portrait()), specimen.draw_card(portrait())
    assert np.array_equal(one, other)
    assert np.array_equal(specimen.degrade(one, seed=3), specimen.degrade(other, seed=3))


def test_seed_changes_the_scan() -> None:
    card = specimen.draw_card(portrait())
    assert not np.array_equal(specimen.degrade(card), specimen.degrade(card, seed=1))


@pytest.mark.parametrize("seed", range(4))
def test_scan_keeps_the_whole_card_and_leaves_it_intact(seed: int) -> None:
    card = np.full((638, 1012, 3), 30, np.uint8)
    before = card.copy()
    scan = specimen.degrade(card, seed=seed)
    assert scan.dtype == np.uint8
    assert np.array_equal(card, before)
    edges = (scan[0], scan[-1], scan[:, 0], scan[:, -1])
    assert all(edge.min() > 90 for edge in edges)  # scanner grey, no dark card


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_no_picture_is_refused(bad: Image) -> None:
    with pytest.raises(InvalidInput):
        specimen.draw_card(bad)


def test_portrait_is_centred_on_the_face() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[240, 300] = 255  # between the eyes
    cut = specimen.portrait_from(image, face(250, 200, 100))
    assert cut.shape[1] / cut.shape[0] == pytest.approx(35 / 45, abs=0.01)
    (row,), (column,) = np.nonzero(cut[:, :, 0])
    assert column == pytest.approx(cut.shape[1] / 2, abs=1)
    assert 0.4 < row / cut.shape[0] < 0.5


@pytest.mark.parametrize("corner", [-40, 70, 500])
def test_portrait_beyond_the_edge_is_grey(corner: float) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    cut = specimen.portrait_from(image, face(corner, corner, 60))
    assert cut.shape == (120, 93, 3)
    assert set(np.unique(cut)) <= {0, 205}
    assert (cut == 205).any()


def test_demo_portrait_goes_onto_the_card() -> None:
    pytest.importorskip("skimage")
    original = demo.original()
    assert original.shape == (512, 512, 3)
    assert original.dtype == np.uint8
    assert demo.specimen(original, face(176, 70, 100)).shape[2] == 3


def test_demo_without_scikit_image_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(RenzhengError, match=r"renzheng\[demo\]"):
        demo.original()
