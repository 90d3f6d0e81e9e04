"""Facts that a measured number rests on: packs, versions and time."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

import numpy as np

import renzheng
from renzheng.models.packs import Pack


def of_pack(pack: Pack) -> dict[str, str]:
    """Return the name, version and digest of a pack."""
    return {"name": pack.name, "version": pack.version, "digest": pack.digest}


def of_run() -> dict[str, str]:
    """Return the versions of the software and the present time."""
    return {
        "renzheng": renzheng.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
