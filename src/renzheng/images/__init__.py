"""Pictures: read from any source, compared as pictures, searched for duplicates."""

from renzheng.images.reading import (
    DEFAULT_LIMITS,
    SUFFIXES,
    Limits,
    describe,
    printable,
    read,
    read_bytes,
)

__all__ = [
    "DEFAULT_LIMITS",
    "SUFFIXES",
    "Limits",
    "describe",
    "printable",
    "read",
    "read_bytes",
]
