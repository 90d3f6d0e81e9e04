"""The files that a network takes its weights from, told without importing onnx."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from renzheng import Pack, PackError
from renzheng.models import onnx_files, packs


def outside(name: str, location: str, *, first: str = "location") -> TensorProto:
    tensor = TensorProto(name=name, dims=[1], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ((first, location), ("offset", "0")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def model(*tensors: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> onnx.ModelProto:
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
    identity = helper.make_node("Identity", ["x"], ["y"], name="a location, of no file")
    graph = helper.make_graph([identity, *nodes], "g", value[:1], value[1:], list(tensors))
    return helper.make_model(graph, doc_string="location")


def test_names_are_told_wherever_a_network_keeps_tensors() -> None:
    inside = numpy_helper.from_array(np.zeros(3, np.float32), "location")
    constant = helper.make_node("Constant", [], ["c"], value=outside("c", "constant.bin"))
    body = helper.make_graph([], "body", [], [], [outside("b", "body.bin")])
    branch = helper.make_node("If", ["x"], ["z"], then_branch=body, else_branch=body)
    network = model(
        inside,
        outside("w", "../elsewhere/weights.bin"),
        outside("v", "é" * 80 + ".bin"),  # a length of two bytes
        outside("u", "not.this", first="Location"),
        nodes=(constant, branch),
    )
    assert onnx_files.weights(network.SerializeToString()) == sorted(
        ["../elsewhere/weights.bin", "é" * 80 + ".bin", "body.bin", "constant.bin"]
    )
    assert onnx_files.weights(model(inside).SerializeToString()) == []
    assert onnx_files.weights(b"") == []


def test_a_value_before_its_key_is_told_too() -> None:
    entry = b"\x12\x04evil" + b"\n\x08location"
    tensor = outside("w", "good").SerializeToString()
    tensor = tensor.replace(b"\n\x08location\x12\x04good", entry)
    # Behind it something that a search for the key would take for its value.
    disguised = tensor + b"\x12\x04good"
    assert TensorProto.FromString(disguised).external_data[0].value == "evil"
    graph = b"\x2a" + bytes([len(disguised)]) + disguised
    found = onnx_files.weights(b"\x3a" + bytes([len(graph)]) + graph)
    assert found == ["evil"]


@pytest.mark.parametrize(
    "content",
    [
        b"location",
        b"no network, but at a location",
        b"\x3a\x7flocation",
        b"\x3a\x0b\x2b\x08location",
    ],
)
def test_what_cannot_be_told_is_said(content: bytes) -> None:
    assert onnx_files.weights(content) is None


@pytest.mark.parametrize("suffix", [".onnx", ".bin", ".txt"])
def test_a_pack_of_which_it_cannot_be_told_is_refused(tmp_path: Path, suffix: str) -> None:
    plain = packs.load("mtcnn")
    network = f"embedder{suffix}"
    for content, reason in (
        (b"\x3a\x7flocation", "cannot be told"),
        (model(outside("w", "../w.bin")).SerializeToString(), r"weights from '\.\./w\.bin'"),
    ):
        with pytest.raises(PackError, match=reason):
            packs.save_as(plain, tmp_path / "new", {network: content}, {"input": {"file": network}})
        assert not (tmp_path / "new").exists()


def test_networks_that_are_known_are_taken_whole(tmp_path: Path) -> None:
    plain = packs.load(packs.DEFAULT_EMBEDDER)
    own = packs.save_as(plain, tmp_path / "own", {"a location.txt": b"location"}, {})
    assert Pack.load(own.folder).digest == own.digest
