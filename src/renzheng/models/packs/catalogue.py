"""The packs that renzheng knows: their definitions, their places in the cache, their states."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Any

from renzheng._support import ownership
from renzheng._support.notation import from_toml
from renzheng.errors import PackError
from renzheng.models.converters.sources import Source
from renzheng.models.packs import known_builds, missing
from renzheng.models.packs.cache import cache_folder, sources_folder
from renzheng.models.packs.digests import DEFINITIONS
from renzheng.models.packs.manifest import MANIFEST, Pack


class State(StrEnum):
    """The state of a pack in the cache."""

    BUILT = "built"
    UNBUILT = "unbuilt"  # or damaged and built again on use
    ABSENT = "absent"  # its weights have to be added first
    DAMAGED = "damaged"  # and its weights are not here any more


def names() -> list[str]:
    """Return the names of the packs that renzheng knows."""
    return sorted(path.parent.name for path in DEFINITIONS.glob(f"*/{MANIFEST}"))


def definition(name: str) -> dict[str, Any]:
    """Return the manifest of a pack as it ships with renzheng, before it is built.

    Raises
    ------
    PackError
        If the name is unknown.
    """
    return from_toml((definition_folder(name) / MANIFEST).read_text(encoding="utf-8"))


def definition_folder(name: str) -> Path:
    """Return the folder of a pack's manifest and the files that belong to it.

    Raises
    ------
    PackError
        If the name is unknown.
    """
    if name not in names():
        from renzheng.models.packs import published  # only for its names

        raise missing.unknown(name, names(), published.networks())
    return DEFINITIONS / name


def location(name: str) -> Path:
    """Return a pack's folder, built or not: a new definition has a new folder.

    Raises
    ------
    PackError
        If the name is unknown.
    """
    digest = hashlib.sha256()
    for file in sorted(definition_folder(name).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return cache_folder() / f"{name}-{digest.hexdigest()[:12]}"


def source(name: str) -> Source:
    """Return the origin of a pack's weights.

    Raises
    ------
    PackError
        If the name is unknown.
    """
    return Source.of(definition(name))


def loaded(name: str) -> Pack:
    """Return a pack that is built, and what a build of it writes.

    Raises
    ------
    UntrustedPack
        If others could have changed it.
    PackError
        If the name is unknown, or the pack is missing, damaged or changed.
    """
    place = location(name)
    ownership.check_cache(place.parent)
    pack = Pack.load(place)
    known_builds.check_built(name, pack)
    return pack


def state(name: str) -> State:
    """Return a pack's state; every file of it is checked.

    Raises
    ------
    UntrustedPack
        If others could have changed it.
    PackError
        If the name is unknown.
    """
    place = location(name)
    try:
        loaded(name)
        return State.BUILT
    except ownership.UntrustedPack:
        raise
    except PackError:
        pass
    if source(name).is_here(sources_folder()):
        return State.UNBUILT
    return State.DAMAGED if place.exists() else State.ABSENT


def must_be_added(name: str) -> bool:
    """Return whether a pack cannot be built until its weights are added.

    Raises
    ------
    PackError
        If the name is unknown.
    """
    return state(name) in (State.ABSENT, State.DAMAGED)
