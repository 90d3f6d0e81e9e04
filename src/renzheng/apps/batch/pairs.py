"""The table of a run: the pairs of pictures to compare."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from renzheng._support import csv_tables, files
from renzheng.apps.batch import parquet
from renzheng.errors import InvalidInput
from renzheng.types import Role
from renzheng.verification.templates import FaceTemplate, unread

NAMES = ("reference", "probe")  # the two columns, unless others are named
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # a single letter is a drive


@dataclass(frozen=True)
class Picture:
    """A picture in a role.

    Attributes
    ----------
    path
        The absolute path; empty where the cell names no file.
    role
        The role of the picture.
    name
        The cell's text.
    """

    path: str
    role: str
    name: str


@dataclass(frozen=True, eq=False)
class Pairs:
    """A table of pairs.

    Attributes
    ----------
    columns
        The names of the table's columns, unchanged.
    rows
        The cells of each row, unchanged.
    reference, probe
        The numbers of the columns that name the pictures.
    digest
        SHA-256 of the table's file, in hexadecimal.
    root
        The folder that relative paths start from.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    reference: int
    probe: int
    digest: str
    root: Path

    def pictures(self, row: int, roles: tuple[str, str]) -> tuple[Picture, Picture]:
        """Return the two pictures of a row."""
        cells = self.rows[row]
        one, other = (
            picture(cells[k], role, self.root)
            for k, role in zip((self.reference, self.probe), roles, strict=True)
        )
        return one, other


def read(path: Path, names: tuple[str, str] = NAMES, root: Path | None = None) -> Pairs:
    """Read a table of pairs.

    Parameters
    ----------
    path
        CSV as `renzheng._support.csv_tables.read` takes it, or ``.parquet``, whose values are
        converted to text.
    names
        The columns of the reference and of the probe; their case matters only where columns
        differ in nothing else.
    root
        The folder that relative paths start from; by default the table's.

    Raises
    ------
    InvalidInput
        If it cannot be read or lacks a column, or the root is no folder.
    """
    digest = hashlib.sha256(files.read(path, csv_tables.MAX_BYTES)).hexdigest()
    if path.suffix.lower() == ".parquet":
        columns: Sequence[str]
        columns, rows = parquet.read_texts(path)
    else:
        columns, numbered = csv_tables.read(path, fold=(), strip=False)
        rows = [tuple(row.values()) for _, row in numbered]
    places = [_place(name, columns, path) for name in names]
    if places[0] == places[1]:
        raise InvalidInput(
            "one column cannot name both pictures", remedy="name two with --columns REFERENCE,PROBE"
        )
    if not rows:
        raise InvalidInput("the table has no rows", source=str(path))
    folder = path.parent if root is None else root
    if not folder.is_dir():
        raise InvalidInput(
            "there is no such folder", source=str(folder), remedy="name one with --root"
        )
    return Pairs(tuple(columns), rows, places[0], places[1], digest, folder.absolute())


def _place(name: str, columns: Sequence[str], path: Path) -> int:
    if name in columns:
        return list(columns).index(name)
    alike = [k for k, column in enumerate(columns) if column.lower() == name.lower()]
    if len(alike) == 1:
        return alike[0]
    raise InvalidInput(
        f"the table has no column {name!r}; it has {', '.join(columns)}",
        source=str(path),
        remedy="name the two columns of the pictures with --columns REFERENCE,PROBE",
    )


def picture(cell: str, role: str, root: Path) -> Picture:
    """Return the picture that a cell names; blanks around the name are ignored."""
    name = cell.strip()
    if not name or _URL.match(name):
        return Picture("", role, name)
    return Picture(os.path.abspath(root / name), role, name)  # noqa: PTH100 - links stay


def refusal(one: Picture) -> FaceTemplate | None:
    """Return the template that stands for a cell that names no file; None for one that does."""
    if one.path:
        return None
    if not one.name:
        return unread("", Role(one.role), "the table names no picture", code="no_picture")
    return unread(
        one.name,
        Role(one.role),
        "this is an address, and nothing is fetched (download it first)",
        code="unreadable",
    )
