"""Packs: networks with manifest, digests, licence, provenance and calibration."""

from renzheng.packs.manifest import Pack
from renzheng.packs.store import (
    build,
    cache_folder,
    definition,
    load,
    location,
    names,
    save_as,
    write,
)

__all__ = [
    "Pack",
    "build",
    "cache_folder",
    "definition",
    "load",
    "location",
    "names",
    "save_as",
    "write",
]
