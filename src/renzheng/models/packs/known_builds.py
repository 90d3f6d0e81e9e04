"""Packs of the cache, compared with what a build of them writes.

A manifest that lists the digests of changed files proves nothing. So a pack of the cache has to be
made of its definition, of the files that ship with that, and of networks whose digests are known:
those that builds write on x86-64. On other processors, where the last bits may differ, a network is
believed as it lies in a folder that nobody else can write to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from renzheng._support.ownership import is_trusted
from renzheng.errors import PackError
from renzheng.models.packs.digests import DEFINITIONS, known
from renzheng.models.packs.manifest import MANIFEST, Pack

_KNOWN_ON = ("x86_64", "AMD64")  # processors, by their two names
_built_here: set[str] = set()


def manifest_of(name: str, digests: Mapping[str, str]) -> bytes:
    """Return the manifest that a build of a pack writes.

    Parameters
    ----------
    name
        The name of a pack that renzheng knows.
    digests
        SHA-256 by the name of each of its files.
    """
    settings = (DEFINITIONS / name / MANIFEST).read_text(encoding="utf-8")
    lines = "".join(f'"{file}" = "{digest}"\n' for file, digest in digests.items())
    return f"{settings}\n[files]\n{lines}".encode()


def check_built(name: str, pack: Pack) -> None:
    """Make sure that a pack in the cache is what a build of it writes.

    Raises
    ------
    PackError
        If its manifest or a file of its definition is another one, or the digest of a network is
        not known, those of this processor are, and this process did not build it.
    """
    files = {str(file): str(digest) for file, digest in pack.manifest["files"].items()}
    if hashlib.sha256(manifest_of(name, files)).hexdigest() != pack.digest:
        raise _changed(pack, MANIFEST)
    for path in (DEFINITIONS / name).iterdir():
        if path.name != MANIFEST:
            shipped = hashlib.sha256(path.read_bytes()).hexdigest()
            if shipped != files.get(path.name):
                raise _changed(pack, path.name)
    unknown = unknown_networks(name, pack)
    believed = pack.digest in _built_here or is_trusted(pack.folder)
    if unknown and not believed and are_known_here():
        raise _changed(pack, unknown[0])


def are_known_here() -> bool:
    """Return whether the digests of networks are known that builds write on this processor."""
    import platform  # takes a moment, and is hardly ever needed

    return platform.machine() in _KNOWN_ON


def unknown_networks(name: str, pack: Pack) -> list[str]:
    """Return the files of a pack's networks whose digests are not known; see `digests.known`.

    Such a pack is good where this process built it, and on processors that none are known of.
    """
    wanted = known().get(name, {})
    shipped = {path.name for path in (DEFINITIONS / name).iterdir()}
    files = pack.manifest["files"].items()
    return [file for file, digest in files if file not in shipped and wanted.get(file) != digest]


def believe(pack: Pack) -> None:
    """Note that this process built a pack."""
    _built_here.add(pack.digest)


def _changed(pack: Pack, file: str) -> PackError:
    return PackError(f"{file} is not what renzheng builds", source=str(pack.folder / MANIFEST))
