"""CSV tables with a header, as people hand them in."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from renzheng._support import files
from renzheng.errors import InvalidInput

MAX_BYTES = 256 << 20  # some millions of rows

Row = dict[str, str]


def read(
    path: Path, fold: Collection[str] | None = None, *, strip: bool = True
) -> tuple[Sequence[str], Iterator[tuple[int, Row]]]:
    """Read a table of texts.

    Parameters
    ----------
    path
        CSV with a header; separated by comma, semicolon or tab; UTF-8.
    fold
        Columns whose case does not matter, in lower case; by default all columns.
    strip
        Whether to strip blanks around the text of cells; blank rows are skipped in either case.

    Returns
    -------
    columns, rows
        The names of the columns, in lower case where case does not matter; and each row with its
        number.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or is no such table.
    """
    content = files.read(path, MAX_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "the table is not UTF-8", source=str(path), remedy="save it as CSV UTF-8"
        ) from error
    first = text.lstrip("\r\n").partition("\n")[0]
    if not first.strip():
        raise InvalidInput("the table is empty", source=str(path))
    separator = max(",;\t", key=first.count)
    try:
        lines = io.StringIO(text, newline="")  # the reader splits: quoted cells may hold newlines
        table = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        raise InvalidInput(f"the table is not CSV: {error}", source=str(path)) from error
    table = table[next(k for k, cells in enumerate(table) if any(cells)) :]
    columns = [name.strip() for name in table[0]]
    columns = [c.lower() if fold is None or c.lower() in fold else c for c in columns]
    if len(set(columns)) < len(columns):
        raise InvalidInput("two columns have the same name", source=str(path))
    for number, cells in enumerate(table[1:], start=2):
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise InvalidInput(
                f"row {number} has more cells than there are columns",
                source=str(path),
                remedy=f"put cells that contain {separator!r} into double quotes",
            )

    def rows() -> Iterator[tuple[int, Row]]:
        for number, cells in enumerate(table[1:], start=2):
            if any(cell.strip() for cell in cells):
                padded = [*cells, *[""] * (len(columns) - len(cells))]
                cut = zip(columns, padded, strict=False)
                yield number, {c: v.strip() if strip else v for c, v in cut}

    return columns, rows()


def require(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> None:
    """Check that a table has the wanted columns.

    Raises
    ------
    InvalidInput
        If one is missing.
    """
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise InvalidInput(
            f"the table lacks the column(s) {', '.join(missing)}; it has {', '.join(columns)}",
            source=str(path),
            remedy=f"the first row names the columns: {','.join(wanted)}",
        )
