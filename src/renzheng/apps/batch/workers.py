"""Pictures read and processed, in this process or in several of their own, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import cv2

from renzheng import images
from renzheng._support import processes
from renzheng.apps.batch.store import Stamp
from renzheng.errors import RenzhengError, UnreadableImage
from renzheng.models.runtime import shared
from renzheng.verification.config import VerifierConfig
from renzheng.verification.verifier import Verifier

Tell = Callable[[str, int, int], None]  # progress: what, how many are done, how many in all

Result = TypeVar("Result")
Made = TypeVar("Made", covariant=True)

WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves
GONE: Stamp = (-1, -1)


class Step(Protocol[Made]):
    """The work on one picture; sent to other processes, so of a class that a module defines."""

    @property
    def path(self) -> str:
        """The path of the picture's file."""

    def done(self, verifier: Verifier, content: bytes) -> Made:
        """Return the result for the bytes of the picture's file."""

    def failed(self, error: UnreadableImage) -> Made:
        """Return the result for a picture that cannot be read or processed."""


def stamp_of(path: str) -> Stamp:
    """Return the size and time of a file, by which a change is noticed."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):  # ValueError: no file has such a name
        return GONE
    return status.st_size, status.st_mtime_ns


def map_steps(
    steps: Iterable[Step[Result]], config: VerifierConfig, workers: int
) -> Iterator[tuple[Step[Result], Stamp, Result]]:
    """Do all steps.

    Parameters
    ----------
    steps
        The steps, each with one picture.
    config
        The configuration of the verifier that does them.
    workers
        The number of processes; 1 stays in this one. The results are the same bits.

    Yields
    ------
    (step, stamp of the picture's file before it was read, result)
        In the order of the steps.
    """
    with shared.networks(config.backend):
        for step, done in processes.map_in_order(
            steps,
            partial(_make_worker, config),
            load=lambda step: step,
            workers=workers,
            worth=WORTH_A_POOL,
        ):
            yield step, *done


def do_step(
    step: Step[Result], verifier: Verifier, read: Callable[[str], bytes] = images.read_bytes
) -> tuple[Stamp, Result]:
    """Do one step.

    Parameters
    ----------
    step
        The step.
    verifier
        The verifier that does it.
    read
        Returns the bytes of a path, or raises `UnreadableImage`.

    Returns
    -------
    the stamp of the picture's file before it was read, and the result
    """
    # Taken first: a file that is written while it is read counts as changed.
    before = stamp_of(step.path)
    try:
        content = read(step.path)
    except UnreadableImage as error:
        return before, step.failed(error)
    try:
        return before, step.done(verifier, content)
    except (RenzhengError, MemoryError):
        raise
    except Exception as error:
        # One picture in a hundred thousand must not end the run, whatever is wrong with it.
        message = " ".join(str(error).split())
        return before, step.failed(
            UnreadableImage(
                f"a defect of renzheng: {type(error).__name__}: {message}",
                remedy="please report it with the picture, if you may",
            )
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _make_worker(
    config: VerifierConfig, threads: int | None
) -> Callable[[Step[Result]], tuple[Stamp, Result]]:
    # One thread in this process too: the results are the same bits.
    verifier = config.verifier()

    def work(step: Step[Result]) -> tuple[Stamp, Result]:
        with _one_thread():
            return do_step(step, verifier)

    return work
