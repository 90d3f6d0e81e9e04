"""TIFF directories before a decoder sees them: how much their tags hold, which page is meant."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Each entry costs Pillow microseconds.
_MAX_ENTRIES = 100_000
# several times as many as a 64 Mpx picture has rows
_MAX_VALUES = 1_000_000
_MAX_PAGES = 16  # directories before the one that is read; writers put a preview or two there

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (TIFF 6.0, section 8)
_OLD_REDUCED = 2  # SubfileType


@dataclass(frozen=True)
class _Directory:
    entries: int
    values: int  # that Pillow reads one by one
    subordinate: bool  # a reduced picture or a mask, not the picture


def has_many_values(data: bytes) -> bool:
    """Return whether Pillow would read very many values before it reaches the page to read."""
    if len(data) < 2 * _MAX_VALUES:
        return False
    return any(
        page.entries > _MAX_ENTRIES or page.values > _MAX_VALUES for page in _until_main(data)
    )


def main_page(data: bytes) -> int:
    """Return the index of the first page that does not call itself reduced, or else 0."""
    pages = list(_until_main(data))
    return len(pages) - 1 if pages and not pages[-1].subordinate else 0


def _until_main(data: bytes) -> Iterator[_Directory]:
    """Yield the directories up to the first that is the picture itself."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in (data[2], data[3])
    head, entry, step = ("Q", "HHQ", 20) if big else ("H", "HHI", 12)
    offset, at = "Q" if big else "I", 8 if big else 4
    for _ in range(_MAX_PAGES):
        if at + struct.calcsize(offset) > len(data):
            return
        (place,) = struct.unpack_from(order + offset, data, at)
        start = place + struct.calcsize(order + head)
        if place == 0 or start > len(data):
            return
        (declared,) = struct.unpack_from(order + head, data, place)
        entries = min(declared, (len(data) - start) // step)
        values, subordinate = 0, False
        for index in range(min(entries, _MAX_ENTRIES)):
            where = start + index * step
            tag, kind, count = struct.unpack_from(order + entry, data, where)
            # bytes and text are read in one piece, and values beyond the end of the file not at all
            if kind not in (1, 2, 6, 7) and count <= len(data):
                values += count
            if tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE) and count == 1 and kind in (3, 4):
                width = "H" if kind == 3 else "I"
                (value,) = struct.unpack_from(
                    order + width, data, where + struct.calcsize(order + entry)
                )
                wanted = _REDUCED | _MASK if tag == _NEW_SUBFILE_TYPE else _OLD_REDUCED
                subordinate |= bool(value & wanted)
        yield _Directory(entries, values, subordinate)
        if not subordinate:
            return
        at = start + declared * step
