"""Packs: networks with manifest, digests, licence, provenance and calibration."""

from renzheng.packs.manifest import Pack
from renzheng.packs.store import (
    State,
    add,
    build,
    cache_folder,
    definition,
    load,
    location,
    must_be_added,
    names,
    save_as,
    state,
    write,
)

__all__ = [
    "Pack",
    "State",
    "add",
    "build",
    "cache_folder",
    "definition",
    "load",
    "location",
    "must_be_added",
    "names",
    "save_as",
    "state",
    "write",
]
