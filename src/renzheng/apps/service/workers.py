"""The worker processes of the service, each with its own networks, and the queue before them.

They are processes and not threads: the code between two network calls holds Python's lock, so two
threads do 25 comparisons a second where two processes do 30 (two cores). And a process can be
ended: a picture that takes for ever, or crashes a decoder, costs its own request and no other. See
docs/decisions/service-workers.md.

Requests are not joined to larger batches. A comparison already embeds both faces in one batch; with
two comparisons in one batch a crop takes 5.1 ms instead of 5.3, and the first would have waited.
An accelerator is the exception: its networks are held by the server, which joins the calls of all
processes (`renzheng.models.runtime.shared`).
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

_MAX_START = 120.0  # seconds until a process is ready: packs may have to be built
_MAX_PAUSE = 10.0  # seconds between two attempts to start a process
_CHECK_EVERY = 0.5  # seconds between checks of idle processes
_TAKEN = "taken"  # a worker's word that it received a task
_DECAY = 0.9  # weight of the past in the mean duration of a task


class Busy(Exception):  # noqa: N818
    """The queue is full.

    Attributes
    ----------
    seconds
        The time in seconds after which a retry is worth it.
    """

    def __init__(self, seconds: int):
        self.seconds = seconds
        super().__init__(f"busy for about {seconds} s")


class TookTooLong(Exception):  # noqa: N818
    """A task took longer than its time limit."""


class Died(Exception):  # noqa: N818
    """A worker process ended during a task."""


class _NotTaken(Died):
    """A worker process ended before it received the task."""


class Workers:
    """A fixed number of processes and a queue of tasks, for use from one event loop.

    Parameters
    ----------
    make_worker
        A function of a module, called once in each process with `settings`. It returns the
        function that does the work: from a task to its result, both of them plain values.
    settings
        The arguments of `make_worker`, plain values.
    count
        The number of processes.
    queue
        The most tasks that may wait.
    timeout
        Seconds that one task may take.
    patience
        Seconds that a task may wait for a process.
    """

    def __init__(
        self,
        make_worker: Callable[..., Callable[[Any], Any]],
        settings: tuple[Any, ...],
        *,
        count: int,
        queue: int,
        timeout: float,
        patience: float,
    ):
        self._make_worker, self._settings = make_worker, settings
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
        """The number of processes that work or can work."""
        return 0 if self._closing else sum(each.alive for each in self._alive)

    @property
    def waiting(self) -> int:
        """The number of tasks that wait for a process."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether a further task would be refused."""
        return not self._idle and len(self._waiting) >= self._queue

    def busy(self) -> Busy:
        """Return the error for a task that is refused, with the time to retry."""
        seconds = self._seconds * (len(self._waiting) + 1) / max(1, len(self._alive))
        return Busy(max(1, math.ceil(seconds)))

    async def open(self) -> None:
        """Start all processes.

        Raises
        ------
        RenzhengError
            If a process does not start; the reason is that of the first.
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
        """End all processes; each gets 5 s to finish its task."""
        self._closing = True
        for task in (self._watching, *self._restarts):
            if task is not None:
                task.cancel()
        alive, self._alive = self._alive, set()
        self._idle.clear()
        await asyncio.gather(*(asyncio.to_thread(each.end) for each in alive))
        self._threads.shutdown(wait=True)

    async def do(self, task: Any) -> Any:
        """Return the result of a task.

        Raises
        ------
        Busy
            If the queue is full, or no process was free within `patience`.
        TookTooLong, Died
            If the task took too long, or its process died; a new process replaces it.
        """
        try:
            return await self._do_once(task)
        except _NotTaken:
            # The process was dying when the task was handed over. Once more only: a task that is
            # too large to be received would end one process after another.
            return await self._do_once(task)

    async def _do_once(self, task: Any) -> Any:
        worker = await self._acquire()
        while not worker.alive:
            self._replace_later(worker)
            worker = await self._acquire()
        start = time.monotonic()
        loop = asyncio.get_running_loop()
        # Shielded: the caller may be gone while the process still works.
        work = loop.run_in_executor(self._threads, worker.do, task, self._timeout)
        work.add_done_callback(lambda done: self._done(worker, done, time.monotonic() - start))
        return await asyncio.shield(work)

    async def _acquire(self) -> _Worker:
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
                        self._release(turn.result())
                    else:
                        with contextlib.suppress(ValueError):
                            self._waiting.remove(turn)
                    raise
        except TimeoutError:
            raise self.busy() from None

    def _release(self, worker: _Worker) -> None:
        """Hand a free worker to the task that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)
                return
        self._idle.append(worker)

    def _done(self, worker: _Worker, done: asyncio.Future[Any], seconds: float) -> None:
        self._seconds = _DECAY * self._seconds + (1 - _DECAY) * seconds
        if done.cancelled() or done.exception() is not None:
            self._replace_later(worker)
        else:
            self._release(worker)

    def _replace_later(self, worker: _Worker) -> None:
        """Drop a dead process and start another in its place."""
        self._alive.discard(worker)
        if not self._closing:
            self.replaced += 1
            restart = asyncio.get_running_loop().create_task(self._replace())
            self._restarts.add(restart)
            restart.add_done_callback(self._restarts.discard)

    async def _watch(self) -> None:
        """Replace idle processes that die, as when memory is short."""
        while True:
            await asyncio.sleep(_CHECK_EVERY)
            for worker in [each for each in self._idle if not each.alive]:
                self._idle.remove(worker)
                self._replace_later(worker)

    async def _replace(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.5
        while not self._closing:
            try:
                worker = await loop.run_in_executor(self._threads, self._launch)
            except Exception as error:
                # Memory or descriptors may be short. Attempts never stop, so there is a worker
                # again once the shortage is over.
                _log.error("a worker cannot be replaced yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE)
                continue
            if self._closing:
                await asyncio.to_thread(worker.end)
                return
            self._alive.add(worker)
            self._release(worker)
            return

    def _launch(self) -> _Worker:
        return _Worker(self._make_worker, self._settings)


class _Worker:
    """One worker process, with methods that block."""

    def __init__(self, make_worker: Callable[..., Callable[[Any], Any]], settings: tuple[Any, ...]):
        # spawn: a forked copy of the inference runtime, without its threads, would hang.
        context = multiprocessing.get_context("spawn")
        try:
            self._connection, theirs = context.Pipe()
        except OSError as error:
            raise RenzhengError(f"a worker cannot be started: {error.strerror}") from error
        with theirs:
            self._process = context.Process(
                target=_run,
                args=(theirs, make_worker, settings),
                name="renzheng worker",
                daemon=True,
            )
            try:
                self._process.start()
            except Exception as error:
                self._connection.close()
                reason = getattr(error, "strerror", None) or type(error).__name__
                raise RenzhengError(f"a worker cannot be started: {reason}") from error
        try:
            if not self._connection.poll(_MAX_START):
                raise RenzhengError(f"a worker was not ready after {_MAX_START:.0f} s")
            refusal = self._connection.recv()
        except (EOFError, OSError) as lost:
            self.end()
            raise RenzhengError(
                "a worker died while it started", remedy="memory may have run out: use --workers 1"
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
        except (ValueError, AttributeError):  # closed, or being closed
            return False

    def do(self, task: Any, timeout: float) -> Any:
        """Send a task and wait for its result; both can block, so the time limit covers both."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            with contextlib.suppress(ValueError, AttributeError):
                self._process.kill()  # then send and recv fail

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        taken = False
        try:
            self._connection.send(task)
            taken = self._connection.recv() == _TAKEN
            failed, result = self._connection.recv()
        except BaseException as error:
            self.end(at_once=True)
            if late.is_set():
                raise TookTooLong(f"it took longer than {timeout:g} s") from error
            lost = Died if taken else _NotTaken
            raise lost("the process that worked on it died") from error
        finally:
            timer.cancel()
        if failed:
            # A defect of the code: a fresh process is free of its traces.
            self.end(at_once=True)
            raise Died(result)
        return result

    def end(self, *, at_once: bool = False) -> None:
        """End the process, after its current task unless `at_once`."""
        self._connection.close()
        if at_once:
            self._process.kill()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _run(
    connection: Connection,
    make_worker: Callable[..., Callable[[Any], Any]],
    settings: tuple[Any, ...],
) -> None:
    """Answer tasks, one after another, until the parent closes the pipe."""
    # Ctrl-C and a service manager's signals go to the whole process group. The parent decides: it
    # closes the pipe once the requests that it accepted are answered.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    processes.end_with_parent()
    try:
        work = make_worker(*settings)
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
            connection.send(_TAKEN)
        except (EOFError, OSError):
            return
        try:
            answer = (False, work(task))
        except Exception as error:
            answer = (True, type(error).__name__)  # its text may hold private data
        del task
        try:
            connection.send(answer)
        except OSError:
            return
