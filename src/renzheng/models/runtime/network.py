"""A network, independent of the runtime that computes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.models.runtime import backends, loading
from renzheng.models.runtime.loaded import Loaded
from renzheng.models.runtime.selection import choose_backend

Array = npt.NDArray[Any]


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
        The backend, one of `BACKENDS`; see `choose_backend` for the default.
    wait
        Whether to load the network now; otherwise it loads in the background, the first call
        waits for it and raises its errors.

    Attributes
    ----------
    backend, version
        The backend's name, with its device, and its library's version.
    path
        The file, or None for a network given as bytes.

    Raises
    ------
    PackError
        If the runtime cannot run the file.
    InvalidInput
        If the backend is unknown, or not installed.
    RenzhengError
        If the backend's device cannot be used, or would leave the network to the processor.
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
        chosen = backends.parse(self.backend)
        module = loading.load_module(chosen)
        self.version: str = module.VERSION

        def load() -> Loaded:
            if chosen.accelerated:
                from renzheng.models.runtime import shared

                if (theirs := shared.connect(model, chosen)) is not None:
                    return theirs
            loaded: Loaded = module.load(model, threads, calls, chosen)
            return loaded

        if wait:
            self._loaded: Loaded | Future[Loaded] = load()
        else:
            loader = ThreadPoolExecutor(1, "loader")
            self._loaded = loader.submit(load)
            loader.shutdown(wait=False)

    @property
    def provider(self) -> str:
        """The execution provider or device that really computes the network."""
        return self._ready().provider

    @property
    def batch(self) -> int | None:
        """The number of rows of a batch, if the network takes no other."""
        return self._ready().batch

    def _ready(self) -> Loaded:
        if isinstance(self._loaded, Future):
            return self._loaded.result()
        return self._loaded

    def __call__(self, batch: Array) -> list[Array]:
        """Return all outputs for one batch, in the network's order, in arrays of the caller's."""
        if not _watchers:
            return self._ready().run(np.ascontiguousarray(batch))
        start = time.perf_counter()
        outputs = self._ready().run(np.ascontiguousarray(batch))
        call = Call(self, batch, time.perf_counter() - start)
        for tell in _watchers:
            tell(call)
        return outputs


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
