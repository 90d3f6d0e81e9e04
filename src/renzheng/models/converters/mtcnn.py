"""P-Net, R-Net and O-Net from the files of the PyPI package ``mtcnn``, written as ONNX.

The networks are those of Zhang et al. 2016 with the weights of the FaceNet repository. Rewrites
make them faster and change every output by rounding alone:

- the input scaling ``(x - 127.5) / 128`` is folded into the first convolution (it is unpadded);
- a PReLU of slope a becomes ``a y + relu((1 - a) y)``. Runtimes fuse convolutions with rectifiers
  and sums, and a product channel by channel is a convolution, so this never leaves their fast
  layout of memory, as the operator PRelu does;
- the first max-pooling, of the largest map, goes before its PReLU: a quarter of the values;
- channels are filled up with zeros to whole blocks of 16, without which a layer leaves that layout;
- the heads are one convolution, and give the log-odds of a face: the logistic function is left to
  the few candidates that pass.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, ClassVar

import lz4.frame
import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.converters.onnx_writer import OnnxWriter, Value, to_bytes
from renzheng.types import Floats

NETWORKS = ("pnet", "rnet", "onet")
_MAX_BYTES = 16 << 20  # the largest file holds 1.6 MB
_BLOCK = 16  # channels that a processor with AVX-512 computes at a time; AVX2: half of them

Array = npt.NDArray[np.float64]


def locate() -> Path:
    """Return the folder of the weight files in the installed package, which is not imported.

    Raises
    ------
    PackError
        If the package is not installed.
    """
    first = sources.packaged("mtcnn", f"assets/weights/{NETWORKS[0]}.lz4")
    if first is None:
        raise PackError(
            "the package mtcnn, which carries the detector's weights, is not installed",
            remedy="pip install mtcnn",
        )
    return first.parent


def read(path: Path) -> list[Floats]:
    """Return the arrays of one weight file, in the file's order.

    A convolution's kernel is (height, width, in, out), a dense layer's (in, out).

    Raises
    ------
    PackError
        If the file is missing, damaged, or holds anything but float32 arrays.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror}", source=str(path)) from error
    try:
        with lz4.frame.open(io.BytesIO(packed)) as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError("it unpacks to more than any of these networks")
        arrays = _ArrayUnpickler(io.BytesIO(data)).load()
        if not isinstance(arrays, list) or not all(isinstance(a, np.ndarray) for a in arrays):
            raise ValueError("it holds no list of arrays")
    except Exception as error:  # damaged pickles raise nearly anything
        raise PackError(f"not a weight file: {error}", source=str(path)) from error
    return arrays


class _Dtype:
    """A stand-in for numpy.dtype: only little-endian float32 passes."""

    def __init__(self, name: str, align: bool = False, copy: bool = True):
        if name != "f4":
            raise ValueError(f"an array of type {name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise ValueError("an array that is not little-endian")


class _Wrapper:
    """A stand-in for joblib's NumpyArrayWrapper, which describes the raw bytes after it."""

    shape: tuple[int, ...] = ()
    order = "C"
    dtype: Any = None
    numpy_array_alignment_bytes: int | None = None

    def read(self, file: io.BytesIO) -> Floats:
        if not isinstance(self.dtype, _Dtype) or self.order not in ("C", "F"):
            raise ValueError("an array of another type")
        if self.numpy_array_alignment_bytes is not None:
            file.read(file.read(1)[0])
        count = int(np.prod(self.shape, dtype=np.int64))
        if not 0 <= count <= _MAX_BYTES // 4:
            raise ValueError(f"an array of shape {self.shape}")
        raw = file.read(4 * count)
        array: Floats = np.frombuffer(raw, "<f4", count).astype(np.float32)
        return np.reshape(array, self.shape, order="F" if self.order == "F" else "C")


class _Marker:
    """A stand-in for numpy.ndarray, which the wrapper names and nothing may call."""

    def __new__(cls, *_: Any) -> _Marker:
        raise ValueError("an array in another form")


# Python's unpickler and not the one in C, which reads ahead, over the arrays' raw bytes.
class _ArrayUnpickler(pickle._Unpickler):
    _ALLOWED: ClassVar = {
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Wrapper,
        ("numpy", "ndarray"): _Marker,
        ("numpy", "dtype"): _Dtype,
    }

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self._source = file

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise ValueError(f"it asks for {module}.{name}") from None

    def load_build(self) -> None:
        pickle._Unpickler.dispatch[pickle.BUILD[0]](self)  # type: ignore[arg-type]
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        if isinstance(stack[-1], _Wrapper):
            stack[-1] = stack[-1].read(self._source)

    dispatch[pickle.BUILD[0]] = load_build


def build(folder: Path, weights: Path | None = None) -> None:
    """Write ``pnet.onnx``, ``rnet.onnx`` and ``onet.onnx``.

    The input of each is ``pictures``, float32 (n, 3, h, w) RGB from 0 to 255. The output is
    ``answers``, float32 (n, 5): the log-odds of a face and the regression of x1, y1, x2, y2 in
    units of the box's side. O-Net's is (n, 15), with five x and then five y of the landmarks;
    P-Net is convolutional, and its is (n, 5, h', w').

    Parameters
    ----------
    folder
        An existing folder.
    weights
        The folder of the ``.lz4`` files; by default that of the installed package.

    Raises
    ------
    PackError
        If the weights are missing, damaged or of other networks.
    """
    source = weights or locate()
    for name in NETWORKS:
        arrays = read(source / f"{name}.lz4")
        try:
            graph = _GRAPHS[name](_Layers(arrays))
        except (ValueError, IndexError) as error:
            raise PackError(
                f"not the weights of {name}: {error}", source=str(source / f"{name}.lz4")
            ) from error
        (folder / f"{name}.onnx").write_bytes(graph)


class _Layers:
    """The file's arrays, to be taken layer by layer."""

    def __init__(self, arrays: list[Floats]):
        self._arrays = iter([a.astype(np.float64) for a in arrays])

    def _next(self, *shape: int) -> Array:
        array = next(self._arrays, None)
        if array is None or array.shape != shape:
            found = "nothing" if array is None else str(array.shape)
            raise ValueError(f"an array of {shape} expected, {found} found")
        return array

    def convolution(self, side: int, inputs: int, outputs: int) -> tuple[Array, Array]:
        kernel = self._next(side, side, inputs, outputs).transpose(3, 2, 0, 1)
        return kernel, self._next(outputs)

    def dense(self, inputs: int, outputs: int) -> tuple[Array, Array]:
        return self._next(inputs, outputs).T, self._next(outputs)

    def slopes(self, channels: int, shared: bool = True) -> Array:
        shape = (1, 1, channels) if shared else (channels,)
        return self._next(*shape).reshape(channels)

    def done(self) -> None:
        if next(self._arrays, None) is not None:
            raise ValueError("more arrays than layers")


class _Graph:
    """One sequential network, with the factors that the last PReLU left to the next layer."""

    def __init__(self, layers: _Layers, spatial: bool):
        self._layers = layers
        self._writer = OnnxWriter(named=False)
        self._last = "pictures"
        # One factor for each of the last layer's channels: the next layer absorbs them.
        self._factors: Array | None = None
        self._spatial = spatial

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self._writer.nodes)}"
        return self._writer.node(operator, output, *inputs, **attributes)

    def _convolve(
        self, source: str, kernel: Array, bias: Array | None = None, groups: int = 1
    ) -> str:
        number = len(self._writer.nodes)
        weights = [
            self._writer.constant(f"{kind}{number}", values)
            for kind, values in (("weight", kernel), ("bias", bias))
            if values is not None
        ]
        shape = list(kernel.shape[2:])
        return self._node("Conv", source, *weights, kernel_shape=shape, group=groups)

    def _absorb(self, kernel: Array) -> Array:
        """Return the kernel over the last layer's sum instead of over its PReLU."""
        if self._factors is None:
            return kernel
        spare = len(self._factors) - kernel.shape[1]
        kernel = np.pad(kernel, ((0, 0), (0, spare), (0, 0), (0, 0)))
        return kernel * self._factors[:, None, None]

    def layer(self, kernel: Array, bias: Array, slopes: Array, pool: int = 0) -> None:
        """Write a convolution, its PReLU, and the max-pooling (of stride 2) after it."""
        convolved = self._convolve(self._last, self._absorb(kernel), bias)
        linear, rectified, factors = _terms(slopes)
        if pool and (factors != 1).any():
            raise ValueError("a slope above 1 before a pooling")  # the maximum knows no signs
        shape, groups = (-1, 1, 1, 1), len(slopes)
        part = self._convolve(convolved, rectified.reshape(shape), groups=groups)
        part = self._node("Relu", part)
        whole = self._convolve(convolved, linear.reshape(shape), groups=groups)
        self._last = self._node("Add", whole, part)
        self._factors = factors
        if pool:
            self._last = self._pool(self._last, pool)

    def first_layer(self, kernel: Array, bias: Array, slopes: Array, pool: int) -> None:
        """Write a convolution of the picture, max-pooling, and then its PReLU.

        A PReLU that rises commutes with the maximum. One that falls below zero (slope a < 0) is
        max(y, a y), so the maximum of both is taken, p and q: a second channel carries a y. It is
        ``p + relu(q - p)``, and both forms are matrices from channel to channel.
        """
        kernel, bias = _scaled(kernel, bias)
        count, falls = len(slopes), np.flatnonzero(slopes < 0)
        kernel = np.concatenate([kernel, kernel[falls] * slopes[falls, None, None, None]])
        bias = np.concatenate([bias, bias[falls] * slopes[falls]])
        spare = -len(bias) % _BLOCK
        kernel, bias = np.pad(kernel, ((0, spare), *3 * [(0, 0)])), np.pad(bias, (0, spare))
        pooled = self._pool(self._convolve(self._last, kernel, bias), pool)

        a, b, factors = _terms(slopes)
        a[falls], b[falls] = 1, -1
        outputs = count + -count % _BLOCK
        linear, rectified = np.zeros((2, outputs, len(bias)))
        channels = np.arange(count)
        linear[channels, channels], rectified[channels, channels] = a, b
        rectified[falls, count + np.arange(len(falls))] = 1
        part = self._node("Relu", self._convolve(pooled, rectified[:, :, None, None]))
        whole = self._convolve(pooled, linear[:, :, None, None])
        self._last = self._node("Add", whole, part)
        self._factors = np.pad(factors, (0, outputs - count))

    def _pool(self, source: str, size: int) -> str:
        # The last, incomplete window counts.
        return self._node("MaxPool", source, kernel_shape=[size, size], strides=[2, 2], ceil_mode=1)

    def finish(self, classes: tuple[Array, Array], *regressions: tuple[Array, Array]) -> bytes:
        """Write the heads and return the network's file.

        The softmax of two classes is the logistic function of their difference.
        """
        self._layers.done()
        kernel, bias = classes
        heads = [(kernel[1:] - kernel[:1], bias[1:] - bias[:1]), *regressions]
        kernel, bias = (np.concatenate(parts) for parts in zip(*heads, strict=True))
        result = self._convolve(self._last, self._absorb(kernel), bias)
        operator = "Identity" if self._spatial else "Flatten"
        self._writer.node(operator, "answers", result)
        given: Value = ("pictures", ["n", 3, "h", "w"])
        shape: list[int | str] = ["n", len(bias)]
        if self._spatial:
            shape += ["rows", "columns"]
        return to_bytes(self._writer.model("mtcnn", given, ("answers", shape)))


def _terms(slopes: Array) -> tuple[Array, Array, Array]:
    """Return A, B and s with ``PReLU(y) = s (A y + relu(B y))``.

    For slopes a up to 1 it is ``a y + relu((1 - a) y)``; above, where 1 - a is negative, it is
    ``-(-y + relu((1 - a) y))``.
    """
    up_to_one = slopes <= 1
    signs = np.where(up_to_one, 1.0, -1.0)
    return np.where(up_to_one, slopes, -1.0), 1 - slopes, signs


def _scaled(kernel: Array, bias: Array) -> tuple[Array, Array]:
    """Fold ``(x - 127.5) / 128`` into an unpadded convolution."""
    return kernel / 128, bias - kernel.sum(axis=(1, 2, 3)) * (127.5 / 128)


def _over_picture(dense: tuple[Array, Array], channels: int, side: int) -> tuple[Array, Array]:
    """Return a dense layer over (width, height, channels) as a convolution of the whole map."""
    kernel, bias = dense
    # The networks were trained on transposed pictures: their rows run along x.
    shaped = kernel.reshape(-1, side, side, channels)
    return shaped.transpose(0, 3, 2, 1), bias


def _as_convolution(dense: tuple[Array, Array]) -> tuple[Array, Array]:
    kernel, bias = dense
    return kernel[:, :, None, None], bias


def _pnet(layers: _Layers) -> bytes:
    graph = _Graph(layers, spatial=True)
    graph.first_layer(*layers.convolution(3, 3, 10), layers.slopes(10), pool=2)
    graph.layer(*layers.convolution(3, 10, 16), layers.slopes(16))
    graph.layer(*layers.convolution(3, 16, 32), layers.slopes(32))
    box = layers.convolution(1, 32, 4)
    classes = layers.convolution(1, 32, 2)
    return graph.finish(classes, box)


def _rnet(layers: _Layers) -> bytes:
    graph = _Graph(layers, spatial=False)
    graph.first_layer(*layers.convolution(3, 3, 28), layers.slopes(28), pool=3)
    graph.layer(*layers.convolution(3, 28, 48), layers.slopes(48), pool=3)
    graph.layer(*layers.convolution(2, 48, 64), layers.slopes(64))
    graph.layer(*_over_picture(layers.dense(576, 128), 64, 3), layers.slopes(128, shared=False))
    box = _as_convolution(layers.dense(128, 4))
    classes = _as_convolution(layers.dense(128, 2))
    return graph.finish(classes, box)


def _onet(layers: _Layers) -> bytes:
    graph = _Graph(layers, spatial=False)
    graph.first_layer(*layers.convolution(3, 3, 32), layers.slopes(32), pool=3)
    graph.layer(*layers.convolution(3, 32, 64), layers.slopes(64), pool=3)
    graph.layer(*layers.convolution(3, 64, 64), layers.slopes(64), pool=2)
    graph.layer(*layers.convolution(2, 64, 128), layers.slopes(128))
    graph.layer(*_over_picture(layers.dense(1152, 256), 128, 3), layers.slopes(256, shared=False))
    box = _as_convolution(layers.dense(256, 4))
    landmarks = _as_convolution(layers.dense(256, 10))
    classes = _as_convolution(layers.dense(256, 2))
    return graph.finish(classes, box, landmarks)


_GRAPHS = {"pnet": _pnet, "rnet": _rnet, "onet": _onet}
