"""The search for a document's faces, with a made-up detector."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from renzheng.faces.documents.search import DetectedFaces, roll, search_faces
from renzheng.types import Face, Image

# Where the made-up face's box is looked for: eyes, nose and mouth are painted in these colours.
EYES, MOUTH = (250, 20, 20), (20, 20, 250)


def paint(width: int = 600, height: int = 400, at: tuple[int, int] = (150, 200)) -> Image:
    """Paint a grey picture with two red eyes above a blue mouth."""
    picture = np.full((height, width, 3), 120, np.uint8)
    x, y = at
    for left in (x - 30, x + 30):
        cv2.circle(picture, (left, y - 20), 9, EYES, -1)
    cv2.ellipse(picture, (x, y + 30), (34, 9), 0, 0, 360, MOUTH, -1)
    return picture


def centre(picture: Image, colour: tuple[int, int, int]) -> np.ndarray | None:
    mask = (np.abs(picture.astype(int) - colour) < 90).all(axis=2)
    ys, xs = np.nonzero(mask)
    return np.array([xs.mean(), ys.mean()]) if len(xs) > 8 else None


def sighted(upright: float, otherwise: float) -> Callable[[Image], list[Face]]:
    """Make a detector with given scores for the painted face where it is upright, and elsewhere."""

    def detect(picture: Image) -> list[Face]:
        eyes, mouth = centre(picture, EYES), centre(picture, MOUTH)
        if eyes is None or mouth is None:
            return []
        stands = mouth[1] - eyes[1] > 3 * abs(mouth[0] - eyes[0])
        score = upright if stands else otherwise
        if score <= 0:
            return []
        size = 1.5 * float(np.hypot(*(mouth - eyes)))
        across = np.array([size / 2, 0])
        points = np.array([eyes - across, eyes + across, (eyes + mouth) / 2, mouth, mouth])
        box = np.array([*(eyes - size), *(eyes + size)])
        return [Face(box.astype(np.float32), points.astype(np.float32), score)]

    return detect


SMALLEST = 20


def eyes_in_the_picture(view: DetectedFaces) -> np.ndarray:
    """Return the middle between the eyes in pixels of the given picture."""
    middle = view.faces[0].landmarks[:2].mean(axis=0).reshape(1, 1, 2).astype(np.float64)
    back: np.ndarray = cv2.perspectiveTransform(middle, np.linalg.inv(view.matrix))[0, 0]
    return back


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_picture_is_turned_back(turns: int) -> None:
    picture = np.ascontiguousarray(np.rot90(paint(), turns))  # counter-clockwise
    view = search_faces(picture, sighted(0.9999, 0.6), SMALLEST)
    assert view.turns == turns
    np.testing.assert_array_equal(view.image, paint())
    np.testing.assert_allclose(eyes_in_the_picture(view), centre(picture, EYES), atol=0.6)
    assert any("turned" in step for step in view.steps) == bool(turns)


def test_a_certain_face_ends_the_search() -> None:
    calls = []
    detect = sighted(0.9999, 0.9)

    def counted(picture: Image) -> list[Face]:
        calls.append(picture.shape)
        return detect(picture)

    assert search_faces(paint(), counted, SMALLEST).steps == ()
    assert len(calls) == 4  # once as it stands, and once a turn for somebody who lies in it


def test_a_picture_stays_as_it_is_unless_another_turn_is_clearly_surer() -> None:
    assert search_faces(paint(), sighted(0.98, 0.985), SMALLEST).turns == 0
    assert (
        search_faces(np.ascontiguousarray(np.rot90(paint())), sighted(0.997, 0.98), SMALLEST).turns
        == 1
    )


def test_a_face_that_lies_does_not_count_as_upright() -> None:
    def lying(picture: Image) -> list[Face]:
        points = np.array([[50, 20], [50, 80], [70, 50], [90, 30], [90, 70]], np.float32)
        face = Face(np.array([20, 20, 100, 100], np.float32), points, 0.9999)
        assert roll(face) == pytest.approx(90)
        return [face] if picture.shape[1] > picture.shape[0] else []

    looks: list[Image] = []

    def watched(picture: Image) -> list[Face]:
        looks.append(picture)
        return lying(picture)

    search_faces(paint(), watched, SMALLEST)
    assert len(looks) > 4  # a face that lies ends no search


def test_a_treated_picture_gives_places_in_the_picture_itself() -> None:
    detect = sighted(0.99, 0.0)

    def only_with_a_border(picture: Image) -> list[Face]:
        bordered = (picture[0] == 128).all() and (picture[-1] == 128).all()
        return detect(picture) if bordered else []

    small = cv2.resize(paint(), (120, 80), interpolation=cv2.INTER_AREA)
    for picture in (paint(), np.asarray(small, np.uint8)):
        view = search_faces(picture, only_with_a_border, SMALLEST)
        assert view.image.shape == picture.shape
        assert any("border" in step for step in view.steps)
        np.testing.assert_allclose(eyes_in_the_picture(view), centre(picture, EYES), atol=1.0)


def test_a_large_picture_is_searched_reduced() -> None:
    shapes = []
    large = cv2.resize(paint(), (3000, 2000), interpolation=cv2.INTER_NEAREST)
    detect = sighted(0.9999, 0.6)

    def watched(picture: Image) -> list[Face]:
        shapes.append(picture.shape)
        return detect(picture)

    view = search_faces(np.asarray(large, np.uint8), watched, SMALLEST)
    assert all(height * width <= 1_300_000 for height, width, _ in shapes)
    assert view.image.shape == (2000, 3000, 3)
    np.testing.assert_allclose(eyes_in_the_picture(view), centre(large, EYES), atol=2.0)


@pytest.mark.parametrize("turns", [0, 1])
def test_what_the_coarse_picture_hides_is_searched_for_finely(turns: int) -> None:
    large = np.asarray(cv2.resize(paint(), (3000, 2000), interpolation=cv2.INTER_NEAREST), np.uint8)
    large = np.ascontiguousarray(np.rot90(large, turns))
    detect = sighted(0.9999, 0.0)

    def only_fine(picture: Image) -> list[Face]:
        return detect(picture) if picture.shape[0] * picture.shape[1] > 3_000_000 else []

    view = search_faces(large, only_fine, SMALLEST)
    assert view.turns == turns
    assert "searched finely" in view.steps
    np.testing.assert_allclose(eyes_in_the_picture(view), centre(large, EYES), atol=2.0)


def test_rivals_too_small_for_the_coarse_picture_are_looked_for() -> None:
    large = np.asarray(cv2.resize(paint(), (4500, 3000), interpolation=cv2.INTER_NEAREST), np.uint8)
    detect = sighted(0.9999, 0.0)
    second = np.array([3000, 500, 3600, 1100], np.float32)
    shape = [(120, 180), (480, 180), (300, 330), (180, 480), (420, 480)]
    points = np.add(shape, (3000, 500))

    def detect_two(picture: Image) -> list[Face]:
        scale = picture.shape[1] / 4500
        faces = detect(picture)
        if 600 * scale >= smallest:
            faces.append(Face(second * scale, (points * scale).astype(np.float32), 0.999))
        return faces

    # The painted face is 1125 px wide, and the other more than half of that. The coarse picture is
    # 1341 px wide, so the other has 179 px there: a detector of larger faces has to look again.
    for smallest in (150, 200):
        assert len(search_faces(large, detect_two, smallest).faces) == 2


def test_a_picture_between_two_quarter_turns_is_made_straight() -> None:
    picture = paint(600, 600, (300, 300))
    turn = cv2.getRotationMatrix2D((299.5, 299.5), 45, 1)
    askew = np.asarray(cv2.warpAffine(picture, turn, (600, 600), borderValue=(120,) * 3), np.uint8)
    view = search_faces(askew, sighted(0.9999, 0.0), SMALLEST)
    assert abs(roll(view.faces[0])) < 20
    assert "turned by 45 degrees" in view.steps
    np.testing.assert_allclose(eyes_in_the_picture(view), centre(askew, EYES), atol=1.5)


@pytest.mark.parametrize("shape", [(12, 12), (12, 240), (240, 12), (126, 102)])
def test_a_picture_without_a_face_comes_back_as_it_is(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    view = search_faces(picture, lambda _: [], SMALLEST)
    assert view.faces == ()
    assert view.turns == 0
    assert view.image is picture


def test_the_searched_picture_is_not_changed() -> None:
    picture = np.ascontiguousarray(np.rot90(paint()))
    before = picture.copy()
    search_faces(picture, sighted(0.9, 0.5), SMALLEST)
    np.testing.assert_array_equal(picture, before)
