"""Work in several processes, with results in the order of the tasks and few in memory at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from renzheng.errors import RenzhengError

Task = TypeVar("Task")
Payload = TypeVar("Payload")
Result = TypeVar("Result")

# Makes the function that does the work. It is called once in every process, with the number of
# threads that each call of a network may use (None: as many as the runtime likes).
MakeWorker = Callable[[int | None], Callable[[Payload], Result]]


def map_in_order(
    tasks: Iterable[Task],
    make_worker: MakeWorker[Payload, Result],
    *,
    load: Callable[[Task], Payload],
    workers: int,
    worth: int = 0,
    here: Callable[[Payload], Result] | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Carry out tasks, in this process or in several worker processes.

    Parameters
    ----------
    tasks
        The tasks; there may be more than memory holds.
    make_worker
        Makes the function that does the work. It is sent to other processes, so it must be a
        function or a dataclass of a module, or a `functools.partial` of one.
    load
        Makes the payload of a task, in this process, shortly before its turn.
    workers
        Number of processes; below 2 the work is done in this one.
    worth
        Number of tasks from which on processes are started; with fewer, starting them takes longer
        than it saves.

    here
        The function that does the work in this process, where there is one already; by default
        `make_worker` makes it.

    Yields
    ------
    (task, result)
        In the order of the tasks.

    Raises
    ------
    RenzhengError
        If a process dies.
    """
    queue = iter(tasks)
    first = list(islice(queue, max(worth, 1) if workers > 1 else 1))
    if not first:
        return
    few, everything = len(first) < worth, chain(first, queue)
    del first  # a task may hold a whole file
    if workers < 2 or few:
        work = make_worker(None) if here is None else here
        for task in everything:
            yield task, work(load(task))
        return
    # spawn, since a forked copy of the runtime's threads would hang
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin, (make_worker,)
    ) as pool:

        def submit(task: Task) -> tuple[Task, Future[Any]]:
            return task, pool.submit(_work, load(task))

        try:
            running = [submit(task) for task in islice(everything, 2 * workers)]
            while running:
                task, future = running.pop(0)
                result = future.result()
                running.extend(submit(task) for task in islice(everything, 1))
                yield task, result
        except BrokenProcessPool as error:
            raise RenzhengError(
                "a process that reads pictures died",
                remedy="perhaps memory ran out: run it again with --workers 1",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker: Callable[[Any], Any] | None = None  # one in each process


def _begin(make_worker: MakeWorker[Any, Any]) -> None:
    """Prepare a process of the pool."""
    global _worker
    end_with_parent()
    # Ctrl-C reaches every process of a terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2  # needed only where a pool is started

    cv2.setNumThreads(1)
    _worker = make_worker(1)


def _work(payload: Any) -> Any:
    assert _worker is not None
    return _worker(payload)


def end_with_parent() -> None:
    """End this process when its parent has ended, in whatever way.

    A killed parent cannot tell its workers to stop, and the queue that they wait on never closes,
    since each of them holds it open.
    """
    threading.Thread(target=_watch_parent, name="end with parent", daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os._exit(1)  # sys.exit would end only this thread
