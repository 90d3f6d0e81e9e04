"""A picture similarity as a page or a picture: what agrees, outlined and joined, with numbers."""

from __future__ import annotations

from pathlib import Path

from renzheng._support import files
from renzheng.apps.reports import pages, thumbnails
from renzheng.apps.reports.similarity import words
from renzheng.apps.reports.similarity.drawing import joined
from renzheng.errors import InvalidInput
from renzheng.images.similarity import PictureSimilarity
from renzheng.images.similarity.words import HEADLINE

__all__ = ["check_name", "joined", "save"]


def check_name(path: Path) -> None:
    """Make sure that a report can have this name.

    Raises
    ------
    InvalidInput
        If it ends in anything but ``.html`` or ``.png``.
    """
    if path.suffix.lower() not in (".html", ".png"):
        raise InvalidInput(
            "the report is a web page or a picture",
            source=str(path),
            remedy="name it .html or .png",
        )


def save(similarity: PictureSimilarity, path: Path) -> None:
    """Write a report, as a web page or as a picture.

    Parameters
    ----------
    similarity
        The result to report, whatever it is.
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
    check_name(path)
    if path.suffix.lower() == ".png":
        from renzheng.apps.reports.similarity import picture

        files.write(path, picture.render(similarity))
        return
    headline = HEADLINE[similarity.likeness]
    pages.save(
        path,
        "similarity",
        title=f"{headline} · {words.TITLE}",
        kicker=words.TITLE,
        headline=headline,
        reason=pages.sentence(similarity.reason),
        note=words.PRIVACY,
        colours=words.COLOURS[similarity.likeness],
        picture=thumbnails.address(joined(similarity)),
        caption=words.caption(similarity),
        rows=words.facts(similarity),
    )
