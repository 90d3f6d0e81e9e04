"""Networks in 8 bits: activations as unsigned, weights as signed integers, scales from real crops.

Static quantisation in the QDQ form of ONNX, which onnxruntime runs in integers throughout and any
runtime can run. The choices, with the measurements in docs/quantising.md:

- Ranges are the least and the greatest values on a few hundred crops. A range that clips the tails
  has a smaller mean error and a greater one on the odd picture, and the odd picture decides.
- Activations are unsigned: a ReLU then costs nothing, and x86's instruction multiplies unsigned by
  signed. Signed ones are up to five times as slow.
- Weights have a scale for each output channel and use 7 of their 8 bits. x86 without VNNI adds two
  products in 16 bits, where those of 8 x 8 bits are cut off *silently*: the same pack would give
  other embeddings there, under the same calibration.
- The last product stays in float where it is a small part of the network, and nothing rounds the
  embedding itself.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, shape_inference

from renzheng.errors import InvalidInput, PackError
from renzheng.models.graph import rewrites
from renzheng.models.graph.onnx_graph import Graph, attributes, branches
from renzheng.models.runtime import Network

PRECISION = "int8 (static QDQ: activations uint8, weights int8 by channel)"

_OPSET = 13  # scales for each channel need it
_PRODUCTS = ("Conv", "Gemm", "MatMul")
_SMALL = 0.1  # the share of all weights up to which the last product stays in float

Batches = Callable[[], Iterable[npt.NDArray[np.float32]]]
Range = tuple[float, float]


def quantise(model: ModelProto, batches: Batches, *, full_range: bool = False) -> ModelProto:
    """Write a network in 8 bits.

    Parameters
    ----------
    model
        A network with one input, float32 (n, ...), and one output, float32 (n, d); it is not
        changed.
    batches
        A function that returns the network's typical inputs at each call: a few hundred crops,
        prepared.
    full_range
        Whether weights use all 8 bits: a little more exact, and wrong on processors without an
        8-bit dot product (x86 before VNNI).

    Raises
    ------
    PackError
        If onnxruntime cannot quantise the network.
    InvalidInput
        If the network is quantised already or too old a file, or `batches` returns none.
    """
    check(model)
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        # Slow to import.
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        plain, prepared, small = (str(Path(scratch) / f"{k}.onnx") for k in range(3))
        try:
            onnx.save(_linear_only(rewrites.faster(model)), plain)
            quant_pre_process(plain, prepared, skip_symbolic_shape=True)
            float_model = onnx.load(prepared)
            ranges = measure(float_model, batches)
            quantization.quantize_static(
                prepared,
                small,
                _reader(quantization, float_model, batches),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                reduce_range=not full_range,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=_kept(float_model),
                extra_options={"TensorQuantOverrides": _overrides(ranges)},
            )
            return _bare_output(onnx.load(small))
        except (InvalidInput, PackError):
            raise
        except Exception as error:  # of onnxruntime, onnx or protobuf, without a common root
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise PackError(f"the network cannot be quantised: {reason}") from error


def measure(model: ModelProto, batches: Batches) -> dict[str, Range]:
    """Return the least and the greatest value of every tensor, 0 included.

    Parameters
    ----------
    model
        A network with the shapes of its tensors.
    batches
        See `quantise`.

    Raises
    ------
    InvalidInput
        If there are no batches, or a tensor is not finite.
    """
    shown = ModelProto()
    shown.CopyFrom(shape_inference.infer_shapes(model))
    graph = shown.graph
    outputs = {each.name for each in graph.output}
    floats = [v for v in graph.value_info if v.type.tensor_type.elem_type == TensorProto.FLOAT]
    graph.output.extend(v for v in floats if v.name not in outputs)
    names = [graph.input[0].name, *(each.name for each in graph.output)]
    network = Network(shown.SerializeToString())
    lowest, highest = np.zeros(len(names)), np.zeros(len(names))
    seen = 0
    for batch in batches():
        values = [batch, *network(batch)]
        lowest = np.minimum(lowest, [value.min() for value in values])
        highest = np.maximum(highest, [value.max() for value in values])
        seen += len(batch)
    if not seen:
        raise InvalidInput("there are no crops to measure ranges on")
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
        raise InvalidInput("the network gives values that are not finite")
    return {
        name: (float(low), float(high))
        for name, low, high in zip(names, lowest, highest, strict=True)
    }


def is_quantised(model: ModelProto) -> bool:
    """Return whether a network has 8-bit operators already."""
    return any(
        "QuantizeLinear" in node.op_type or node.op_type.startswith(("QLinear", "ConvInteger"))
        for node in model.graph.node
    )


def check(model: ModelProto) -> None:
    """Make sure, before any work, that a network can be quantised.

    Raises
    ------
    InvalidInput
        If the network is quantised already, has several inputs, or is too old a file.
    """
    if is_quantised(model):
        raise InvalidInput("the network is quantised already", remedy="begin with the float one")
    if branches(model):
        raise InvalidInput(
            "the network has branches (If, Loop)",
            remedy="export it again for a fixed size of pictures",
        )
    if len(model.graph.input) != 1 and len(model.graph.input) != 1 + len(model.graph.initializer):
        raise InvalidInput(f"the network must have one input, not {len(model.graph.input)}")
    version = max((each.version for each in model.opset_import if each.domain == ""), default=0)
    if version < _OPSET:
        raise InvalidInput(
            f"the network is written in ONNX operator set {version}; 8 bits need {_OPSET} or later",
            remedy=f"export it again with opset_version={_OPSET} or more",
        )


def _linear_only(model: ModelProto) -> ModelProto:
    """Turn normalisations that no neighbour absorbed into depthwise convolutions for 8 bits."""
    graph = Graph(model)
    for node in [each for each in graph.nodes if each.op_type == "BatchNormalization"]:
        values = [graph.constant(node, i) for i in range(1, 5)]
        if graph.rank(node.input[0]) != 4 or any(value is None for value in values):
            continue
        gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
        factor = gamma / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
        names = [
            graph.add_constant(value.astype(np.float32), f"{node.output[0]}.{name}")
            for name, value in (
                ("factor", factor[:, None, None, None]),
                ("shift", beta - mean * factor),
            )
        ]
        convolution = helper.make_node(
            "Conv",
            [node.input[0], *names],
            [node.output[0]],
            name=node.name,
            group=len(factor),
            kernel_shape=[1, 1],
        )
        graph.replace(node, [convolution])
    return graph.model()


def _kept(model: ModelProto) -> list[str]:
    """Return the nodes that stay in float: the last product, back to the pooling before it."""
    graph = Graph(model)
    whole = sum(value.size for value in graph.constants.values())
    tensor, nodes = model.graph.output[0].name, []
    product: NodeProto | None = None
    while (node := graph.producer(tensor)) is not None:
        ends = product is not None and node.op_type not in ("Flatten", "Reshape", "Squeeze")
        if ends and node.op_type != "GlobalAveragePool":
            break
        nodes.append(node)
        if node.op_type in _PRODUCTS:
            product = node
            weight = graph.constant(node, 1)
            if weight is None or weight.size > _SMALL * whole:
                return []
        tensor = node.input[0]
    return [node.name for node in nodes] if product is not None else []


def _bare_output(model: ModelProto) -> ModelProto:
    """Remove the rounding of the output to 8 bits, which saves nothing."""
    graph = Graph(model)
    for name in list(graph.outputs):
        last = graph.producer(name)
        if last is None or last.op_type != "DequantizeLinear":
            continue
        before = graph.producer(last.input[0])
        if before is not None and before.op_type == "QuantizeLinear":
            graph.bypass(last)
            graph.bypass(before)
    return graph.model()


def _overrides(ranges: dict[str, Range]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{"rmin": np.float32(low), "rmax": np.float32(high if high > low else low + 1)}]
        for name, (low, high) in ranges.items()
    }


def _reader(quantization: Any, model: ModelProto, batches: Batches) -> Any:
    """Return a reader of one crop: onnxruntime insists on measuring something itself."""
    first = next(iter(batches()))[:1]
    name = model.graph.input[0].name

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[dict[str, Any]] = iter([{name: first}])

        def get_next(self) -> dict[str, Any] | None:
            return next(self._left, None)

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence onnxruntime's quantiser, which logs remarks on every file at the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
