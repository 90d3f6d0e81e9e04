"""Pictures: read from any source, compared as pictures, searched for duplicates."""

from renzheng.images.limits import DEFAULT_LIMITS, Limits
from renzheng.images.reading import SUFFIXES, ReadPicture, read, read_bytes, read_pages
from renzheng.images.sources import describe, printable

__all__ = [
    "DEFAULT_LIMITS",
    "SUFFIXES",
    "Limits",
    "ReadPicture",
    "describe",
    "printable",
    "read",
    "read_bytes",
    "read_pages",
]
