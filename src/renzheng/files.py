"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from renzheng.errors import RenzhengError


def write(path: Path, content: bytes) -> None:
    """Write a file so that its name never shows a part of it.

    What renzheng writes are pictures of people or templates of their faces, so nobody but the
    owner may read it.

    Raises
    ------
    RenzhengError
        If the file cannot be written; what was there before stays.
    """
    try:
        # In the same folder, since a rename is atomic within one file system only. mkstemp lets
        # nobody but the owner read the file.
        handle, name = tempfile.mkstemp(prefix=".renzheng-", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
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
