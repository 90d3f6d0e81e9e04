"""How many processors there are to work with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores() -> int:
    """How many processors this process may use, at least 1.

    Those that it may run on, and no more than its share of time where a container's limits grant it
    less: of 2.5 processors 2. More threads than that wait for each other. Those limits are Linux's
    control groups', of version 2 with all groups above; of version 1 what is mounted at the root,
    which is a container's own.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        count = os.cpu_count() or 1
    return max(1, int(min([count, *_shares()])))


def limited() -> bool:
    """Whether that is fewer than the machine has."""
    return cores() < (os.cpu_count() or 1)


def _shares() -> Iterator[float]:
    """The limits on this process's time, in processors: its own group's and those above it."""
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
