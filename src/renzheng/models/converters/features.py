"""Any ONNX network of pictures as a pack of features: its classifier is cut off.

The input of a classifier's last matrix product describes a picture before the network decides among
its own classes, and serves to compare pictures of anything (Sharif Razavian et al., "CNN features
off-the-shelf", 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.errors import InvalidInput, PackError
from renzheng.models.packs.manifest import Pack
from renzheng.models.packs.writer import write
from renzheng.models.runtime import Network

_MAX_BYTES = 2 << 30  # protobuf's own limit
_PRODUCTS = ("Gemm", "MatMul")


@dataclass(frozen=True)
class Cut:
    """A network cut off at a tensor.

    Attributes
    ----------
    network
        The ONNX file, which has one output: float (n, d).
    side
        The side of its square input in px; None if that may have any size.
    tensor
        The tensor's name.
    layer
        A description of the tensor.
    """

    network: bytes
    side: int | None
    tensor: str
    layer: str


def add(
    model: Path,
    folder: Path,
    *,
    size: int | None = None,
    channels: str = "RGB",
    mean: Sequence[float] = (123.675, 116.28, 103.53),
    scale: Sequence[float] = (1 / 58.395, 1 / 57.12, 1 / 57.375),
    tensor: str | None = None,
    threshold: float | None = None,
    name: str | None = None,
    licence: str = "unknown",
) -> Pack:
    """Make a pack of features.

    Parameters
    ----------
    model
        An ONNX file with one input, float (n, 3, side, side), as PyTorch and timm export.
    folder
        The pack's folder, which must not exist.
    size
        The pictures' side in px; needed only if the network takes any.
    channels
        The network's channel order, ``RGB`` or ``BGR``.
    mean
        The numbers to subtract from the channels (0 to 255), in the network's order; one or
        three. The default is ImageNet's.
    scale
        The factors of the differences, likewise.
    tensor
        The tensor to cut at; by default the input of the last matrix product.
    threshold
        The greatest distance at which two pictures count as look-alikes, if you measured one.
    name, licence
        Entries of the manifest; the name is the file's by default.

    Raises
    ------
    PackError
        If the file is not such a network, cannot be cut there or gives no features, or the pack
        cannot be written.
    InvalidInput
        If an argument is out of its range.
    """
    mean, scale = tuple(map(float, mean)), tuple(map(float, scale))
    for word, numbers in (("mean", mean), ("scale", scale)):
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            raise InvalidInput(f"{word} must be one or three finite numbers, not {numbers}")
    if 0 in scale:
        raise InvalidInput("scale must not be 0: all pictures would be equal")
    if channels not in ("RGB", "BGR"):
        raise InvalidInput(f"channels must be RGB or BGR, not {channels!r}")
    if size is not None and not 8 <= size <= 2048:
        raise InvalidInput(f"size must be 8 to 2048 px, not {size}")
    if threshold is not None and not 0 < threshold < 2:
        raise InvalidInput(f"threshold must be between 0 and 2, not {threshold}")
    found = cut(model, tensor)
    if found.side is not None and size is not None and found.side != size:
        raise InvalidInput(f"the network takes {found.side} x {found.side} px, not {size}")
    side = found.side or size
    if side is None:
        raise InvalidInput(
            "the network takes pictures of any size", remedy="choose one with --size, e.g. 224"
        )
    dimension, batches = _try(found.network, side, str(model))
    features: dict[str, Any] = {
        "dimension": dimension,
        "layer": found.layer,
        "network": f"{model.name}'s",
        "mirror_average": True,
        "batches": batches,
    }
    if threshold is not None:
        features["threshold"] = float(threshold)
    manifest = {
        "name": name or model.stem,
        "version": "1",
        "kind": "features",
        "description": f"{dimension} features of whole pictures, by {model.name}.",
        "licence": licence,
        "limits": ["What these features call alike depends on what the network was trained for."],
        "input": {
            "file": "features.onnx",
            "size": side,
            "channels": channels,
            "mean": list(mean),
            "scale": list(scale),
        },
        "features": features,
        "provenance": {"weights": model.name, "conversion": f"cut at the tensor {found.tensor}"},
    }
    return write(folder, {"features.onnx": found.network}, manifest)


def cut(path: Path, tensor: str | None = None) -> Cut:
    """Cut a network's classifier off.

    Parameters
    ----------
    path
        The ONNX file.
    tensor
        The tensor to cut at. By default it is the one that the last Gemm or MatMul multiplies by
        its weights, or, in a network that has neither, the first output. A map (n, c, h, w) is
        averaged over its area.

    Raises
    ------
    PackError
        If the file is not an ONNX network with one input of pictures, or gives no features there.
    """
    from onnx import TensorProto, helper, shape_inference
    from onnx.utils import Extractor

    model = _read(path)
    graph = model.graph
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs) or "none"
        raise PackError(
            f"the network must have one input, not {len(inputs)} ({names})",
            source=str(path),
        )
    side = _side(inputs[0], str(path))
    tensor, layer = (tensor, f"the tensor {tensor}") if tensor else _features(graph, constants)
    made = {name for node in graph.node for name in node.output if name}
    if tensor not in made:
        raise PackError(
            f"the network has no tensor {tensor!r} to cut at",
            source=str(path),
            remedy=f"the last ones are: {', '.join(_last(graph))}",
        )
    try:
        model = shape_inference.infer_shapes(model)
        rank = _rank(model.graph, tensor)
        if rank is None:  # the cutter wants every tensor described
            unknown = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None)
            model.graph.value_info.append(unknown)
        part = Extractor(model).extract_model([inputs[0].name], [tensor])
        name = tensor
        if rank == 4:
            name, layer = "features.flat", f"{layer}, averaged over its area"
            part.graph.node.extend(
                (
                    helper.make_node("GlobalAveragePool", [tensor], ["features.mean"]),
                    helper.make_node("Flatten", ["features.mean"], [name]),
                )
            )
        elif rank not in (2, None):
            raise PackError(
                f"the tensor {tensor} must be (n, d) or (n, c, h, w), but has {rank} axes",
                source=str(path),
                remedy=f"name another with --tensor; the last ones are: {', '.join(_last(graph))}",
            )
        del part.graph.output[:]
        part.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None])
        )
        content = bytes(part.SerializeToString())
    except PackError:
        raise
    except Exception as error:  # onnx's checks have no common root
        raise PackError(
            f"the network cannot be cut at {tensor}: {_first_line(error)}", source=str(path)
        ) from error
    return Cut(content, side, tensor, layer)


def _read(path: Path) -> Any:
    import onnx

    try:
        if not path.is_file():
            raise PackError("there is no such file", source=str(path))
        if path.stat().st_size > _MAX_BYTES:
            raise PackError("the file is larger than 2 GiB", source=str(path))
        model = onnx.load(str(path))  # with what lies in files beside it
        onnx.checker.check_model(model)
    except PackError:
        raise
    except OSError as error:
        raise PackError(f"the file cannot be read: {error.strerror}", source=str(path)) from error
    except Exception as error:  # protobuf's and onnx's families have no common root
        raise PackError(
            f"not an ONNX network: {_first_line(error)}",
            source=str(path),
            remedy="export it with torch.onnx.export, timm or tf2onnx",
        ) from error
    if not model.graph.node:
        raise PackError("not an ONNX network: it has no nodes", source=str(path))
    return model


def _side(given: Any, source: str) -> int | None:
    from onnx import TensorProto

    kind = given.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]
    wanted = f"the input {given.name} must be float (n, 3, side, side), not"
    if kind.elem_type != TensorProto.FLOAT or len(shape) != 4:
        what = TensorProto.DataType.Name(kind.elem_type)
        raise PackError(f"{wanted} {what} {shape} (0: any)", source=source)
    batch, channels, high, wide = shape
    if channels not in (0, 3) or batch not in (0, 1) or high != wide:
        raise PackError(f"{wanted} {shape} (0: any)", source=source)
    return high or None


def _features(graph: Any, constants: set[str]) -> tuple[str, str]:
    """Return the classifier's input tensor and its description."""
    constants = constants | {n for node in graph.node if node.op_type == "Constant"
                             for n in node.output}  # fmt: skip
    for node in reversed(graph.node):
        if node.op_type in _PRODUCTS:
            data = next((name for name in node.input[:2] if name not in constants), None)
            if data is not None and data not in {one.name for one in graph.input}:
                return data, f"what its last {node.op_type} is fed with ({data})"
    output = graph.output[0].name
    return output, f"its output {output}, as it has no matrix product to cut off"


def _rank(graph: Any, tensor: str) -> int | None:
    """Return the number of a tensor's axes; None if it is unknown."""
    for info in (*graph.value_info, *graph.output):
        if info.name == tensor and info.type.tensor_type.HasField("shape"):
            return len(info.type.tensor_type.shape.dim)
    return None


def _last(graph: Any, count: int = 8) -> list[str]:
    return [name for node in graph.node[-count:] for name in node.output if name]


def _try(network: bytes, side: int, source: str) -> tuple[int, bool]:
    """Return the number of features, and whether the network takes several pictures at once."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(2, 3, side, side)).astype(np.float32)
    try:
        ready = Network(network)
        one = ready(pictures[:1])[0]
    except Exception as error:  # onnxruntime's own family has no common root
        if isinstance(error, PackError):
            raise PackError(error.reason, source=source) from error
        raise PackError(
            f"the network does not run on {side} x {side} px: {_first_line(error)}",
            source=source,
            remedy="give the size that it takes with --size",
        ) from error
    if one.ndim != 2 or len(one) != 1 or one.dtype != np.float32 or one.shape[1] < 2:
        raise PackError(
            f"the features must be float32 (n, d), not {one.dtype} {one.shape}",
            source=source,
            remedy="name another tensor with --tensor",
        )
    if not np.isfinite(one).all() or not one.any():
        raise PackError("the features are not finite, or all 0", source=source)
    try:
        several = bool(ready(pictures)[0].shape == (2, one.shape[1]))
    except Exception:  # a batch size of one is built in
        several = False
    return int(one.shape[1]), several


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
