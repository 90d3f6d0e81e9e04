"""Packs: networks with manifest, digests, licence, provenance and calibration."""

from renzheng.models.defaults import DEFAULT_DETECTOR, DEFAULT_EMBEDDER
from renzheng.models.packs.manifest import Pack
from renzheng.models.packs.store import (
    Named,
    State,
    add,
    build,
    built,
    cache_folder,
    definition,
    load,
    location,
    must_be_added,
    names,
    of_kind,
    save_as,
    source,
    state,
    write,
)

__all__ = [
    "DEFAULT_DETECTOR",
    "DEFAULT_EMBEDDER",
    "Named",
    "Pack",
    "State",
    "add",
    "build",
    "built",
    "cache_folder",
    "definition",
    "load",
    "location",
    "must_be_added",
    "names",
    "of_kind",
    "save_as",
    "source",
    "state",
    "write",
]
