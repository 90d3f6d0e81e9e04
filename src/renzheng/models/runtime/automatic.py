"""The backend that is best here: the first that computes a small network correctly."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from renzheng.errors import RenzhengError
from renzheng.models.runtime import backends, loading
from renzheng.models.runtime.backends import AUTOMATIC, Backend
from renzheng.models.runtime.loaded import Loaded


class Choice(NamedTuple):
    """A backend that was chosen.

    Attributes
    ----------
    backend
        Its name.
    provider
        The execution provider that computed the trial.
    passed_over
        Why each better backend that is installed was not taken, by its name.
    """

    backend: str
    provider: str
    passed_over: dict[str, str]


@cache
def choose() -> Choice:
    """Return the best backend that works: CUDA, DirectML, Core ML, or else the processor.

    Raises
    ------
    RenzhengError
        If even the processor fails.
    """
    passed_over: dict[str, str] = {}
    for name in AUTOMATIC:
        if name != AUTOMATIC[-1] and not loading.is_installed(name):
            continue
        try:
            return Choice(name, attempt(name), passed_over)
        except RenzhengError as error:
            if name == AUTOMATIC[-1]:
                raise
            passed_over[name] = error.reason
    raise AssertionError("the processor is the last of them")


def attempt(backend: str) -> str:
    """Compute a small network and return the provider that did.

    Raises
    ------
    RenzhengError
        If the backend does not work, or computes something else.
    """
    from renzheng.models.runtime import with_onnxruntime

    chosen = backends.parse(backend)
    module = loading.load_module(chosen)
    with with_onnxruntime.quiet():
        loaded: Loaded = module.load(_product(), 1, 1, chosen)
        given = np.arange(6, dtype=np.float32).reshape(2, 3)
        (found,) = loaded.run(given)
    if not np.allclose(found, given @ _WEIGHTS, atol=1e-4):
        raise _wrong(chosen)
    return loaded.provider


_WEIGHTS = np.array([[1, 2], [-3, 0.5], [0.25, 4]], np.float32)


def _wrong(backend: Backend) -> RenzhengError:
    return RenzhengError(f"the backend {backend} computes a product of matrices wrongly")


def _product() -> bytes:
    """Make a network of one product of matrices."""
    from onnx import TensorProto, helper, numpy_helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [value("x", TensorProto.FLOAT, ["n", 3])],
        [value("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(_WEIGHTS, "w")],
    )
    opset = helper.make_opsetid("", 13)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return made
