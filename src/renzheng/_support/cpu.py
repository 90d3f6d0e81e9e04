"""The number of processors to work with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores() -> int:
    """Return the number of processors that this process may use, at least 1.

    These are the processors that it may run on, but no more than the time that a container's limits
    grant: with 2.5 processors, 2. More threads than that wait for each other. The limits are those
    of Linux's control groups: in version 2 the process's own group and all above it, in version 1
    the group that is mounted at the root, which is the container's own.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        count = os.cpu_count() or 1
    return max(1, int(min([count, *_shares()])))


def limited() -> bool:
    """Return whether `cores` is fewer than the machine has."""
    return cores() < (os.cpu_count() or 1)


def _shares() -> Iterator[float]:
    """Yield the limits on this process's time, in processors, from its group and those above."""
    groups = [_GROUPS]
    with suppress(OSError):
        for line in _OWN.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            number, _, path = line.partition("::")  # version 2 has one line, "0::/path"
            if number == "0":
                own = _GROUPS / path.lstrip("/")
                groups += [own, *(each for each in own.parents if _GROUPS in each.parents)]
    for group in groups:
        with suppress(OSError, ValueError, ArithmeticError):
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
            yield int(quota) / int(period)  # "max" is no number: no limit
    first = _GROUPS / "cpu"  # where version 1 is mounted
    with suppress(OSError, ValueError, ArithmeticError):
        quota, period = (
            (first / f"cpu.cfs_{name}_us").read_text(encoding="ascii")
            for name in ("quota", "period")
        )
        if int(quota) > 0:
            yield int(quota) / int(period)
