"""A network, independent of the runtime that computes it."""

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


def choose_backend(backend: str | None = None) -> str:
    """Return the backend's name; by default ``$RENZHENG_BACKEND``, or else onnxruntime.

    Raises
    ------
    InvalidInput
        If the name is unknown, or the backend is not installed.
    """
    source = None if backend else VARIABLE
    name = backend or os.environ.get(VARIABLE) or BACKENDS[0]
    if name not in BACKENDS:
        raise InvalidInput(
            f"unknown backend {name!r}",
            source=source,
            remedy=f"there are: {', '.join(BACKENDS)}",
        )
    if not is_installed(name):
        raise InvalidInput(
            f"the backend {name} is not installed",
            source=source,
            remedy=f"pip install 'renzheng[{name}]'",
        )
    return name


def is_installed(backend: str) -> bool:
    """Return whether a backend's package is installed; nothing is loaded."""
    return importlib.util.find_spec(backend) is not None


def load_backend(backend: str | None = None) -> ModuleType:
    """Load a backend's module.

    Raises
    ------
    InvalidInput
        See `choose_backend`.
    """
    # Each takes a moment to load and megabytes to keep: only the one in use is loaded.
    return importlib.import_module(f"renzheng.models.runtime.with_{choose_backend(backend)}")


class Network:
    """An ONNX network with one input.

    Calls are safe from several threads at once, and repeatable bit for bit.

    Parameters
    ----------
    model
        The ONNX file, or its bytes.
    threads
        Threads per call; by default the runtime takes one per core.
    calls
        The number of calls to run at a time where `threads` is given; further ones may wait.
    backend
        The runtime, one of `BACKENDS`; see `choose_backend` for the default.
    wait
        Whether to load the network now; otherwise it loads in the background, the first call
        waits for it and raises its errors.

    Attributes
    ----------
    backend, version
        The runtime's name and version.
    path
        The file, or None for a network given as bytes.

    Raises
    ------
    PackError
        If the runtime cannot run the file.
    InvalidInput
        If the backend is unknown, or not installed.
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
        self.backend = choose_backend(backend)
        self.path = None if isinstance(model, bytes) else model
        module = load_backend(self.backend)
        self.version: str = module.VERSION
        if wait:
            self._run: Run = module.load(model, threads, calls)
        else:
            self._run = _later(lambda: module.load(model, threads, calls))

    def __call__(self, batch: Array) -> list[Array]:
        """Return all outputs for one batch, in the network's order, in arrays of the caller's."""
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
        The network that was called.
    batch
        Its input; copy it to keep it.
    seconds
        The duration; other threads may have been working as well.
    """

    network: Network
    batch: Array
    seconds: float


_watchers: tuple[Callable[[Call], None], ...] = ()
_watchers_lock = threading.Lock()


@contextmanager
def watch_calls(tell: Callable[[Call], None]) -> Iterator[None]:
    """Call `tell` after every call of every network, in the calling thread: to measure."""
    global _watchers
    with _watchers_lock:
        _watchers = (*_watchers, tell)
    try:
        yield
    finally:
        with _watchers_lock:
            _watchers = tuple(each for each in _watchers if each is not tell)
