"""8 bits: small, near, the same on every processor, and calibrated anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from made_up import paint
from renzheng import Verifier
from renzheng.errors import InvalidInput
from renzheng.models import packs
from renzheng.models.graph import onnx_graph, quantisation
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network

_SIDE = 24


def network(*, opset: int = 17, head: int = 16, product: str = "Conv") -> onnx.ModelProto:
    """Convolution, PReLU, normalisation, convolution, a sum, pooling and a matrix product."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        scale = np.sqrt(2 / max(1, np.prod(shape[1:])))
        return (scale * rng.normal(size=shape)).astype(np.float32)

    constants = {
        "first": normal(32, 3, 3, 3), "slopes": rng.uniform(-0.5, 1.5, (32, 1, 1)),
        "gamma": rng.uniform(0.5, 1.5, 32), "beta": rng.normal(size=32),
        "mean": rng.normal(size=32), "variance": rng.uniform(0.5, 2, 32),
        "second": normal(32, 32, 3, 3), "last": normal(head, 32, 1, 1),
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Conv", ["crops", "first"], ["a"], name="a", kernel_shape=[3, 3], pads=[1] * 4),
        node("PRelu", ["a", "slopes"], ["b"], name="b"),
        node("BatchNormalization", ["b", "gamma", "beta", "mean", "variance"], ["c"], name="c"),
        node("Relu", ["c"], ["d"], name="d"),
        node("Conv", ["d", "second"], ["e"], name="e", kernel_shape=[3, 3], pads=[1] * 4),
        node("Add", ["e", "b"], ["f"], name="f"),
        node("GlobalAveragePool", ["f"], ["g"], name="g"),
    ]
    if product == "Conv":
        nodes += [
            node("Conv", ["g", "last"], ["h"], name="h", kernel_shape=[1, 1]),
            node("Flatten", ["h"], ["embeddings"], name="i"),
        ]
    else:
        constants["last"] = constants["last"][:, :, 0, 0]
        nodes += [
            node("Flatten", ["g"], ["h"], name="h"),
            node("Gemm", ["h", "last"], ["embeddings"], name="i", transB=1),
        ]
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "small",
        [value("crops", TensorProto.FLOAT, ["n", 3, _SIDE, _SIDE])],
        [value("embeddings", TensorProto.FLOAT, ["n", head])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    shape = (count, 3, _SIDE, _SIDE)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_embedding_stays_near_and_all_that_costs_is_in_8_bits() -> None:
    plain = network()
    small = quantisation.quantise(plain, lambda: [pictures(16), pictures(16, 1)])
    seen = pictures(8, seed=7)
    wanted, found = (Network(m.SerializeToString())(seen)[0] for m in (plain, small))
    wanted, found = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (wanted, found))
    assert np.linalg.norm(wanted - found, axis=1).max() < 0.05
    assert not np.array_equal(wanted, found)
    kinds = [node.op_type for node in small.graph.node]
    # PReLU and the normalisation became convolutions; the small last product stays in float.
    assert "PRelu" not in kinds
    assert "BatchNormalization" not in kinds
    weights = [each for each in small.graph.initializer if each.data_type == TensorProto.INT8]
    assert {tuple(each.dims) for each in weights} >= {(32, 3, 3, 3), (32, 32, 3, 3)}
    assert (16, 32, 1, 1) not in {tuple(each.dims) for each in weights}
    # What leads to a QuantizeLinear at the end would round the embedding.
    assert kinds[-1] == "Flatten"


@pytest.mark.parametrize(("full_range", "most"), [(False, 64), (True, 127)])
def test_weights_leave_a_bit_to_processors_that_would_overflow(full_range: bool, most: int) -> None:
    small = quantisation.quantise(network(), lambda: [pictures(8)], full_range=full_range)
    weights = [
        numpy_helper.to_array(each).astype(int)
        for each in small.graph.initializer
        if each.data_type == TensorProto.INT8 and len(each.dims) == 4
    ]
    assert max(np.abs(w).max() for w in weights) == most
    # Two products of 255 and 64 fit into 16 bits, of 255 and 127 they do not.
    assert (2 * 255 * most < 2**15) != full_range


def test_ranges_are_of_all_batches_and_hold_nought() -> None:
    prepared = onnx.shape_inference.infer_shapes(network())
    low = pictures(2) - 100
    ranges = quantisation.measure(prepared, lambda: [low, pictures(2)])
    assert ranges["crops"][0] == pytest.approx(float(low.min()))
    assert ranges["crops"][1] == pytest.approx(float(pictures(2).max()))
    assert all(least <= 0 <= greatest for least, greatest in ranges.values())
    assert set(ranges) == {"crops", *"abcdefgh", "embeddings"}


def test_a_large_last_product_is_in_8_bits_with_a_float_output() -> None:
    small = quantisation.quantise(network(head=2048, product="Gemm"), lambda: [pictures(8)])
    shapes = {tuple(e.dims) for e in small.graph.initializer if e.data_type == TensorProto.INT8}
    assert shapes & {(2048, 32), (32, 2048)}
    values = Network(small.SerializeToString())(pictures(1))[0]
    assert len(np.unique(values)) > 256  # more than 8 bits can say


def test_what_cannot_be_quantised_is_refused_in_words() -> None:
    once = quantisation.quantise(network(), lambda: [pictures(8)])
    with pytest.raises(InvalidInput, match="quantised already"):
        quantisation.quantise(once, lambda: [pictures(8)])
    with pytest.raises(InvalidInput, match="operator set 11"):
        quantisation.quantise(network(opset=11), lambda: [pictures(8)])
    with pytest.raises(InvalidInput, match="no crops"):
        quantisation.quantise(network(), list)
    with pytest.raises(InvalidInput, match="not finite"):
        quantisation.quantise(network(), lambda: [pictures(2) * np.float32(np.inf)])


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantise")
    paint(folder / "people", 40, 3, 48)
    paint(folder / "few", 2, 40, 48)
    paint(folder / "fewer", 2, 3, 48)
    rows = [f"gone.png,{who}" for who in "abcd"]
    (folder / "gone.csv").write_text("\n".join(["picture,person", *rows]))
    manifest = {
        "name": "small", "version": "3", "kind": "embedder", "description": "A small one.",
        "licence": "CC0-1.0", "limits": ["It is made up."],
        "input": {
            "file": "embedder.onnx", "size": _SIDE, "channels": "RGB",
            "mean": [127.5], "scale": 1 / 127.5,
        },
        "embedding": {
            "dimension": 16, "normalise": True, "mirror_average": True, "metric": "euclidean",
        },
        "alignment": {"template": "arcface-112"},
        "provenance": {"author": "nobody"},
        "measured": {"accuracy": "1"},
    }  # fmt: skip
    packs.write(folder / "pack", {"embedder.onnx": network().SerializeToString()}, manifest)
    return folder


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "renzheng", "packs", "quantise", *map(str, arguments)]
    return subprocess.run(
        [*command, "--aligned", "arcface-112", "--no-cache", "--workers", "1"],
        capture_output=True, text=True, timeout=300, check=False, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_the_command_writes_a_calibrated_pack_that_says_what_it_is(people: Path) -> None:
    done = run(people, "pack", "--people", "people", "-o", "small", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["calibrated"]
    assert said["crops"] == 60
    assert said["moved"]["most"] < 0.05
    assert said["held_out"]["people"] == 20
    pack = Pack.load(people / "small")
    assert pack.name == "small-int8"
    assert pack.manifest["provenance"]["author"] == "nobody"
    assert pack.manifest["provenance"]["precision"].startswith("int8")
    quantised = pack.manifest["provenance"]["quantised"]
    assert quantised["from"] == "small 3"
    assert quantised["from_digest"] == Pack.load(people / "pack").digest
    assert quantised["weight_bits"] == 7
    assert "measured" not in pack.manifest  # the float network's
    assert pack.manifest["calibration"]["pack"] == "small-int8"
    verifier = Verifier(people / "small")
    assert verifier.calibration is not None
    assert quantisation.is_quantised(onnx_graph.read(pack.file("embedder.onnx")))
    again = run(people, "small", "--people", "people", "-o", "smaller")
    assert again.returncode == 2
    assert "quantised already" in again.stderr
    assert not (people / "smaller").exists()


def test_a_calibration_is_never_taken_over(people: Path) -> None:
    calibrated = run(people, "pack", "--people", "people", "-o", "with")
    assert calibrated.returncode == 0, calibrated.stderr
    float_pack = Pack.load(people / "pack")
    table = (people / "with" / "calibration.json").read_bytes()
    packs.save_as(float_pack, people / "both", {"calibration.json": table}, {})
    done = run(people, "both", "--people", "few", "-o", "without")
    assert done.returncode == 0, done.stderr
    assert "without false match rates" in done.stdout
    assert "renzheng calibrate --pack without" in done.stdout
    assert "calibration.json" not in Pack.load(people / "without").manifest["files"]
    assert Verifier(people / "without").calibration is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing", "--people", "people", "-o", "x"], "unknown pack"),
        (["pack", "--people", "nowhere", "-o", "x"], "nowhere"),
        (["pack", "--people", "gone.csv", "-o", "x"], "gone.png"),
        (["pack", "--people", "fewer", "-o", "x"], "faces were found to measure ranges on"),
        (["pack", "--people", "people", "-o", "pack"], "exists already"),
        (["pack", "--people", "people", "-o", "x", "--crops", "3"], "32 faces or more"),
        (["pack", "--people", "people", "-o", "x", "--hold-out", "1"], "below 1"),
        (["mtcnn", "--people", "people", "-o", "x"], "of kind detector"),
        (["pack", "--people", "people"], "-o"),
    ],
)
def test_a_mistake_is_said_in_words(people: Path, arguments: list[str], reason: str) -> None:
    done = run(people, *arguments)
    assert done.returncode in (2, 5), done.stdout
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not (people / "x").exists()
