"""The log of decisions: what was decided, on which pictures' digests; no picture, no embedding."""

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

_KEPT = ("decision", "reason", "distance", "similarity", "fmr", "llr", "policy", "pack")


class DecisionLog:
    """JSON lines, appended; a file that it makes is readable by its owner only.

    A line that a full disk cut short is ended before the next one, so that no other is lost with
    it.

    The file may be moved away at any time, as log rotation does: the next line starts a new one.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    InvalidInput
        If it cannot be written.
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
        self, request: str, who: str | None, pictures: dict[str, bytes], facts: dict[str, Any]
    ) -> None:
        """Append one decision, in one write.

        Parameters
        ----------
        request
            Its id, as in the reply's ``X-Request-ID``.
        who
            The name of the API key.
        pictures
            Only their SHA-256 is noted. That still tells whoever has a picture whether it was
            compared.
        facts
            A verification as a dictionary.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": request,
            "key": who,
            **{f"{name}_sha256": hashlib.sha256(p).hexdigest() for name, p in pictures.items()},
            **{name: facts[name] for name in _KEPT},
            "roles": [facts["reference"]["role"], facts["probe"]["role"]],
            "same_picture": (facts["same_picture"] or {}).get("same"),
            "liveness": (facts["liveness"] or {}).get("score"),
            "warnings": [f"{each['side']}.{each['code']}" for each in facts["warnings"]],
            "milliseconds": facts["timings_ms"].get("total"),
            "renzheng": __version__,
        }
        content = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        handle = self._open()
        if self._is_torn(handle):  # a full disk or a crash left a part of a line
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
            raise OSError(errno.EINVAL, "it is no regular file")
        self._handle = handle
        return handle

    @staticmethod
    def _is_torn(handle: int) -> bool:
        """Whether the file ends in the middle of a line."""
        end = os.lseek(handle, 0, os.SEEK_END)
        if end == 0:
            return False
        os.lseek(handle, end - 1, os.SEEK_SET)
        return os.read(handle, 1) != b"\n"
