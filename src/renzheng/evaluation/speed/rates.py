"""How many multiply-adds a second this machine's matrix units do, as far as a program can get.

The yardstick for networks: large products of matrices, in float32 and in 8-bit integers, by every
library that is here; the fastest counts. What a network does in a second is then a fraction of
something that this machine has been seen to do, rather than of a data sheet's peak.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.models.runtime import BACKENDS, Network, installed

# Which size is fastest depends on the caches and on the cores there are to share it: small ones
# stay in the second cache, large ones feed many cores.
SIDES = (512, 1024, 2048)


@dataclass(frozen=True)
class Rate:
    """What was seen.

    Attributes
    ----------
    multiply_adds
        A second, the fastest that was seen.
    by
        By which library.
    """

    multiply_adds: float
    by: str


@dataclass(frozen=True)
class _Product:
    by: str
    work: int
    run: Callable[[], object]


class Rates:
    """Rates that get better as they are looked at again, between other measurements.

    Parameters
    ----------
    threads
        As of `Network`; None is one a core.
    sides
        Of the square matrices.
    """

    def __init__(self, threads: int | None, sides: Sequence[int] = SIDES):
        self._products = {
            False: [each for side in sides for each in _floating(threads, side)],
            True: [each for side in sides for each in _integer(threads, side)],
        }
        self._best: dict[bool, Rate] = {}
        for products in self._products.values():
            for product in products:
                product.run()  # the first call makes what the next ones use

    def look(self) -> None:
        """Do each product once."""
        for integer, products in self._products.items():
            for product in products:
                start = time.perf_counter()
                product.run()
                rate = Rate(product.work / (time.perf_counter() - start), product.by)
                best = self._best.get(integer, rate)
                self._best[integer] = max(best, rate, key=lambda each: each.multiply_adds)

    @property
    def floating(self) -> Rate:
        """Of float32."""
        return self._best[False]

    @property
    def integer(self) -> Rate:
        """Of 8-bit integers, unsigned by signed, as quantised networks have them on x86."""
        return self._best[True]

    def least_seconds(self, floating: int, integer: int = 0) -> float:
        """How long so many multiply-adds would take at these rates."""
        return floating / self.floating.multiply_adds + integer / self.integer.multiply_adds


def _floating(threads: int | None, side: int) -> Iterator[_Product]:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, side, side), np.float32)
    for backend in filter(installed, BACKENDS):
        network = Network(_model("MatMul", other), threads, backend=backend)
        yield _Product(backend, side**3, partial(network, one))
    if threads is None:  # NumPy takes the threads that it was started with
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
    """A network of one product with constant weights, as a network's layers have them."""
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
