"""How long each step takes."""

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
        """Time what is done within."""
        start = time.perf_counter()
        try:
            yield
        finally:
            # A step may be done in parts.
            spent = (time.perf_counter() - start) * 1e3
            self.milliseconds[step] = self.milliseconds.get(step, 0.0) + spent
