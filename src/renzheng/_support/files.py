"""Files, read up to a limit and written whole or not at all; and the cache folder."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import platformdirs

from renzheng.errors import InvalidInput, RenzhengError

# Bytes digested at a time. Few pieces, since a thread that imports a module keeps this one waiting
# before and after each of them.
_PIECE = 16 << 20


def cache_folder() -> Path:
    """Return the folder of files that can be made again.

    ``$RENZHENG_CACHE`` overrides the platform's folder.
    """
    override = os.environ.get("RENZHENG_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("renzheng")


def read(path: Path, max_bytes: int) -> bytes:
    """Read a whole regular file.

    A pipe could keep the reader waiting for ever, and a device such as ``/dev/zero`` has no end.

    Parameters
    ----------
    path
        The file; a link is followed.
    max_bytes
        The maximum size of the file.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is not a regular file or is too large.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput(
                "the file cannot be read: it is not a regular file", source=str(path)
            )
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: no file has such a name
        if isinstance(error, InvalidInput):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"the file cannot be read: {reason}", source=str(path)) from error
    if len(content) > max_bytes:
        raise InvalidInput(
            f"the file cannot be read: it is larger than {max_bytes >> 20} MiB", source=str(path)
        )
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def check_place(path: Path) -> None:
    """Check, before any work, that a file can lie under this name.

    Raises
    ------
    InvalidInput
        If its folder is missing, or something that is no regular file has the name.
    """
    if not path.parent.is_dir():
        raise InvalidInput(
            "there is no such folder", source=str(path.parent), remedy="make it first"
        )
    if path.exists() and not path.is_file():
        raise InvalidInput("this is not a regular file", source=str(path), remedy="name a file")


def write(path: Path, content: bytes) -> None:
    """Write a file, which gets its name only once it is complete; see `new`.

    Raises
    ------
    RenzhengError
        If the file cannot be written; what was there before stays.
    """
    with new(path) as file:
        file.write(content)


@contextmanager
def new(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for writing, which gets its name only once it is complete.

    Files that renzheng writes hold pictures of people or templates of their faces, so only the
    owner may read them.

    Raises
    ------
    RenzhengError
        If the file cannot be written; what was there before stays.
    """
    try:
        if path.exists() and not path.is_file():
            # A rename would replace a device by a file, if the user has the right to do that.
            raise RenzhengError(
                "the file cannot be written: there is something that is not a regular file",
                source=str(path),
                remedy="name a file",
            )
        # In the same folder, since a rename is atomic only within one file system. mkstemp lets
        # only the owner read the file.
        handle, name = tempfile.mkstemp(prefix=".renzheng-", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # a power failure could leave the name without the content
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise RenzhengError(
            f"the file cannot be written: {error.strerror or error}",
            source=str(path),
            remedy="name a file in a folder that exists, is writable and has space left",
        ) from error


def keep_private(path: Path) -> None:
    """Create a file if it is missing, and let only its owner read it.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)  # others may have been able to read an older file
    finally:
        os.close(handle)
