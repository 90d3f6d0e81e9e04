"""Studies as a page for people, with the same as JSON beside it."""

from __future__ import annotations

from pathlib import Path

from renzheng.apps.reports import pages
from renzheng.apps.reports.evaluation import plots

__all__ = ["check"]


def check(path: Path) -> None:
    """Make sure that a report can be made under this name, before hours of work.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html``, its folder is missing or a folder has that name.
    RenzhengError
        If matplotlib is missing.
    """
    pages.check(path)
    plots.check_available()
