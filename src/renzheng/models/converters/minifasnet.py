"""MiniFASNetV2 and MiniFASNetV1SE (Minivision 2020, Apache-2.0) from torch's files, as ONNX.

Both are MobileFaceNets whose widths were pruned one by one, so the widths are read from the
weights and only the order of the layers is written down here. Batch normalisation is folded into
the convolutions, dense layers become convolutions of one pixel, and the softmax is part of the
network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError
from renzheng.models.converters import torch_file

# The original's file names say at what scale of the box a network looks.
NETWORKS = {
    "2.7_80x80_MiniFASNetV2.pth": "minifasnet-v2.onnx",
    "4_0_0_80x80_MiniFASNetV1SE.pth": "minifasnet-v1se.onnx",
}

_EPSILON = 1e-5  # torch's default in batch normalisation
_HALVINGS = 16  # four layers of stride 2: what one pixel of the last map stands for
_OPSET, _IR = 17, 8

Array = npt.NDArray[np.float64]


def build(folder: Path, weights: Mapping[str, Path]) -> None:
    """Write ``minifasnet-v2.onnx`` and ``minifasnet-v1se.onnx``.

    Each takes ``crops``, float32 (n, 3, 80, 80) BGR from 0 to 255, and gives ``probabilities``
    (n, 3): the second is of a live face, the others of attacks.

    Parameters
    ----------
    folder
        Where to write.
    weights
        Where each of the files in `NETWORKS` lies.

    Raises
    ------
    PackError
        If the weights are missing, damaged or of other networks.
    """
    for name, network in NETWORKS.items():
        (folder / network).write_bytes(convert(weights[name]))


def convert(path: Path) -> bytes:
    """One network as ONNX.

    Parameters
    ----------
    path
        The file of its state dict.

    Raises
    ------
    PackError
        If the file is damaged or holds another network.
    """
    tensors = {
        name.removeprefix("module."): values for name, values in torch_file.read(path).items()
    }
    try:
        return _write(_Layers(tensors))
    except (ValueError, KeyError) as error:
        raise PackError(f"not the weights of a MiniFASNet: {error}", source=str(path)) from error


class _Layers:
    """Hands out the weights by name, each once, batch normalisation folded in."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]):
        self._left = {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int | None) -> Array:
        """A weight of this shape; None stands for any size."""
        values = self._left.pop(name, None)
        if values is None:
            raise ValueError(f"{name} is missing")
        fits = values.ndim == len(shape) and all(
            side == wanted or (wanted is None and side > 0)
            for side, wanted in zip(values.shape, shape, strict=True)
        )
        if not fits or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError(f"{name} is {values.dtype} {values.shape}, not {shape}")
        return values.astype(np.float64)

    def normalised(self, kernel: Array, name: str) -> tuple[Array, Array]:
        """A kernel (out, ...) with the normalisation behind it, and the bias that it leaves."""
        scale, shift, mean, variance = (
            self.take(f"{name}.{part}", len(kernel))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if (variance < 0).any():
            raise ValueError(f"{name}.running_var is negative")
        factor = scale / np.sqrt(variance + _EPSILON)
        return kernel * factor.reshape(-1, *[1] * (kernel.ndim - 1)), shift - mean * factor

    def done(self) -> None:
        if self._left:
            raise ValueError(f"it also holds {min(self._left)}")


class _Graph:
    """Writes the nodes; every method takes and gives a node's name and its channels."""

    def __init__(self, layers: _Layers):
        from onnx import helper  # slow to import, and needed only when a pack is built

        self._helper = helper
        self._layers = layers
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, name: str, values: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolve(
        self, x: str, name: str, kernel: Array, bias: Array | None = None, **attributes: Any
    ) -> str:
        weights = [self.constant(f"{name}.kernel", kernel)]
        if bias is not None:
            weights.append(self.constant(f"{name}.bias", bias))
        return self.node(
            "Conv", name, x, *weights, kernel_shape=list(kernel.shape[2:]), **attributes
        )

    def layer(
        self,
        x: str,
        channels: int,
        name: str,
        *,
        side: int | None = 1,
        stride: int = 1,
        padding: int = 0,
        depthwise: bool = False,
        rectified: bool = True,
    ) -> tuple[str, int]:
        """Convolution, batch normalisation, PReLU."""
        kernel = self._layers.take(
            f"{name}.conv.weight",
            channels if depthwise else None,
            1 if depthwise else channels,
            side,
            side,
        )
        out = len(kernel)
        kernel, bias = self._layers.normalised(kernel, f"{name}.bn")
        x = self.convolve(
            x,
            name,
            kernel,
            bias,
            strides=[stride] * 2,
            pads=[padding] * 4,
            group=channels if depthwise else 1,
        )
        if rectified:
            slopes = self._layers.take(f"{name}.prelu.weight", out)
            slopes = slopes.reshape(out, 1, 1)
            x = self.node("PRelu", f"{name}.prelu", x, self.constant(f"{name}.slopes", slopes))
        return x, out

    def block(self, x: str, channels: int, name: str, stride: int = 2) -> tuple[str, int]:
        """Widen, look around channel by channel, narrow again; with a shortcut at stride 1."""
        shortcut = x
        x, width = self.layer(x, channels, f"{name}.conv")
        x, width = self.layer(
            x, width, f"{name}.conv_dw", side=3, stride=stride, padding=1, depthwise=True
        )
        x, out = self.layer(x, width, f"{name}.project", rectified=False)
        if stride > 1:
            return x, out
        if out != channels:
            raise ValueError(f"{name} changes the number of channels")
        if f"{name}.se_module.fc1.weight" in self._layers:
            x = self._excited(x, out, f"{name}.se_module")
        return self.node("Add", f"{name}.add", shortcut, x), out

    def _excited(self, x: str, channels: int, name: str) -> str:
        """Squeeze and excitation (Hu et al. 2018): each channel weighted by what all say."""
        take, normalised = self._layers.take, self._layers.normalised
        y = self.node("GlobalAveragePool", f"{name}.pool", x)
        kernel, bias = normalised(take(f"{name}.fc1.weight", None, channels, 1, 1), f"{name}.bn1")
        y = self.node("Relu", f"{name}.relu", self.convolve(y, f"{name}.fc1", kernel, bias))
        kernel, bias = normalised(
            take(f"{name}.fc2.weight", channels, len(kernel), 1, 1), f"{name}.bn2"
        )
        y = self.node("Sigmoid", f"{name}.sigmoid", self.convolve(y, f"{name}.fc2", kernel, bias))
        return self.node("Mul", f"{name}.weighted", x, y)


def _write(layers: _Layers) -> bytes:
    from onnx import TensorProto, checker, helper

    graph = _Graph(layers)
    x, channels = graph.layer("crops", 3, "conv1", side=3, stride=2, padding=1)
    x, channels = graph.layer(x, channels, "conv2_dw", side=3, padding=1, depthwise=True)
    for halving, stage, blocks in (
        ("conv_23", "conv_3", 4),
        ("conv_34", "conv_4", 6),
        ("conv_45", "conv_5", 2),
    ):
        x, channels = graph.block(x, channels, halving)
        for index in range(blocks):
            x, channels = graph.block(x, channels, f"{stage}.model.{index}", stride=1)
    x, channels = graph.layer(x, channels, "conv_6_sep")
    x, channels = graph.layer(x, channels, "conv_6_dw", side=None, depthwise=True, rectified=False)
    *_, rows, columns = graph.constants[-2].dims  # of the last kernel: the whole map
    dense = layers.take("linear.weight", None, channels)
    dense, bias = layers.normalised(dense, "bn")
    x = graph.convolve(x, "linear", dense[:, :, None, None], bias)
    classes = layers.take("prob.weight", None, len(dense))
    x = graph.convolve(x, "prob", classes[:, :, None, None])
    layers.done()
    graph.node("Softmax", "probabilities", graph.node("Flatten", "flat", x), axis=1)

    value = helper.make_tensor_value_info
    size = ["n", 3, _HALVINGS * rows, _HALVINGS * columns]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "minifasnet",
            [value("crops", TensorProto.FLOAT, size)],
            [value("probabilities", TensorProto.FLOAT, ["n", len(classes)])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="renzheng",
    )
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
