"""Results as files: a CSV that grows while the run goes on, and the whole under its name."""

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
    """Make sure, before any work, that results can have this name.

    Raises
    ------
    InvalidInput
        If its ending is none of these kinds, or there is something that is no file.
    RenzhengError
        If its folder is missing or nothing may be written there, or pyarrow is needed and missing.
    """
    if path.suffix.lower() not in kinds:
        raise InvalidInput(
            f"results are written as {' or '.join(kinds)}, not {path.suffix!r}", source=str(path)
        )
    if path.suffix.lower() == ".parquet":
        parquet.require()
    if path.exists() and not path.is_file():
        raise InvalidInput("what is there is no file", source=str(path), remedy="name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise RenzhengError(
            "it cannot be written",
            source=str(path),
            remedy="name a folder that exists and that you may write to",
        )


def line(cells: Sequence[Cell]) -> str:
    """One row of CSV."""
    text = io.StringIO(newline="")
    # Cells are quoted for what ends a line, so either character has to be in it.
    csv.writer(text, lineterminator="\r\n").writerow([_text(cell) for cell in cells])
    return text.getvalue()[:-2] + "\n"


def write_csv(path: Path, rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows, the header among them, whole or not at all; names that are no text as bytes.

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
    carried: Sequence[str],
    answered: Sequence[str],
    prefix: str,
    rows: Iterable[Sequence[Cell]],
    metadata: dict[str, str],
) -> None:
    """Write the rows of a table and its answers; what is carried through stays text.

    Raises
    ------
    RenzhengError
        If the file cannot be written.
    """
    arrow = parquet.require()
    types: dict[type, Any] = {str: arrow.string(), float: arrow.float64(), bool: arrow.bool_()}
    kinds = {name: arrow.string() for name in carried}
    kinds |= {prefix + name: types[TYPES.get(name, str)] for name in answered}
    with files.new(path) as file:
        parquet.write(file, kinds, rows, metadata)


def partial(output: Path) -> Path:
    """Where rows are written as they come."""
    return output.with_name(output.name + ".partial")


def check_partial(output: Path) -> None:
    """Make sure that a run that begins replaces nobody's file.

    Raises
    ------
    InvalidInput
        If there is one where rows would be written as they come.
    """
    if os.path.lexists(partial(output)):
        raise InvalidInput(
            "rows would be written here as they come, and there is a file already",
            source=str(partial(output)),
            remedy="move it away, or name another output",
        )


class Partial:
    """Rows as they come, for whoever wants to look; the store, not this, is what counts.

    Parameters
    ----------
    output
        Beside which the file lies.
    header
        The columns.
    rows
        That are done before.

    Raises
    ------
    RenzhengError
        If it cannot be written.
    """

    def __init__(self, output: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]):
        self.path = partial(output)
        try:
            self.remove()
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            self._file = os.fdopen(handle, "w", encoding="utf-8", newline="")
            self.add([header, *rows])
        except OSError as error:
            raise self._told(error) from error

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows."""
        try:
            self._file.writelines(map(line, rows))
            self._file.flush()
        except OSError as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Let the file be."""
        with suppress(OSError):
            self._file.close()

    def remove(self) -> None:
        """Take the file away."""
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _told(self, error: OSError) -> RenzhengError:
        return RenzhengError(
            f"it cannot be written: {error.strerror}",
            source=str(self.path),
            remedy="see that there is space on the disk, then --resume",
        )


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else repr(cell)
