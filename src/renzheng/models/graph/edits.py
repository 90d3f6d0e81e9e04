"""Edits of an ONNX model in place, which leave what it computes as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import ModelProto, TensorProto, helper, numpy_helper

from renzheng.models.graph.onnx_graph import branches


def free_reshapes(model: ModelProto, batch: int) -> None:
    """Let shapes that begin with the batch take any, in place: 0 and -1 stand for what is there."""
    graph = model.graph
    used = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in used:
            tensor.CopyFrom(_freed(tensor, batch))
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in used:
            for attribute in node.attribute:
                if attribute.name == "value":
                    attribute.t.CopyFrom(_freed(attribute.t, batch))


def _freed(tensor: TensorProto, batch: int) -> TensorProto:
    shape = numpy_helper.to_array(tensor).copy()
    if shape.ndim != 1 or len(shape) < 2 or shape[0] != batch:
        return tensor
    shape[0] = 0 if -1 in shape else -1
    return numpy_helper.from_array(shape, tensor.name)


def scaling(model: ModelProto) -> tuple[float, float] | None:
    """Return m and s of the (x - m) * s that a network begins with; None if it does not."""
    constants = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    name, factor, offset = model.graph.input[0].name, 1.0, 0.0  # so far: factor * x + offset
    while True:
        users = [node for node in model.graph.node if name in node.input]
        if len(users) != 1:
            break
        node = users[0]
        if node.op_type not in ("Transpose", "Identity"):
            given = constants.get(node.input[1]) if len(node.input) == 2 else None
            values = None if given is None else numpy_helper.to_array(given)
            if node.input[0] != name or values is None or values.size != 1:
                break
            number = float(values.item())
            if node.op_type in ("Sub", "Add"):
                offset += number if node.op_type == "Add" else -number
            elif node.op_type in ("Mul", "Div") and number:
                by = number if node.op_type == "Mul" else 1 / number
                factor, offset = factor * by, offset * by
            else:
                break
        name = node.output[0]
    return None if (factor, offset) == (1.0, 0.0) else (-offset / factor, factor)


def tidy(model: ModelProto) -> None:
    """Drop notes of the exporter: paths of its machine, and words that look like file names."""
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
    del model.graph.value_info[:]


def prune(model: ModelProto) -> None:
    """Drop the nodes and weights that no output needs."""
    graph = model.graph
    if branches(model):
        return
    needed = {each.name for each in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    fill(graph.node, kept[::-1])
    fill(graph.initializer, [each for each in graph.initializer if each.name in needed])


def set_shape(value: Any, dims: Sequence[int | str]) -> None:
    """Give an input or output a shape of floats; words stand for free sizes."""
    shape = helper.make_tensor_value_info(value.name, TensorProto.FLOAT, dims)
    value.CopyFrom(shape)


def unused_name(model: ModelProto, name: str) -> str:
    """Return a tensor's name that no node uses, as near to the wanted one as possible."""
    used = {each for node in model.graph.node for each in (*node.input, *node.output)}
    while name in used:
        name += "_"
    return name


def fill(field: Any, content: Sequence[Any]) -> None:
    """Replace the messages of a list, which may be among the new ones."""
    # Copies first: deleting from a message's list frees what it held.
    copies = []
    for each in content:
        copy = type(each)()
        copy.CopyFrom(each)
        copies.append(copy)
    del field[:]
    field.extend(copies)


def rename(model: ModelProto) -> None:
    """Give every tensor and node a short name of no meaning, in place."""
    if branches(model):
        return
    names: dict[str, str] = {"": ""}

    def short(name: str) -> str:
        return names.setdefault(name, f"t{len(names)}")

    graph = model.graph
    graph.name = "embedder"
    for node in graph.node:
        node.name = ""
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = short(value.name)


def mentions(model: ModelProto, word: str) -> bool:
    """Return whether a word stands in the names of a model, or elsewhere but in its weights."""
    graph = model.graph
    names = [each.name for each in (*graph.input, *graph.output, *graph.initializer)]
    return any(word in name for name in names) or any(
        word.encode() in node.SerializeToString() for node in graph.node
    )
