"""Results as files: a CSV that grows while the run goes on, and the complete output."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from renzheng._support import files
from renzheng.apps.batch import parquet
from renzheng.apps.batch.steps import TYPES, Cell
from renzheng.errors import InvalidInput, RenzhengError


def check(path: Path, kinds: Sequence[str]) -> None:
    """Check, before any work, that results can be written to this file.

    Raises
    ------
    InvalidInput
        If its suffix is none of these kinds, or the path is taken by something that is no file.
    RenzhengError
        If its folder is missing or not writable, or pyarrow is needed and not installed.
    """
    if path.suffix.lower() not in kinds:
        raise InvalidInput(
            f"results are written as {' or '.join(kinds)}, not {path.suffix!r}", source=str(path)
        )
    if path.suffix.lower() == ".parquet":
        parquet.require()
    if path.exists() and not path.is_file():
        raise InvalidInput("the path exists and is no file", source=str(path), remedy="name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise RenzhengError(
            "the file cannot be written",
            source=str(path),
            remedy="name a folder that exists and that you may write to",
        )


def line(cells: Sequence[Cell]) -> str:
    """Return one row of CSV."""
    text = io.StringIO(newline="")
    # Cells are quoted for the characters of the line end, so it has to hold both.
    csv.writer(text, lineterminator="\r\n").writerow([_text(cell) for cell in cells])
    return text.getvalue()[:-2] + "\n"


def write_csv(path: Path, rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows, the header among them, in whole or not at all.

    File names that are not UTF-8 are written as their bytes.

    Raises
    ------
    RenzhengError
        If the file cannot be written.
    """
    with files.new(path) as file:
        for row in rows:
            file.write(line(row).encode("utf-8", "surrogateescape"))


def write_parquet(
    path: Path,
    original: Sequence[str],
    answered: Sequence[str],
    prefix: str,
    rows: Iterable[Sequence[Cell]],
    metadata: dict[str, str],
) -> None:
    """Write the rows of a table with their answers; the table's own columns stay text.

    Raises
    ------
    RenzhengError
        If the file cannot be written.
    """
    arrow = parquet.require()
    types: dict[type, Any] = {str: arrow.string(), float: arrow.float64(), bool: arrow.bool_()}
    kinds = {name: arrow.string() for name in original}
    kinds |= {prefix + name: types[TYPES.get(name, str)] for name in answered}
    with files.new(path) as file:
        parquet.write(file, kinds, rows, metadata)


def partial(output: Path) -> Path:
    """Return the path of the file that rows are written to as they come."""
    return output.with_name(output.name + ".partial")


def check_partial(output: Path) -> None:
    """Check that a new run would not replace an existing file.

    Raises
    ------
    InvalidInput
        If the file for rows as they come exists.
    """
    if os.path.lexists(partial(output)):
        raise InvalidInput(
            "rows would be written here while the run goes on, and there is a file already",
            source=str(partial(output)),
            remedy="move it away, or name another output",
        )


class Partial:
    """A CSV file of the rows so far, for people to look at; a run continues from the store.

    Parameters
    ----------
    output
        The output, beside which the file lies.
    header
        The names of the columns.
    rows
        The rows that an earlier run finished.

    Raises
    ------
    RenzhengError
        If the file cannot be written.
    """

    def __init__(self, output: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]):
        self.path = partial(output)
        try:
            self.remove()
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            self._file = os.fdopen(handle, "w", encoding="utf-8", newline="")
            self.add([header, *rows])
        except OSError as error:
            raise self._failure(error) from error

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows."""
        try:
            self._file.writelines(map(line, rows))
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file, and leave it there."""
        with suppress(OSError):
            self._file.close()

    def remove(self) -> None:
        """Delete the file."""
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _failure(self, error: OSError) -> RenzhengError:
        return RenzhengError(
            f"the file cannot be written: {error.strerror}",
            source=str(self.path),
            remedy="free some space on the disk, then continue with --resume",
        )


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else repr(cell)
