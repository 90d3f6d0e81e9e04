"""Pages for people: one HTML file each that loads nothing, light and dark, from a template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from renzheng._support import files
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    import jinja2

Rows = Sequence[tuple[str, str]]  # labels and values

# Colours of a result on light and on dark paper: their contrast with it is at least 4.5:1.
GREEN, RED = ("#12704a", "#5fd39b"), ("#b0271f", "#ff8a80")
AMBER, GREY = ("#8a5a00", "#f2c14e"), ("#4b5865", "#b3c0cc")
PRIVACY = (
    "This report contains pictures of people. They are personal data, and faces used to "
    "identify someone are biometric data: keep it only as long as needed, share it with nobody "
    "who need not see it, then delete it."
)


def check_name(path: Path) -> None:
    """Make sure that a page can have this name.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html``.
    """
    if path.suffix.lower() != ".html":
        raise InvalidInput("the report is a web page", source=str(path), remedy="name it .html")


def check(path: Path) -> None:
    """Make sure, before any work, that a page can be written under this name.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html``, its folder is missing or a folder has that name.
    """
    check_name(path)
    files.check_place(path)


def plain(text: str) -> str:
    """Return text that neither breaks an encoding nor reorders its surroundings.

    File names may hold control characters, lone surrogates and marks of writing direction.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def sentence(text: str) -> str:
    """Return plain text with a capital and a full stop; empty if there is none."""
    text = plain(text).strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def save(
    path: Path,
    template: str,
    *,
    title: str,
    kicker: str,
    headline: str,
    reason: str = "",
    figures: Rows = (),
    note: str = "",
    colours: tuple[str, str] = GREEN,
    **content: object,
) -> None:
    """Fill a template and write the page; what was there is replaced whole or not at all.

    Parameters
    ----------
    path
        Where the page goes; the name ends in ``.html``.
    template
        Name of the template in the folder ``templates``, without its suffix. Every text that it
        shows is made `plain` and escaped.
    title
        Title of the browser window.
    kicker, headline, reason, figures
        Head of the page: a line of small print, the result, its reason and labelled values.
    note
        Last line of the page, on privacy.
    colours
        Colours of the result, on light and on dark paper.
    content
        Values that the template names; a missing one is an error.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html``.
    RenzhengError
        If the file cannot be written.
    """
    check_name(path)
    page = (
        _environment()
        .get_template(f"{template}.html.jinja")
        .render(
            content,
            title=title,
            kicker=kicker,
            headline=headline,
            reason=reason,
            figures=figures,
            note=note,
            colours=colours,
        )
    )
    files.write(path, page.encode("utf-8"))


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # only where a page is written

    return jinja2.Environment(
        loader=jinja2.PackageLoader("renzheng.apps.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if hasattr(value, "__html__") else plain(str(value)),
    )
