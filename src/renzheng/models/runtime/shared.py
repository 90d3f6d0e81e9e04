"""One accelerator for many processes: their calls are joined into batches that fill it.

Processes that read pictures embed one or two faces at a time, which leaves an accelerator idle, and
each would keep a copy of every network on it. So the process that starts them holds the networks;
what arrives while a batch is being computed makes up the next one. Nobody waits for a batch to
fill, so that a single request is as fast as without.

On processors nothing is shared: there a process for each core is the fastest.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError, RenzhengError
from renzheng.models.runtime import backends, loading
from renzheng.models.runtime.backends import Backend
from renzheng.models.runtime.loaded import Loaded, Run
from renzheng.models.runtime.selection import choose_backend

Array = npt.NDArray[Any]

# The address of the process that holds the networks; processes that it starts inherit it, as they
# do the key (`multiprocessing.current_process().authkey`) without which nobody is answered.
_VARIABLE = "RENZHENG_SHARED_NETWORKS"


@contextlib.contextmanager
def networks(backend: str | None) -> Iterator[None]:
    """Hold the networks of an accelerator for the processes that are started meanwhile.

    Parameters
    ----------
    backend
        As in `choose_backend`; nothing happens where it is a processor.
    """
    name = choose_backend(backend)
    if not backends.parse(name).accelerated or _VARIABLE in os.environ:
        yield
        return
    with Host(backends.batch_size(name) or 1) as host:
        os.environ[_VARIABLE] = host.address
        try:
            yield
        finally:
            del os.environ[_VARIABLE]


def connect(model: Path | bytes, backend: Backend) -> Loaded | None:
    """Return a network that another process holds; None where this one has to load it.

    Raises
    ------
    RenzhengError
        If the other process cannot load it.
    """
    address = os.environ.get(_VARIABLE)
    if not address or isinstance(model, bytes) or multiprocessing.parent_process() is None:
        return None
    try:
        connection = Client(address, authkey=multiprocessing.current_process().authkey)
        connection.send((str(model.resolve()), str(backend)))
        provider, batch = _answer(connection)
    except (OSError, EOFError) as error:
        raise _gone() from error
    lock = threading.Lock()

    def run(given: Array) -> list[Array]:
        with lock:
            try:
                connection.send(given)
                outputs: list[Array] = _answer(connection)
            except (OSError, EOFError) as error:
                raise _gone() from error
        return outputs

    return Loaded(run, provider, batch)


def _answer(connection: Connection[Any, Any]) -> Any:
    answer = connection.recv()
    if isinstance(answer, RenzhengError):
        raise answer
    return answer


def _gone() -> RenzhengError:
    return RenzhengError("the process that holds the accelerator's networks has ended")


class Host:
    """The networks of an accelerator, with a thread for each process that uses them.

    Parameters
    ----------
    rows
        The most rows of a joined batch.
    """

    def __init__(self, rows: int):
        self._rows = rows
        self._listener = Listener(
            None, backlog=256, authkey=multiprocessing.current_process().authkey
        )
        self._held: dict[tuple[str, str], Joined] = {}
        self._lock = threading.Lock()
        self._closing = False
        threading.Thread(target=self._accept, name="networks", daemon=True).start()

    @property
    def address(self) -> str:
        """The address that `connect` looks for."""
        return str(self._listener.address)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        # Closing does not wake the thread that waits for a connection: this one does.
        with contextlib.suppress(OSError, EOFError):
            Client(self._listener.address, authkey=multiprocessing.current_process().authkey)
        self._listener.close()
        for each in self._held.values():
            each.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection = self._listener.accept()
            except multiprocessing.AuthenticationError:
                continue
            except (OSError, EOFError):
                if self._closing:
                    return
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection[Any, Any]) -> None:
        with contextlib.suppress(OSError, EOFError), connection:
            try:
                network = self._network(*connection.recv())
            except RenzhengError as error:
                connection.send(_sendable(error))
                return
            connection.send((network.provider, network.batch))
            while True:
                given = connection.recv()
                try:
                    connection.send(network(given))
                except RenzhengError as error:
                    connection.send(_sendable(error))
                except Exception as error:  # the library's own, of any kind
                    connection.send(PackError(f"the network fails: {error}"))

    def _network(self, path: str, backend: str) -> Joined:
        with self._lock:
            if (path, backend) not in self._held:
                parsed = backends.parse(backend)
                loaded = loading.load_module(parsed).load(Path(path), None, 1, parsed)
                self._held[path, backend] = Joined(loaded, self._rows)
            return self._held[path, backend]


def _sendable(error: RenzhengError) -> RenzhengError:
    """Return an error without what pickle would lose: its keywords."""
    return (PackError if isinstance(error, PackError) else RenzhengError)(str(error))


class Joined:
    """A network whose calls of several threads are joined along their first axis.

    Parameters
    ----------
    loaded
        The network. One that takes a fixed number of rows is called for each caller by itself.
    rows
        The most rows of a joined batch; a single call may have more.
    """

    def __init__(self, loaded: Loaded, rows: int):
        self.provider, self.batch = loaded.provider, loaded.batch
        self._run: Run = loaded.run
        self._rows = rows if loaded.batch is None else 1
        self._waiting: queue.SimpleQueue[tuple[Array, Future[list[Array]]] | None]
        self._waiting = queue.SimpleQueue()
        threading.Thread(target=self._work, name="joined", daemon=True).start()

    def __call__(self, given: Array) -> list[Array]:
        """Return all outputs for one caller's batch."""
        done: Future[list[Array]] = Future()
        self._waiting.put((given, done))
        return done.result()

    def close(self) -> None:
        """End the thread; calls that came before are answered."""
        self._waiting.put(None)

    def _work(self) -> None:
        kept: tuple[Array, Future[list[Array]]] | None = None
        while True:
            first = kept or self._waiting.get()
            if first is None:
                return
            kept, calls, rows = None, [first], len(first[0])
            while rows < self._rows:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._waiting.put(None)
                    break
                if not _alike(more[0], first[0]) or rows + len(more[0]) > self._rows:
                    kept = more
                    break
                calls.append(more)
                rows += len(more[0])
            self._answer(calls)

    def _answer(self, calls: list[tuple[Array, Future[list[Array]]]]) -> None:
        try:
            if len(calls) > 1:
                outputs = self._run(np.concatenate([given for given, _ in calls]))
                rows = sum(len(given) for given, _ in calls)
                if all(each.ndim and len(each) == rows for each in outputs):
                    ends = np.cumsum([len(given) for given, _ in calls])[:-1]
                    parts = list(zip(*(np.split(each, ends) for each in outputs), strict=True))
                    for (_, done), part in zip(calls, parts, strict=True):
                        done.set_result(list(part))
                    return
        except Exception:
            pass  # one caller's fault is not the others': each is answered by itself
        for given, done in calls:
            try:
                done.set_result(self._run(given))
            except Exception as error:
                done.set_exception(error)


def _alike(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape[1:] == other.shape[1:]
