"""Files: read with an end, written whole or not at all; the folder of what can be made again."""

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

# Digested at a time: a thread that imports keeps another one waiting before and after each piece.
_PIECE = 16 << 20


def cache_folder() -> Path:
    """Where what can be made again is kept; ``$RENZHENG_CACHE`` overrides the platform's folder."""
    override = os.environ.get("RENZHENG_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("renzheng")


def read(path: Path, most: int) -> bytes:
    """Read a regular file, whole.

    A pipe could keep the reader waiting for ever, and a device such as ``/dev/zero`` has no end.

    Parameters
    ----------
    path
        The file; a link is followed.
    most
        Bytes that it may have.

    Raises
    ------
    InvalidInput
        If it cannot be read, is no regular file or is larger.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput("it cannot be read: it is no regular file", source=str(path))
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: no file has such a name
        if isinstance(error, InvalidInput):
            raise
        told = getattr(error, "strerror", None) or error
        raise InvalidInput(f"it cannot be read: {told}", source=str(path)) from error
    if len(content) > most:
        raise InvalidInput(
            f"it cannot be read: it is larger than {most >> 20} MiB", source=str(path)
        )
    return content


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file so that its name never shows a part of it; see `new`.

    Raises
    ------
    RenzhengError
        If the file cannot be written; what was there before stays.
    """
    with new(path) as file:
        file.write(content)


@contextmanager
def new(path: Path) -> Iterator[BinaryIO]:
    """A file to be written that has its name once all of it is there.

    What renzheng writes are pictures of people or templates of their faces, so nobody but the
    owner may read it.

    Raises
    ------
    RenzhengError
        If the file cannot be written; what was there before stays.
    """
    try:
        if path.exists() and not path.is_file():
            # A rename would put a file in the place of a device, for whoever may do that.
            raise RenzhengError(
                "it cannot be written: what is there is no regular file",
                source=str(path),
                remedy="name a file",
            )
        # In the same folder, since a rename is atomic within one file system only. mkstemp lets
        # nobody but the owner read the file.
        handle, name = tempfile.mkstemp(prefix=".renzheng-", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # else a power failure could leave the name and no content
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise RenzhengError(
            f"it cannot be written: {error.strerror or error}",
            source=str(path),
            remedy="name a folder that exists and that you may write to, with space left",
        ) from error


def keep_private(path: Path) -> None:
    """Make a file unless it is there, and let nobody but its owner read it.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)  # an older file may have been open to others
    finally:
        os.close(handle)
