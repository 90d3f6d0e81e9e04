"""The log of decisions, with the digests of their pictures but no picture and no embedding."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from renzheng import __version__
from renzheng.errors import InvalidInput

_LOGGED = (
    *("decision", "reason", "distance", "similarity", "fmr", "llr", "information"),
    *("policy", "pack"),
)


class DecisionLog:
    """A file of JSON lines that is only appended to; a new file is readable by its owner only.

    A line that a full disk cut short is ended before the next one, so that the next is not lost
    with it. The file may be moved away at any time, as log rotation does: the next line starts a
    new one.

    Parameters
    ----------
    path
        The log file.

    Raises
    ------
    InvalidInput
        If the file cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        self._handle: int | None = None
        try:
            self._open()
        except OSError as error:
            raise InvalidInput(
                f"the decision log cannot be written: {error.strerror}", source=str(path)
            ) from error

    def append(
        self, request: str, key_name: str | None, pictures: dict[str, bytes], facts: dict[str, Any]
    ) -> None:
        """Append one decision in a single write.

        Parameters
        ----------
        request
            The request's id, as in the reply's ``X-Request-ID``.
        key_name
            The name of the API key; None if the service asks for none.
        pictures
            The pictures by field; only their SHA-256 digests are logged. A digest still tells
            anyone who has the picture that it was compared.
        facts
            The verification as a dictionary.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": request,
            "key": key_name,
            **{f"{name}_sha256": hashlib.sha256(p).hexdigest() for name, p in pictures.items()},
            **{name: facts[name] for name in _LOGGED},
            "roles": [facts["reference"]["role"], facts["probe"]["role"]],
            "same_picture": (facts["same_picture"] or {}).get("same"),
            "liveness": (facts["liveness"] or {}).get("score"),
            "warnings": [f"{each['side']}.{each['code']}" for each in facts["warnings"]],
            "milliseconds": facts["timings_ms"].get("total"),
            "renzheng": __version__,
        }
        content = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        handle = self._open()
        if self._is_torn(handle):  # a full disk or a crash left part of a line
            content = b"\n" + content
        if os.write(handle, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _open(self) -> int:
        if self._handle is not None:
            try:
                there, ours = self._path.stat(), os.fstat(self._handle)
                if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                    return self._handle
            except OSError:
                pass  # moved away
            self.close()
        flags = os.O_APPEND | os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "not a regular file")
        self._handle = handle
        return handle

    @staticmethod
    def _is_torn(handle: int) -> bool:
        """Return whether the file ends in the middle of a line."""
        end = os.lseek(handle, 0, os.SEEK_END)
        if end == 0:
            return False
        os.lseek(handle, end - 1, os.SEEK_SET)
        return os.read(handle, 1) != b"\n"
