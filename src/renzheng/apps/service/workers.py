"""The processes that compare, each with its own networks.

Processes and not threads: what lies between two network calls holds Python's lock, so two threads
do 25 comparisons a second where two processes do 30 (two cores). And a process can be ended: a
picture that takes for ever, or crashes a decoder, costs its own request and nobody else's.

Requests are not joined to larger batches. A comparison embeds both faces in one batch already; with
two comparisons in one, a crop takes 5.1 ms instead of 5.3, and the first would have waited.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from renzheng._support import processes
from renzheng.errors import RenzhengError

_log = logging.getLogger("renzheng.service")

_START = 120.0  # seconds: the packs may have to be built
_LONGEST_PAUSE = 10.0  # seconds between two tries to start one
_LOOK = 0.5  # seconds between looks at processes that have nothing to do
_FORGET = 0.9  # of the mean duration, with each new one


class Busy(Exception):  # noqa: N818
    """More requests wait than may.

    Attributes
    ----------
    seconds
        After which it is worth trying again.
    """

    def __init__(self, seconds: int):
        self.seconds = seconds
        super().__init__(f"busy for about {seconds} s")


class TookTooLong(Exception):  # noqa: N818
    """A piece of work took longer than it may."""


class Died(Exception):  # noqa: N818
    """A worker ended while it worked."""


class Workers:
    """A number of processes, and the queue before them. Used from one event loop.

    Parameters
    ----------
    start
        Called once in each process with `settings`; gives what does the work: a function from a
        task to its result, both plain values. A function of a module.
    settings
        Plain values.
    count
        Processes.
    queue
        Tasks that may wait.
    timeout
        Seconds for one task.
    patience
        Seconds that a task may wait.
    """

    def __init__(
        self,
        start: Callable[..., Callable[[Any], Any]],
        settings: tuple[Any, ...],
        *,
        count: int,
        queue: int,
        timeout: float,
        patience: float,
    ):
        self._start, self._settings = start, settings
        self._count, self._queue = count, queue
        self._timeout, self._patience = timeout, patience
        self._idle: deque[_Worker] = deque()
        self._waiting: deque[asyncio.Future[_Worker]] = deque()
        self._alive: set[_Worker] = set()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._restarts: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._closing = False
        self._seconds = 0.1  # the mean of a task, for Retry-After
        self.replaced = 0

    @property
    def ready(self) -> int:
        """Processes that work or wait for work."""
        return 0 if self._closing else sum(each.alive for each in self._alive)

    @property
    def waiting(self) -> int:
        """Tasks that wait for a process."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether one task more would be sent away."""
        return not self._idle and len(self._waiting) >= self._queue

    def busy(self) -> Busy:
        """What to say to whom is sent away."""
        seconds = self._seconds * (len(self._waiting) + 1) / max(1, len(self._alive))
        return Busy(max(1, math.ceil(seconds)))

    async def open(self) -> None:
        """Start all processes.

        Raises
        ------
        RenzhengError
            If they do not come up; the first's reason.
        """
        loop = asyncio.get_running_loop()
        started = await asyncio.gather(
            *(loop.run_in_executor(self._threads, self._launch) for _ in range(self._count)),
            return_exceptions=True,
        )
        for each in started:
            if isinstance(each, _Worker):
                self._alive.add(each)
                self._idle.append(each)
        for each in started:
            if isinstance(each, BaseException):
                await self.close()
                raise each
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """End all processes. What they work on is finished by whoever waits for it, or lost."""
        self._closing = True
        for task in (self._watching, *self._restarts):
            if task is not None:
                task.cancel()
        alive, self._alive = self._alive, set()
        self._idle.clear()
        await asyncio.gather(*(asyncio.to_thread(each.end) for each in alive))
        self._threads.shutdown(wait=True)

    async def do(self, task: Any) -> Any:
        """The result of a task.

        Raises
        ------
        Busy
            If too many wait, or no process was free for as long as one may wait.
        TookTooLong, Died
            If it took too long, or its process died; another one takes that one's place.
        """
        worker = await self._take()
        while not worker.alive:
            self._lose(worker)
            worker = await self._take()
        start = time.monotonic()
        loop = asyncio.get_running_loop()
        # Shielded: whoever asked may be gone, and the process is still at it.
        work = loop.run_in_executor(self._threads, worker.do, task, self._timeout)
        work.add_done_callback(lambda done: self._done(worker, done, time.monotonic() - start))
        return await asyncio.shield(work)

    async def _take(self) -> _Worker:
        if self._idle:
            return self._idle.popleft()
        if len(self._waiting) >= self._queue:
            raise self.busy()
        turn: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                try:
                    return await turn
                except asyncio.CancelledError:
                    if turn.done() and not turn.cancelled():
                        self._give(turn.result())
                    else:
                        with contextlib.suppress(ValueError):
                            self._waiting.remove(turn)
                    raise
        except TimeoutError:
            raise self.busy() from None

    def _give(self, worker: _Worker) -> None:
        """A worker is free: to whom waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)
                return
        self._idle.append(worker)

    def _done(self, worker: _Worker, done: asyncio.Future[Any], seconds: float) -> None:
        self._seconds = _FORGET * self._seconds + (1 - _FORGET) * seconds
        if done.cancelled() or done.exception() is not None:
            self._lose(worker)
        else:
            self._give(worker)

    def _lose(self, worker: _Worker) -> None:
        """A process is gone: another takes its place."""
        self._alive.discard(worker)
        if not self._closing:
            self.replaced += 1
            restart = asyncio.get_running_loop().create_task(self._replace())
            self._restarts.add(restart)
            restart.add_done_callback(self._restarts.discard)

    async def _watch(self) -> None:
        """See when a process dies that has nothing to do, as when memory is short."""
        while True:
            await asyncio.sleep(_LOOK)
            for worker in [each for each in self._idle if not each.alive]:
                self._idle.remove(worker)
                self._lose(worker)

    async def _replace(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.5
        while not self._closing:
            try:
                worker = await loop.run_in_executor(self._threads, self._launch)
            except Exception as error:
                # Memory or descriptors may be short just now; whatever it is, without an end to
                # trying there is a worker again once it is over.
                _log.error("a worker cannot be replaced yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if self._closing:
                await asyncio.to_thread(worker.end)
                return
            self._alive.add(worker)
            self._give(worker)
            return

    def _launch(self) -> _Worker:
        return _Worker(self._start, self._settings)


class _Worker:
    """One process; its methods block."""

    def __init__(self, start: Callable[..., Callable[[Any], Any]], settings: tuple[Any, ...]):
        # spawn: a forked copy of the runtime's threads would hang.
        context = multiprocessing.get_context("spawn")
        try:
            self._connection, theirs = context.Pipe()
        except OSError as error:
            raise RenzhengError(f"a worker cannot be started: {error.strerror}") from error
        with theirs:
            self._process = context.Process(
                target=_run, args=(theirs, start, settings), name="renzheng worker", daemon=True
            )
            try:
                self._process.start()
            except Exception as error:
                self._connection.close()
                told = getattr(error, "strerror", None) or type(error).__name__
                raise RenzhengError(f"a worker cannot be started: {told}") from error
        try:
            if not self._connection.poll(_START):
                raise RenzhengError(f"a worker was not ready after {_START:.0f} s")
            refusal = self._connection.recv()
        except (EOFError, OSError) as lost:
            self.end()
            raise RenzhengError(
                "a worker died while it started", remedy="perhaps memory ran out: use --workers 1"
            ) from lost
        except RenzhengError:
            self.end()
            raise
        if refusal is not None:
            self.end()
            raise refusal

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        try:
            return self._process.is_alive()
        except (ValueError, AttributeError):  # it was closed, or is being closed
            return False

    def do(self, task: Any, timeout: float) -> Any:
        """Send a task, wait for its result; both take time, and a stopped process takes neither."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            with contextlib.suppress(ValueError, AttributeError):
                self._process.kill()  # then sending and receiving fail

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            self._connection.send(task)
            failed, result = self._connection.recv()
        except BaseException as error:
            self.end(at_once=True)
            if late.is_set():
                raise TookTooLong(f"it took longer than {timeout:g} s") from error
            raise Died("the process that worked on it died") from error
        finally:
            timer.cancel()
        if failed:
            # A defect; a fresh process has none of its traces.
            self.end(at_once=True)
            raise Died(result)
        return result

    def end(self, *, at_once: bool = False) -> None:
        """End the process; it may finish what it is at."""
        self._connection.close()
        if at_once:
            self._process.kill()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _run(
    connection: Connection, start: Callable[..., Callable[[Any], Any]], settings: tuple[Any, ...]
) -> None:
    """What a process does: one task after another, until nobody sends any."""
    # Ctrl-C and a service manager's signal go to the whole group. The parent decides: it closes the
    # pipe when what it took is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    processes.end_with_parent()
    try:
        work = start(*settings)
    except RenzhengError as error:
        connection.send(error)
        return
    except Exception as error:
        connection.send(RenzhengError(f"a worker cannot start: {type(error).__name__}: {error}"))
        return
    connection.send(None)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (False, work(task))
        except Exception as error:
            answer = (True, type(error).__name__)  # its text may hold what nobody may see
        del task
        try:
            connection.send(answer)
        except OSError:
            return
