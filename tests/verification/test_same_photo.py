"""One photograph handed in twice is told from two photographs of one person."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painted_face import paint
from renzheng import InvalidInput, Verifier, images
from renzheng.datasets.degradations import DEGRADATIONS, get
from renzheng.faces.alignment import to_crop
from renzheng.faces.selection import choose_face
from renzheng.types import Face, Image
from renzheng.verification import same_photo
from renzheng.verification.same_photo import (
    THRESHOLD,
    SamePhoto,
    compare_details,
    compare_images,
    deformation,
    detail_of,
    registration,
)
from renzheng.verification.same_photo.photo_detail import SIDE, TEMPLATE

# eyes 45 px apart in a picture of 260 x 300 px
PLACE = (TEMPLATE.points - TEMPLATE.points.mean(axis=0)) * 1.5 + (130, 150)


def face(points: np.ndarray) -> Face:
    points = np.asarray(points, np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    return Face(np.array([*(low - 15), *(high + 15)], np.float32), points, 1.0)


def noise(seed: int, coarseness: float) -> np.ndarray:
    """float (300, 260, 3), mean 0, standard deviation 1; mostly grey, as faces are."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(300, 260, 1)) + 0.3 * rng.normal(size=(300, 260, 3))
    values = cv2.GaussianBlur(values, (0, 0), coarseness)
    return values / values.std()


def painted(person: int, photograph: int = 0) -> Image:
    """A person is what is coarse, a photograph what is fine."""
    pixels = 128 + 40 * noise(person, 14) + 18 * noise(1000 + 97 * person + photograph, 2.5)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def changed(
    image: Image, points: np.ndarray, scale: float, angle: float, gain: float, jitter: float
) -> tuple[Image, Face]:
    """A version of a photograph; landmarks miss by up to a share of the eyes' distance."""
    height, width = (round(side * scale) for side in image.shape[:2])
    centre = (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, angle, scale)
    matrix[:, 2] += np.array(((width - 1) / 2, (height - 1) / 2)) - centre
    pixels = cv2.warpAffine(
        image if scale > 0.6 else cv2.GaussianBlur(image, (0, 0), 0.4 / scale),
        matrix,
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
    )
    pixels = np.clip(gain * (pixels - 128.0) + 128 + 20 * (1 - gain), 0, 255).astype(np.uint8)
    points = to_crop(matrix, points)
    apart = np.linalg.norm(points[1] - points[0])
    missed = np.random.default_rng(3).uniform(-1, 1, (5, 2)) * jitter * apart
    return pixels, face(points + missed)


def coded(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def mirror_image(image: Image, points: np.ndarray) -> tuple[Image, Face]:
    flipped = np.array((image.shape[1] - 1, 0)) + points * np.array((-1, 1))
    return np.ascontiguousarray(image[:, ::-1]), face(flipped[[1, 0, 2, 4, 3]])


def warped(image: Image, points: np.ndarray, kind: str) -> tuple[Image, Face]:
    """A smooth warp by up to a seventh of the distance between the eyes, and the landmarks after
    it, as a detector would find them."""
    height, width = image.shape[:2]
    apart = np.linalg.norm(points[1] - points[0])
    middle = points.mean(axis=0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    right, down = (x - middle[0]) / apart, (y - middle[1]) / apart
    if kind == "waves":
        shift = np.dstack([np.sin(2.6 * down + 1), np.sin(2.2 * right)]) * (0.14 * apart)
    else:
        strength = {"bulge": 0.25, "pinch": -0.25}[kind]
        near = np.maximum(0, 1 - (right**2 + down**2) / 4)
        shift = np.dstack([right, down]) * (-strength * apart * near)[:, :, None]
    places = np.dstack([x, y]) + shift.astype(np.float32)
    pixels = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    back = np.array([shift[round(float(v)), round(float(u))] for u, v in points])
    return np.asarray(pixels, np.uint8), face(points - back)


WARPS = ("waves", "bulge", "pinch")


def test_a_picture_is_itself() -> None:
    image = painted(1)
    result = compare_images(image, face(PLACE), image, face(PLACE))
    assert result.same
    assert result.score > 0.9
    assert not result.mirrored


@settings(max_examples=30)
@given(
    st.integers(0, 50),
    st.floats(0.5, 2.5),
    st.floats(-10, 10),
    st.floats(0.5, 1.4),
    st.floats(0, 0.06),
    st.integers(0, 40),
    st.booleans(),
)
def test_versions_of_one_photograph_are_caught(
    person: int,
    scale: float,
    angle: float,
    gain: float,
    jitter: float,
    cut: int,
    flipped: bool,
) -> None:
    original = painted(person)
    image, found = changed(original, PLACE, scale, angle, gain, jitter)
    edge = round(cut * scale)
    image = image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]
    found = face(found.landmarks - edge)
    if flipped:
        image, found = mirror_image(image, found.landmarks)
    result = compare_images(original, face(PLACE), coded(image, 70), found)
    assert result.same
    assert result.mirrored == flipped


@settings(max_examples=15)
@given(st.integers(0, 50), st.integers(1, 10), st.floats(0, 0.06), st.booleans())
def test_two_photographs_of_one_person_are_not(
    person: int, photograph: int, jitter: float, flipped: bool
) -> None:
    image, found = changed(painted(person, photograph), PLACE, 1.0, 0.0, 1.0, jitter)
    if flipped:
        image, found = mirror_image(image, found.landmarks)
    result = compare_images(painted(person), face(PLACE), image, found)
    assert not result.same
    assert result.mirrored == flipped  # what is coarse agrees, so this is known all the same


def test_a_warped_photograph_is_caught_and_only_by_deforming_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = [(painted(k), *warped(painted(k), PLACE, kind)) for k in range(2) for kind in WARPS]
    for original, image, found in pairs:
        result = compare_images(original, face(PLACE), coded(image, 60), found)
        assert result.same
        assert not result.mirrored
        assert compare_images(original, face(PLACE), *mirror_image(image, found.landmarks)).same
    monkeypatch.setattr(same_photo, "_FREEDOM", 2.0)  # what is deformed counts no more
    missed = [not compare_images(one, face(PLACE), *other).same for one, *other in pairs]
    assert sum(missed) > len(pairs) / 2


@pytest.mark.parametrize("kind", WARPS)
def test_another_photograph_is_not_the_same_for_being_warped(kind: str) -> None:
    for person in range(2):
        for photograph in range(1, 3):
            image, found = warped(painted(person, photograph), PLACE, kind)
            assert not compare_images(painted(person), face(PLACE), image, found).same


@pytest.mark.parametrize("kind", WARPS)
def test_a_warped_painted_face_is_caught(kind: str) -> None:
    image, found = paint()
    texture = cv2.resize(20 * noise(3, 2.5), (420, 420))  # at the scale that is compared
    image = np.clip(image + texture, 0, 255).astype(np.uint8)
    bent, found_there = warped(image, found.landmarks, kind)
    darker = (bent * 0.8 + 5).astype(np.uint8)
    assert compare_images(image, found, coded(darker, 80), found_there).same


def test_the_head_before_another_background_is_caught_and_another_head_is_not() -> None:
    y, x = np.mgrid[:300, :260]
    head = (np.hypot((x - 130) / 62, (y - 160) / 85) < 1)[:, :, None]

    def before(head_of: int, photograph: int, behind: int) -> Image:
        return np.where(head, painted(head_of, photograph), painted(behind))

    original = before(13, 0, 20)
    image, found = warped(before(13, 0, 21), PLACE, "waves")
    assert compare_images(original, face(PLACE), image, found).same
    result = compare_images(original, face(PLACE), *mirror_image(image, found.landmarks))
    assert result.same
    assert result.mirrored
    image, found = warped(before(13, 1, 20), PLACE, "waves")
    assert not compare_images(original, face(PLACE), image, found).same


def test_deforming_finds_a_known_warp_to_half_a_pixel() -> None:
    original = painted(14)
    image, _ = warped(original, PLACE, "waves")
    here, there = detail_of(original, face(PLACE)), detail_of(image, face(PLACE))
    found, mirrored = registration.register(there, here)
    before = registration.resample(here.fine, found).detail
    deformed = deformation.deform(there, here, found, mirrored)
    assert deformed is not None
    after, turned = deformed
    assert not turned
    wanted = registration.window(there.fine).detail
    inner = slice(20, -20)
    rest = [np.abs(one - wanted)[inner, inner].mean() for one in (before, after.detail)]
    assert rest[1] < 0.3 < rest[0]


def test_unlike_heads_are_not_deformed_to_the_end() -> None:
    one, other = detail_of(painted(15), face(PLACE)), detail_of(painted(16), face(PLACE))
    assert deformation.deform(one, other, *registration.register(one, other)) is None


@pytest.mark.parametrize("other", range(2, 12))
def test_pictures_of_two_people_are_not(other: int) -> None:
    assert compare_images(painted(1), face(PLACE), painted(other), face(PLACE)).score < 0.6


def test_two_places_in_one_picture_are_not() -> None:
    image = np.tile(painted(4), (2, 2, 1))
    image[300:, 260:] = painted(5)
    result = compare_images(image, face(PLACE), image, face(PLACE + np.array((200, 260))))
    assert result.score < 0.6


@settings(max_examples=15)
@given(st.integers(0, 20), st.floats(0.4, 2), st.floats(-15, 15), st.booleans())
def test_exchanging_the_sides_changes_nothing(
    person: int, scale: float, angle: float, another: bool
) -> None:
    one = painted(person)
    two, found = changed(painted(person, int(another)), PLACE, scale, angle, 0.8, 0.03)
    forth = compare_images(one, face(PLACE), two, found)
    assert forth == compare_images(two, found, one, face(PLACE))
    assert forth == compare_images(one, face(PLACE), two, found)


def test_mirroring_both_changes_nothing() -> None:
    one, two = painted(7), painted(7, 1)
    plain = compare_images(one, face(PLACE), two, face(PLACE))
    both = compare_images(*mirror_image(one, PLACE), *mirror_image(two, PLACE))
    assert both.score == pytest.approx(plain.score, abs=0.02)
    assert both.mirrored == plain.mirrored


def test_mirrored_detail_is_the_detail_of_the_mirror_image() -> None:
    here = detail_of(painted(8), face(PLACE)).mirrored()
    there = detail_of(*mirror_image(painted(8), PLACE))
    for level in ("fine", "middle", "coarse"):
        one, other = getattr(here, level), getattr(there, level)
        assert one.detail.dtype == np.float32
        np.testing.assert_allclose(one.detail, other.detail, atol=0.1)
        assert np.corrcoef(one.detail.ravel(), other.detail.ravel())[0, 1] > 0.999


def test_registration_finds_a_known_map_to_a_tenth_of_a_pixel() -> None:
    image = painted(9)
    shift = np.array((4.5, -3.0))  # 3 and -2 px of the detail, whose eyes are 30 px apart
    found, mirrored = registration.register(
        detail_of(image, face(PLACE)), detail_of(image, face(PLACE + shift))
    )
    assert not mirrored
    pixels = found[:2, 2] * 48  # units are half windows of 48 px
    np.testing.assert_allclose(pixels, -shift / 1.5, atol=0.1)
    np.testing.assert_allclose(found[:2, :2], np.eye(2), atol=0.003)


def test_text_and_glare_over_a_part_do_not_hide_it() -> None:
    image, over = painted(10), painted(10)
    cv2.putText(over, "SPECIMEN", (75, 190), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 30, 30), 2)
    y, x = np.mgrid[:300, :260]
    light = 255 * np.exp(-(((x - 150) / 50) ** 2) - ((y - 120) / 20) ** 2)
    over = np.clip(over + light[:, :, None], 0, 255).astype(np.uint8)
    assert compare_images(image, face(PLACE), over, face(PLACE)).same


def test_a_plain_background_says_nothing() -> None:
    y, x = np.mgrid[:300, :260]
    apart = (np.hypot((x - 130) / 60, (y - 150) / 85) > 1)[:, :, None]

    def cut_out(photograph: int) -> Image:
        return np.where(apart, np.uint8(235), painted(11, photograph))

    assert compare_images(cut_out(0), face(PLACE), coded(cut_out(0), 60), face(PLACE)).same
    assert not compare_images(cut_out(0), face(PLACE), cut_out(1), face(PLACE)).same


@pytest.mark.parametrize("level", [0, 77, 255])
def test_what_is_flat_is_never_the_same(level: int) -> None:
    flat = np.full((300, 260, 3), level, np.uint8)
    for other in (flat, painted(1), np.full((90, 80, 3), 128, np.uint8)):
        for one, two in ((flat, other), (other, flat)):
            assert compare_images(one, face(PLACE), two, face(PLACE)).score < 1e-6


def test_a_face_outside_the_picture_is_nothing_to_compare() -> None:
    image = painted(1)
    away = face(PLACE + 5000)
    assert compare_images(image, away, image, away) == SamePhoto(0.0, False, THRESHOLD)


@pytest.mark.parametrize("shift", [(-90, 0), (0, -110), (90, 0), (0, 110), (-70, -80)])
def test_a_face_partly_outside_is_compared_by_what_is_left(shift: tuple[int, int]) -> None:
    image = painted(12)
    moved = cv2.warpAffine(image, np.array([[1.0, 0, shift[0]], [0, 1.0, shift[1]]]), (260, 300))
    left, top = (max(0, v) for v in shift)
    right, bottom = (side + min(0, v) for side, v in zip((260, 300), shift, strict=True))
    part = np.ascontiguousarray(moved[top:bottom, left:right])
    found = face(PLACE + shift - (left, top))
    assert compare_images(image, face(PLACE), part, found).same
    other = painted(12, 1)
    assert not compare_images(other, face(PLACE), part, found).same


coordinates = st.tuples(st.floats(-300, 600), st.floats(-300, 600))


@settings(max_examples=30)
@given(
    st.lists(coordinates, min_size=5, max_size=5),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 3),
)
def test_any_landmarks_in_any_picture_give_a_score_or_a_named_error(
    points: list[tuple[float, float]], height: int, width: int, kind: int
) -> None:
    rng = np.random.default_rng(kind)
    image = rng.integers(0, (1, 3, 100, 256)[kind], (height, width, 3)).astype(np.uint8)
    try:
        result = compare_images(image, face(np.array(points)), painted(1), face(PLACE))
    except InvalidInput:
        return
    assert 0 <= result.score <= 1
    assert not result.same


@pytest.mark.parametrize("apart", [0.01, 1.0, 5.0])
def test_tiny_faces_give_a_score(apart: float) -> None:
    points = (TEMPLATE.points - TEMPLATE.points.mean(axis=0)) / 30 * apart + 20
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    for other, found in ((image, face(points)), (painted(1), face(PLACE))):
        assert 0 <= compare_images(image, face(points), other, found).score <= 1


def test_what_is_no_picture_or_no_face_is_refused() -> None:
    image = painted(1)
    with pytest.raises(InvalidInput, match="coincide"):
        compare_images(image, face(np.full((5, 2), 50)), image, face(PLACE))
    with pytest.raises(InvalidInput, match="uint8"):
        compare_images(image[:, :, 0], face(PLACE), image, face(PLACE))
    with pytest.raises(InvalidInput, match="finite"):
        compare_images(image, face(PLACE * np.nan), image, face(PLACE))


def test_the_result_says_what_it_is() -> None:
    assert SamePhoto(THRESHOLD, False, THRESHOLD).same
    assert not SamePhoto(THRESHOLD - 1e-9, True, THRESHOLD).same
    assert SamePhoto(0.5, True, threshold=0.4).same
    data = SamePhoto(0.912345, True, THRESHOLD).to_dict()
    assert json.loads(json.dumps(data)) == {
        "same": True, "score": 0.9123, "mirrored": True, "threshold": THRESHOLD,
    }  # fmt: skip


def test_the_pictures_are_left_alone_and_details_can_be_kept() -> None:
    one, two = painted(1), painted(1, 1)
    before = one.copy(), two.copy()
    direct = compare_images(one, face(PLACE), two, face(PLACE))
    np.testing.assert_array_equal(one, before[0])
    np.testing.assert_array_equal(two, before[1])
    kept = detail_of(one, face(PLACE)), detail_of(two, face(PLACE))
    assert direct == compare_details(*kept) == compare_details(*kept)
    assert kept[0].fine.detail.shape == (SIDE, SIDE)


@pytest.fixture(scope="module")
def portrait() -> Image:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


def the_face(verifier: Verifier, image: Image) -> Face:
    return choose_face(verifier.detect(image), (image.shape[1], image.shape[0]))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_document_made_from_the_live_picture_is_caught(
    name: str, portrait: Image, verifier: Verifier
) -> None:
    live = the_face(verifier, portrait)
    document = get(name).apply(portrait, live, seed=4)
    result = compare_images(document, the_face(verifier, document), portrait, live)
    assert result.same
    assert not result.mirrored


def test_versions_of_a_real_portrait_are_caught(portrait: Image, verifier: Verifier) -> None:
    live = the_face(verifier, portrait)
    versions = {
        "coded": coded(portrait, 30),
        "small": cv2.resize(portrait, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA),
        "cropped": portrait[40:260, 130:330],
        "dark": (portrait * 0.5).astype(np.uint8),
        "mirrored": portrait[:, ::-1],
    }
    for name, version in versions.items():
        image = np.ascontiguousarray(version)
        result = compare_images(portrait, live, image, the_face(verifier, image))
        assert result.same, name
        assert result.mirrored == (name == "mirrored"), name


@pytest.mark.parametrize("kind", WARPS)
def test_a_warped_real_portrait_is_caught(kind: str, portrait: Image, verifier: Verifier) -> None:
    live = the_face(verifier, portrait)
    image, _ = warped(portrait, live.landmarks, kind)
    image = coded(image, 60)
    assert compare_images(portrait, live, image, the_face(verifier, image)).same


def test_photographs_of_people_are_told_apart_and_a_duplicate_is_found(
    assets: Path, verifier: Verifier
) -> None:
    folder = assets / "lfw" / "lfw-deepfunneled"

    def compared(*names: str) -> SamePhoto:
        sides = [images.read(folder / name[:-5] / f"{name}.jpg") for name in names]
        return compare_images(*(part for s in sides for part in (s, the_face(verifier, s))))

    assert compared("Serena_Williams_0002", "Serena_Williams_0016").same  # one photograph
    for person in ("Serena_Williams", "Tony_Blair", "Jacques_Chirac", "Roger_Federer"):
        for second in (3, 5, 6):
            assert compared(f"{person}_0001", f"{person}_{second:04d}").score < 0.7
