"""ONNX files of networks that this project has never seen, and files that are no such network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from renzheng.errors import InvalidInput, PackError
from renzheng.faces.embedding import Embedder
from renzheng.models.converters import embedder, embedding_graph, presets
from renzheng.models.packs import Pack

SIDE, DIMENSION = 32, 24
_TERMS = {"licence": "MIT", "data_licence": "mine"}


def _model(
    shape: Sequence[int | str] = ("n", 3, SIDE, SIDE),
    before: Sequence[NodeProto] = (),
    after: Sequence[NodeProto] = (),
    outputs: Sequence[str] = ("rows",),
    constants: dict[str, Any] | None = None,
    dimension: int = DIMENSION,
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """Make a convolution whose map is averaged and flattened: from ``crops`` to ``rows``.

    `before` leads from ``crops`` to ``planes``, `after` begins at ``rows``.
    """
    rng = np.random.default_rng(3)
    weights = {"w": rng.normal(size=(dimension, 3, 3, 3)).astype(np.float32), **(constants or {})}
    start = "planes" if before else "crops"
    nodes = [
        *before,
        helper.make_node("Conv", [start, "w"], ["map"], strides=[2, 2]),
        helper.make_node("Tanh", ["map"], ["curved"]),
        helper.make_node("GlobalAveragePool", ["curved"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["rows"]),
        *after,
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("crops", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="test"
    )


def _import(model: onnx.ModelProto, folder: Path, **more: Any) -> Pack:
    file = folder / "network.onnx"
    onnx.save(model, file)
    given = {"preprocessing": presets.get("insightface"), **_TERMS, **more}
    return embedder.import_onnx(file, folder / "pack", **given)


def _crops(count: int = 5) -> Any:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def _embed(pack: Pack) -> Any:
    return Embedder.from_pack(pack, 1).embed(_crops())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _embed(_import(_model(), tmp_path_factory.mktemp("plain")))


def test_what_the_file_tells_is_read_from_it(tmp_path: Path) -> None:
    pack = _import(_model(), tmp_path, data_licence="unknown")
    assert pack.manifest["input"] == {
        "file": "embedder.onnx",
        "size": SIDE,
        "channels": "RGB",
        "mean": [127.5],
        "scale": 1 / 127.5,
    }
    assert pack.manifest["embedding"]["dimension"] == DIMENSION
    assert pack.manifest["alignment"]["template"] == "arcface-112"
    assert pack.manifest["provenance"]["training_data_licence"] == "unknown"
    assert pack.manifest["name"] == "pack"
    limits = " ".join(pack.manifest["limits"])
    assert "terms of the data" in limits
    assert "not tried on pictures of people" in limits
    assert "licence of its weights" not in limits


def test_a_proved_preprocessing_is_no_limit(tmp_path: Path) -> None:
    pack = _import(_model(), tmp_path, proved="tried on 40 people", licence="unknown")
    assert embedder.UNPROVED not in pack.manifest["limits"]
    assert "licence of its weights" in " ".join(pack.manifest["limits"])
    assert pack.manifest["provenance"]["preprocessing"] == "tried on 40 people"


def test_channels_may_come_last(tmp_path: Path, expected: Any) -> None:
    turn = helper.make_node("Transpose", ["crops"], ["planes"], perm=[0, 3, 1, 2])
    pack = _import(_model(("n", SIDE, SIDE, 3), before=[turn]), tmp_path)
    assert np.allclose(_embed(pack), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [[2, -1], [2, DIMENSION]])
def test_a_fixed_batch_is_freed(tmp_path: Path, expected: Any, shape: list[int]) -> None:
    reshape = helper.make_node("Reshape", ["rows", "to"], ["out"])
    model = _model(
        (2, 3, SIDE, SIDE), after=[reshape], outputs=["out"], constants={"to": np.array(shape)}
    )
    pack = _import(model, tmp_path)
    assert "fixed_batch" not in pack.manifest["input"]
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_a_batch_that_cannot_be_freed_is_kept(tmp_path: Path, expected: Any) -> None:
    # The sum with a constant of the batch's size takes no other batch.
    add = helper.make_node("Add", ["rows", "zero"], ["out"])
    zero = np.zeros((4, DIMENSION), np.float32)
    model = _model((4, 3, SIDE, SIDE), after=[add], outputs=["out"], constants={"zero": zero})
    pack = _import(model, tmp_path)
    assert pack.manifest["input"]["fixed_batch"] == 4
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_an_output_of_four_axes_is_flattened(tmp_path: Path, expected: Any) -> None:
    pack = _import(_model(outputs=["mean"]), tmp_path)
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_the_only_embedding_of_several_outputs_is_taken(tmp_path: Path, expected: Any) -> None:
    # AdaFace's files give the length beside the direction.
    norm = helper.make_node("ReduceL2", ["rows"], ["norm"], axes=[1], keepdims=1)
    pack = _import(_model(after=[norm], outputs=["norm", "rows"]), tmp_path)
    assert "of its 2 outputs, rows is kept" in pack.manifest["provenance"]["conversion"]
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_an_inner_tensor_can_be_named(tmp_path: Path, expected: Any) -> None:
    product = helper.make_node("MatMul", ["rows", "classes"], ["scores"])
    classes = np.ones((DIMENSION, 5000), np.float32)
    model = _model(after=[product], outputs=["scores"], constants={"classes": classes})
    with pytest.raises(PackError, match=r"5000 numbers: those of a classifier.*--tensor"):
        _import(model, tmp_path)
    pack = _import(model, tmp_path, tensor="rows")
    assert "cut at the tensor rows" in pack.manifest["provenance"]["conversion"]
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_an_open_size_is_the_template_s_or_the_given(tmp_path: Path) -> None:
    model = _model(("n", 3, "h", "w"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    facenet = presets.get("facenet")
    pack = _import(model, tmp_path / "a", preprocessing=facenet)
    assert pack.manifest["input"]["size"] == 160
    assert _import(model, tmp_path / "b", size=SIDE).manifest["input"]["size"] == SIDE


def test_a_scaling_inside_the_network_is_not_repeated(tmp_path: Path, expected: Any) -> None:
    inside = [
        helper.make_node("Sub", ["crops", "m"], ["centred"]),
        helper.make_node("Mul", ["centred", "s"], ["planes"]),
    ]
    constants = {"m": np.float32(127.5), "s": np.float32(1 / 127.5)}
    pack = _import(_model(before=inside, constants=constants), tmp_path)
    assert (pack.manifest["input"]["mean"], pack.manifest["input"]["scale"]) == ([0.0], 1.0)
    assert "scales its input itself" in pack.manifest["provenance"]["conversion"]
    assert np.allclose(_embed(pack), expected, atol=1e-6)


def test_weights_in_a_file_beside_the_network(tmp_path: Path, expected: Any) -> None:
    file = tmp_path / "network.onnx"
    onnx.save(_model(), file, save_as_external_data=True, location="network.data", size_threshold=0)
    given: dict[str, Any] = {"preprocessing": presets.get("insightface"), **_TERMS}
    pack = embedder.import_onnx(file, tmp_path / "pack", **given)
    assert np.allclose(_embed(pack), expected, atol=1e-6)
    (tmp_path / "network.data").unlink()
    with pytest.raises(PackError, match=r"weights that lie in a file of their own.*same folder"):
        embedder.import_onnx(file, tmp_path / "other", **given)
    assert not (tmp_path / "other").exists()


def test_weights_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    model = _model()
    (tmp_path / "secret").write_bytes(bytes(4 * DIMENSION * 27))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret"
    (tmp_path / "in").mkdir()
    with pytest.raises(PackError, match="cannot be read"):
        _import(model, tmp_path / "in")


def test_a_network_whose_tensors_are_called_location_can_be_imported(tmp_path: Path) -> None:
    # The reader of packs looks for this word to find files of weights.
    same = helper.make_node("Tanh", ["rows"], ["location"])
    pack = _import(_model(after=[same], outputs=["location"]), tmp_path)
    assert _embed(pack).shape == (5, DIMENSION)


def test_three_factors_scale_each_channel(tmp_path: Path) -> None:
    preparation = presets.Preparation("arcface-112", "BGR", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), False)
    pack = _import(_model(), tmp_path, preprocessing=preparation)
    assert presets.Preparation.of(pack.manifest) == preparation
    prepared = Embedder.from_pack(pack, 1).prepare(_crops(1))
    wanted = (_crops(1)[0, 0, 0, ::-1] - np.float32([1, 2, 3])) * np.float32([0.1, 0.2, 0.3])
    assert np.allclose(prepared[0, :, 0, 0], wanted)


_SOFTMAX = helper.make_node("Softmax", ["rows"], ["shares"])
_MAPS = [helper.make_node("Relu", ["map"], ["heat"]), helper.make_node("Tanh", ["map"], ["boxes"])]
_TWICE = helper.make_node("Tanh", ["rows"], ["again"])
_CONSTANT = helper.make_node("Mul", ["rows", "nothing"], ["dead"])


@pytest.mark.parametrize(
    ("model", "reason", "remedy"),
    [
        (_model(("n", 1, SIDE, SIDE)), "3 channels, not 1", "in colour"),
        (_model(("n", 3, 112, 96)), "square, not 96 x 112 px", "templates are square"),
        (_model(("n", 3, SIDE)), r"must be pictures, .*not FLOAT \(any, 3, 32\)", "alone"),
        (_model(kind=TensorProto.FLOAT16), "must be float, not FLOAT16", "float32"),
        (_model(after=[_SOFTMAX], outputs=["shares"]), "probabilities of 24", "--tensor"),
        (_model(after=_MAPS, outputs=["heat", "boxes"]), "no output is an embed", "detector"),
        (_model(after=[_TWICE], outputs=["rows", "again"]), "several outputs", "--tensor"),
        (_model(dimension=8), "no output is an embedding", "detector"),
        (_model(dimension=1000), "1000 numbers: those of a classifier", "--tensor"),
        (
            _model(after=[_CONSTANT], outputs=["dead"], constants={"nothing": np.float32(0)}),
            "does not depend on the picture",
            "--tensor",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_network_is_one_clear_error(
    tmp_path: Path, model: onnx.ModelProto, reason: str, remedy: str
) -> None:
    with pytest.raises(PackError, match=reason) as error:
        _import(model, tmp_path)
    assert remedy in str(error.value.remedy)
    assert str(tmp_path / "network.onnx") in str(error.value)
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 40, b"not a network", b"PK\x03\x04" + b"x" * 99]
)
def test_another_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.onnx"
    file.write_bytes(content)
    with pytest.raises(PackError, match=r"not an ONNX network.*export it"):
        embedding_graph.convert(file)
    with pytest.raises(PackError, match="no such file"):
        embedding_graph.convert(tmp_path)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="takes 32 x 32 px, not 64"):
        _import(_model(), tmp_path, size=64)
    with pytest.raises(PackError, match="no tensor 'nowhere'"):
        _import(_model(), tmp_path, tensor="nowhere")
    with pytest.raises(InvalidInput, match=r"licence is empty.*unknown"):
        _import(_model(), tmp_path, licence=" ")
    strange = presets.Preparation("mine", "RGB", (0.0,), (1.0,))
    with pytest.raises(InvalidInput, match="unknown alignment template"):
        _import(_model(), tmp_path, preprocessing=strange)
    with pytest.raises(InvalidInput, match=r"unknown preset.*insightface"):
        presets.get("mine")
    with pytest.raises(InvalidInput, match="must be RGB or BGR"):
        presets.Preparation("arcface-112", "rgb", (0.0,), (1.0,))
