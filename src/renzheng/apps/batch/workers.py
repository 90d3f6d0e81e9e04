"""Pictures read and extracted, here or in processes of their own, in order."""

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
from renzheng.verification.config import VerifierConfig
from renzheng.verification.verifier import Verifier

Tell = Callable[[str, int, int], None]  # what, how many are done, how many there are

Result = TypeVar("Result")
Made = TypeVar("Made", covariant=True)

WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves
GONE: Stamp = (-1, -1)


class Step(Protocol[Made]):
    """What is done with one picture; sent to other processes, so of a class of a module."""

    @property
    def path(self) -> str:
        """Where it lies."""

    def done(self, verifier: Verifier, content: bytes) -> Made:
        """What comes of its bytes."""

    def failed(self, error: UnreadableImage) -> Made:
        """What comes of a picture that cannot be read or dealt with."""


def stamp(path: str) -> Stamp:
    """How a file is now."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):  # ValueError: no file has such a name
        return GONE
    return status.st_size, status.st_mtime_ns


def each(
    steps: Iterable[Step[Result]], settings: VerifierConfig, workers: int
) -> Iterator[tuple[Step[Result], Stamp, Result]]:
    """Do all steps.

    Parameters
    ----------
    steps
        What to do.
    settings
        Of the verifier that does it.
    workers
        Processes; 1 stays in this one. The results are the same bits.

    Yields
    ------
    (step, how the picture's file was, what came of it)
        In the order of the steps.
    """
    for step, done in processes.map_in_order(
        steps,
        partial(_doer, settings),
        load=lambda step: step,
        workers=workers,
        worth=WORTH_A_POOL if workers > 1 else 0,
    ):
        yield step, *done


def do(
    step: Step[Result], verifier: Verifier, read: Callable[[str], bytes] = images.read_bytes
) -> tuple[Stamp, Result]:
    """Do one step.

    Parameters
    ----------
    step
        What to do.
    verifier
        That does it.
    read
        Gives the bytes of a path, or raises `UnreadableImage`.
    """
    # Before the bytes are read: a file that is written meanwhile counts as changed.
    before = stamp(step.path)
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
        told = " ".join(str(error).split())
        return before, step.failed(
            UnreadableImage(
                f"a defect of renzheng: {type(error).__name__}: {told}",
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


def _doer(
    settings: VerifierConfig, threads: int | None
) -> Callable[[Step[Result]], tuple[Stamp, Result]]:
    # One thread here as there: the results are the same bits.
    verifier = settings.verifier()

    def work(step: Step[Result]) -> tuple[Stamp, Result]:
        with _one_thread():
            return do(step, verifier)

    return work
