"""Timing of steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Wall time by step, in milliseconds."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time the body of a ``with`` statement."""
        start = time.perf_counter()
        try:
            yield
        finally:
            # A step may be carried out in parts.
            spent = (time.perf_counter() - start) * 1e3
            self.milliseconds[step] = self.milliseconds.get(step, 0.0) + spent
