"""Packs written to folders of the user's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from renzheng._support import ownership
from renzheng._support.files import sha256
from renzheng.errors import PackError
from renzheng.models.packs.manifest import MANIFEST, Pack

_REMEDY = "name a folder that you may write to, with space left"


def save_as(
    pack: Pack, folder: Path, files: Mapping[str, bytes], changes: Mapping[str, Any]
) -> Pack:
    """Write a pack like another, with some files and settings of its own.

    Parameters
    ----------
    pack
        The pack whose networks and settings are taken over.
    folder
        The new pack's folder, which must not exist.
    files
        Contents by name, new or in place of the pack's.
    changes
        Values for the manifest's top level.

    Raises
    ------
    PackError
        If the folder exists, or cannot be written; nothing is left then.
    """
    kept = {name: pack.file(name).read_bytes() for name in pack.manifest["files"]}
    return write(folder, {**kept, **files}, {**pack.manifest, **changes})


def write(folder: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Pack:
    """Write a pack, whole or not at all.

    Parameters
    ----------
    folder
        The pack's folder, which must not exist.
    files
        Contents by name.
    manifest
        The manifest's tables; the files' digests are added.

    Raises
    ------
    PackError
        If the folder exists, or cannot be written; nothing is left then.
    """
    import tomli_w

    if folder.exists():
        raise PackError("the path exists already", source=str(folder), remedy="name another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = new_folder_beside(folder)
    except OSError as error:
        raise unwritable(error, folder.parent, _REMEDY) from error
    try:
        for name, content in files.items():
            (scratch / name).write_bytes(content)
        digests = {file.name: sha256(file) for file in sorted(scratch.iterdir())}
        text = tomli_w.dumps({**manifest, "files": digests})
        (scratch / MANIFEST).write_text(text, encoding="utf-8")
        ownership.shut(scratch)
        Pack.load(scratch)
        scratch.rename(folder)
        return Pack.load(folder)
    except OSError as error:
        raise unwritable(error, folder, _REMEDY) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def new_folder_beside(place: Path) -> Path:
    """Make a folder beside a pack's, open to whom the user's other folders are open to.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    folder = place.with_name(f".{place.name}-{os.urandom(6).hex()}")
    folder.mkdir(0o755)  # and not tempfile's, which stays closed to all others
    return folder


def unwritable(error: OSError, folder: Path, remedy: str) -> PackError:
    """Return the error for a folder that a pack cannot be written to."""
    return PackError(
        f"cannot write the pack: {error.strerror or error}", source=str(folder), remedy=remedy
    )
