"""A verification as a page for people: pictures, faces, crops and where the distance lies."""

from __future__ import annotations

from pathlib import Path

from renzheng._support import files
from renzheng.errors import InvalidInput
from renzheng.types import Verification
from renzheng.verification.calibration import Calibration

__all__ = ["check_suffix", "save"]


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
    check_suffix(path)
    if path.suffix.lower() == ".html":
        from renzheng.apps.reports.verification import html

        content = html.render(verification, calibration)
    else:
        from renzheng.apps.reports.verification import png

        content = png.render(verification, calibration)
    files.write(path, content)


def check_suffix(path: Path) -> None:
    """Make sure that a report can be written under this name.

    Raises
    ------
    InvalidInput
        If it ends in anything but ``.html`` or ``.png``.
    """
    suffix = path.suffix.lower()
    if suffix not in (".html", ".png"):
        raise InvalidInput(
            f"a report cannot be written as {suffix or 'a file without a suffix'}",
            source=str(path),
            remedy="name it .html or .png",
        )
