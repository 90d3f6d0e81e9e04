"""Two calls at the same time, where both spend their time outside Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """Call two functions, the second in a thread of its own, and return both results.

    Raises
    ------
    Exception
        If one of them raises, once both have ended; the first function's exception goes first.
    """
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other)
        return one(), later.result()
