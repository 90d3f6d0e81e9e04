"""Things known by name: layouts, captures, degradations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from renzheng.errors import InvalidInput

T = TypeVar("T")


def find(known: Mapping[str, T], name: str, kind: str) -> T:
    """Return what is known by a name; `kind` is what error messages call it.

    Raises
    ------
    InvalidInput
        If the name is unknown.
    """
    if name not in known:
        raise InvalidInput(f"unknown {kind} {name!r}", remedy=f"there are: {', '.join(known)}")
    return known[name]
