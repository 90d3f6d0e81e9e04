"""A network, whatever computes it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

Array = npt.NDArray[Any]
Run = Callable[[Array], list[Array]]

BACKENDS = ("onnxruntime", "openvino")  # the default first
VARIABLE = "RENZHENG_BACKEND"


def chosen(backend: str | None = None) -> str:
    """The backend of this name; by default ``$RENZHENG_BACKEND``, and onnxruntime without it.

    Raises
    ------
    InvalidInput
        If there is none of that name, or it is not installed.
    """
    source = None if backend else VARIABLE
    name = backend or os.environ.get(VARIABLE) or BACKENDS[0]
    if name not in BACKENDS:
        raise InvalidInput(
            f"no backend is called {name!r}",
            source=source,
            remedy=f"there are: {', '.join(BACKENDS)}",
        )
    if not installed(name):
        raise InvalidInput(
            f"the backend {name} is not installed",
            source=source,
            remedy=f"pip install 'renzheng[{name}]'",
        )
    return name


def installed(backend: str) -> bool:
    """Whether a backend's package is there; nothing is loaded."""
    return importlib.util.find_spec(backend) is not None


def computing(backend: str | None = None) -> ModuleType:
    """The module of a backend, loaded.

    Raises
    ------
    InvalidInput
        As `chosen`.
    """
    # Each takes a moment to load and megabytes to keep: only the one that is asked for.
    return importlib.import_module(f"renzheng.models.runtime.with_{chosen(backend)}")


class Network:
    """An ONNX network with one input.

    Calls are safe from several threads at once, and repeat bit for bit.

    Parameters
    ----------
    model
        The ONNX file, or its bytes.
    threads
        Threads per call; by default the runtime takes one per core.
    calls
        How many calls are to run at a time where `threads` is given; more than that may wait.
    backend
        What computes it, one of `BACKENDS`; by default as `chosen` says.
    wait
        Whether it is loaded before anything else goes on; otherwise the first call waits, and
        raises what loading it raised.

    Attributes
    ----------
    backend, version
        What computes it.
    path
        The file, or None where there was none.

    Raises
    ------
    PackError
        If the file is no network that the runtime can run.
    InvalidInput
        If there is no such backend, or it is not installed.
    """

    def __init__(
        self,
        model: Path | bytes,
        threads: int | None = None,
        *,
        calls: int = 1,
        backend: str | None = None,
        wait: bool = True,
    ):
        self.backend = chosen(backend)
        self.path = None if isinstance(model, bytes) else model
        module = computing(self.backend)
        self.version: str = module.VERSION
        if wait:
            self._run: Run = module.load(model, threads, calls)
        else:
            self._run = _later(lambda: module.load(model, threads, calls))

    def __call__(self, batch: Array) -> list[Array]:
        """All outputs for one batch, in the network's order; arrays of the caller's own."""
        if not _watchers:
            return self._run(np.ascontiguousarray(batch))
        start = time.perf_counter()
        outputs = self._run(np.ascontiguousarray(batch))
        call = Call(self, batch, time.perf_counter() - start)
        for tell in _watchers:
            tell(call)
        return outputs


def _later(load: Callable[[], Run]) -> Run:
    loader = ThreadPoolExecutor(1, "loader")
    loading = loader.submit(load)
    loader.shutdown(wait=False)
    return lambda batch: loading.result()(batch)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a network.

    Attributes
    ----------
    network
        Which.
    batch
        What it was given; to be copied by whoever keeps it.
    seconds
        How long it took, where other threads may have been at work as well.
    """

    network: Network
    batch: Array
    seconds: float


_watchers: tuple[Callable[[Call], None], ...] = ()
_watchers_lock = threading.Lock()


@contextmanager
def watched(tell: Callable[[Call], None]) -> Iterator[None]:
    """Be told of every call of every network, from the thread that makes it: to measure."""
    global _watchers
    with _watchers_lock:
        _watchers = (*_watchers, tell)
    try:
        yield
    finally:
        with _watchers_lock:
            _watchers = tuple(each for each in _watchers if each is not tell)
