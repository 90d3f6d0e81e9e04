"""API keys, of which only digests are stored."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renzheng._support import files
from renzheng.errors import InvalidInput, RenzhengError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern}):([0-9a-f]{{64}})")
_MAX_BYTES = 1 << 20
_WAIT = 20.0  # seconds
_PREFIX = "rz_"  # scanners for leaked secrets recognise a key by it

_log = logging.getLogger("renzheng.service")


def digest(key: str) -> str:
    """Return the digest under which a key is stored.

    It is a plain SHA-256: a key has 256 random bits, which no dictionary holds and nobody can
    guess, so a slow hash would add nothing.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def read(path: Path) -> dict[str, str]:
    """Read the digests in a file of keys, by name.

    Raises
    ------
    InvalidInput
        If the file cannot be read or is not a file of keys.
    """
    found: dict[str, str] = {}
    lines = files.read(path, _MAX_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _LINE.fullmatch(line.strip())
        if entry is None or entry[1] in found:
            raise InvalidInput(
                f"line {number} is not NAME:DIGEST, or repeats a name",
                source=str(path),
                remedy="make keys with `renzheng keys add NAME --file FILE`",
            )
        found[entry[1]] = entry[2]
    return found


def add(path: Path, name: str) -> str:
    """Make a key, store its digest and return the key, which is shown only this once.

    Raises
    ------
    InvalidInput
        If the name is not allowed or already taken.
    RenzhengError
        If the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"a key's name has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-', not {name!r}"
        )
    with _locked(path):
        known = read(path) if path.exists() else {}
        if name in known:
            raise InvalidInput(
                f"there is already a key called {name!r}",
                source=str(path),
                remedy="remove it first",
            )
        key = _PREFIX + secrets.token_urlsafe(32)
        _write(path, {**known, name: digest(key)})
    return key


def remove(path: Path, name: str) -> None:
    """Remove a key; a running service no longer accepts it.

    Raises
    ------
    InvalidInput
        If there is no key of that name.
    """
    with _locked(path):
        known = read(path)
        if name not in known:
            raise InvalidInput(
                f"there is no key called {name!r}",
                source=str(path),
                remedy=f"the keys are: {', '.join(known) or 'none'}",
            )
        del known[name]
        _write(path, known)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file, so that two changes at a time neither lose nor restore a key."""
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise RenzhengError(
            "changing keys needs filelock", remedy="pip install 'renzheng[serve]'"
        ) from error
    if not path.parent.is_dir():
        raise InvalidInput("the folder does not exist", source=str(path.parent), remedy="make it")
    try:
        with FileLock(f"{path}.lock", timeout=_WAIT):
            yield
    except Timeout:
        raise RenzhengError(
            f"another process has held its lock for {_WAIT:.0f} s", source=str(path)
        ) from None
    except OSError as error:
        raise RenzhengError(
            f"the file cannot be locked: {error.strerror}", source=str(path)
        ) from error


def _write(path: Path, known: dict[str, str]) -> None:
    text = "".join(f"{name}:{value}\n" for name, value in known.items())
    files.write(path, text.encode())


class Keys:
    """The keys of a running service, read again whenever the file changes.

    Parameters
    ----------
    path
        The file of keys.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is not a file of keys, or holds no key.
    """

    def __init__(self, path: Path):
        self._path = path
        self._known = read(path)
        self._seen = self._stamp()
        if not self._known:
            raise InvalidInput(
                "the file holds no key",
                source=str(path),
                remedy=f"make one: renzheng keys add NAME --file {path}",
            )

    def name(self, key: str) -> str | None:
        """Return the name of a key; None if it is unknown."""
        self._refresh()
        presented, found = digest(key), None
        for name, kept in self._known.items():
            # Every key is compared, each in constant time, so the time taken reveals nothing.
            if hmac.compare_digest(presented, kept):
                found = name
        return found

    def _refresh(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._known = read(self._path)
        except RenzhengError as error:
            _log.error("the keys stay as they were: %s", error)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
