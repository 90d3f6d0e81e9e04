"""Lines that say what a build or a download does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

Progress = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Write a line to standard error at once."""
    with contextlib.suppress(OSError):  # a closed standard error is no reason to fail
        sys.stderr.write(f"renzheng: {line}\n")
        sys.stderr.flush()  # another pack may be built meanwhile
