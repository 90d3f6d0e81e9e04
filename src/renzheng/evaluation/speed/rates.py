"""The matrix rate: the most multiply-adds per second that a program reaches on this machine.

It is the yardstick for networks, measured with large matrix products in float32 and in 8-bit
integers by every installed library; the fastest counts. The rate of a network is then a fraction of
one that this machine has reached, rather than of a data sheet's peak.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.models.runtime import PROCESSOR_BACKENDS, Network, is_installed

# The fastest size depends on the caches and on the number of cores: small matrices stay in the
# second-level cache, large ones keep many cores busy.
SIDES = (512, 1024, 2048)


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Attributes
    ----------
    multiply_adds
        Multiply-adds per second, the fastest measured.
    by
        The library that reached it.
    """

    multiply_adds: float
    by: str


@dataclass(frozen=True)
class _Product:
    by: str
    work: int
    run: Callable[[], object]


class Rates:
    """Rates that can only rise as they are measured again, between other measurements.

    Parameters
    ----------
    threads
        As in `Network`; None is one per core.
    sides
        The sides of the square matrices.
    """

    def __init__(self, threads: int | None, sides: Sequence[int] = SIDES):
        self._products = {
            False: [each for side in sides for each in _floating(threads, side)],
            True: [each for side in sides for each in _integer(threads, side)],
        }
        self._best: dict[bool, Rate] = {}
        for products in self._products.values():
            for product in products:
                product.run()  # the first call allocates what the next ones use

    def measure(self) -> None:
        """Time each product once and keep the best rates."""
        for integer, products in self._products.items():
            for product in products:
                start = time.perf_counter()
                product.run()
                rate = Rate(product.work / (time.perf_counter() - start), product.by)
                best = self._best.get(integer, rate)
                self._best[integer] = max(best, rate, key=lambda each: each.multiply_adds)

    @property
    def floating(self) -> Rate:
        """The rate in float32."""
        return self._best[False]

    @property
    def integer(self) -> Rate:
        """The rate in 8-bit integers, unsigned by signed, as in quantised networks on x86."""
        return self._best[True]

    def min_seconds(self, floating: int, integer: int = 0) -> float:
        """Return the time that these multiply-adds would take at the measured rates."""
        return floating / self.floating.multiply_adds + integer / self.integer.multiply_adds


def _floating(threads: int | None, side: int) -> Iterator[_Product]:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, side, side), np.float32)
    for backend in filter(is_installed, PROCESSOR_BACKENDS):
        network = Network(_model("MatMul", other), threads, backend=backend)
        yield _Product(backend, side**3, partial(network, one))
    if threads is None:  # NumPy uses the threads that it was started with
        into = np.empty((side, side), np.float32)
        yield _Product("numpy", side**3, partial(np.matmul, one, other, out=into))


def _integer(threads: int | None, side: int) -> Iterator[_Product]:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (side, side), np.uint8)
    other = rng.integers(-128, 128, (side, side), np.int8)
    for operator in ("MatMulInteger", "QLinearMatMul"):
        network = Network(_model(operator, other), threads, backend="onnxruntime")
        yield _Product(f"onnxruntime, {operator}", side**3, partial(network, one))


def _model(operator: str, weights: npt.NDArray[Any]) -> bytes:
    """Make a network of one product with constant weights, like a layer's."""
    from onnx import TensorProto, helper, numpy_helper

    kinds = {"MatMul": (TensorProto.FLOAT, TensorProto.FLOAT)}
    kinds["MatMulInteger"] = (TensorProto.UINT8, TensorProto.INT32)
    kinds["QLinearMatMul"] = (TensorProto.UINT8, TensorProto.UINT8)
    before, after = kinds[operator]
    constants = {"w": weights}
    names = ["x", "w"]
    if operator == "QLinearMatMul":
        constants |= {
            "sx": np.array(0.01, np.float32),
            "zx": np.array(128, np.uint8),
            "sw": np.array(0.01, np.float32),
            "zw": np.array(0, np.int8),
            "sy": np.array(1.0, np.float32),
            "zy": np.array(128, np.uint8),
        }
        names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    size = list(weights.shape)
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"])],
        "product",
        [helper.make_tensor_value_info("x", before, size)],
        [helper.make_tensor_value_info("y", after, size)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 13)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return made
