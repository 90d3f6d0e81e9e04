"""Files that packs are made of and no package carries: fetched or handed in once, then kept.

Nothing here runs unless someone asks for it (`renzheng packs add`). A file is known by its SHA-256
alone, so where it comes from does not matter.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from renzheng import files
from renzheng.errors import PackError, RenzhengError

_MAX_BYTES = 64 << 20
_PIECE = 1 << 16
_PATIENCE = 20.0  # times the timeout that one file may take in all: a server may drip


def place(folder: Path, digest: str) -> Path:
    """Where a file of this SHA-256 is kept."""
    return folder / digest


def absent(wanted: Mapping[str, str], folder: Path) -> list[str]:
    """The names of those files that are not kept, or are damaged.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    folder
        Where files are kept.
    """
    return [name for name, digest in wanted.items() if not _good(place(folder, digest), digest)]


def keep(contents: Mapping[str, bytes], wanted: Mapping[str, str], folder: Path) -> None:
    """Keep files.

    Raises
    ------
    PackError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            files.write(place(folder, wanted[name]), content)
    except (OSError, RenzhengError) as error:
        raise PackError(
            "the files cannot be kept",
            source=str(folder),
            remedy="free some space, or set RENZHENG_CACHE to a folder that you may write",
        ) from error


def take(wanted: Mapping[str, str], source: Path) -> dict[str, bytes]:
    """Read the files from a folder.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    source
        The folder, or one of the files in it.

    Raises
    ------
    PackError
        If one is missing or is another file.
    """
    if source.is_file() and source.name not in wanted:
        raise PackError(
            f"it is neither {' nor '.join(wanted)}",
            source=str(source),
            remedy="name the folder that holds them",
        )
    folder = source.parent if source.is_file() else source
    if not folder.is_dir():
        raise PackError("there is no such folder", source=str(source))
    contents = {}
    for name, digest in wanted.items():
        path = folder / name
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise PackError("the file is too large", source=str(path))
            contents[name] = path.read_bytes()
        except OSError as error:
            raise PackError(
                f"{name} cannot be read: {error.strerror}",
                source=str(source),
                remedy=f"the folder must hold {' and '.join(wanted)}",
            ) from error
        _check(contents[name], digest, str(path))
    return contents


def fetch(
    wanted: Mapping[str, str], base: str, *, remedy: str, timeout: float = 30.0
) -> dict[str, bytes]:
    """Fetch the files.

    Parameters
    ----------
    wanted
        SHA-256 by name.
    base
        The address that a name is put behind.
    remedy
        What to do where they cannot be had.
    timeout
        Seconds that the server may stay silent; a file may take twenty times as long.

    Raises
    ------
    PackError
        If a file cannot be had, is too large, ends early or is another one.
    """
    # Every comparison imports this module, and these take longer to import than the rest of it.
    import http.client
    import urllib.error

    contents = {}
    for name, digest in wanted.items():
        address = base + name
        try:
            contents[name] = _download(address, timeout)
        except urllib.error.HTTPError as error:
            with error:
                reason = f"the server answers {error.code} {error.reason}"
            raise PackError(reason, source=address, remedy=remedy) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            told = getattr(error, "reason", None) or error
            raise PackError(
                f"it cannot be fetched: {told or type(error).__name__}",
                source=address,
                remedy=remedy,
            ) from error
        _check(contents[name], digest, address)
    return contents


def _download(address: str, timeout: float) -> bytes:
    import urllib.request

    deadline = time.monotonic() + _PATIENCE * timeout
    parts: list[bytes] = []
    size = 0
    request = urllib.request.Request(address, headers={"User-Agent": "renzheng"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        promised = answer.headers.get("Content-Length")
        while part := answer.read1(_PIECE):
            parts.append(part)
            size += len(part)
            if size > _MAX_BYTES:
                raise ValueError("it is too large")
            if time.monotonic() > deadline:
                raise TimeoutError("it takes too long")
    if promised is not None and size != int(promised):
        raise ValueError(f"it ended early, after {size} of {promised} bytes")
    return b"".join(parts)


def _check(content: bytes, digest: str, source: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise PackError(
            f"it is another file than wanted: its SHA-256 begins {found[:12]}, not {digest[:12]}",
            source=source,
        )


def _good(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
