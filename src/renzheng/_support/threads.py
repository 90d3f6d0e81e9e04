"""Two things at once, where both spend their time outside Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """What two functions return, the second called in a thread of its own.

    Raises
    ------
    Exception
        What one of them raises, the first's before the second's, once both have ended.
    """
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other)
        return one(), later.result()
