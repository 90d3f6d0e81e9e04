"""Batch normalisation and constant factors folded into their neighbours, exactly.

Behind a convolution or a matrix product it goes into weights and bias, and before a matrix product
or an unpadded convolution likewise. Before a *padded* convolution (IResNet's blocks, ResNet with
pre-activation) only its factor can: zeros are padded after the shift, so the shift is no bias at
the edges. There the shift moves the other way, into what came before: the tensor x becomes x + u,
u = shift / factor, by the bias of the convolution that gives it, and whoever else takes x is made
good: a convolution or a normalisation by its own shift, a residual sum by the other summand's bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from renzheng.models.graph.onnx_graph import Graph, attributes, padded

# Standard deviations by which a tensor may move; rounding errors grow as much.
_MAX_MOVE = 30.0

Vector = npt.NDArray[np.float64]
Change = tuple[NodeProto, Vector]


@dataclass(frozen=True, eq=False)
class _Affine:
    """The map ``factor * x + shift`` of every channel; `move` is shift over factor.

    `move` is None if a factor is tiny beside its shift: adding the quotient would round x away.
    """

    factor: Vector
    shift: Vector
    move: Vector | None


def fold(graph: Graph) -> int:
    """Fold all normalisations and constant factors that can be, in place; return the number."""
    done = 0
    for node in list(graph.nodes):
        if node.op_type == "BatchNormalization":
            affine = _affine(graph, node)
        elif node.op_type == "Mul":
            affine = _factor(graph, node)
        else:
            continue
        if affine is None:
            continue
        if (
            _into_producer(graph, node, affine)
            or _into_product(graph, node, affine)
            or _into_convolutions(graph, node, affine)
        ):
            done += 1
    return done


def _affine(graph: Graph, node: NodeProto) -> _Affine | None:
    values = [graph.constant(node, i) for i in range(1, 5)]
    given = attributes(node)
    if given.get("training_mode", 0) or len(node.output) != 1:
        return None
    gamma, beta, mean, variance = (
        None if value is None else value.astype(np.float64) for value in values
    )
    if gamma is None or beta is None or mean is None or variance is None:
        return None
    factor = gamma / np.sqrt(variance + given.get("epsilon", 1e-5))
    shift = beta - mean * factor
    safe = bool((np.abs(beta) <= _MAX_MOVE * np.abs(gamma)).all() and factor.all())
    return _Affine(factor, shift, shift / factor if safe else None)


def _factor(graph: Graph, node: NodeProto) -> _Affine | None:
    """Return the affine map of a convolution's output times a constant, per channel or for all."""
    source = graph.producer(node.input[0])
    values = graph.constant(node, 1)
    if values is None or source is None or source.op_type != "Conv":
        return None
    weight = graph.constant(source, 1)
    if weight is None or values.shape not in ((), (1,), (len(weight), 1, 1)):
        return None
    factor = np.broadcast_to(values.astype(np.float64).reshape(-1), len(weight))
    return _Affine(factor, np.zeros(len(weight)), None)


def _into_producer(graph: Graph, node: NodeProto, affine: _Affine) -> bool:
    source = graph.producer(node.input[0])
    if source is None or graph.only_consumer(node.input[0]) is not node:
        return False
    if not _adjustable(graph, source):
        return False
    weight = _weight(graph, source)
    # The outputs' axis is the first of a convolution's weights and the last of a product's.
    along = (-1,) + (1,) * (weight.ndim - 1) if source.op_type == "Conv" else (1, -1)
    bias = _bias(graph, source, len(affine.factor)) * affine.factor + affine.shift
    _set(graph, source, weight * affine.factor.reshape(along), bias)
    graph.bypass(node)
    return True


def _into_product(graph: Graph, node: NodeProto, affine: _Affine) -> bool:
    """Fold into the matrix product behind, with nothing or a Flatten between."""
    through = graph.only_consumer(node.output[0])
    product = through
    if through is not None and through.op_type == "Flatten":
        if attributes(through).get("axis", 1) != 1:
            return False
        product = graph.only_consumer(through.output[0])
    if product is None or product.op_type == "Conv" or not _adjustable(graph, product):
        return False
    weight = _weight(graph, product)  # (inputs, outputs)
    channels = len(affine.factor)
    if product.input[0] not in (node.output[0], getattr(through, "output", [""])[0]):
        return False
    if len(weight) % channels:
        return False
    places = len(weight) // channels
    factor, shift = (np.repeat(each, places) for each in (affine.factor, affine.shift))
    bias = _bias(graph, product, weight.shape[1]) + shift @ weight
    _set(graph, product, weight * factor[:, None], bias)
    graph.bypass(node)
    return True


def _into_convolutions(graph: Graph, node: NodeProto, affine: _Affine) -> bool:
    behind = graph.consumers(node.output[0])
    if not behind or node.output[0] in graph.outputs:
        return False
    for each in behind:
        if each.op_type != "Conv" or not _adjustable(graph, each):
            return False
        if each.input[0] != node.output[0]:
            return False
    if any(map(padded, behind)):
        if affine.move is None:
            return False
        changes = _moved(graph, node.input[0], affine.move, node)
        if changes is None:
            return False
        for changed, difference in changes:
            _shift(graph, changed, difference)
    else:
        for each in behind:
            _shift(graph, each, _through(graph, each, affine.shift))
    for each in behind:
        weight = _weight(graph, each)
        _set(graph, each, weight * _of_inputs(each, weight, affine.factor), None)
    graph.bypass(node)
    return True


def _moved(graph: Graph, tensor: str, move: Vector, but: NodeProto) -> list[Change] | None:
    """Return the additions to biases that move `tensor` so that only one node sees it."""
    source = graph.producer(tensor)
    if source is None or tensor in graph.outputs:
        return None
    changes: list[Change] = []
    if source.op_type == "Conv" and _adjustable(graph, source):
        changes.append((source, move))
    elif source.op_type == "Add":
        summand = _own_summand(graph, source)
        if summand is not None:
            changes.append((summand, move))
        else:
            # PReLU's sum: its input moves with it.
            deeper = (_moved(graph, each, move, source) for each in source.input)
            found = next((each for each in deeper if each is not None), None)
            if found is None:
                return None
            changes += found
    else:
        return None
    for other in graph.consumers(tensor):
        if other is but:
            continue
        if other.op_type == "Conv" and other.input[0] == tensor and not padded(other):
            if not _adjustable(graph, other):
                return None
            changes.append((other, -_through(graph, other, move)))
        elif other.op_type == "Add":
            summand = _own_summand(graph, other)
            if summand is None or list(other.input).count(tensor) > 1:
                return None
            changes.append((summand, -move))
        else:
            return None
    return changes


def _own_summand(graph: Graph, node: NodeProto) -> NodeProto | None:
    """Return a convolution whose output goes into this sum alone."""
    for name in node.input:
        source = graph.producer(name)
        if source is None or source.op_type != "Conv" or not _adjustable(graph, source):
            continue
        if graph.only_consumer(name) is node:
            return source
    return None


def _adjustable(graph: Graph, node: NodeProto) -> bool:
    """Return whether a node is linear with weights and bias that may be changed."""
    weight = graph.constant(node, 1)
    if weight is None or (len(node.input) > 2 and graph.constant(node, 2) is None):
        return False
    if node.op_type == "Conv":
        return True
    given = attributes(node)
    if node.op_type == "Gemm":
        plain = given.get("alpha", 1) == given.get("beta", 1) == 1 and not given.get("transA", 0)
        return bool(plain)
    return bool(node.op_type == "MatMul" and weight.ndim == 2 and graph.rank(node.input[0]) == 2)


def _weight(graph: Graph, node: NodeProto) -> npt.NDArray[np.float64]:
    """Return a convolution's weights (out, in, h, w) or a product's (in, out), in float64."""
    weight = graph.constant(node, 1)
    assert weight is not None
    turned = node.op_type == "Gemm" and attributes(node).get("transB", 0)
    return (weight.T if turned else weight).astype(np.float64)


def _bias(graph: Graph, node: NodeProto, length: int) -> Vector:
    bias = graph.constant(node, 2)
    if bias is None:
        return np.zeros(length)
    return np.broadcast_to(bias.reshape(-1), length).astype(np.float64)


def _set(graph: Graph, node: NodeProto, weight: np.ndarray, bias: Vector | None) -> None:
    """Give a linear node other weights, and another bias unless that is None."""
    if node.op_type != "Conv":
        # Any product becomes a Gemm with plain weights.
        node.op_type = "Gemm"
        del node.attribute[:]
        node.attribute.extend([helper.make_attribute("transB", 0)])
    names = [node.input[0], graph.add_constant(weight.astype(np.float32), f"{node.name}.weight")]
    if bias is not None:
        names.append(graph.add_constant(bias.astype(np.float32), f"{node.name}.bias"))
    elif len(node.input) > 2:
        names.append(node.input[2])
    del node.input[:]
    node.input.extend(names)


def _shift(graph: Graph, node: NodeProto, difference: Vector) -> None:
    """Add to a convolution's bias."""
    weight = _weight(graph, node)
    _set(graph, node, weight, _bias(graph, node, len(weight)) + difference)


def _through(graph: Graph, node: NodeProto, move: Vector) -> Vector:
    """Return the output of an unpadded convolution of the same vector at every place."""
    weight = _weight(graph, node)
    moved: Vector = (weight * _of_inputs(node, weight, move)).sum(axis=(1, 2, 3))
    return moved


def _of_inputs(node: NodeProto, weight: np.ndarray, values: Vector) -> np.ndarray:
    """Return values of input channels as (out, in, 1, 1), by the convolution's groups."""
    groups = attributes(node).get("group", 1)
    rows = np.repeat(values.reshape(groups, -1), len(weight) // groups, axis=0)
    return rows[:, :, None, None]
