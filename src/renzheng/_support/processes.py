"""Work for several processes, its results in order and little of it held at a time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from renzheng.errors import RenzhengError

Task = TypeVar("Task")
Payload = TypeVar("Payload")
Result = TypeVar("Result")


def in_order(
    tasks: Iterable[Task],
    load: Callable[[Task], Payload],
    work: Callable[[Payload], Result],
    *,
    workers: int,
    start: Callable[..., None],
    settings: tuple[Any, ...],
) -> Iterator[tuple[Task, Result]]:
    """Do tasks in processes of their own.

    Parameters
    ----------
    tasks
        What to do.
    load
        Makes a task's payload, here, when its turn comes near.
    work
        Does it, there; a function of a module.
    workers
        Processes.
    start
        Called once in every process, with `settings`.
    settings
        Plain values.

    Yields
    ------
    (task, its result)
        In the order of the tasks.

    Raises
    ------
    RenzhengError
        If a process dies.
    """
    # spawn: a forked copy of the runtime's threads would hang.
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin, (start, settings)
    ) as pool:

        def submit(task: Task) -> tuple[Task, Future[Result]]:
            return task, pool.submit(work, load(task))

        try:
            queue = iter(tasks)
            running = [submit(task) for task in islice(queue, 2 * workers)]
            while running:
                task, future = running.pop(0)
                result = future.result()
                running.extend(submit(task) for task in islice(queue, 1))
                yield task, result
        except BrokenProcessPool as error:
            raise RenzhengError(
                "a process that reads pictures died",
                remedy="perhaps memory ran out: run it again with --workers 1",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(start: Callable[..., None], settings: tuple[Any, ...]) -> None:
    """What a process does first."""
    end_with_parent()
    start(*settings)


def end_with_parent() -> None:
    """End this process when its parent is gone, however it went.

    A killed parent tells nobody to stop, and the queue that its workers wait on never ends, since
    each of them holds it open.
    """
    threading.Thread(target=_watch_parent, name="end with parent", daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os._exit(1)  # sys.exit would end this thread only
