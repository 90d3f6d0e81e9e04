"""A verification as a page for people: pictures, faces, crops and where the distance lies."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from renzheng.comparison import Calibration
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.types import Verification

__all__ = ["save"]


def save(verification: Verification, calibration: Calibration | None, path: Path) -> None:
    """Write a report, as a web page or as a picture.

    Parameters
    ----------
    verification
        The result to report, whatever its decision.
    calibration
        Of the pack that was used, for the plot; None leaves the plot out.
    path
        Ends in ``.html`` (one file that loads nothing else) or ``.png``. An existing file is
        replaced whole or not at all.

    Raises
    ------
    InvalidInput
        If the path ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".html":
        from renzheng.report import html

        content = html.render(verification, calibration)
    elif suffix == ".png":
        from renzheng.report import png

        content = png.render(verification, calibration)
    else:
        raise InvalidInput(
            f"a report cannot be written as {suffix or 'a file without a suffix'}",
            source=str(path),
            remedy="name it .html or .png",
        )
    try:
        _replace(path, content)
    except OSError as error:
        raise RenzhengError(
            f"the report cannot be written: {error.strerror or error}",
            source=str(path),
            remedy="name a folder that exists and that you may write to, with space left",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that its name never shows a part of it."""
    # In the same folder, since a rename is atomic within one file system only. mkstemp lets
    # nobody but the owner read the file, which suits pictures of people.
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
