"""Pictures: read from any source, compared as pictures, searched for duplicates."""

from renzheng.images.limits import DEFAULT_LIMITS, Limits
from renzheng.images.reading import SUFFIXES, read, read_bytes
from renzheng.images.sources import describe, printable

__all__ = [
    "DEFAULT_LIMITS",
    "SUFFIXES",
    "Limits",
    "describe",
    "printable",
    "read",
    "read_bytes",
]
