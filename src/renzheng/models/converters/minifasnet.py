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
from renzheng.models.converters.onnx_writer import OnnxWriter, to_bytes

# The original file names begin with the scale of the box that a network is shown.
NETWORKS = {
    "2.7_80x80_MiniFASNetV2.pth": "minifasnet-v2.onnx",
    "4_0_0_80x80_MiniFASNetV1SE.pth": "minifasnet-v1se.onnx",
}

_EPSILON = 1e-5  # torch's default in batch normalisation
_REDUCTION = 16  # four layers of stride 2: pixels of the input for one of the last map

Array = npt.NDArray[np.float64]


def build(folder: Path, weights: Mapping[str, Path]) -> None:
    """Write ``minifasnet-v2.onnx`` and ``minifasnet-v1se.onnx``.

    The input of each is ``crops``, float32 (n, 3, 80, 80) BGR from 0 to 255, its output
    ``probabilities`` (n, 3): the second is that of a live face, the others are of attacks.

    Parameters
    ----------
    folder
        An existing folder.
    weights
        The path of each of the files in `NETWORKS`.

    Raises
    ------
    PackError
        If the weights are missing, damaged or of other networks.
    """
    for name, network in NETWORKS.items():
        (folder / network).write_bytes(convert(weights[name]))


def convert(path: Path) -> bytes:
    """Return a network as ONNX.

    Parameters
    ----------
    path
        The file of the network's state dict.

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
    """The weights by name, each to be taken once, with batch normalisation folded in."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]):
        self._left = {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int | None) -> Array:
        """Take a weight of this shape; None stands for any size."""
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
        """Fold the normalisation behind a kernel (out, ...) into it; return kernel and bias."""
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


class _Graph(OnnxWriter):
    """A network written layer by layer; methods take and return a node's name and channels."""

    def __init__(self, layers: _Layers):
        super().__init__()
        self._layers = layers

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
        """Write a convolution with batch normalisation, and a PReLU."""
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
        """Write a widening, a depthwise and a narrowing layer; with a shortcut at stride 1."""
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
        """Write squeeze and excitation (Hu et al. 2018): each channel weighted by all."""
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
    *_, rows, columns = graph.constants["conv_6_dw.kernel"].shape  # it covers the whole map
    dense = layers.take("linear.weight", None, channels)
    dense, bias = layers.normalised(dense, "bn")
    x = graph.convolve(x, "linear", dense[:, :, None, None], bias)
    classes = layers.take("prob.weight", None, len(dense))
    x = graph.convolve(x, "prob", classes[:, :, None, None])
    layers.done()
    graph.node("Softmax", "probabilities", graph.node("Flatten", "flat", x), axis=1)

    size = ["n", 3, _REDUCTION * rows, _REDUCTION * columns]
    model = graph.model("minifasnet", ("crops", size), ("probabilities", ["n", len(classes)]))
    return to_bytes(model)
