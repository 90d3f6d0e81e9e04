"""The digests of networks that renzheng is known to build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DEFINITIONS = Path(__file__).parent / "definitions"


@cache
def known() -> Mapping[str, Mapping[str, str]]:
    """Return SHA-256 by pack and file.

    The bytes that a build writes were the same with onnx 1.16 and numpy 1.26 as with onnx 1.23 and
    numpy 2.4, on x86-64. Not known are those of other processors and of SFace's file in float,
    which no package carries.
    """
    found: dict[str, dict[str, str]] = json.loads(
        (DEFINITIONS / "digests.json").read_text(encoding="utf-8")
    )
    return found


def complete(files: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the files that are, together, the known networks of a pack.

    Parameters
    ----------
    files
        SHA-256 by name.
    """
    return frozenset(
        name
        for wanted in known().values()
        if all(files.get(name) == digest for name, digest in wanted.items())
        for name in wanted
    )
