"""Packs: networks with manifest, digests, licence, provenance and calibration."""

from renzheng._support.ownership import UntrustedPack
from renzheng.models.defaults import DEFAULT_DETECTOR, DEFAULT_EMBEDDER
from renzheng.models.packs.builder import build
from renzheng.models.packs.cache import cache_folder
from renzheng.models.packs.catalogue import (
    State,
    definition,
    location,
    must_be_added,
    names,
    source,
    state,
)
from renzheng.models.packs.manifest import Pack
from renzheng.models.packs.store import Named, add, built, calibrating, load, of_kind
from renzheng.models.packs.writer import save_as, write

__all__ = [
    "DEFAULT_DETECTOR",
    "DEFAULT_EMBEDDER",
    "Named",
    "Pack",
    "State",
    "UntrustedPack",
    "add",
    "build",
    "built",
    "cache_folder",
    "calibrating",
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
