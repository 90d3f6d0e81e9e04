"""JSON and TOML from outside, read with bounds: a small text must not cost minutes or the stack."""

from __future__ import annotations

import json
import re
from typing import Any

from renzheng.errors import InvalidInput

MAX_DEPTH = 100  # what renzheng writes nests 6 deep; Python's parsers give up near 1,000
MAX_TOML = 1 << 20  # characters: the longest manifest of ours has 11,000
MAX_PARTS = 16  # of a key; tomllib's time grows with their square, and 20,000 took 21 s

_TOO_DEEP = f"it nests deeper than {MAX_DEPTH} levels"
# One more dot than a key may have. It looks for a part's start only, so that a long word is
# searched once.
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}[ \t]*\.[ \t]*){{{MAX_PARTS}}}{_PART}")


def from_json(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises
    ------
    ValueError
        If it is not JSON.
    InvalidInput
        If it nests deeper than 100 levels (it is a ValueError, too).
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise InvalidInput(_TOO_DEEP) from None
    opening = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(map(text.count, opening)) > MAX_DEPTH:  # type: ignore[arg-type]
        _check_depth(value)
    return value


def from_toml(text: str) -> dict[str, Any]:
    """Return the tables that a TOML text holds.

    Raises
    ------
    ValueError
        If it is not TOML.
    InvalidInput
        If it is longer than 1 Mi characters, has a key of more than 16 parts or nests deeper than
        100 levels (it is a ValueError, too).
    """
    import tomllib  # training needs it, and most commands do not

    if len(text) > MAX_TOML:
        raise InvalidInput(f"it is longer than {MAX_TOML >> 20} Mi characters")
    lines = text.split("\n") if text.count(".") >= MAX_PARTS else ()
    if any(line.count(".") >= MAX_PARTS and _LONG_KEY.search(line) for line in lines):
        raise InvalidInput(f"a key has more than {MAX_PARTS} parts")
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise InvalidInput(_TOO_DEEP) from None
    _check_depth(tables)
    return tables


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise InvalidInput(_TOO_DEEP)
