"""Parquet files, read and written with pyarrow if it is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from renzheng.errors import InvalidInput, RenzhengError

_GROUP = 16384  # rows of a row group, held in memory at a time


def require() -> Any:
    """Return the module ``pyarrow``.

    Raises
    ------
    RenzhengError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RenzhengError(
            "Parquet needs pyarrow, which is not installed",
            remedy="pip install 'renzheng[batch]', or use .csv",
        ) from error
    return pyarrow


def read_texts(path: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return a table's columns, and its rows as texts; a null is an empty text.

    Raises
    ------
    InvalidInput
        If it is no Parquet file, two columns have one name, or values cannot be texts.
    RenzhengError
        If pyarrow is not installed.
    """
    pyarrow = require()
    try:
        table = pyarrow.parquet.read_table(path)
        names = list(table.column_names)
        if len(set(names)) < len(names):
            raise InvalidInput("two columns have one name", source=str(path))
        texts = [
            ["" if text is None else text for text in column.cast(pyarrow.string()).to_pylist()]
            for column in table.columns
        ]
    except (pyarrow.ArrowException, OSError) as error:
        message = " ".join(str(error).split())
        raise InvalidInput(f"the table cannot be read: {message}", source=str(path)) from error
    return names, list(zip(*texts, strict=True))


def write(
    file: BinaryIO,
    columns: Mapping[str, Any],
    rows: Iterable[Sequence[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write rows, a group at a time.

    Parameters
    ----------
    file
        The file to write to.
    columns
        The pyarrow type of each column, by name.
    rows
        The values of each row, in the order of the columns.
    metadata
        Metadata of the schema.
    """
    pyarrow = require()
    schema = pyarrow.schema(list(columns.items()), metadata=dict(metadata))
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        group: list[Sequence[Any]] = []

        def flush() -> None:
            # By position, not by name: a table may have any names.
            values = zip(*group, strict=True) if group else [()] * len(schema)
            arrays = [
                pyarrow.array(list(column), type=field.type)
                for column, field in zip(values, schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            group.clear()

        for row in rows:
            group.append(row)
            if len(group) == _GROUP:
                flush()
        if group:
            flush()
